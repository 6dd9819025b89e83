//! Language models: recurrent, with a hidden state, and attention, with a context.

use std::path::Path;

use burn::module::Module;
use burn::tensor::Device;
use serde::{Deserialize, Serialize};
use tinderbox_model_rnn::{RnnLm, RnnLmConfig};
use tinderbox_model_transformer::huggingface;
use tinderbox_weights::{LoadOptions, Mismatch};

use crate::TrainError;

/// Configuration of a language model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum LanguageModelConfig {
    /// Recurrent network.
    Recurrent(RnnLmConfig),
    /// Transformer decoder.
    Attention(tinderbox_model_transformer::CausalLmConfig),
}

/// A named language model, from the registry of either crate.
#[derive(Clone, Debug)]
pub struct LanguageModelInfo {
    /// Name in recipes.
    pub name: &'static str,
    /// Description in one line.
    pub summary: &'static str,
    /// Paper.
    pub paper: &'static str,
    /// Number of parameters, with the published vocabulary.
    pub parameters: u64,
    /// Configuration.
    pub config: LanguageModelConfig,
}

impl LanguageModelInfo {
    /// All named language models.
    pub fn all() -> Vec<Self> {
        let recurrent = tinderbox_model_rnn::registry::MODELS
            .iter()
            .map(|info| Self {
                name: info.name,
                summary: info.summary,
                paper: info.paper,
                parameters: info.parameters as u64,
                config: LanguageModelConfig::Recurrent((info.config)()),
            });
        let attention = tinderbox_model_transformer::registry::MODELS;
        let attention = attention.iter().map(|info| Self {
            name: info.name,
            summary: info.summary,
            paper: info.paper,
            parameters: info.parameters as u64,
            config: LanguageModelConfig::Attention((info.config)()),
        });
        recurrent.chain(attention).collect()
    }
}

impl LanguageModelConfig {
    /// Checks the ranges of all options.
    ///
    /// # Errors
    /// An option is out of range.
    pub fn validate(&self) -> Result<(), TrainError> {
        match self {
            Self::Recurrent(config) => Ok(config.validate()?),
            Self::Attention(config) => Ok(config.validate()?),
        }
    }

    /// Builds the network, with weights that are drawn when they are first used.
    ///
    /// # Errors
    /// An option is out of range.
    pub fn init(&self, device: &Device) -> Result<LanguageModel, TrainError> {
        Ok(match self {
            Self::Recurrent(config) => LanguageModel::Recurrent(config.init(device)?),
            Self::Attention(config) => LanguageModel::Attention(config.init(device)?),
        })
    }

    /// Vocabulary size.
    pub fn vocab_size(&self) -> usize {
        match self {
            Self::Recurrent(config) => config.vocab_size,
            Self::Attention(config) => config.vocab_size(),
        }
    }

    /// Context length in tokens; `None` for a recurrent network.
    pub fn context_length(&self) -> Option<usize> {
        match self {
            Self::Recurrent(_) => None,
            Self::Attention(config) => Some(config.context_length()),
        }
    }
}

/// A language model.
// A program has one of these; a box would only add an indirection.
#[allow(clippy::large_enum_variant)]
#[derive(Module, Debug)]
pub enum LanguageModel {
    /// Recurrent network.
    Recurrent(RnnLm),
    /// Transformer decoder.
    Attention(tinderbox_model_transformer::CausalLm),
}

impl LanguageModel {
    /// Loads the weights at `path`, a file or a Hugging Face model folder, as far as `options`
    /// allow; `key` chooses among several in a file. Names and layouts may be those of any program
    /// in circulation; see [`huggingface::load`]. Returns what was not loaded.
    ///
    /// # Errors
    /// The file cannot be read or belongs to another model.
    pub fn with_weights(
        self,
        path: &Path,
        key: Option<&str>,
        options: &LoadOptions,
    ) -> Result<(Self, Mismatch), TrainError> {
        Ok(match self {
            Self::Recurrent(model) => {
                let (model, left) =
                    tinderbox_model_rnn::weights::load_lm_with(model, path, key, options)?;
                (Self::Recurrent(model), left)
            }
            Self::Attention(model) => {
                let (model, left) = huggingface::load_with(model, path, key, options)?;
                (Self::Attention(model), left)
            }
        })
    }

    /// Vocabulary size.
    pub fn vocab_size(&self) -> usize {
        match self {
            Self::Recurrent(model) => model.vocab_size(),
            Self::Attention(model) => model.vocab_size(),
        }
    }

    /// Context length in tokens; `None` for a recurrent network.
    pub fn context_length(&self) -> Option<usize> {
        match self {
            Self::Recurrent(_) => None,
            Self::Attention(model) => Some(model.context_length()),
        }
    }
}
