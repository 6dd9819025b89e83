//! Adapters apart from what they adapt.
//!
//! Of a run with low-rank adaptation most weights never change. They are written once, as `base.safetensors` in the run
//! directory; a checkpoint has what learns, as `adapters.safetensors`: the factors of the additions, and the head.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use burn::module::Module;
use tinderbox_weights::StateDict;

pub use super::peft::to_peft;
use crate::TrainError;
use crate::checkpoint::{ADAPTERS, EMA, Files, MODEL};
use crate::files::{sha256, write_atomically};
use crate::params;
use crate::params::adaptation::is_factor;

/// Frozen weights, in the run directory.
pub const BASE: &str = "base.safetensors";
/// Checksum of [`BASE`], as `sha256sum` writes it.
pub const BASE_SUM: &str = "base.safetensors.sha256";

/// The names of what learns, if `model` has additions.
pub fn learning<M: Module>(model: &M) -> Option<BTreeSet<String>> {
    let learning: BTreeSet<String> = params::values(model).into_keys().collect();
    learning
        .iter()
        .any(|name| is_factor(name))
        .then_some(learning)
}

/// The weights of a safetensors file whose names `wanted` is true for, as a safetensors file.
///
/// # Errors
/// It is no such file.
pub fn part(bytes: Vec<u8>, wanted: impl Fn(&str) -> bool) -> Result<Vec<u8>, TrainError> {
    let dict = StateDict::from_bytes(bytes, Path::new(ADAPTERS))?;
    let dict = dict.rename(|name| wanted(name).then(|| name.to_string()))?;
    Ok(dict.to_safetensors()?)
}

/// Writes what does not learn in `model` into the run directory `run`, if the model has additions.
///
/// # Errors
/// The device cannot be read, or the folder cannot be written to.
pub fn write_base<M: Module>(run: &Path, model: &M) -> Result<(), TrainError> {
    let Some(learning) = learning(model) else {
        return Ok(());
    };
    let base = part(tinderbox_weights::to_bytes(model)?, |name| {
        !learning.contains(name)
    })?;
    let sum = format!("{}  {BASE}\n", sha256(&base));
    for (name, bytes) in [(BASE, base.as_slice()), (BASE_SUM, sum.as_bytes())] {
        let path = run.join(name);
        write_atomically(&path, bytes).map_err(|e| TrainError::io(&path, e))?;
    }
    Ok(())
}

/// The files of a checkpoint of `run`, with what does not learn added to those that have only what does.
///
/// # Errors
/// `base.safetensors` is missing or is not what was written.
pub fn complete(mut files: Files, run: &Path) -> Result<Files, TrainError> {
    let Some(adapters) = files.remove(ADAPTERS) else {
        return Ok(files);
    };
    let path = run.join(BASE);
    let base = fs::read(&path).map_err(|e| TrainError::io(&path, e))?;
    let sum_path = run.join(BASE_SUM);
    let sum = fs::read_to_string(&sum_path).map_err(|e| TrainError::io(&sum_path, e))?;
    if sum.split_whitespace().next() != Some(sha256(&base).as_str()) {
        let reason = format!("it is not what was written: {BASE_SUM} has another checksum");
        return Err(TrainError::corrupt(&path, reason));
    }
    let whole = |adapters: Vec<u8>| -> Result<Vec<u8>, TrainError> {
        let base = StateDict::from_bytes(base.clone(), &path)?;
        let adapters = StateDict::from_bytes(adapters, Path::new(ADAPTERS))?;
        Ok(base.join(adapters)?.to_safetensors()?)
    };
    let model = whole(adapters)?;
    if let Some(average) = files.remove(EMA) {
        files.insert(EMA.into(), whole(average)?);
    }
    files.insert(MODEL.into(), model);
    Ok(files)
}
