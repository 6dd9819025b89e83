//! Weights in and out, in PyTorch's names and layout.

use std::path::Path;

use crate::RnnLm;

pub use tinderbox_weights::{
    LoadOptions, Mismatch, StateDict, WeightsError, load, load_backbone, load_bytes, load_with,
    parameter_names, save, to_bytes,
};

/// As [`load`], and takes what PyTorch saves of a tied model: the one weight under both names, `encoder.weight` and
/// `decoder.weight`. This crate saves it once, under the first.
///
/// # Errors
/// As [`load`]; it is a [`WeightsError::Mismatch`] if the two weights of a file for a tied model differ.
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
    match mismatch.is_empty() {
        true => Ok(model),
        false => Err(WeightsError::Mismatch {
            path: path.to_path_buf(),
            mismatch,
        }),
    }
}

const ENCODER: &str = "encoder.weight";
const DECODER: &str = "decoder.weight";

/// Whether the same weight is there under both names.
fn is_tied(dict: &StateDict) -> bool {
    let (encoder, decoder) = (dict.floats(ENCODER), dict.floats(DECODER));
    encoder.is_some() && encoder == decoder
}
