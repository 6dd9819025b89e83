//! Llama: pre-norm layers with RMS norm, rotary position embeddings (RoPE), gated MLPs (SwiGLU) and
//! grouped-query attention.
//!
//! ```text
//! tokens [batch, time] -> embed_tokens
//!     -> num_hidden_layers x { x + self_attn(input_layernorm(x));
//!                              x + mlp(post_attention_layernorm(x)) }
//!     -> norm -> lm_head -> logits [batch, time, vocab_size]
//! ```
//!
//! Touvron et al. 2023, <https://arxiv.org/abs/2307.09288> (Llama 2: 6,738,415,616 parameters for
//! 7B); Llama 3, 2024, <https://arxiv.org/abs/2407.21783> (8,030,261,248 for 8B). Names and layouts
//! are those of Hugging Face's `LlamaForCausalLM`.

mod config;

use burn::module::Module;
use burn::nn::{Dropout, DropoutConfig, Embedding, Linear};
use burn::tensor::{Device, Int, Tensor};
use tinderbox_kernels::activation::swiglu;
use tinderbox_kernels::linear::linear_transposed;
use tinderbox_kernels::nn;

use crate::attention::{Heads, Mask, attention};
use crate::cache::{self, Cache, Slot};
use crate::layers::positions::{Rotary, Rotation};
use crate::layers::{Activation, RmsNorm, residual};

pub use config::LlamaConfig;

/// Llama with its language-model head; see the [module documentation](self).
#[derive(Module, Debug)]
pub struct Llama {
    model: Decoder,
    lm_head: Option<Linear>,
}

impl Llama {
    /// Tokens `[batch, time]` to the last hidden states, normalised: `[batch, time, hidden_size]`.
    ///
    /// # Panics
    /// If `time` is more than [`context_length`](Self::context_length).
    pub fn forward_features(&self, tokens: Tensor<2, Int>) -> Tensor<3> {
        self.model.forward(tokens, None)
    }

    /// As [`forward_features`](Self::forward_features), for tokens that follow those in `cache`, to
    /// which they are added. For inference: on a device with gradients, the cache would keep the
    /// graph.
    ///
    /// # Panics
    /// If `cache` has no room for them, or is for another batch size.
    pub fn forward_features_cached(&self, tokens: Tensor<2, Int>, cache: &mut Cache) -> Tensor<3> {
        self.model.forward(tokens, Some(cache))
    }

    /// Features `[batch, time, hidden_size]` to logits `[batch, time, vocab_size]`.
    pub fn forward_head(&self, features: Tensor<3>) -> Tensor<3> {
        match &self.lm_head {
            Some(lm_head) => nn::linear(lm_head, features),
            None => linear_transposed(features, self.model.embed_tokens.weight.val(), None),
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
        Cache::new(self.model.layers.len(), batch, self.context_length())
    }

    /// Context length, in tokens.
    pub fn context_length(&self) -> usize {
        self.model.context_length
    }

    /// Device of the weights.
    pub(crate) fn device(&self) -> Device {
        self.model.embed_tokens.weight.lazy_device()
    }

    /// Vocabulary size.
    pub fn vocab_size(&self) -> usize {
        self.model.embed_tokens.weight.lazy_shape()[0]
    }
}

/// Everything below the head.
#[derive(Module, Debug)]
struct Decoder {
    embed_tokens: Embedding,
    layers: Vec<DecoderLayer>,
    norm: RmsNorm,
    rotary: Rotary,
    context_length: usize,
}

impl Decoder {
    fn new(config: &LlamaConfig, device: &Device) -> Self {
        let layers = 0..config.num_hidden_layers;
        Self {
            embed_tokens: config.embedding(device),
            layers: layers.map(|_| DecoderLayer::new(config, device)).collect(),
            norm: config.norm(device),
            rotary: config.rotary(),
            context_length: config.context_length(),
        }
    }

    fn forward(&self, tokens: Tensor<2, Int>, cache: Option<&mut Cache>) -> Tensor<3> {
        let [batch, time] = tokens.dims();
        let (start, slots) = cache::extend(cache, [batch, time]);
        cache::check_length(start + time, self.context_length);
        let mut x = nn::embedding(&self.embed_tokens, tokens); // [batch, time, hidden_size]
        let rotation = self.rotary.at(start, time, &x.device());
        let mask = Mask::causal();
        for (layer, slot) in self.layers.iter().zip(slots) {
            x = layer.forward(x, &rotation, &mask, slot);
        }
        self.norm.forward(x)
    }
}

/// Pre-norm layer: attention and MLP, each with a residual connection.
#[derive(Module, Debug)]
struct DecoderLayer {
    self_attn: Attention,
    mlp: Mlp,
    input_layernorm: RmsNorm,
    post_attention_layernorm: RmsNorm,
}

impl DecoderLayer {
    fn new(config: &LlamaConfig, device: &Device) -> Self {
        Self {
            self_attn: Attention::new(config, device),
            mlp: Mlp::new(config, device),
            input_layernorm: config.norm(device),
            post_attention_layernorm: config.norm(device),
        }
    }

    /// `[batch, time, hidden_size]` to the same.
    fn forward(
        &self,
        x: Tensor<3>,
        rotation: &Rotation,
        mask: &Mask,
        slot: Option<Slot<'_>>,
    ) -> Tensor<3> {
        let attend = |x| self.self_attn.forward(x, rotation, mask, slot);
        let x = residual(x, |x| attend(self.input_layernorm.forward(x)));
        residual(x, |x| {
            self.mlp.forward(self.post_attention_layernorm.forward(x))
        })
    }
}

/// Grouped-query attention with RoPE.
#[derive(Module, Debug)]
struct Attention {
    q_proj: Linear,
    k_proj: Linear,
    v_proj: Linear,
    o_proj: Linear,
    dropout: Dropout,
    head_dim: usize,
}

impl Attention {
    fn new(config: &LlamaConfig, device: &Device) -> Self {
        let width = config.hidden_size;
        let queries = config.num_attention_heads * config.head_width();
        let keys = config.kv_heads() * config.head_width();
        let linear = |from, to| config.linear(from, to, config.attention_bias, device);
        Self {
            q_proj: linear(width, queries),
            k_proj: linear(width, keys),
            v_proj: linear(width, keys),
            o_proj: linear(queries, width),
            dropout: DropoutConfig::new(config.attention_dropout).init(),
            head_dim: config.head_width(),
        }
    }

    fn forward(
        &self,
        x: Tensor<3>,
        rotation: &Rotation,
        mask: &Mask,
        slot: Option<Slot<'_>>,
    ) -> Tensor<3> {
        let q = nn::linear(&self.q_proj, x.clone()); // [batch, time, heads * head_dim]
        let k = nn::linear(&self.k_proj, x.clone()); // [batch, time, kv_heads * head_dim]
        let v = nn::linear(&self.v_proj, x); // [batch, time, kv_heads * head_dim]
        let heads = Heads::grouped(q.dims()[2] / self.head_dim, k.dims()[2] / self.head_dim);
        let q = rotation.forward(q, self.head_dim);
        let k = rotation.forward(k, self.head_dim);
        let (k, v) = match slot {
            Some(slot) => slot.append(k, v), // [batch, cached + time, kv_heads * head_dim] each
            None => (k, v),
        };
        let mixed = attention(q, k, v, heads, mask, &self.dropout); // [batch, time, heads * head_dim]
        nn::linear(&self.o_proj, mixed) // [batch, time, hidden_size]
    }
}

#[derive(Module, Debug)]
struct Mlp {
    gate_proj: Linear,
    up_proj: Linear,
    down_proj: Linear,
    #[module(skip)]
    act: Activation,
}

impl Mlp {
    fn new(config: &LlamaConfig, device: &Device) -> Self {
        let (width, inner) = (config.hidden_size, config.intermediate_size);
        let linear = |from, to| config.linear(from, to, config.mlp_bias, device);
        Self {
            gate_proj: linear(width, inner),
            up_proj: linear(width, inner),
            down_proj: linear(inner, width),
            act: config.hidden_act,
        }
    }

    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let gate = nn::linear(&self.gate_proj, x.clone());
        let up = nn::linear(&self.up_proj, x);
        let inner = match self.act {
            Activation::Silu => swiglu(gate, up),
            act => act.forward(gate) * up,
        };
        nn::linear(&self.down_proj, inner)
    }
}
