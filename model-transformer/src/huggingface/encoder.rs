//! Folders of encoders.

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use serde_json::Value;

use super::encoder_names::{KnownNames, Spelling};
use super::{
    CONFIG, HuggingFaceError, SAFETENSORS, encoder_config, make_folder, read_json, read_weights,
    write_config,
};
use crate::weights::{
    LoadOptions, Mismatch, StateDict, WeightsError, load_dict, save as save_weights,
};
use crate::{ConfigError, TextEncoder, TextEncoderConfig};

/// What [`open_encoder`] found.
#[derive(Debug)]
pub struct OpenedEncoder {
    /// What the network is.
    pub config: TextEncoderConfig,
    /// The network, with its weights.
    pub model: TextEncoder,
    /// What the labels are called, in the order of the logits; empty without a head for sequences or tokens.
    pub labels: Vec<String>,
}

/// The encoder in `folder`, on `device`: BERT, DistilBERT or RoBERTa with the head that `architectures` in its `config.json`
/// names, its weights in safetensors or in what `torch.save` writes, in one file or several.
///
/// # Errors
/// See [`HuggingFaceError`]. Options that would change the result and that these models do not have are errors; others are
/// ignored.
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

/// The configuration in `folder`, and what the labels are called; see [`OpenedEncoder`].
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

/// Whether the `config.json` in `folder` is that of an encoder.
pub fn is_encoder(folder: &Path) -> bool {
    let json = read_json(&folder.join(CONFIG)).unwrap_or_default();
    let family = json.get("model_type").and_then(Value::as_str);
    family.is_some_and(|family| encoder_config::FAMILIES.contains(&family))
}

/// Reads the weights at `path`, a file or a folder, into `model`, under all the names that they have on the hub: with or
/// without the prefix of the family (`bert.`), with norms' `gamma` and `beta`, with constants that are no weights, with or
/// without a second copy of the tied table.
///
/// Heads in the file that the model does not have, and a pooler, are left out. A model without a head loses its pooler if the
/// file has none, as sentence encoders have that take the mean. With `new_head`, which is how training for
/// something else begins, a head that the file does not have, or has for another number of labels, keeps the values of the
/// model, and so does a pooler that the file does not have.
///
/// What kept its values and what was left out, the [`Mismatch`] tells.
///
/// # Errors
/// As [`open_encoder`]; [`WeightsError::Mismatch`] if anything else differs.
pub fn load_encoder(
    model: TextEncoder,
    path: &Path,
    new_head: bool,
) -> Result<(TextEncoder, Mismatch), HuggingFaceError> {
    let (dict, path) = match path.is_dir() {
        true => read_weights(path)?,
        false => (StateDict::read(path)?, path.to_path_buf()),
    };
    Ok(fit(model, dict, path, new_head)?)
}

fn fit(
    model: TextEncoder,
    dict: StateDict,
    path: PathBuf,
    new_head: bool,
) -> Result<(TextEncoder, Mismatch), WeightsError> {
    let names = KnownNames::of(&model);
    let dict = Spelling::of(&dict, &model).normalise(dict)?;
    let (dict, left_out) = names.select(dict)?;
    let model = match names.can_do_without_pooler(&dict) {
        true => model.without_pooler(),
        false => model,
    };
    let output = names.output().filter(|_| new_head);
    // What differs is judged below.
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
    of_head.unexpected.extend(left_out);
    Ok((model, of_head))
}

/// Writes `model`, which `config` describes, so that `AutoModel.from_pretrained(folder)` opens it, or the `AutoModelFor..` of
/// its head. `labels` may be empty: they are then called `LABEL_0` and so on.
///
/// # Errors
/// [`HuggingFaceError::Config`] if there are labels, but not as many as the head has, or if RoBERTa, which counts its places
/// from the token that fills up, is to have another one; [`HuggingFaceError::Io`] and [`HuggingFaceError::Weights`] if the
/// folder cannot be written to.
pub fn save_encoder(
    model: &TextEncoder,
    config: &TextEncoderConfig,
    labels: &[String],
    pad_token_id: u32,
    folder: &Path,
) -> Result<(), HuggingFaceError> {
    check(config, labels, pad_token_id).map_err(|source| of(folder, source))?;
    make_folder(folder)?;
    let weights = folder.join(SAFETENSORS);
    match model {
        // Hugging Face's models without a head have no prefix.
        TextEncoder::Bert(bert) if is_headless(config) => save_weights(&bert.bert, &weights)?,
        TextEncoder::DistilBert(model) if is_headless(config) => {
            save_weights(&model.distilbert, &weights)?;
        }
        TextEncoder::Roberta(model) if is_headless(config) => {
            save_weights(&model.roberta, &weights)?;
        }
        _ => save_weights(model, &weights)?,
    }
    let json = encoder_config::to_json(config, labels, pad_token_id);
    write_config(folder, &json)
}

fn is_headless(config: &TextEncoderConfig) -> bool {
    config.head() == crate::Head::None
}

fn check(
    config: &TextEncoderConfig,
    labels: &[String],
    pad_token_id: u32,
) -> Result<(), ConfigError> {
    let (given, wanted) = (labels.len(), config.num_labels());
    if encoder_config::has_labels(config.head()) && given > 0 && given != wanted {
        let reason = format!("is {wanted}, and {given} labels are named");
        return Err(ConfigError::new("num_labels", reason));
    }
    let counted_from = config.pad_token_id();
    if matches!(config, TextEncoderConfig::Roberta(_)) && counted_from != pad_token_id as usize {
        let reason = format!("is {counted_from}, and the tokenizer fills up with {pad_token_id}");
        return Err(ConfigError::new("pad_token_id", reason));
    }
    Ok(())
}

fn of(folder: &Path, source: ConfigError) -> HuggingFaceError {
    HuggingFaceError::Config {
        path: folder.join(CONFIG),
        source,
    }
}
