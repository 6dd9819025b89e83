use burn::nn::{Embedding, EmbeddingConfig, Initializer, Linear, LinearConfig};
use burn::tensor::Device;
use derive_setters::Setters;
use serde::{Deserialize, Serialize};

use super::{Decoder, Llama};
use crate::ConfigError;
use crate::layers::positions::{Pairs, RopeScaling, Rotary};
use crate::layers::{Activation, RmsNorm};

/// Configuration of a [`Llama`], with the option names of Hugging Face's `LlamaConfig`. The default
/// is Llama 2 7B.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Setters)]
#[serde(default, deny_unknown_fields)]
#[setters(prefix = "with_")]
#[non_exhaustive]
pub struct LlamaConfig {
    /// Vocabulary size.
    pub vocab_size: usize,
    /// Context length, in tokens.
    pub max_position_embeddings: usize,
    /// Width of the hidden states.
    pub hidden_size: usize,
    /// Width inside the MLP.
    pub intermediate_size: usize,
    /// Number of layers.
    pub num_hidden_layers: usize,
    /// Number of query heads.
    pub num_attention_heads: usize,
    /// Number of key and value heads, shared by groups of query heads (grouped-query attention); by
    /// default one per query head.
    pub num_key_value_heads: Option<usize>,
    /// Width of a head; by default `hidden_size / num_attention_heads`.
    pub head_dim: Option<usize>,
    /// Base of the RoPE frequencies.
    pub rope_theta: f64,
    /// Scaling of RoPE for contexts longer than in pretraining.
    pub rope_scaling: Option<RopeScaling>,
    /// Activation function of the gate in the MLP.
    pub hidden_act: Activation,
    /// Epsilon of RMS normalisation.
    pub rms_norm_eps: f64,
    /// Standard deviation of the initial weights.
    pub initializer_range: f64,
    /// Dropout of the attention probabilities.
    pub attention_dropout: f64,
    /// Ties the head to the word embeddings; otherwise it is a matrix of its own, `lm_head`.
    pub tie_word_embeddings: bool,
    /// Gives the linear layers of attention a bias.
    pub attention_bias: bool,
    /// Gives the linear layers of the MLP a bias.
    pub mlp_bias: bool,
}

impl Default for LlamaConfig {
    fn default() -> Self {
        Self {
            vocab_size: 32000,
            max_position_embeddings: 4096,
            hidden_size: 4096,
            intermediate_size: 11008,
            num_hidden_layers: 32,
            num_attention_heads: 32,
            num_key_value_heads: None,
            head_dim: None,
            rope_theta: 10_000.0,
            rope_scaling: None,
            hidden_act: Activation::Silu,
            rms_norm_eps: 1e-5,
            initializer_range: 0.02,
            attention_dropout: 0.0,
            tie_word_embeddings: false,
            attention_bias: false,
            mlp_bias: false,
        }
    }
}

impl LlamaConfig {
    /// Llama 2 7B.
    pub fn llama2_7b() -> Self {
        Self::default()
    }

    /// Llama 3 8B: a larger vocabulary, and four query heads per key and value head.
    pub fn llama3_8b() -> Self {
        Self {
            vocab_size: 128_256,
            max_position_embeddings: 8192,
            intermediate_size: 14336,
            num_key_value_heads: Some(8),
            rope_theta: 500_000.0,
            ..Self::default()
        }
    }

    /// TinyLlama 1.1B, <https://arxiv.org/abs/2401.02385>.
    pub fn tinyllama_1_1b() -> Self {
        Self {
            max_position_embeddings: 2048,
            hidden_size: 2048,
            intermediate_size: 5632,
            num_hidden_layers: 22,
            num_key_value_heads: Some(4),
            ..Self::default()
        }
    }

    /// A model for a CPU: a vocabulary of bytes, four layers of width 128, two query heads per key
    /// and value head, tied embeddings.
    pub fn mini() -> Self {
        Self {
            vocab_size: 256,
            max_position_embeddings: 64,
            hidden_size: 128,
            intermediate_size: 256,
            num_hidden_layers: 4,
            num_attention_heads: 4,
            num_key_value_heads: Some(2),
            tie_word_embeddings: true,
            ..Self::default()
        }
    }

    /// Number of key and value heads.
    pub fn kv_heads(&self) -> usize {
        self.num_key_value_heads.unwrap_or(self.num_attention_heads)
    }

    /// Width of a head.
    pub fn head_width(&self) -> usize {
        let even_share = self.hidden_size.checked_div(self.num_attention_heads);
        self.head_dim.or(even_share).unwrap_or_default()
    }

    /// Context length in tokens: `max_position_embeddings`, with dynamic scaling of RoPE times its
    /// factor.
    pub fn context_length(&self) -> usize {
        match self.rope_scaling {
            Some(RopeScaling::Dynamic { factor }) => {
                (self.max_position_embeddings as f64 * factor) as usize
            }
            _ => self.max_position_embeddings,
        }
    }

    /// Number of parameters, computed without building the model.
    pub fn num_parameters(&self) -> usize {
        let (width, inner) = (self.hidden_size, self.intermediate_size);
        let queries = self.num_attention_heads * self.head_width();
        let keys = self.kv_heads() * self.head_width();
        let attention_bias = usize::from(self.attention_bias) * (queries + 2 * keys + width);
        let attention = 2 * width * (queries + keys) + attention_bias;
        let mlp = 3 * width * inner + usize::from(self.mlp_bias) * (2 * inner + width);
        let tables = if self.tie_word_embeddings { 1 } else { 2 };
        let layers = self.num_hidden_layers * (attention + mlp + 2 * width);
        tables * self.vocab_size * width + layers + width
    }

    /// Checks the options.
    ///
    /// # Errors
    /// Names the first option that is zero, absurdly large, or inconsistent with another.
    pub fn validate(&self) -> Result<(), ConfigError> {
        ConfigError::require_size("vocab_size", self.vocab_size)?;
        ConfigError::require_size("max_position_embeddings", self.max_position_embeddings)?;
        ConfigError::require_size("hidden_size", self.hidden_size)?;
        ConfigError::require_size("intermediate_size", self.intermediate_size)?;
        ConfigError::require_layers("num_hidden_layers", self.num_hidden_layers)?;
        self.validate_heads()?;
        ConfigError::require_parameters("hidden_size", self.num_parameters() as u128)?;
        ConfigError::require_positive("rope_theta", self.rope_theta)?;
        if let Some(scaling) = &self.rope_scaling {
            scaling.validate()?;
            ConfigError::require_size("rope_scaling.factor", self.context_length())?;
        }
        ConfigError::require_positive("rms_norm_eps", self.rms_norm_eps)?;
        ConfigError::require_positive("initializer_range", self.initializer_range)?;
        ConfigError::require_dropout("attention_dropout", self.attention_dropout)
    }

    fn validate_heads(&self) -> Result<(), ConfigError> {
        let heads = self.num_attention_heads;
        ConfigError::require_size("num_attention_heads", heads)?;
        ConfigError::require_size("num_key_value_heads", self.kv_heads())?;
        let kv_heads = ("num_key_value_heads", self.kv_heads());
        ConfigError::require_multiple("num_attention_heads", heads, kv_heads)?;
        if self.head_dim.is_none() {
            let heads = ("num_attention_heads", heads);
            ConfigError::require_multiple("hidden_size", self.hidden_size, heads)?;
        }
        // The heads together have a width, which is limited as any.
        let width = self.head_width();
        ConfigError::require_size("head_dim", width.saturating_mul(heads))?;
        if width.is_multiple_of(2) {
            return Ok(());
        }
        let reason = format!("must be even for RoPE, got {width}");
        Err(ConfigError::new("head_dim", reason))
    }

    /// Builds the model on `device` with weights from `N(0, initializer_range²)`.
    ///
    /// # Errors
    /// See [`validate`](Self::validate).
    pub fn init(&self, device: &Device) -> Result<Llama, ConfigError> {
        self.validate()?;
        let head = || self.linear(self.hidden_size, self.vocab_size, false, device);
        Ok(Llama {
            model: Decoder::new(self, device),
            lm_head: (!self.tie_word_embeddings).then(head),
        })
    }

    fn normal(&self) -> Initializer {
        let std = self.initializer_range;
        Initializer::Normal { mean: 0.0, std }
    }

    pub(super) fn embedding(&self, device: &Device) -> Embedding {
        let config = EmbeddingConfig::new(self.vocab_size, self.hidden_size);
        config.with_initializer(self.normal()).init(device)
    }

    pub(super) fn norm(&self, device: &Device) -> RmsNorm {
        RmsNorm::new(self.hidden_size, self.rms_norm_eps, device)
    }

    pub(super) fn rotary(&self) -> Rotary {
        let (width, scaling) = (self.head_width(), self.rope_scaling.as_ref());
        let positions = self.max_position_embeddings;
        Rotary::new(width, self.rope_theta, scaling, positions, Pairs::Halves)
    }

    /// Linear layer; a bias is initialised to zero.
    pub(super) fn linear(
        &self,
        in_features: usize,
        out_features: usize,
        bias: bool,
        device: &Device,
    ) -> Linear {
        let config = LinearConfig::new(in_features, out_features).with_bias(false);
        Linear {
            bias: bias.then(|| Initializer::Zeros.init([out_features], device)),
            ..config.with_initializer(self.normal()).init(device)
        }
    }
}
