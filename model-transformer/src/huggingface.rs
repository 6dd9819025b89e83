//! Hugging Face model folders, as `from_pretrained` opens and `save_pretrained` writes them:
//! `config.json` and weights.

mod config;
mod encoder;
mod encoder_config;
mod encoder_names;
mod generation;
mod names;
mod output_rows;
mod rope;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use serde_json::Value;

use crate::weights::{
    self, LFS_POINTER, LoadOptions, Mismatch, StateDict, WeightsError, is_lfs_pointer,
    save as save_weights,
};
use crate::{CausalLm, CausalLmConfig, ConfigError};

pub use generation::{GenerationDefaults, TextTokens, read_generation_defaults};

pub use encoder::{
    OpenedEncoder, is_encoder, load_encoder, load_encoder_rows, open_encoder, read_encoder_config,
    save_encoder,
};

const CONFIG: &str = "config.json";
const SAFETENSORS: &str = "model.safetensors";
const BIN: &str = "pytorch_model.bin";
/// Files of weights in the order in which `from_pretrained` looks for them: whole, or an index of
/// shards.
const WEIGHTS: [&str; 4] = [
    SAFETENSORS,
    "model.safetensors.index.json",
    BIN,
    "pytorch_model.bin.index.json",
];
/// Adapters of PEFT, which `from_pretrained` puts on another model.
const ADAPTERS: &str = "adapter_config.json";

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
    #[error("{}: no {SAFETENSORS} or {BIN}, nor an index of sharded weights", folder.display())]
    NoWeights {
        /// The folder.
        folder: PathBuf,
    },
    /// The weights cannot be read or do not fit the configuration.
    #[error(transparent)]
    Weights(#[from] WeightsError),
}

/// Opens the causal language model in `folder` (GPT-2 or Llama) on `device`. Weights may be
/// safetensors or PyTorch files, whole or sharded. A head in the file that differs from the word
/// embeddings is used, even if the configuration ties them, as `from_pretrained` does.
///
/// # Errors
/// See [`HuggingFaceError`]. Unsupported options that would change the result are errors; those of
/// generation are read by [`read_generation_defaults`].
pub fn open(folder: &Path, device: &Device) -> Result<CausalLm, HuggingFaceError> {
    let config = read_config(folder)?;
    if folder.join(ADAPTERS).is_file() {
        return Err(HuggingFaceError::Unsupported {
            path: folder.join(ADAPTERS),
            reason: "adapters of PEFT for a language model; merge them into its weights with \
                     merge_and_unload"
                .into(),
        });
    }
    let (dict, path) = read_weights(folder)?;
    let init = |config: &CausalLmConfig| {
        config
            .init(device)
            .map_err(|source| HuggingFaceError::Config {
                path: folder.join(CONFIG),
                source,
            })
    };
    let model = init(&config)?;
    let dict = names::normalise(dict, &model, &path)?;
    let model = if names::has_own_head(&dict, &model) {
        init(&config.with_tie_word_embeddings(false))?
    } else {
        model
    };
    let (model, _) = weights::load_dict(model, dict, &LoadOptions::default(), &path)?;
    Ok(model)
}

/// Families of models in folders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// A text encoder; see [`open_encoder`].
    Encoder,
    /// A causal language model; see [`open`].
    CausalLm,
}

/// Family of the model in `folder`, by the `model_type` in its `config.json`.
///
/// # Errors
/// The file cannot be read, is not JSON, or is of another model.
pub fn family(folder: &Path) -> Result<Family, HuggingFaceError> {
    let path = folder.join(CONFIG);
    let json = read_json(&path)?;
    if is_encoder(folder) {
        return Ok(Family::Encoder);
    }
    match json.get("model_type").and_then(Value::as_str) {
        Some(family) if config::FAMILIES.contains(&family) => Ok(Family::CausalLm),
        Some(family) => {
            let known = encoder_config::FAMILIES.iter().chain(&config::FAMILIES);
            let known: Vec<&str> = known.copied().collect();
            let reason = format!(
                "`model_type` is `{family}`; supported are {}",
                known.join(", ")
            );
            Err(HuggingFaceError::Unsupported { path, reason })
        }
        None => Err(HuggingFaceError::Json {
            path,
            reason: "it has no `model_type`".into(),
        }),
    }
}

/// Reads the configuration in `folder`.
///
/// # Errors
/// As [`open`].
pub fn read_config(folder: &Path) -> Result<CausalLmConfig, HuggingFaceError> {
    let path = folder.join(CONFIG);
    let json = read_json(&path)?;
    let config = config::from_json(json).map_err(|refusal| refusal.of(path.clone()))?;
    let checked = config.validate();
    checked.map_err(|source| HuggingFaceError::Config { path, source })?;
    Ok(config)
}

/// Loads the weights at `path`, a file or a model folder, into `model`, under any of the names in
/// circulation: with or without the prefix of the base model (`transformer.`, `model.`), with
/// buffers that are no weights, a tied head under either name or both, and for GPT-2 also
/// nanoGPT's checkpoints, whose matrices are those of linear layers and not of `Conv1D`.
///
/// # Errors
/// As [`load_with`](crate::weights::load_with); as [`open`] for a folder.
pub fn load(model: CausalLm, path: &Path) -> Result<CausalLm, HuggingFaceError> {
    let (model, _) = load_with(model, path, None, &LoadOptions::default())?;
    Ok(model)
}

/// As [`load`], as far as `options` allow, from the weights under `key` in a file. Returns what was
/// not loaded.
///
/// # Errors
/// As [`load`].
pub fn load_with(
    model: CausalLm,
    path: &Path,
    key: Option<&str>,
    options: &LoadOptions,
) -> Result<(CausalLm, Mismatch), HuggingFaceError> {
    let (dict, path) = if path.is_dir() {
        read_weights(path)?
    } else {
        (StateDict::read(path)?, path.to_path_buf())
    };
    let dict = match key {
        Some(key) => dict.at(key, &path)?,
        None => dict,
    };
    let dict = names::normalise(dict, &model, &path)?;
    Ok(weights::load_dict(model, dict, options, &path)?)
}

/// As [`load`], from a file that was read already. Errors name it `path`.
pub(crate) fn load_dict(
    model: CausalLm,
    dict: StateDict,
    path: &Path,
) -> Result<CausalLm, WeightsError> {
    let dict = names::normalise(dict, &model, path)?;
    let (model, _) = weights::load_dict(model, dict, &LoadOptions::default(), path)?;
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
    save_with_tokens(model, config, &TextTokens::default(), folder)
}

/// As [`save`], and says in `config.json` and `generation_config.json` with which tokens a text
/// begins and ends.
///
/// # Errors
/// As [`save`].
pub fn save_with_tokens(
    model: &CausalLm,
    config: &CausalLmConfig,
    tokens: &TextTokens,
    folder: &Path,
) -> Result<(), HuggingFaceError> {
    make_folder(folder)?;
    let weights = folder.join(SAFETENSORS);
    match model {
        CausalLm::Gpt(gpt) => save_weights(&gpt.clone().with_biases(), &weights)?,
        CausalLm::Llama(llama) => save_weights(llama, &weights)?,
    }
    let mut json = config::to_json(config);
    if *tokens != TextTokens::default()
        && let Value::Object(fields) = &mut json
    {
        fields.extend(tokens.to_json());
    }
    write_json(&folder.join(CONFIG), &json)?;
    let generation = tokens
        .to_json()
        .into_iter()
        .filter(|(_, value)| !value.is_null());
    write_json(
        &folder.join(generation::FILE),
        &Value::Object(generation.collect()),
    )
}

fn make_folder(folder: &Path) -> Result<(), HuggingFaceError> {
    std::fs::create_dir_all(folder).map_err(|source| HuggingFaceError::Io {
        path: folder.to_path_buf(),
        source,
    })
}

fn write_json(path: &Path, json: &Value) -> Result<(), HuggingFaceError> {
    let written = std::fs::write(path, format!("{json:#}\n"));
    written.map_err(|source| HuggingFaceError::Io {
        path: path.to_path_buf(),
        source,
    })
}

/// The weights in `folder`, and the file to name in errors.
pub(crate) fn read_weights(folder: &Path) -> Result<(StateDict, PathBuf), HuggingFaceError> {
    let mut files = WEIGHTS.iter().map(|name| folder.join(name));
    let Some(path) = files.find(|path| path.is_file()) else {
        let folder = folder.to_path_buf();
        return Err(HuggingFaceError::NoWeights { folder });
    };
    if path.extension().is_none_or(|extension| extension != "json") {
        return Ok((StateDict::read(&path)?, path));
    }
    let mut whole = StateDict::from_floats([])?;
    for part in parts(&path)? {
        let shard = folder.join(part);
        let joined = whole.join(StateDict::read(&shard)?);
        whole = joined.map_err(|e| HuggingFaceError::Json {
            path: path.clone(),
            reason: format!("{e}, in {} and in another shard", shard.display()),
        })?;
    }
    Ok((whole, path))
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
    let bytes = std::fs::read(path).map_err(|source| HuggingFaceError::Io {
        path: path.to_path_buf(),
        source,
    })?;
    let wrong = |reason: String| HuggingFaceError::Json {
        path: path.to_path_buf(),
        reason,
    };
    if is_lfs_pointer(&bytes) {
        return Err(wrong(LFS_POINTER.into()));
    }
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    serde_json::from_slice(text).map_err(|e| wrong(format!("is not JSON: {e}")))
}
