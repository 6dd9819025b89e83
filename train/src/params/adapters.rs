//! Adapters, stored apart from the weights that they adapt.
//!
//! Most weights of a LoRA run never change. They are written once, as `base.safetensors` in the run
//! directory; a checkpoint holds the trainable ones, the LoRA factors and the head, as
//! `adapters.safetensors`.

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

/// Names of the trainable parameters, if `model` has LoRA factors.
pub fn trainable<M: Module>(model: &M) -> Option<BTreeSet<String>> {
    let trainable: BTreeSet<String> = params::values(model).into_keys().collect();
    trainable
        .iter()
        .any(|name| is_factor(name))
        .then_some(trainable)
}

/// Selects weights of a safetensors file by name.
///
/// # Errors
/// `bytes` is not a safetensors file.
pub fn part(bytes: Vec<u8>, wanted: impl Fn(&str) -> bool) -> Result<Vec<u8>, TrainError> {
    let dict = StateDict::from_bytes(bytes, Path::new(ADAPTERS))?;
    let dict = dict.rename(|name| wanted(name).then(|| name.to_string()))?;
    Ok(dict.to_safetensors()?)
}

/// Writes the frozen weights of `model` into the run directory `run`, if the model has LoRA
/// factors.
///
/// # Errors
/// The device failed, or the folder is not writable.
pub fn write_base<M: Module>(run: &Path, model: &M) -> Result<(), TrainError> {
    let Some(trainable) = trainable(model) else {
        return Ok(());
    };
    let base = part(tinderbox_weights::to_bytes(model)?, |name| {
        !trainable.contains(name)
    })?;
    let sum = format!("{}  {BASE}\n", sha256(&base));
    for (name, bytes) in [(BASE, base.as_slice()), (BASE_SUM, sum.as_bytes())] {
        let path = run.join(name);
        write_atomically(&path, bytes).map_err(|e| TrainError::io(&path, e))?;
    }
    Ok(())
}

/// Completes the files of a checkpoint of `run` with the frozen weights, if it holds adapters.
///
/// # Errors
/// `base.safetensors` is missing or does not match its checksum.
pub fn complete(mut files: Files, run: &Path) -> Result<Files, TrainError> {
    let Some(adapters) = files.remove(ADAPTERS) else {
        return Ok(files);
    };
    let path = run.join(BASE);
    let base = fs::read(&path).map_err(|e| TrainError::io(&path, e))?;
    let sum_path = run.join(BASE_SUM);
    let sum = fs::read_to_string(&sum_path).map_err(|e| TrainError::io(&sum_path, e))?;
    if sum.split_whitespace().next() != Some(sha256(&base).as_str()) {
        let reason = format!("it does not match its checksum in {BASE_SUM}");
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
