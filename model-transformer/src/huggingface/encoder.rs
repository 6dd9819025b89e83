//! Model folders of text encoders.

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use serde_json::Value;

use super::encoder_names::{KnownNames, Spelling, is_of_another_family};
use super::{
    CONFIG, HuggingFaceError, SAFETENSORS, encoder_config, make_folder, output_rows, read_json,
    read_weights, write_json,
};
use crate::weights::{
    LoadOptions, Mismatch, StateDict, WeightsError, load_dict, save as save_weights,
};
use crate::{ConfigError, TextEncoder, TextEncoderConfig};

/// An encoder from a model folder.
#[derive(Debug)]
pub struct OpenedEncoder {
    /// Configuration.
    pub config: TextEncoderConfig,
    /// Model with its weights.
    pub model: TextEncoder,
    /// Label names in the order of the logits; empty without a sequence or token classification
    /// head.
    pub labels: Vec<String>,
}

/// Opens the encoder in `folder` on `device`: BERT, DistilBERT, MPNet or RoBERTa (also under the
/// names of XLM-RoBERTa and CamemBERT) with the head that `architectures` in its `config.json` names. Weights may be safetensors or PyTorch files, whole
/// or sharded.
///
/// # Errors
/// See [`HuggingFaceError`]. Unsupported options that would change the result are errors; others
/// are ignored.
pub fn open_encoder(folder: &Path, device: &Device) -> Result<OpenedEncoder, HuggingFaceError> {
    let (config, labels) = read_encoder_config(folder)?;
    let model = config.init(device).map_err(|source| of(folder, source))?;
    let (model, _) = load_encoder(model, folder, false)?;
    Ok(OpenedEncoder {
        config,
        model,
        labels,
    })
}

/// Reads the configuration and the label names in `folder`; see [`OpenedEncoder`].
///
/// # Errors
/// As [`open_encoder`].
pub fn read_encoder_config(
    folder: &Path,
) -> Result<(TextEncoderConfig, Vec<String>), HuggingFaceError> {
    let path = folder.join(CONFIG);
    let json = read_json(&path)?;
    let read = encoder_config::from_json(json);
    let (config, labels) = read.map_err(|refusal| refusal.of(path))?;
    config.validate().map_err(|source| of(folder, source))?;
    Ok((config, labels))
}

/// True if the `config.json` in `folder` is that of an encoder.
pub fn is_encoder(folder: &Path) -> bool {
    let json = read_json(&folder.join(CONFIG)).unwrap_or_default();
    let family = json.get("model_type").and_then(Value::as_str);
    family.is_some_and(|family| encoder_config::FAMILIES.contains(&family))
}

/// Loads the weights at `path`, a file or a folder, into `model`, under any of the names on the
/// hub: with or without the prefix of the family (`bert.`), with `gamma` and `beta` of norms, with
/// buffers that are no weights, with or without a copy of the tied embeddings.
///
/// Heads and a pooler in the file that the model does not have are ignored. A model without a head
/// loses its pooler if the file has none, as sentence encoders with mean pooling do. With
/// `new_head`, for fine-tuning on another task, a head or pooler keeps its initial values if the
/// file does not have it, or has it for another number of labels.
///
/// The returned [`Mismatch`] lists what kept its values and what was ignored.
///
/// # Errors
/// As [`open_encoder`]; [`WeightsError::Mismatch`] if anything else differs.
pub fn load_encoder(
    model: TextEncoder,
    path: &Path,
    new_head: bool,
) -> Result<(TextEncoder, Mismatch), HuggingFaceError> {
    let (dict, path) = read_file_or_folder(path)?;
    Ok(fit(model, dict, path, new_head, None)?)
}

/// As [`load_encoder`] for fine-tuning on other labels: label `i` of the model's sequence or token
/// classification head gets row `rows[i]` of the published head, or keeps its initial values.
///
/// # Errors
/// As [`load_encoder`].
pub fn load_encoder_rows(
    model: TextEncoder,
    path: &Path,
    rows: &[Option<usize>],
) -> Result<(TextEncoder, Mismatch), HuggingFaceError> {
    let (dict, path) = read_file_or_folder(path)?;
    Ok(fit(model, dict, path, true, Some(rows))?)
}

fn read_file_or_folder(path: &Path) -> Result<(StateDict, PathBuf), HuggingFaceError> {
    if path.is_dir() {
        return read_weights(path);
    }
    Ok((StateDict::read(path)?, path.to_path_buf()))
}

fn fit(
    model: TextEncoder,
    dict: StateDict,
    path: PathBuf,
    new_head: bool,
    rows: Option<&[Option<usize>]>,
) -> Result<(TextEncoder, Mismatch), WeightsError> {
    let names = KnownNames::of(&model);
    // Without a prefix the families have the same names: those of another are no wrapper's.
    let prefix = (!is_of_another_family(&dict, &model)).then(|| model.prefix());
    let dict = dict.find(names.len(), |name| names.has(name, prefix), &path)?;
    let dict = Spelling::of(&dict, &model).normalise(dict)?;
    let (mut dict, ignored) = names.select(dict)?;
    if let Some(rows) = rows {
        dict = output_rows::select(dict, &model, rows)?;
    }
    let model = if names.can_do_without_pooler(&dict) {
        model.without_pooler()
    } else {
        model
    };
    let output = names.output().filter(|_| new_head);
    // Differences are checked below.
    let options = LoadOptions {
        strict: false,
        head: output.map(str::to_string),
    };
    let (model, mismatch) = load_dict(model, dict, &options, &path)?;
    let (mut of_head, mut mismatch) = match output {
        Some(output) => mismatch.split(output),
        None => (Mismatch::default(), mismatch),
    };
    let (new, missing): (Vec<String>, _) = mismatch
        .missing
        .into_iter()
        .partition(|name| new_head && names.may_be_new(name));
    mismatch.missing = missing;
    if !mismatch.is_empty() {
        return Err(WeightsError::Mismatch { path, mismatch });
    }
    of_head.missing.extend(new);
    of_head.unexpected.extend(ignored);
    Ok((model, of_head))
}

/// Writes `model` and its `config` so that `AutoModel.from_pretrained(folder)` opens it, or the
/// `AutoModelFor..` of its head. If `labels` is empty, they are named `LABEL_0` and so on.
///
/// # Errors
/// [`HuggingFaceError::Config`] if the number of labels is not the head's; [`HuggingFaceError::Io`]
/// and [`HuggingFaceError::Weights`] if the folder cannot be written.
pub fn save_encoder(
    model: &TextEncoder,
    config: &TextEncoderConfig,
    labels: &[String],
    pad_token_id: u32,
    folder: &Path,
) -> Result<(), HuggingFaceError> {
    check(config, labels).map_err(|source| of(folder, source))?;
    make_folder(folder)?;
    let weights = folder.join(SAFETENSORS);
    match model {
        // Without a head, Hugging Face's names have no prefix.
        TextEncoder::Bert(bert) if is_headless(config) => save_weights(&bert.bert, &weights)?,
        TextEncoder::DistilBert(model) if is_headless(config) => {
            save_weights(&model.distilbert, &weights)?;
        }
        TextEncoder::MpNet(model) if is_headless(config) => save_weights(&model.mpnet, &weights)?,
        TextEncoder::Roberta(model) if is_headless(config) => {
            save_weights(&model.roberta, &weights)?;
        }
        _ => save_weights(model, &weights)?,
    }
    let json = encoder_config::to_json(config, labels, pad_token_id);
    write_json(&folder.join(CONFIG), &json)
}

fn is_headless(config: &TextEncoderConfig) -> bool {
    config.head() == crate::Head::None
}

fn check(config: &TextEncoderConfig, labels: &[String]) -> Result<(), ConfigError> {
    let (given, wanted) = (labels.len(), config.num_labels());
    if config.head().has_labels() && given > 0 && given != wanted {
        let reason = format!("is {wanted}, but {given} labels are given");
        return Err(ConfigError::new("num_labels", reason));
    }
    Ok(())
}

fn of(folder: &Path, source: ConfigError) -> HuggingFaceError {
    HuggingFaceError::Config {
        path: folder.join(CONFIG),
        source,
    }
}
