//! Loading and saving weights with PyTorch's names and layout.

use std::path::Path;

use crate::RnnLm;

pub use tinderbox_weights::{
    LoadOptions, Mismatch, StateDict, WeightsError, load, load_backbone, load_bytes, load_with,
    parameter_names, save, to_bytes,
};

/// As [`load`], and also accepts a tied model as PyTorch saves it, with the shared weight under
/// both names, `encoder.weight` and `decoder.weight`. This crate saves it once, under the first.
///
/// # Errors
/// As [`load`], and a [`WeightsError::Mismatch`] if a tied model is given two weights that differ.
pub fn load_lm(model: RnnLm, path: &Path) -> Result<RnnLm, WeightsError> {
    let dict = StateDict::read(path)?;
    if !model.is_tied() || !is_tied(&dict) {
        return load(model, path);
    }
    let options = LoadOptions {
        strict: false,
        ..LoadOptions::default()
    };
    let (model, mut mismatch) = load_with(model, path, &options)?;
    mismatch.unexpected.retain(|name| name != DECODER);
    if mismatch.is_empty() {
        return Ok(model);
    }
    Err(WeightsError::Mismatch {
        path: path.to_path_buf(),
        mismatch,
    })
}

const ENCODER: &str = "encoder.weight";
const DECODER: &str = "decoder.weight";

/// True if the file has the same weight under both names.
fn is_tied(dict: &StateDict) -> bool {
    let (encoder, decoder) = (dict.floats(ENCODER), dict.floats(DECODER));
    encoder.is_some() && encoder == decoder
}
