//! GPT-2 and GPT-3: pre-norm layers of causal attention over learned positions.
//!
//! ```text
//! tokens [batch, time] -> wte + wpe -> dropout -> n_layer x { x + attn(ln_1(x)); x + mlp(ln_2(x)) }
//!     -> ln_f -> wte transposed -> logits [batch, time, vocab_size]
//! ```
//!
//! Radford et al. 2019, "Language Models are Unsupervised Multitask Learners": 124,439,808
//! parameters for the smallest, 1,557,611,200 for the largest. Brown et al. 2020,
//! <https://arxiv.org/abs/2005.14165>, table 2.1, up to 175 billion, here with dense attention in
//! all layers. Names and layouts are those of Hugging Face's `GPT2LMHeadModel`.

use burn::module::Module;
use burn::nn::{
    Dropout, DropoutConfig, Embedding, EmbeddingConfig, Initializer, Linear, LinearConfig,
};
use burn::tensor::{Device, Int, Tensor};
use derive_setters::Setters;
use serde::{Deserialize, Serialize};
use tinderbox_kernels::linear::linear_transposed;
use tinderbox_kernels::nn;

use crate::ConfigError;
use crate::attention::{Heads, Mask, attention, packed_attention, split_qkv};
use crate::cache::{self, Cache, Slot};
use crate::layers::{Activation, Conv1D, LayerNorm, positions, residual};

/// Configuration of a [`Gpt`], with the option names of Hugging Face's `GPT2Config`. The default is
/// the smallest GPT-2.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Setters)]
#[serde(default, deny_unknown_fields)]
#[setters(prefix = "with_")]
#[non_exhaustive]
pub struct GptConfig {
    /// Vocabulary size.
    pub vocab_size: usize,
    /// Context length, in tokens.
    pub n_positions: usize,
    /// Width of the hidden states.
    pub n_embd: usize,
    /// Number of layers.
    pub n_layer: usize,
    /// Number of attention heads, which divide the width among them.
    pub n_head: usize,
    /// Width inside the MLP; by default `4 * n_embd`.
    pub n_inner: Option<usize>,
    /// Activation function of the MLP.
    pub activation_function: Activation,
    /// Dropout of the embeddings.
    pub embd_pdrop: f64,
    /// Dropout of the attention probabilities.
    pub attn_pdrop: f64,
    /// Dropout of the output of attention and MLP, before the residual connection.
    pub resid_pdrop: f64,
    /// Epsilon of layer normalisation.
    pub layer_norm_epsilon: f64,
    /// Standard deviation of the initial weights.
    pub initializer_range: f64,
    /// Ties the head to the word embeddings; otherwise it is a matrix of its own, `lm_head`.
    pub tie_word_embeddings: bool,
    /// Gives linear layers and norms a bias, as in GPT-2.
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

    /// GPT-3 with `n_layer` layers of width `n_embd`: GPT-2 with twice the context length.
    pub fn gpt3(n_layer: usize, n_head: usize, n_embd: usize) -> Self {
        Self {
            n_positions: 2048,
            ..Self::new(n_layer, n_head, n_embd)
        }
    }

    /// A model for a CPU and a few megabytes of text: a vocabulary of bytes, a short context, no
    /// dropout, no biases, and exact GELU, which keeps less for the backward pass.
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

    /// Width inside the MLP.
    pub fn inner(&self) -> usize {
        self.n_inner.unwrap_or(4 * self.n_embd)
    }

    /// Number of parameters, computed without building the model.
    pub fn num_parameters(&self) -> usize {
        let (width, inner, bias) = (self.n_embd, self.inner(), usize::from(self.bias));
        let norm = width + bias * width;
        let attention = 4 * width * width + bias * 4 * width;
        let mlp = 2 * width * inner + bias * (inner + width);
        let vocabularies = if self.tie_word_embeddings { 1 } else { 2 };
        let rows = vocabularies * self.vocab_size + self.n_positions;
        rows * width + self.n_layer * (2 * norm + attention + mlp) + norm
    }

    /// Checks the options.
    ///
    /// # Errors
    /// Names the first option that is zero, absurdly large, or inconsistent with another.
    pub fn validate(&self) -> Result<(), ConfigError> {
        ConfigError::require_size("vocab_size", self.vocab_size)?;
        ConfigError::require_size("n_positions", self.n_positions)?;
        ConfigError::require_size("n_embd", self.n_embd)?;
        ConfigError::require_size("n_inner", self.inner())?;
        ConfigError::require_size("n_head", self.n_head)?;
        ConfigError::require_layers("n_layer", self.n_layer)?;
        ConfigError::require_parameters("n_embd", self.num_parameters() as u128)?;
        ConfigError::require_multiple("n_embd", self.n_embd, ("n_head", self.n_head))?;
        ConfigError::require_dropout("embd_pdrop", self.embd_pdrop)?;
        ConfigError::require_dropout("attn_pdrop", self.attn_pdrop)?;
        ConfigError::require_dropout("resid_pdrop", self.resid_pdrop)?;
        ConfigError::require_positive("layer_norm_epsilon", self.layer_norm_epsilon)?;
        ConfigError::require_positive("initializer_range", self.initializer_range)
    }

    /// Builds the model on `device` with GPT-2's initialisation: `N(0, initializer_range²)`, with
    /// the standard deviation of the output projections divided by `sqrt(2 n_layer)`, so that the
    /// residual stream does not grow with depth.
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

    fn embedding(&self, rows: usize, device: &Device) -> Embedding {
        let config = EmbeddingConfig::new(rows, self.n_embd);
        config.with_initializer(self.normal()).init(device)
    }

    fn norm(&self, device: &Device) -> LayerNorm {
        LayerNorm::new(self.n_embd, self.layer_norm_epsilon, self.bias, device)
    }

    fn linear(&self, in_features: usize, out_features: usize, device: &Device) -> Conv1D {
        let std = self.initializer_range;
        Conv1D::new(in_features, out_features, std, self.bias, device)
    }

    /// Projection into the residual stream.
    fn output_projection(&self, in_features: usize, device: &Device) -> Conv1D {
        let std = self.initializer_range / (2.0 * self.n_layer as f64).sqrt();
        Conv1D::new(in_features, self.n_embd, std, self.bias, device)
    }
}

/// GPT with its language-model head; see the [module documentation](self).
#[derive(Module, Debug)]
pub struct Gpt {
    transformer: Transformer,
    lm_head: Option<Linear>,
}

impl Gpt {
    /// Tokens `[batch, time]` to the last hidden states, normalised: `[batch, time, n_embd]`.
    ///
    /// # Panics
    /// If `time` is more than [`context_length`](Self::context_length).
    pub fn forward_features(&self, tokens: Tensor<2, Int>) -> Tensor<3> {
        self.transformer.forward(tokens, None)
    }

    /// As [`forward_features`](Self::forward_features), for tokens that follow those in `cache`, to
    /// which they are added. For inference: on a device with gradients, the cache would keep the
    /// graph.
    ///
    /// # Panics
    /// If `cache` has no room for them, or is for another batch size.
    pub fn forward_features_cached(&self, tokens: Tensor<2, Int>, cache: &mut Cache) -> Tensor<3> {
        self.transformer.forward(tokens, Some(cache))
    }

    /// Features `[batch, time, n_embd]` to logits `[batch, time, vocab_size]`.
    pub fn forward_head(&self, features: Tensor<3>) -> Tensor<3> {
        match &self.lm_head {
            Some(lm_head) => nn::linear(lm_head, features),
            // Tied embeddings: Press and Wolf 2017, <https://arxiv.org/abs/1608.05859>.
            None => linear_transposed(features, self.transformer.wte.weight.val(), None),
        }
    }

    /// Tokens `[batch, time]` to the logits of the token after each, `[batch, time, vocab_size]`.
    ///
    /// # Panics
    /// If `time` is more than [`context_length`](Self::context_length).
    pub fn forward(&self, tokens: Tensor<2, Int>) -> Tensor<3> {
        self.forward_head(self.forward_features(tokens))
    }

    /// True if the head is tied to the word embeddings.
    pub(crate) fn is_tied(&self) -> bool {
        self.lm_head.is_none()
    }

    /// Empty KV cache for `batch` sequences.
    pub fn new_cache(&self, batch: usize) -> Cache {
        Cache::new(self.transformer.h.len(), batch, self.context_length())
    }

    /// Context length, in tokens.
    pub fn context_length(&self) -> usize {
        self.transformer.wpe.weight.lazy_shape()[0]
    }

    /// Device of the weights.
    pub(crate) fn device(&self) -> Device {
        self.transformer.wte.weight.lazy_device()
    }

    /// Vocabulary size.
    pub fn vocab_size(&self) -> usize {
        self.transformer.wte.weight.lazy_shape()[0]
    }

    /// The same model with biases, zero where it had none, as Hugging Face's GPT-2 requires.
    #[must_use]
    pub(crate) fn with_biases(mut self) -> Self {
        let Transformer { h, ln_f, .. } = self.transformer;
        self.transformer = Transformer {
            h: h.into_iter().map(Block::with_biases).collect(),
            ln_f: ln_f.with_bias(),
            ..self.transformer
        };
        self
    }
}

/// Everything below the head.
#[derive(Module, Debug)]
struct Transformer {
    wte: Embedding,
    wpe: Embedding,
    drop: Dropout,
    h: Vec<Block>,
    ln_f: LayerNorm,
}

impl Transformer {
    fn new(config: &GptConfig, device: &Device) -> Self {
        let blocks = 0..config.n_layer;
        Self {
            wte: config.embedding(config.vocab_size, device),
            wpe: config.embedding(config.n_positions, device),
            drop: dropout(config.embd_pdrop),
            h: blocks.map(|_| Block::new(config, device)).collect(),
            ln_f: config.norm(device),
        }
    }

    fn forward(&self, tokens: Tensor<2, Int>, cache: Option<&mut Cache>) -> Tensor<3> {
        let [batch, time] = tokens.dims();
        let (start, slots) = cache::extend(cache, [batch, time]);
        cache::check_length(start + time, self.wpe.weight.lazy_shape()[0]);
        let words = nn::embedding(&self.wte, tokens); // [batch, time, n_embd]
        let positions = positions::learned(&self.wpe, start, time); // [1, time, n_embd]
        let mut x = nn::dropout(&self.drop, words + positions);
        let mask = Mask::causal();
        for (block, slot) in self.h.iter().zip(slots) {
            x = block.forward(x, &mask, slot);
        }
        self.ln_f.forward(x)
    }
}

/// Pre-norm block: attention and MLP, each with a residual connection.
#[derive(Module, Debug)]
struct Block {
    ln_1: LayerNorm,
    attn: Attention,
    ln_2: LayerNorm,
    mlp: Mlp,
}

impl Block {
    fn new(config: &GptConfig, device: &Device) -> Self {
        Self {
            ln_1: config.norm(device),
            attn: Attention {
                c_attn: config.linear(config.n_embd, 3 * config.n_embd, device),
                c_proj: config.output_projection(config.n_embd, device),
                attn_dropout: dropout(config.attn_pdrop),
                resid_dropout: dropout(config.resid_pdrop),
                n_head: config.n_head,
            },
            ln_2: config.norm(device),
            mlp: Mlp {
                c_fc: config.linear(config.n_embd, config.inner(), device),
                c_proj: config.output_projection(config.inner(), device),
                act: config.activation_function,
                dropout: dropout(config.resid_pdrop),
            },
        }
    }

    /// `[batch, time, n_embd]` to the same.
    fn forward(&self, x: Tensor<3>, mask: &Mask, slot: Option<Slot<'_>>) -> Tensor<3> {
        let x = residual(x, |x| self.attn.forward(self.ln_1.forward(x), mask, slot));
        residual(x, |x| self.mlp.forward(self.ln_2.forward(x)))
    }

    fn with_biases(mut self) -> Self {
        self.ln_1 = self.ln_1.with_bias();
        self.ln_2 = self.ln_2.with_bias();
        self.attn.c_attn = self.attn.c_attn.with_bias();
        self.attn.c_proj = self.attn.c_proj.with_bias();
        self.mlp.c_fc = self.mlp.c_fc.with_bias();
        self.mlp.c_proj = self.mlp.c_proj.with_bias();
        self
    }
}

#[derive(Module, Debug)]
struct Attention {
    c_attn: Conv1D,
    c_proj: Conv1D,
    attn_dropout: Dropout,
    resid_dropout: Dropout,
    n_head: usize,
}

impl Attention {
    fn forward(&self, x: Tensor<3>, mask: &Mask, slot: Option<Slot<'_>>) -> Tensor<3> {
        let qkv = self.c_attn.forward(x); // [batch, time, 3 * n_embd]
        let mixed = match slot {
            None => packed_attention(qkv, self.n_head, mask, &self.attn_dropout),
            Some(slot) => {
                let [q, k, v] = split_qkv(&qkv); // [batch, time, n_embd] each
                let (k, v) = slot.append(k, v); // [batch, cached + time, n_embd] each
                let heads = Heads::new(self.n_head);
                attention(q, k, v, heads, mask, &self.attn_dropout)
            }
        }; // [batch, time, n_embd]
        nn::dropout(&self.resid_dropout, self.c_proj.forward(mixed))
    }
}

#[derive(Module, Debug)]
struct Mlp {
    c_fc: Conv1D,
    c_proj: Conv1D,
    #[module(skip)]
    act: Activation,
    dropout: Dropout,
}

impl Mlp {
    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let inner = self.act.forward(self.c_fc.forward(x)); // [batch, time, n_inner]
        nn::dropout(&self.dropout, self.c_proj.forward(inner)) // [batch, time, n_embd]
    }
}

fn dropout(rate: f64) -> Dropout {
    DropoutConfig::new(rate).init()
}
