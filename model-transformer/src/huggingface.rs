//! Hugging Face model folders, as `from_pretrained` opens and `save_pretrained` writes them:
//! `config.json` and weights.

mod config;
mod encoder;
mod encoder_config;
mod encoder_names;
mod names;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use serde_json::Value;

use crate::weights::{LoadOptions, StateDict, WeightsError, load_dict, save as save_weights};
use crate::{CausalLm, CausalLmConfig, ConfigError};

pub use encoder::{
    OpenedEncoder, is_encoder, load_encoder, open_encoder, read_encoder_config, save_encoder,
};

const CONFIG: &str = "config.json";
const SAFETENSORS: &str = "model.safetensors";
/// Weights in one file, in order of preference.
const WHOLE: [&str; 2] = [SAFETENSORS, "pytorch_model.bin"];
/// Indexes of sharded weights.
const INDEXES: [&str; 2] = [
    "model.safetensors.index.json",
    "pytorch_model.bin.index.json",
];

/// A model folder that could not be opened or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HuggingFaceError {
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Error of the operating system.
        source: std::io::Error,
    },
    /// A JSON file is invalid.
    #[error("{}: {reason}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Problem with the file.
        reason: String,
    },
    /// The model, or an option that changes its results, is not supported.
    #[error("{}: {reason}", path.display())]
    Unsupported {
        /// The file that asks for it.
        path: PathBuf,
        /// The unsupported model or option.
        reason: String,
    },
    /// The configuration is invalid.
    #[error("{}: {source}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// The invalid option.
        source: ConfigError,
    },
    /// The folder has no weights.
    #[error("{}: no {}, nor an index of sharded weights", folder.display(), WHOLE.join(" or "))]
    NoWeights {
        /// The folder.
        folder: PathBuf,
    },
    /// The weights cannot be read or do not fit the configuration.
    #[error(transparent)]
    Weights(#[from] WeightsError),
}

/// Opens the causal language model in `folder` (GPT-2 or Llama) on `device`. Weights may be
/// safetensors or PyTorch files, whole or sharded.
///
/// # Errors
/// See [`HuggingFaceError`]. Unsupported options that would change the result are errors; others,
/// such as those of generation, are ignored.
pub fn open(folder: &Path, device: &Device) -> Result<CausalLm, HuggingFaceError> {
    let config = read_config(folder)?;
    let model = config
        .init(device)
        .map_err(|source| HuggingFaceError::Config {
            path: folder.join(CONFIG),
            source,
        })?;
    let (dict, path) = read_weights(folder)?;
    Ok(fit(model, dict, &path)?)
}

/// Reads the configuration in `folder`.
///
/// # Errors
/// As [`open`].
pub fn read_config(folder: &Path) -> Result<CausalLmConfig, HuggingFaceError> {
    let path = folder.join(CONFIG);
    let json = read_json(&path)?;
    config::from_json(json).map_err(|refusal| refusal.of(path))
}

/// Loads the weights at `path` into `model`, under any of the names on the hub: with or without the
/// prefix of the base model (`transformer.`, `model.`), with buffers that are no weights, with or
/// without a copy of the tied head.
///
/// # Errors
/// As [`load_with`](crate::weights::load_with).
pub fn load(model: CausalLm, path: &Path) -> Result<CausalLm, WeightsError> {
    fit(model, StateDict::read(path)?, path)
}

fn fit(model: CausalLm, dict: StateDict, path: &Path) -> Result<CausalLm, WeightsError> {
    let dict = names::normalise(dict, &model)?;
    let (model, _) = load_dict(model, dict, &LoadOptions::default(), path)?;
    Ok(model)
}

/// Writes `model` and its `config` so that `AutoModelForCausalLM.from_pretrained(folder)` opens it.
///
/// A GPT without biases gets biases of zero, which Hugging Face's GPT-2 always has.
///
/// # Errors
/// [`HuggingFaceError::Io`] and [`HuggingFaceError::Weights`] if the folder cannot be written.
pub fn save(
    model: &CausalLm,
    config: &CausalLmConfig,
    folder: &Path,
) -> Result<(), HuggingFaceError> {
    make_folder(folder)?;
    let weights = folder.join(SAFETENSORS);
    match model {
        CausalLm::Gpt(gpt) => save_weights(&gpt.clone().with_biases(), &weights)?,
        CausalLm::Llama(llama) => save_weights(llama, &weights)?,
    }
    write_config(folder, &config::to_json(config))
}

fn make_folder(folder: &Path) -> Result<(), HuggingFaceError> {
    std::fs::create_dir_all(folder).map_err(|source| HuggingFaceError::Io {
        path: folder.to_path_buf(),
        source,
    })
}

fn write_config(folder: &Path, json: &Value) -> Result<(), HuggingFaceError> {
    let path = folder.join(CONFIG);
    let written = std::fs::write(&path, format!("{json:#}\n"));
    written.map_err(|source| HuggingFaceError::Io { path, source })
}

/// The weights in `folder`, and the file to name in errors.
fn read_weights(folder: &Path) -> Result<(StateDict, PathBuf), HuggingFaceError> {
    if let Some(path) = first_file(folder, &WHOLE) {
        return Ok((StateDict::read(&path)?, path));
    }
    let Some(index) = first_file(folder, &INDEXES) else {
        let folder = folder.to_path_buf();
        return Err(HuggingFaceError::NoWeights { folder });
    };
    let mut whole = StateDict::from_floats([])?;
    for part in parts(&index)? {
        whole = whole.join(StateDict::read(&folder.join(part))?)?;
    }
    Ok((whole, index))
}

fn first_file(folder: &Path, names: &[&str]) -> Option<PathBuf> {
    let mut paths = names.iter().map(|name| folder.join(name));
    paths.find(|path| path.is_file())
}

/// File names in an index, without repetition.
fn parts(index: &Path) -> Result<BTreeSet<String>, HuggingFaceError> {
    let wrong = |reason: &str| HuggingFaceError::Json {
        path: index.to_path_buf(),
        reason: reason.into(),
    };
    let json = read_json(index)?;
    let map = json.get("weight_map").and_then(Value::as_object);
    let map = map.ok_or_else(|| wrong("it has no `weight_map`"))?;
    let mut parts = BTreeSet::new();
    for part in map.values() {
        let part = part
            .as_str()
            .ok_or_else(|| wrong("a value of `weight_map` is not a file name"))?;
        // A shard is beside its index.
        if Path::new(part).file_name() != Some(part.as_ref()) {
            return Err(wrong("a path in `weight_map` leaves the folder"));
        }
        parts.insert(part.to_string());
    }
    Ok(parts)
}

pub(crate) fn read_json(path: &Path) -> Result<Value, HuggingFaceError> {
    let text = std::fs::read_to_string(path).map_err(|source| HuggingFaceError::Io {
        path: path.to_path_buf(),
        source,
    })?;
    serde_json::from_str(&text).map_err(|e| HuggingFaceError::Json {
        path: path.to_path_buf(),
        reason: e.to_string(),
    })
}
