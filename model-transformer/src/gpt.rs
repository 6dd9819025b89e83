//! GPT-2 and GPT-3: a stack of causal attention and feed-forward layers over learned positions.
//!
//! ```text
//! tokens [batch, time] -> wte + wpe -> dropout -> n_layer x { x + attn(ln_1(x)); x + mlp(ln_2(x)) } -> ln_f
//!                      -> times the transposed wte -> logits [batch, time, vocab_size]
//! ```
//!
//! Radford et al. 2019, "Language Models are Unsupervised Multitask Learners": 124,439,808 parameters for the smallest,
//! 1,557,611,200 for the largest. Brown et al. 2020, <https://arxiv.org/abs/2005.14165>, table 2.1, up to 175 billion, with
//! all attention dense. Names and layouts are those of Hugging Face's `GPT2LMHeadModel`.

mod config;

use burn::module::Module;
use burn::nn::{Dropout, Embedding, Linear};
use burn::tensor::{Device, Int, Tensor};
use tinderbox_kernels::activation::add;
use tinderbox_kernels::linear::linear_transposed;
use tinderbox_kernels::nn;

use crate::attention::{Heads, Mask, attention, packed_attention, thirds};
use crate::cache::{Cache, Slot};
use crate::layers::{Activation, Conv1D, LayerNorm, positions};

pub use config::GptConfig;

/// GPT with its language-model head; see the [module documentation](self).
#[derive(Module, Debug)]
pub struct Gpt {
    transformer: Transformer,
    lm_head: Option<Linear>,
}

impl Gpt {
    /// Tokens `[batch, time]` to what the last layer knows of each, normalised: `[batch, time, n_embd]`.
    ///
    /// # Panics
    /// If `time` is more than [`context_length`](Self::context_length).
    pub fn forward_features(&self, tokens: Tensor<2, Int>) -> Tensor<3> {
        self.transformer.forward(tokens, None)
    }

    /// As [`forward_features`](Self::forward_features), of tokens that follow those in `cache`, and adds them to it. For
    /// inference: on a model of a device with gradients, the cache would hold on to the graph.
    ///
    /// # Panics
    /// If `cache` has no room for them, or is for another batch.
    pub fn forward_features_cached(&self, tokens: Tensor<2, Int>, cache: &mut Cache) -> Tensor<3> {
        self.transformer.forward(tokens, Some(cache))
    }

    /// The features of [`forward_features`](Self::forward_features) to logits `[batch, time, vocab_size]`.
    pub fn forward_head(&self, features: Tensor<3>) -> Tensor<3> {
        match &self.lm_head {
            Some(lm_head) => nn::linear(lm_head, features),
            // Press and Wolf 2017, <https://arxiv.org/abs/1608.05859>.
            None => linear_transposed(features, self.transformer.wte.weight.val(), None),
        }
    }

    /// Tokens `[batch, time]` to the logits of each one's successor `[batch, time, vocab_size]`.
    ///
    /// # Panics
    /// If `time` is more than [`context_length`](Self::context_length).
    pub fn forward(&self, tokens: Tensor<2, Int>) -> Tensor<3> {
        self.forward_head(self.forward_features(tokens))
    }

    /// Whether the logits come from the embeddings' table.
    pub(crate) fn is_tied(&self) -> bool {
        self.lm_head.is_none()
    }

    /// An empty cache for `batch` sequences.
    pub fn new_cache(&self, batch: usize) -> Cache {
        Cache::new(self.transformer.h.len(), batch, self.context_length())
    }

    /// The longest sequence, in tokens.
    pub fn context_length(&self) -> usize {
        self.transformer.wpe.weight.lazy_shape()[0]
    }

    /// Number of tokens that there are, the length of the logits.
    pub fn vocab_size(&self) -> usize {
        self.transformer.wte.weight.lazy_shape()[0]
    }

    /// The same model with biases; zeros where it has none. Hugging Face's GPT-2 has no other.
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
            drop: config::dropout(config.embd_pdrop),
            h: blocks.map(|_| Block::new(config, device)).collect(),
            ln_f: config.norm(device),
        }
    }

    fn forward(&self, tokens: Tensor<2, Int>, mut cache: Option<&mut Cache>) -> Tensor<3> {
        let [batch, time] = tokens.dims();
        let start = cache.as_ref().map_or(0, |c| c.start([batch, time]));
        let context = self.wpe.weight.lazy_shape()[0];
        assert!(
            start + time <= context,
            "{time} tokens in a context of {context}"
        );
        let words = nn::embedding(&self.wte, tokens);
        let places = positions::learned(&self.wpe, start, time);
        let mut x = nn::dropout(&self.drop, words + places);
        let mask = Mask::causal();
        let mut slots = cache.as_mut().map(|cache| cache.slots());
        for block in &self.h {
            x = block.forward(x, &mask, slots.as_mut().and_then(Iterator::next));
        }
        drop(slots);
        if let Some(cache) = cache {
            cache.advance(time);
        }
        self.ln_f.forward(x)
    }
}

/// One layer: attention, then a feed-forward network, each adding to the stream what it makes of its normalised self.
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
                c_proj: config.residual_linear(config.n_embd, device),
                attn_dropout: config::dropout(config.attn_pdrop),
                resid_dropout: config::dropout(config.resid_pdrop),
                n_head: config.n_head,
            },
            ln_2: config.norm(device),
            mlp: Mlp {
                c_fc: config.linear(config.n_embd, config.inner(), device),
                c_proj: config.residual_linear(config.inner(), device),
                act: config.activation_function,
                dropout: config::dropout(config.resid_pdrop),
            },
        }
    }

    fn forward(&self, x: Tensor<3>, mask: &Mask, slot: Option<Slot<'_>>) -> Tensor<3> {
        let x = add(
            x.clone(),
            self.attn.forward(self.ln_1.forward(x), mask, slot),
        );
        add(x.clone(), self.mlp.forward(self.ln_2.forward(x)))
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
        let qkv = self.c_attn.forward(x);
        let mixed = match slot {
            None => packed_attention(qkv, self.n_head, mask, &self.attn_dropout),
            Some(slot) => {
                let [q, k, v] = thirds(&qkv);
                let (k, v) = slot.append(k, v);
                let heads = Heads::new(self.n_head);
                attention(q, k, v, heads, mask, &self.attn_dropout)
            }
        };
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
        let inner = self.act.forward(self.c_fc.forward(x));
        nn::dropout(&self.dropout, self.c_proj.forward(inner))
    }
}
