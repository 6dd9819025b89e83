//! Language models of either kind: recurrent, with a state that is carried along, and attention, with a context.

use std::collections::VecDeque;
use std::path::Path;

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor, TensorData};
use model_rnn::{RnnLm, RnnLmConfig, RnnState};
use model_transformer::{Cache, huggingface};
use serde::{Deserialize, Serialize};
use weights::WeightsError;

use crate::TrainError;

/// Which language model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum LanguageModelConfig {
    /// A recurrent network.
    Recurrent(RnnLmConfig),
    /// A decoder of attention layers.
    Attention(model_transformer::LanguageModelConfig),
}

impl LanguageModelConfig {
    /// The configuration of the model called `name` in the registry of either crate.
    pub fn named(name: &str) -> Option<Self> {
        if let Some(info) = model_rnn::registry::find(name) {
            return Some(Self::Recurrent((info.config)()));
        }
        let info = model_transformer::registry::find(name)?;
        Some(Self::Attention((info.config)()))
    }

    /// The names of both registries.
    pub fn names() -> impl Iterator<Item = &'static str> {
        let recurrent = model_rnn::registry::MODELS.iter().map(|info| info.name);
        let attention = model_transformer::registry::MODELS;
        recurrent.chain(attention.iter().map(|info| info.name))
    }

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
#[derive(Module, Debug)]
pub enum LanguageModel {
    /// A recurrent network.
    Recurrent(RnnLm),
    /// A decoder of attention layers.
    Attention(model_transformer::LanguageModel),
}

/// What a model remembers of the tokens it has seen.
enum Memory {
    Recurrent(Option<RnnState>),
    Attention(Cache),
}

/// A language model that is told tokens and gives the logits of the next.
///
/// A recurrent network goes on for ever. An attention model sees its context: when that is full, the older half is
/// forgotten and the rest is read again.
pub struct Predictor<'a> {
    model: &'a LanguageModel,
    memory: Memory,
    /// What an attention model has in its context.
    context: VecDeque<u32>,
    device: Device,
}

impl<'a> Predictor<'a> {
    /// A predictor that has seen nothing. The model must be on `device`, without gradients.
    pub fn new(model: &'a LanguageModel, device: &Device) -> Self {
        let memory = match model {
            LanguageModel::Recurrent(_) => Memory::Recurrent(None),
            LanguageModel::Attention(model) => Memory::Attention(model.new_cache(1)),
        };
        Self {
            model,
            memory,
            context: VecDeque::new(),
            device: device.clone(),
        }
    }

    /// The logits of the token after `tokens`, which follow those told before.
    ///
    /// # Errors
    /// No tokens at all, more than the model can see at once, or one that it does not know; the device failed.
    pub fn next_logits(&mut self, tokens: &[u32]) -> Result<Vec<f32>, TrainError> {
        self.check(tokens)?;
        let logits = match (self.model, &mut self.memory) {
            (LanguageModel::Recurrent(model), Memory::Recurrent(state)) => {
                let output = model.forward(row(tokens, &self.device), state.take());
                *state = Some(output.state);
                let [_, time, vocab] = output.logits.dims();
                let last = output.logits.slice([0..1, time - 1..time, 0..vocab]);
                last.reshape([1, vocab])
            }
            (LanguageModel::Attention(model), Memory::Attention(cache)) => {
                let length = model.context_length();
                let mut new = tokens.to_vec();
                if self.context.len() + new.len() > length {
                    self.context.extend(&new);
                    let keep = (length / 2).max(new.len());
                    let forgotten = self.context.len().saturating_sub(keep);
                    self.context.drain(..forgotten);
                    new = self.context.drain(..).collect();
                    *cache = model.new_cache(1);
                }
                self.context.extend(&new);
                model.forward_next(row(&new, &self.device), cache)
            }
            // `new` pairs them.
            _ => return Err(TrainError::Execution("a memory of another model".into())),
        };
        logits
            .try_into_vec_as::<f32>()
            .map_err(|e| TrainError::Execution(e.to_string()))
    }

    fn check(&self, tokens: &[u32]) -> Result<(), TrainError> {
        let vocab_size = self.model.vocab_size();
        if tokens.is_empty() {
            return Err(TrainError::Prompt("there are no tokens".into()));
        }
        if let Some(token) = tokens.iter().find(|token| **token as usize >= vocab_size) {
            let reason = format!("token {token} is not one of the model's {vocab_size}");
            return Err(TrainError::Prompt(reason));
        }
        match self.model.context_length() {
            Some(length) if tokens.len() > length => Err(TrainError::Prompt(format!(
                "it has {} tokens, and the model sees {length} at once; shorten it",
                tokens.len()
            ))),
            _ => Ok(()),
        }
    }
}

impl LanguageModel {
    /// The model with the weights at `path`, all of which must fit. A head that shares the embeddings' weights may be in
    /// the file a second time, and GPT-2 may have either of its two spellings.
    ///
    /// # Errors
    /// The file cannot be read or is of another model.
    pub fn with_weights(self, path: &Path) -> Result<Self, WeightsError> {
        Ok(match self {
            Self::Recurrent(model) => Self::Recurrent(model_rnn::weights::load_lm(model, path)?),
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

/// `[1, time]`.
fn row(tokens: &[u32], device: &Device) -> Tensor<2, Int> {
    // Checked to be below the size of a vocabulary, and so of an i32.
    let ids: Vec<i32> = tokens.iter().map(|&id| id as i32).collect();
    Tensor::from_data(TensorData::new(ids, [1, tokens.len()]), device)
}
