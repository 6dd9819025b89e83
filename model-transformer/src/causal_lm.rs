//! Any language model of this crate, chosen at run time.

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor};
use serde::{Deserialize, Serialize};

use crate::{Cache, ConfigError, Gpt, GptConfig, Llama, LlamaConfig};

/// The configuration of any language model. In JSON the field `family` tells which one it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "family", rename_all = "snake_case")]
pub enum CausalLmConfig {
    /// See [`gpt`](crate::gpt).
    Gpt(GptConfig),
    /// See [`llama`](crate::llama).
    Llama(LlamaConfig),
}

impl CausalLmConfig {
    /// Number of tokens that there are, the length of the logits.
    pub fn vocab_size(&self) -> usize {
        match self {
            Self::Gpt(config) => config.vocab_size,
            Self::Llama(config) => config.vocab_size,
        }
    }

    /// The same network for another number of tokens.
    #[must_use]
    pub fn with_vocab_size(mut self, vocab_size: usize) -> Self {
        match &mut self {
            Self::Gpt(config) => config.vocab_size = vocab_size,
            Self::Llama(config) => config.vocab_size = vocab_size,
        }
        self
    }

    /// The longest sequence, in tokens.
    pub fn context_length(&self) -> usize {
        match self {
            Self::Gpt(config) => config.n_positions,
            Self::Llama(config) => config.max_position_embeddings,
        }
    }

    /// The same network for sequences of another length.
    #[must_use]
    pub fn with_context_length(mut self, context_length: usize) -> Self {
        match &mut self {
            Self::Gpt(config) => config.n_positions = context_length,
            Self::Llama(config) => config.max_position_embeddings = context_length,
        }
        self
    }

    /// Number of parameters, without building anything.
    pub fn num_parameters(&self) -> usize {
        match self {
            Self::Gpt(config) => config.num_parameters(),
            Self::Llama(config) => config.num_parameters(),
        }
    }

    /// Checks that the options describe a network.
    ///
    /// # Errors
    /// Names the option at fault.
    pub fn validate(&self) -> Result<(), ConfigError> {
        match self {
            Self::Gpt(config) => config.validate(),
            Self::Llama(config) => config.validate(),
        }
    }

    /// Builds the network on `device`.
    ///
    /// # Errors
    /// Names the option at fault.
    pub fn init(&self, device: &Device) -> Result<CausalLm, ConfigError> {
        match self {
            Self::Gpt(config) => config.init(device).map(CausalLm::Gpt),
            Self::Llama(config) => config.init(device).map(CausalLm::Llama),
        }
    }
}

/// Any language model of this crate: one type for code that chooses by name.
// There is one of them in a program, and a box would only add a step to every access.
#[allow(clippy::large_enum_variant)]
#[derive(Module, Debug)]
pub enum CausalLm {
    /// See [`gpt`](crate::gpt).
    Gpt(Gpt),
    /// See [`llama`](crate::llama).
    Llama(Llama),
}

impl CausalLm {
    /// Tokens `[batch, time]` to what the last layer knows of each: `[batch, time, width]`.
    ///
    /// # Panics
    /// If `time` is more than [`context_length`](Self::context_length).
    pub fn forward_features(&self, tokens: Tensor<2, Int>) -> Tensor<3> {
        match self {
            Self::Gpt(model) => model.forward_features(tokens),
            Self::Llama(model) => model.forward_features(tokens),
        }
    }

    /// The features of [`forward_features`](Self::forward_features) to logits `[batch, time, vocab_size]`.
    pub fn forward_head(&self, features: Tensor<3>) -> Tensor<3> {
        match self {
            Self::Gpt(model) => model.forward_head(features),
            Self::Llama(model) => model.forward_head(features),
        }
    }

    /// Tokens `[batch, time]` to the logits of each one's successor `[batch, time, vocab_size]`.
    ///
    /// # Panics
    /// If `time` is more than [`context_length`](Self::context_length).
    pub fn forward(&self, tokens: Tensor<2, Int>) -> Tensor<3> {
        self.forward_head(self.forward_features(tokens))
    }

    /// As [`forward`](Self::forward), of tokens that follow those in `cache`, and adds them to it. For inference, on a
    /// model that is `valid()`.
    ///
    /// # Panics
    /// If `cache` has no room for them (see [`Cache::remaining`]), or is for another batch.
    pub fn forward_cached(&self, tokens: Tensor<2, Int>, cache: &mut Cache) -> Tensor<3> {
        self.forward_head(self.forward_features_cached(tokens, cache))
    }

    /// As [`forward_cached`](Self::forward_cached), but only the logits of what comes after the last token,
    /// `[batch, vocab_size]`: of a long prompt nothing else is wanted, and the head is the largest matrix.
    ///
    /// # Panics
    /// As [`forward_cached`](Self::forward_cached), and if there are no tokens.
    pub fn forward_next(&self, tokens: Tensor<2, Int>, cache: &mut Cache) -> Tensor<2> {
        let features = self.forward_features_cached(tokens, cache);
        let [_, time, _] = features.dims();
        assert!(time > 0, "nothing comes next after no tokens");
        let last = features.narrow(1, time - 1, 1);
        self.forward_head(last).squeeze_dim(1)
    }

    fn forward_features_cached(&self, tokens: Tensor<2, Int>, cache: &mut Cache) -> Tensor<3> {
        match self {
            Self::Gpt(model) => model.forward_features_cached(tokens, cache),
            Self::Llama(model) => model.forward_features_cached(tokens, cache),
        }
    }

    /// An empty cache for `batch` sequences.
    pub fn new_cache(&self, batch: usize) -> Cache {
        match self {
            Self::Gpt(model) => model.new_cache(batch),
            Self::Llama(model) => model.new_cache(batch),
        }
    }

    /// The longest sequence, in tokens.
    pub fn context_length(&self) -> usize {
        match self {
            Self::Gpt(model) => model.context_length(),
            Self::Llama(model) => model.context_length(),
        }
    }

    /// Number of tokens that there are, the length of the logits.
    pub fn vocab_size(&self) -> usize {
        match self {
            Self::Gpt(model) => model.vocab_size(),
            Self::Llama(model) => model.vocab_size(),
        }
    }
}

impl From<Gpt> for CausalLm {
    fn from(model: Gpt) -> Self {
        Self::Gpt(model)
    }
}

impl From<Llama> for CausalLm {
    fn from(model: Llama) -> Self {
        Self::Llama(model)
    }
}
