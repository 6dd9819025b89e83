//! Any causal language model of this crate, chosen at run time.

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor};
use serde::{Deserialize, Serialize};

use crate::{Cache, ConfigError, Gpt, GptConfig, Llama, LlamaConfig};

/// Configuration of any causal language model. In JSON, the field `family` names the variant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "family", rename_all = "snake_case")]
pub enum CausalLmConfig {
    /// See [`gpt`](crate::gpt).
    Gpt(GptConfig),
    /// See [`llama`](crate::llama).
    Llama(LlamaConfig),
}

impl CausalLmConfig {
    /// Vocabulary size.
    pub fn vocab_size(&self) -> usize {
        match self {
            Self::Gpt(config) => config.vocab_size,
            Self::Llama(config) => config.vocab_size,
        }
    }

    /// Sets the vocabulary size.
    #[must_use]
    pub fn with_vocab_size(mut self, vocab_size: usize) -> Self {
        match &mut self {
            Self::Gpt(config) => config.vocab_size = vocab_size,
            Self::Llama(config) => config.vocab_size = vocab_size,
        }
        self
    }

    /// Context length, in tokens.
    pub fn context_length(&self) -> usize {
        match self {
            Self::Gpt(config) => config.n_positions,
            Self::Llama(config) => config.context_length(),
        }
    }

    /// Sets the context length.
    #[must_use]
    pub fn with_context_length(mut self, context_length: usize) -> Self {
        match &mut self {
            Self::Gpt(config) => config.n_positions = context_length,
            Self::Llama(config) => config.max_position_embeddings = context_length,
        }
        self
    }

    /// Ties the head to the word embeddings, or gives it a matrix of its own.
    #[must_use]
    pub fn with_tie_word_embeddings(mut self, is_tied: bool) -> Self {
        match &mut self {
            Self::Gpt(config) => config.tie_word_embeddings = is_tied,
            Self::Llama(config) => config.tie_word_embeddings = is_tied,
        }
        self
    }

    /// Number of parameters, computed without building the model.
    pub fn num_parameters(&self) -> usize {
        match self {
            Self::Gpt(config) => config.num_parameters(),
            Self::Llama(config) => config.num_parameters(),
        }
    }

    /// Checks the options.
    ///
    /// # Errors
    /// Names the invalid option.
    pub fn validate(&self) -> Result<(), ConfigError> {
        match self {
            Self::Gpt(config) => config.validate(),
            Self::Llama(config) => config.validate(),
        }
    }

    /// Builds the model on `device`.
    ///
    /// # Errors
    /// Names the invalid option.
    pub fn init(&self, device: &Device) -> Result<CausalLm, ConfigError> {
        match self {
            Self::Gpt(config) => config.init(device).map(CausalLm::Gpt),
            Self::Llama(config) => config.init(device).map(CausalLm::Llama),
        }
    }
}

/// Any causal language model of this crate: one type for code that chooses a model by name. Hugging
/// Face's `AutoModelForCausalLM`.
// A program has one of them; a box would only add an indirection to every access.
#[allow(clippy::large_enum_variant)]
#[derive(Module, Debug)]
pub enum CausalLm {
    /// See [`gpt`](crate::gpt).
    Gpt(Gpt),
    /// See [`llama`](crate::llama).
    Llama(Llama),
}

impl CausalLm {
    /// Tokens `[batch, time]` to the last hidden states, normalised: `[batch, time, hidden]`.
    ///
    /// # Panics
    /// If `time` is more than [`context_length`](Self::context_length).
    pub fn forward_features(&self, tokens: Tensor<2, Int>) -> Tensor<3> {
        match self {
            Self::Gpt(model) => model.forward_features(tokens),
            Self::Llama(model) => model.forward_features(tokens),
        }
    }

    /// Features `[batch, time, hidden]` to logits `[batch, time, vocab_size]`.
    pub fn forward_head(&self, features: Tensor<3>) -> Tensor<3> {
        match self {
            Self::Gpt(model) => model.forward_head(features),
            Self::Llama(model) => model.forward_head(features),
        }
    }

    /// Tokens `[batch, time]` to the logits of the token after each, `[batch, time, vocab_size]`.
    ///
    /// # Panics
    /// If `time` is more than [`context_length`](Self::context_length).
    pub fn forward(&self, tokens: Tensor<2, Int>) -> Tensor<3> {
        match self {
            Self::Gpt(model) => model.forward(tokens),
            Self::Llama(model) => model.forward(tokens),
        }
    }

    /// As [`forward`](Self::forward), for tokens that follow those in `cache`, to which they are
    /// added. For inference, on a model that is `valid()`.
    ///
    /// # Panics
    /// If `cache` has no room for them (see [`Cache::remaining`]), or is for another batch size.
    pub fn forward_cached(&self, tokens: Tensor<2, Int>, cache: &mut Cache) -> Tensor<3> {
        self.forward_head(self.forward_features_cached(tokens, cache))
    }

    /// As [`forward_cached`](Self::forward_cached), but returns the logits after the last token
    /// only, `[batch, vocab_size]`: a long prompt needs no others, and the head is the largest
    /// matrix.
    ///
    /// # Panics
    /// As [`forward_cached`](Self::forward_cached), and if there are no tokens.
    pub fn forward_next(&self, tokens: Tensor<2, Int>, cache: &mut Cache) -> Tensor<2> {
        let features = self.forward_features_cached(tokens, cache);
        let [_, time, _] = features.dims();
        assert!(time > 0, "no tokens to predict the next one from");
        let last = features.narrow(1, time - 1, 1); // [batch, 1, hidden]
        self.forward_head(last).squeeze_dim(1)
    }

    fn forward_features_cached(&self, tokens: Tensor<2, Int>, cache: &mut Cache) -> Tensor<3> {
        match self {
            Self::Gpt(model) => model.forward_features_cached(tokens, cache),
            Self::Llama(model) => model.forward_features_cached(tokens, cache),
        }
    }

    /// Empty KV cache for `batch` sequences.
    pub fn new_cache(&self, batch: usize) -> Cache {
        match self {
            Self::Gpt(model) => model.new_cache(batch),
            Self::Llama(model) => model.new_cache(batch),
        }
    }

    /// Context length, in tokens.
    pub fn context_length(&self) -> usize {
        match self {
            Self::Gpt(model) => model.context_length(),
            Self::Llama(model) => model.context_length(),
        }
    }

    /// Device of the weights.
    pub(crate) fn device(&self) -> Device {
        match self {
            Self::Gpt(model) => model.device(),
            Self::Llama(model) => model.device(),
        }
    }

    /// Vocabulary size.
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
