//! Language models of either kind: recurrent, with a state that is carried along, and attention, with a context.

use std::path::Path;

use burn::module::Module;
use burn::tensor::Device;
use serde::{Deserialize, Serialize};
use tinderbox_model_rnn::{RnnLm, RnnLmConfig};
use tinderbox_model_transformer::huggingface;
use tinderbox_weights::WeightsError;

use crate::TrainError;

/// Which language model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum LanguageModelConfig {
    /// A recurrent network.
    Recurrent(RnnLmConfig),
    /// A decoder of attention layers.
    Attention(tinderbox_model_transformer::CausalLmConfig),
}

/// A language model that has a name, from the registry of either crate.
#[derive(Clone, Debug)]
pub struct LanguageModelInfo {
    /// What a recipe calls it.
    pub name: &'static str,
    /// What it is, in a line.
    pub summary: &'static str,
    /// Where it was published.
    pub paper: &'static str,
    /// Number of parameters, with as many tokens as it was published with.
    pub parameters: u64,
    /// Its configuration.
    pub config: LanguageModelConfig,
}

impl LanguageModelInfo {
    /// All of them.
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
    /// Whether it describes a network.
    ///
    /// # Errors
    /// It does not.
    pub fn validate(&self) -> Result<(), TrainError> {
        match self {
            Self::Recurrent(config) => Ok(config.validate()?),
            Self::Attention(config) => Ok(config.validate()?),
        }
    }

    /// The network, with weights that are still to be drawn.
    ///
    /// # Errors
    /// The configuration describes none.
    pub fn init(&self, device: &Device) -> Result<LanguageModel, TrainError> {
        Ok(match self {
            Self::Recurrent(config) => LanguageModel::Recurrent(config.init(device)?),
            Self::Attention(config) => LanguageModel::Attention(config.init(device)?),
        })
    }

    /// How many tokens it knows.
    pub fn vocab_size(&self) -> usize {
        match self {
            Self::Recurrent(config) => config.vocab_size,
            Self::Attention(config) => config.vocab_size(),
        }
    }

    /// How many tokens it can see at once; a recurrent network has no limit.
    pub fn context_length(&self) -> Option<usize> {
        match self {
            Self::Recurrent(_) => None,
            Self::Attention(config) => Some(config.context_length()),
        }
    }
}

/// A language model.
// There is one of them in a program, and a box would only add a step to every access.
#[allow(clippy::large_enum_variant)]
#[derive(Module, Debug)]
pub enum LanguageModel {
    /// A recurrent network.
    Recurrent(RnnLm),
    /// A decoder of attention layers.
    Attention(tinderbox_model_transformer::CausalLm),
}

impl LanguageModel {
    /// The model with the weights at `path`, all of which must fit. A head that shares the embeddings' weights may be in
    /// the file a second time, and GPT-2 may have either of its two spellings.
    ///
    /// # Errors
    /// The file cannot be read or is of another model.
    pub fn with_weights(self, path: &Path) -> Result<Self, WeightsError> {
        Ok(match self {
            Self::Recurrent(model) => {
                Self::Recurrent(tinderbox_model_rnn::weights::load_lm(model, path)?)
            }
            Self::Attention(model) => Self::Attention(huggingface::load(model, path)?),
        })
    }

    /// How many tokens it knows.
    pub fn vocab_size(&self) -> usize {
        match self {
            Self::Recurrent(model) => model.vocab_size(),
            Self::Attention(model) => model.vocab_size(),
        }
    }

    /// How many tokens it can see at once; a recurrent network has no limit.
    pub fn context_length(&self) -> Option<usize> {
        match self {
            Self::Recurrent(_) => None,
            Self::Attention(model) => Some(model.context_length()),
        }
    }
}
