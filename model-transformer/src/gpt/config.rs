use burn::nn::{Dropout, DropoutConfig, Embedding, EmbeddingConfig, Initializer, LinearConfig};
use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use super::{Gpt, Transformer};
use crate::ConfigError;
use crate::layers::{Activation, Conv1D, LayerNorm};

/// Configuration of a [`Gpt`], in the words of Hugging Face's `GPT2Config`. The default is the smallest GPT-2.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GptConfig {
    /// Number of tokens that there are.
    pub vocab_size: usize,
    /// The longest sequence, in tokens.
    pub n_positions: usize,
    /// The width of the stream through the layers.
    pub n_embd: usize,
    /// Number of layers.
    pub n_layer: usize,
    /// Number of attention heads, which share the width.
    pub n_head: usize,
    /// The width inside a feed-forward layer; by default `4 * n_embd`.
    pub n_inner: Option<usize>,
    /// The nonlinearity of the feed-forward layers.
    pub activation_function: Activation,
    /// Dropout of the sum of embeddings.
    pub embd_pdrop: f64,
    /// Dropout of attention's probabilities.
    pub attn_pdrop: f64,
    /// Dropout of what each half of a layer adds.
    pub resid_pdrop: f64,
    /// What normalisation adds to the variance.
    pub layer_norm_epsilon: f64,
    /// Standard deviation of the first weights.
    pub initializer_range: f64,
    /// Whether the logits come from the embeddings' own table; otherwise there is a matrix `lm_head`.
    pub tie_word_embeddings: bool,
    /// Whether linear layers and norms have biases, as GPT-2's do.
    pub bias: bool,
}

impl Default for GptConfig {
    fn default() -> Self {
        Self {
            vocab_size: 50257,
            n_positions: 1024,
            n_embd: 768,
            n_layer: 12,
            n_head: 12,
            n_inner: None,
            activation_function: Activation::GeluNew,
            embd_pdrop: 0.1,
            attn_pdrop: 0.1,
            resid_pdrop: 0.1,
            layer_norm_epsilon: 1e-5,
            initializer_range: 0.02,
            tie_word_embeddings: true,
            bias: true,
        }
    }
}

impl GptConfig {
    /// GPT-2 with `n_layer` layers of width `n_embd`.
    pub fn new(n_layer: usize, n_head: usize, n_embd: usize) -> Self {
        Self {
            n_layer,
            n_head,
            n_embd,
            ..Self::default()
        }
    }

    /// GPT-3 with `n_layer` layers of width `n_embd`: the same with a context twice as long.
    pub fn gpt3(n_layer: usize, n_head: usize, n_embd: usize) -> Self {
        Self {
            n_positions: 2048,
            ..Self::new(n_layer, n_head, n_embd)
        }
    }

    /// A network for a processor and a text of a few megabytes: a vocabulary of bytes, a small context, no dropout, no
    /// biases, and the exact nonlinearity, which keeps less for the backward pass.
    pub fn small(n_layer: usize, n_head: usize, n_embd: usize, n_positions: usize) -> Self {
        Self {
            vocab_size: 256,
            n_positions,
            activation_function: Activation::Gelu,
            embd_pdrop: 0.0,
            attn_pdrop: 0.0,
            resid_pdrop: 0.0,
            bias: false,
            ..Self::new(n_layer, n_head, n_embd)
        }
    }

    /// The width inside a feed-forward layer.
    pub fn inner(&self) -> usize {
        self.n_inner.unwrap_or(4 * self.n_embd)
    }

    /// Number of parameters, without building anything.
    pub fn num_parameters(&self) -> usize {
        let (width, inner, bias) = (self.n_embd, self.inner(), usize::from(self.bias));
        let norm = width + bias * width;
        let attention = 4 * width * width + bias * 4 * width;
        let mlp = 2 * width * inner + bias * (inner + width);
        let tables = match self.tie_word_embeddings {
            true => self.vocab_size + self.n_positions,
            false => 2 * self.vocab_size + self.n_positions,
        };
        tables * width + self.n_layer * (2 * norm + attention + mlp) + norm
    }

    /// Checks that the options describe a network.
    ///
    /// # Errors
    /// Names the first option that is zero, absurdly large, or does not go with the others.
    pub fn validate(&self) -> Result<(), ConfigError> {
        ConfigError::require_size("vocab_size", self.vocab_size)?;
        ConfigError::require_size("n_positions", self.n_positions)?;
        ConfigError::require_size("n_embd", self.n_embd)?;
        ConfigError::require_size("n_inner", self.inner())?;
        ConfigError::require_size("n_head", self.n_head)?;
        ConfigError::require_layers("n_layer", self.n_layer)?;
        ConfigError::require_multiple("n_embd", self.n_embd, ("n_head", self.n_head))?;
        ConfigError::require_dropout("embd_pdrop", self.embd_pdrop)?;
        ConfigError::require_dropout("attn_pdrop", self.attn_pdrop)?;
        ConfigError::require_dropout("resid_pdrop", self.resid_pdrop)?;
        ConfigError::require_positive("layer_norm_epsilon", self.layer_norm_epsilon)?;
        ConfigError::require_positive("initializer_range", self.initializer_range)
    }

    /// Builds the network on `device` with GPT-2's initialisation: `N(0, initializer_range²)`, and for the matrices that
    /// add to the stream a deviation smaller by `sqrt(2 n_layer)`, so that the stream does not grow with the depth.
    ///
    /// # Errors
    /// See [`validate`](Self::validate).
    pub fn init(&self, device: &Device) -> Result<Gpt, ConfigError> {
        self.validate()?;
        let head = LinearConfig::new(self.n_embd, self.vocab_size).with_bias(false);
        let head = head.with_initializer(self.normal());
        Ok(Gpt {
            transformer: Transformer::new(self, device),
            lm_head: (!self.tie_word_embeddings).then(|| head.init(device)),
        })
    }

    fn normal(&self) -> Initializer {
        let std = self.initializer_range;
        Initializer::Normal { mean: 0.0, std }
    }

    pub(super) fn embedding(&self, rows: usize, device: &Device) -> Embedding {
        let config = EmbeddingConfig::new(rows, self.n_embd);
        config.with_initializer(self.normal()).init(device)
    }

    pub(super) fn norm(&self, device: &Device) -> LayerNorm {
        LayerNorm::new(self.n_embd, self.layer_norm_epsilon, self.bias, device)
    }

    pub(super) fn linear(&self, inputs: usize, outputs: usize, device: &Device) -> Conv1D {
        Conv1D::new(inputs, outputs, self.initializer_range, self.bias, device)
    }

    pub(super) fn residual_linear(&self, inputs: usize, device: &Device) -> Conv1D {
        let std = self.initializer_range / (2.0 * self.n_layer as f64).sqrt();
        Conv1D::new(inputs, self.n_embd, std, self.bias, device)
    }
}

pub(super) fn dropout(probability: f64) -> Dropout {
    DropoutConfig::new(probability).init()
}
