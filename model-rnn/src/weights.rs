//! Loading and saving weights with PyTorch's names and layout.

use std::path::Path;

use crate::RnnLm;

pub use tinderbox_weights::{
    LoadOptions, Mismatch, StateDict, WeightsError, load, load_backbone, load_bytes, load_dict,
    load_with, parameter_names, save, to_bytes,
};

/// As [`load`], and also accepts a tied model as PyTorch saves it, with the shared weight under
/// both names, `encoder.weight` and `decoder.weight`, or under the second alone. This crate saves
/// it once, under the first.
///
/// # Errors
/// As [`load`], and a [`WeightsError::Mismatch`] if a tied model is given two weights that differ.
pub fn load_lm(model: RnnLm, path: &Path) -> Result<RnnLm, WeightsError> {
    let (model, _) = load_lm_with(model, path, None, &LoadOptions::default())?;
    Ok(model)
}

/// As [`load_lm`], as far as `options` allow, from the weights under `key` in a file. Returns what
/// was not loaded.
///
/// # Errors
/// As [`load_lm`].
pub fn load_lm_with(
    model: RnnLm,
    path: &Path,
    key: Option<&str>,
    options: &LoadOptions,
) -> Result<(RnnLm, Mismatch), WeightsError> {
    let mut dict = StateDict::read(path)?;
    if let Some(key) = key {
        dict = dict.at(key, path)?;
    }
    if model.is_tied() {
        let names = parameter_names(&model);
        let is_known = |name: &str| name == DECODER || names.iter().any(|known| known == name);
        dict = dict.find(names.len(), is_known, path)?;
        dict = match (dict.floats(ENCODER), dict.floats(DECODER)) {
            (Some(encoder), Some(decoder)) if encoder == decoder => {
                dict.rename(|name| (name != DECODER).then(|| name.into()))?
            }
            (None, Some(_)) => {
                dict.rename(|name| Some(if name == DECODER { ENCODER } else { name }.into()))?
            }
            _ => dict,
        };
    }
    load_dict(model, dict, options, path)
}

const ENCODER: &str = "encoder.weight";
const DECODER: &str = "decoder.weight";
