//! Sentence embeddings: one vector per text, pooled from the features of its tokens.
//!
//! ```text
//! tokens -> TextEncoder -> [batch, time, hidden] -> pool -> [batch, hidden] -> steps, such as a
//! Dense layer and L2 norm 1 -> [batch, width]
//! ```
//!
//! Reimers and Gurevych 2019, "Sentence-BERT", <https://arxiv.org/abs/1908.10084>.
//! [`SentenceEncoder::open`] takes sentence-transformers folders and those of plain encoders.

mod cross_encoder;
mod modules;
mod pooling;
mod prompts;
mod step;
mod transformer;

use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use serde::de::DeserializeOwned;

use crate::huggingface::{HuggingFaceError, OpenedEncoder, open_encoder, read_json};
use crate::{EncoderInput, TextEncoder, TextEncoderConfig};
use modules::{MODULES, Modules};
use pooling::without_first;
use prompts::ConfigFile;
use transformer::{FEATURES, Reading};

pub use cross_encoder::CrossEncoder;
pub use pooling::{Pooling, pool};
pub use prompts::Prompts;
pub use step::{Dense, Step, l2_normalize};

/// An encoder with pooling: one vector per text.
#[derive(Debug)]
#[non_exhaustive]
pub struct SentenceEncoder {
    /// Configuration of the encoder.
    pub config: TextEncoderConfig,
    /// Encoder. A head, if it has one, is not used.
    pub model: TextEncoder,
    /// Poolings of token features, whose vectors are concatenated.
    pub pooling: Vec<Pooling>,
    /// False if the tokens of a prompt do not count in the pooling.
    pub include_prompt: bool,
    /// Steps after pooling, in order.
    pub steps: Vec<Step>,
    /// Maximum length of a text, in tokens, special tokens included. Often shorter than the encoder
    /// allows: longer texts were not in its training.
    pub max_length: usize,
    /// Texts are to be put into lower case before they are tokenized.
    pub lower_case: bool,
    /// Texts to put before every text.
    pub prompts: Prompts,
}

impl SentenceEncoder {
    /// The encoder `model` with mean pooling and nothing else.
    pub fn new(config: TextEncoderConfig, model: TextEncoder) -> Self {
        Self {
            max_length: config.max_length(),
            config,
            model,
            pooling: vec![Pooling::Mean],
            include_prompt: true,
            steps: Vec::new(),
            lower_case: false,
            prompts: Prompts::default(),
        }
    }

    /// Opens the encoder in `folder` on `device`, with the steps of its `modules.json`, its prompts
    /// and the length limit of its tokenizer. A folder without `modules.json` is a plain encoder:
    /// mean pooling alone, no prompts.
    ///
    /// # Errors
    /// As [`open_encoder`]; also if a step or a setting is not supported, because the vectors would
    /// differ.
    pub fn open(folder: &Path, device: &Device) -> Result<Self, HuggingFaceError> {
        let mut file = ConfigFile::default();
        if folder.join(MODULES).is_file() {
            file = ConfigFile::read(folder)?;
            file.check_is_sentence_transformer(folder)?;
        }
        let modules = Modules::read(folder)?;
        let task = modules.is_listed.then_some(FEATURES);
        let reading = Reading::of(&modules.transformer, task)?;
        let OpenedEncoder { config, model, .. } = open_encoder(&modules.transformer, device)?;
        modules.pooling.check_width(config.hidden_size())?;
        let width = modules.pooling.modes.len() * config.hidden_size();
        let mut steps = modules.open_rest(width, device)?;
        steps.extend(file.truncate_dim.map(Step::Truncate));
        let limit = config.max_length();
        Ok(Self {
            steps,
            pooling: modules.pooling.modes,
            include_prompt: modules.pooling.include_prompt,
            max_length: reading.max_length.map_or(limit, |length| length.min(limit)),
            lower_case: reading.lower_case,
            prompts: file.prompts(),
            ..Self::new(config, model.valid())
        })
    }

    /// Number of features of a vector.
    pub fn width(&self) -> usize {
        let pooled = self.pooling.len() * self.config.hidden_size();
        let steps = self.steps.iter();
        steps.fold(pooled, |width, step| step.output_width(width))
    }

    /// Sets whether vectors are scaled to length 1 at the end.
    #[must_use]
    pub fn with_normalize(mut self, normalize: bool) -> Self {
        if !normalize {
            let dense = |step: &Step| matches!(step, Step::Dense(_));
            let last = self.steps.iter().rposition(dense).map_or(0, |at| at + 1);
            let end = self.steps.split_off(last).into_iter();
            self.steps
                .extend(end.filter(|step| !matches!(step, Step::Normalize)));
        } else if !matches!(self.steps.last(), Some(Step::Normalize)) {
            self.steps.push(Step::Normalize);
        }
        self
    }

    /// Sets the pooling.
    ///
    /// # Errors
    /// A sentence with the widths, if a Dense step needs those of the folder's own pooling.
    pub fn with_pooling(mut self, pooling: Vec<Pooling>) -> Result<Self, String> {
        let width = pooling.len() * self.config.hidden_size();
        let first_dense = self.steps.iter().find_map(|step| match step {
            Step::Dense(dense) => Some(dense.widths()[0]),
            Step::Normalize | Step::Truncate(_) => None,
        });
        match first_dense {
            Some(needed) if needed != width => Err(format!(
                "this pooling gives {width} features, but the Dense step after it takes {needed}"
            )),
            _ => {
                self.pooling = pooling;
                Ok(self)
            }
        }
    }

    /// Texts `[batch, time]` to their vectors `[batch, width]`.
    pub fn embed(&self, input: &EncoderInput) -> Tensor<2> {
        self.embed_after(input, 0)
    }

    /// As [`embed`](Self::embed), for texts whose first `prompt_length` tokens, `[CLS]` included,
    /// are those of a prompt.
    pub fn embed_after(&self, input: &EncoderInput, prompt_length: usize) -> Tensor<2> {
        let features = self.model.forward_features(input);
        let mut mask = match &input.attention_mask {
            Some(mask) => mask.clone(),
            None => Tensor::full(input.tokens.shape(), true, &input.tokens.device()),
        };
        if !self.include_prompt {
            mask = without_first(mask, prompt_length);
        }
        let pooled = self.pooling.iter();
        let pooled = pooled.map(|pooling| pool(features.clone(), mask.clone(), *pooling));
        let vectors = Tensor::cat(pooled.collect(), 1);
        let steps = self.steps.iter();
        steps.fold(vectors, |vectors, step| step.forward(vectors))
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
