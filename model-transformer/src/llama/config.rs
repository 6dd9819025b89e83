use burn::nn::{Embedding, EmbeddingConfig, Initializer, Linear, LinearConfig};
use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use super::{Decoder, Llama};
use crate::ConfigError;
use crate::layers::RmsNorm;
use crate::layers::positions::{Pairs, RopeScaling, Rotary};

/// Configuration of a [`Llama`], in the words of Hugging Face's `LlamaConfig`. The default is Llama 2 7B.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LlamaConfig {
    /// Number of tokens that there are.
    pub vocab_size: usize,
    /// The longest sequence, in tokens.
    pub max_position_embeddings: usize,
    /// The width of the stream through the layers.
    pub hidden_size: usize,
    /// The width inside a feed-forward layer.
    pub intermediate_size: usize,
    /// Number of layers.
    pub num_hidden_layers: usize,
    /// Number of query heads.
    pub num_attention_heads: usize,
    /// Number of key and value heads, each of which serves several query heads; by default as many as query heads.
    pub num_key_value_heads: Option<usize>,
    /// The width of a head; by default `hidden_size / num_attention_heads`.
    pub head_dim: Option<usize>,
    /// How slow the slowest rotation of positions is.
    pub rope_theta: f64,
    /// Llama 3.1's stretching of the slow rotations.
    pub rope_scaling: Option<RopeScaling>,
    /// What normalisation adds to the mean square.
    pub rms_norm_eps: f64,
    /// Standard deviation of the first weights.
    pub initializer_range: f64,
    /// Dropout of attention's probabilities.
    pub attention_dropout: f64,
    /// Whether the logits come from the embeddings' own table; otherwise there is a matrix `lm_head`.
    pub tie_word_embeddings: bool,
    /// Whether attention's linear layers have biases.
    pub attention_bias: bool,
    /// Whether the feed-forward layers have biases.
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

    /// Llama 3 8B: a larger vocabulary and four query heads to a key head.
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

    /// A network for a processor: a vocabulary of bytes, four layers of width 128 with two query heads to a key head,
    /// tied embeddings.
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

    /// The width of a head.
    pub fn head_width(&self) -> usize {
        let even_share = self.hidden_size.checked_div(self.num_attention_heads);
        self.head_dim.or(even_share).unwrap_or_default()
    }

    /// Number of parameters, without building anything.
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

    /// Checks that the options describe a network.
    ///
    /// # Errors
    /// Names the first option that is zero, absurdly large, or does not go with the others.
    pub fn validate(&self) -> Result<(), ConfigError> {
        ConfigError::require_size("vocab_size", self.vocab_size)?;
        ConfigError::require_size("max_position_embeddings", self.max_position_embeddings)?;
        ConfigError::require_size("hidden_size", self.hidden_size)?;
        ConfigError::require_size("intermediate_size", self.intermediate_size)?;
        ConfigError::require_layers("num_hidden_layers", self.num_hidden_layers)?;
        self.validate_heads()?;
        ConfigError::require_positive("rope_theta", self.rope_theta)?;
        if let Some(scaling) = &self.rope_scaling {
            scaling.validate()?;
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
        // All heads together are a width like any other.
        let width = self.head_width();
        ConfigError::require_size("head_dim", width.saturating_mul(heads))?;
        if width.is_multiple_of(2) {
            return Ok(());
        }
        let reason = format!("must be even, to be rotated, got {width}");
        Err(ConfigError::new("head_dim", reason))
    }

    /// Builds the network on `device` with weights from `N(0, initializer_range²)`.
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
        let scaling = self.rope_scaling.as_ref();
        Rotary::new(self.head_width(), self.rope_theta, scaling, Pairs::Halves)
    }

    /// A bias, if there is one, begins as zeros.
    pub(super) fn linear(
        &self,
        inputs: usize,
        outputs: usize,
        bias: bool,
        device: &Device,
    ) -> Linear {
        let config = LinearConfig::new(inputs, outputs).with_bias(false);
        Linear {
            bias: bias.then(|| Initializer::Zeros.init([outputs], device)),
            ..config.with_initializer(self.normal()).init(device)
        }
    }
}
