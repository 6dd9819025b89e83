//! Sentence embeddings: one vector per text, pooled from the features of its tokens.
//!
//! ```text
//! tokens -> TextEncoder -> [batch, time, hidden] -> pool -> [batch, hidden] -> (L2 norm 1)
//! ```
//!
//! Reimers and Gurevych 2019, "Sentence-BERT", <https://arxiv.org/abs/1908.10084>.
//! [`SentenceEncoder::open`] takes sentence-transformers folders and those of plain encoders.

use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::tensor::{Bool, Device, Tensor};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::encoder::first_token;
use crate::huggingface::{HuggingFaceError, OpenedEncoder, open_encoder, read_json};
use crate::{EncoderInput, TextEncoder, TextEncoderConfig};

/// Lower bound of the norm that a vector is divided by, as in PyTorch's `F.normalize`: zeros stay
/// zeros.
const MIN_NORM: f64 = 1e-12;

/// Pooling of token features into one vector.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pooling {
    /// Mean over all tokens, `[CLS]` and `[SEP]` included.
    #[default]
    Mean,
    /// The first token, `[CLS]`.
    Cls,
    /// Maximum of each feature over all tokens.
    Max,
}

/// Features `[batch, time, hidden]` to one vector per text `[batch, hidden]`. `attention_mask`
/// `[batch, time]` is `false` for padding, which never counts. The mean of no tokens is zero.
pub fn pool(features: Tensor<3>, attention_mask: Tensor<2, Bool>, pooling: Pooling) -> Tensor<2> {
    let mask = attention_mask.unsqueeze_dim::<3>(2); // [batch, time, 1]
    // Not every backend broadcasts a mask.
    let padding = mask.clone().bool_not().expand(features.shape());
    match pooling {
        Pooling::Mean => {
            let count = mask.float().sum_dim(1).clamp_min(1.0);
            let mean = features.mask_fill(padding, 0.0).sum_dim(1) / count;
            mean.squeeze_dim(1)
        }
        Pooling::Cls => first_token(features),
        Pooling::Max => {
            let tokens = features.mask_fill(padding, f32::NEG_INFINITY);
            tokens.max_dim(1).squeeze_dim(1)
        }
    }
}

/// Divides every row of `[batch, hidden]` by its L2 norm, so that the dot product of two rows is
/// their cosine similarity.
pub fn l2_normalize(vectors: Tensor<2>) -> Tensor<2> {
    let norm = vectors.clone().square().sum_dim(1).sqrt();
    vectors / norm.clamp_min(MIN_NORM)
}

/// An encoder with pooling: one vector per text.
#[derive(Debug)]
pub struct SentenceEncoder {
    /// Configuration of the encoder.
    pub config: TextEncoderConfig,
    /// Encoder. A head, if it has one, is not used.
    pub model: TextEncoder,
    /// Pooling of token features.
    pub pooling: Pooling,
    /// Divides vectors by their L2 norm.
    pub normalize: bool,
    /// Maximum length of a text, in tokens, special tokens included. Often shorter than the encoder
    /// allows: longer texts were not in its training.
    pub max_length: usize,
}

impl SentenceEncoder {
    /// Opens the encoder in `folder` on `device`, with the pooling of its `modules.json`. A folder
    /// without one is a plain encoder: mean pooling, no shorter maximum length.
    ///
    /// # Errors
    /// As [`open_encoder`]; also if `modules.json` has an unsupported step, because the vectors
    /// would differ.
    pub fn open(folder: &Path, device: &Device) -> Result<Self, HuggingFaceError> {
        let modules = Modules::read(folder)?;
        let OpenedEncoder { config, model, .. } = open_encoder(&modules.transformer, device)?;
        modules.check_width(config.hidden_size())?;
        let limit = config.max_length();
        Ok(Self {
            model: model.valid(),
            pooling: modules.pooling,
            normalize: modules.normalize,
            max_length: modules.max_length.map_or(limit, |length| length.min(limit)),
            config,
        })
    }

    /// Texts `[batch, time]` to their vectors `[batch, hidden]`.
    pub fn embed(&self, input: &EncoderInput) -> Tensor<2> {
        let features = self.model.forward_features(input);
        let mask = match &input.attention_mask {
            Some(mask) => mask.clone(),
            None => Tensor::full(input.tokens.shape(), true, &input.tokens.device()),
        };
        let vectors = pool(features, mask, self.pooling);
        if self.normalize {
            l2_normalize(vectors)
        } else {
            vectors
        }
    }
}

/// The folder of the encoder and its tokenizer within the folder of a sentence encoder: the same,
/// or the subfolder that `modules.json` names.
///
/// # Errors
/// As [`SentenceEncoder::open`].
pub fn transformer_folder(folder: &Path) -> Result<PathBuf, HuggingFaceError> {
    Modules::read(folder).map(|modules| modules.transformer)
}

/// Steps from a text to its vector, each with a folder of settings.
const MODULES: &str = "modules.json";
const POOLING_CONFIG: &str = "config.json";
/// Settings of the first step, by family.
const TRANSFORMER_CONFIGS: [&str; 3] = [
    "sentence_bert_config.json",
    "sentence_roberta_config.json",
    "sentence_distilbert_config.json",
];

/// Settings in the files of a sentence-transformers folder.
struct Modules {
    /// Folder of the encoder and its tokenizer.
    transformer: PathBuf,
    pooling: Pooling,
    normalize: bool,
    max_length: Option<usize>,
    /// Width that the pooling expects, and the file that says so.
    width: Option<(usize, PathBuf)>,
}

/// An entry of `modules.json`.
#[derive(Deserialize)]
struct Step {
    #[serde(default)]
    path: String,
    /// Python class, such as `sentence_transformers.models.Pooling`.
    #[serde(rename = "type")]
    class: String,
}

#[derive(Deserialize)]
struct TransformerFile {
    max_seq_length: Option<usize>,
    #[serde(default)]
    do_lower_case: bool,
}

impl Modules {
    fn read(folder: &Path) -> Result<Self, HuggingFaceError> {
        let path = folder.join(MODULES);
        if !path.exists() {
            return Ok(Self {
                transformer: folder.to_path_buf(),
                pooling: Pooling::Mean,
                normalize: false,
                max_length: None,
                width: None,
            });
        }
        let steps: Vec<Step> = parse(&path)?;
        let kinds: Vec<&str> = steps.iter().map(Step::kind).collect();
        let normalize = match kinds.as_slice() {
            ["Transformer", "Pooling"] => false,
            ["Transformer", "Pooling", "Normalize"] => true,
            _ => {
                let reason = format!(
                    "the steps {} are not supported; supported are Transformer, Pooling and an \
                     optional Normalize",
                    kinds.join(", ")
                );
                return Err(HuggingFaceError::Unsupported { path, reason });
            }
        };
        let mut folders = Vec::new();
        for step in &steps {
            folders.push(step.folder(folder, &path)?);
        }
        let [transformer, pooling, ..] = folders.as_slice() else {
            return Err(invalid(&path, "it has fewer than two steps"));
        };
        let (pooling, width) = read_pooling(&pooling.join(POOLING_CONFIG))?;
        Ok(Self {
            max_length: read_max_length(transformer)?,
            transformer: transformer.clone(),
            pooling,
            normalize,
            width,
        })
    }

    /// Checks that pooling and encoder have the same width; otherwise their files do not belong
    /// together.
    fn check_width(&self, hidden_size: usize) -> Result<(), HuggingFaceError> {
        match &self.width {
            Some((width, path)) if *width != hidden_size => {
                let reason =
                    format!("it is for {width} features, but the encoder has {hidden_size}");
                Err(invalid(path, &reason))
            }
            _ => Ok(()),
        }
    }
}

impl Step {
    /// Name of the class without its module, which has changed between releases.
    fn kind(&self) -> &str {
        self.class.rsplit('.').next().unwrap_or_default()
    }

    /// The folder of settings: `folder` itself or a direct subfolder.
    fn folder(&self, folder: &Path, modules: &Path) -> Result<PathBuf, HuggingFaceError> {
        let path = Path::new(&self.path);
        if self.path.is_empty() || path.file_name() == Some(path.as_os_str()) {
            Ok(folder.join(path))
        } else {
            Err(invalid(modules, "a path leaves the folder"))
        }
    }
}

/// The pooling, and the width it expects with the file that says so. Older files have a switch per
/// mode, newer ones name the modes. Several modes at once, whose results would be concatenated, are
/// not supported.
fn read_pooling(path: &Path) -> Result<(Pooling, Option<(usize, PathBuf)>), HuggingFaceError> {
    let json: Map<String, Value> = parse(path)?;
    let modes: Vec<&str> = match json.get("pooling_mode") {
        Some(Value::String(mode)) => vec![mode],
        Some(Value::Array(modes)) => modes.iter().filter_map(Value::as_str).collect(),
        Some(_) => return Err(invalid(path, "`pooling_mode` is neither a name nor a list")),
        None => switched_on(&json),
    };
    let pooling = match modes.as_slice() {
        ["mean" | "mean_tokens"] => Pooling::Mean,
        ["cls" | "cls_token"] => Pooling::Cls,
        ["max" | "max_tokens"] => Pooling::Max,
        _ => {
            let modes = if modes.is_empty() {
                "none".into()
            } else {
                modes.join(" and ")
            };
            return Err(HuggingFaceError::Unsupported {
                path: path.to_path_buf(),
                reason: format!(
                    "pooling by {modes} is not supported; supported is one of mean, cls, max"
                ),
            });
        }
    };
    let width = ["embedding_dimension", "word_embedding_dimension"]
        .iter()
        .find_map(|key| json.get(*key)?.as_u64());
    Ok((
        pooling,
        width.map(|width| (width as usize, path.to_path_buf())),
    ))
}

/// Names of the modes switched on, as in `"pooling_mode_mean_tokens": true`.
fn switched_on(json: &Map<String, Value>) -> Vec<&str> {
    json.iter()
        .filter(|(_, value)| **value == Value::Bool(true))
        .filter_map(|(key, _)| key.strip_prefix("pooling_mode_"))
        .collect()
}

fn read_max_length(transformer: &Path) -> Result<Option<usize>, HuggingFaceError> {
    let mut paths = TRANSFORMER_CONFIGS
        .iter()
        .map(|name| transformer.join(name));
    let Some(path) = paths.find(|path| path.exists()) else {
        return Ok(None);
    };
    let file: TransformerFile = parse(&path)?;
    if file.do_lower_case {
        let reason = "`do_lower_case` in addition to the tokenizer's own is not supported".into();
        return Err(HuggingFaceError::Unsupported { path, reason });
    }
    match file.max_seq_length {
        // `[CLS]`, `[SEP]` and at least one token between.
        Some(length) if length < 3 => {
            let reason = format!("`max_seq_length` of {length} leaves no room for a text");
            Err(invalid(&path, &reason))
        }
        length => Ok(length),
    }
}

fn parse<T: DeserializeOwned>(path: &Path) -> Result<T, HuggingFaceError> {
    let json = read_json(path)?;
    serde_json::from_value(json).map_err(|e| invalid(path, &e.to_string()))
}

fn invalid(path: &Path, reason: &str) -> HuggingFaceError {
    HuggingFaceError::Json {
        path: path.to_path_buf(),
        reason: reason.into(),
    }
}
