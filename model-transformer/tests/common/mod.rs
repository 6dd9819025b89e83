//! Fixtures with reference values from PyTorch.
#![allow(dead_code, unused_imports, unreachable_pub, clippy::unwrap_used)]

pub mod encoders;

use std::path::{Path, PathBuf};

use burn::nn::Dropout;
use burn::tensor::{Device, Int, Tensor};
use tinderbox_model_transformer::attention::{Heads, Mask};
use tinderbox_model_transformer::layers::Activation;
use tinderbox_model_transformer::layers::positions::{Llama3Scaling, RopeScaling};
use tinderbox_model_transformer::{CausalLmConfig, GptConfig, LlamaConfig};

pub use tinderbox_model::testing::{Fixture, assert_close, gradients_by_name, values};

/// Attention of separate heads: `[batch, heads, time, head_dim]` each.
pub fn attention(
    q: Tensor<4>,
    k: Tensor<4>,
    v: Tensor<4>,
    mask: &Mask,
    dropout: &Dropout,
) -> Tensor<4> {
    let [batch, heads, queries, head_dim] = q.dims();
    let shared = Heads::grouped(heads, k.dims()[1]);
    let [q, k, v] = [q, k, v].map(|x| x.swap_dims(1, 2).flatten(2, 3));
    let mixed = tinderbox_model_transformer::attention::attention(q, k, v, shared, mask, dropout);
    mixed
        .reshape([batch, queries, heads, head_dim])
        .swap_dims(1, 2)
}

/// Token batch `[batch, time]` of a fixture and its targets `[batch * time]`.
pub fn batch(fixture: &Fixture, device: &Device) -> (Tensor<2, Int>, Tensor<1, Int>) {
    let tokens = fixture.int_tensor::<2>("tokens", device);
    let time = tokens.dims()[1] - 1;
    let targets = tokens.clone().narrow(1, 1, time);
    (tokens.narrow(1, 0, time), targets.flatten(0, 1))
}

pub fn fixture_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// A thin model, with reference values from Hugging Face written by `golden/make_transformer.py`.
pub struct Thin {
    pub name: &'static str,
    pub config: CausalLmConfig,
    pub fixture: Fixture,
}

pub fn gpt2() -> Thin {
    Thin {
        name: "gpt2",
        config: CausalLmConfig::Gpt(
            GptConfig::small(2, 4, 16, 40)
                .with_vocab_size(61)
                .with_activation_function(Activation::GeluNew)
                .with_bias(true),
        ),
        fixture: Fixture::new(include_bytes!("../fixtures/gpt2.safetensors")),
    }
}

pub fn llama() -> Thin {
    Thin {
        name: "llama",
        config: CausalLmConfig::Llama(
            LlamaConfig::mini()
                .with_vocab_size(61)
                .with_max_position_embeddings(40)
                .with_hidden_size(16)
                .with_intermediate_size(24)
                .with_num_hidden_layers(2)
                .with_tie_word_embeddings(false),
        ),
        fixture: Fixture::new(include_bytes!("../fixtures/llama.safetensors")),
    }
}

/// A Llama with every option.
pub fn llama3() -> Thin {
    let CausalLmConfig::Llama(plain) = llama().config else {
        unreachable!()
    };
    Thin {
        name: "llama3",
        config: CausalLmConfig::Llama(
            plain
                .with_num_key_value_heads(Some(1))
                .with_head_dim(Some(6))
                .with_tie_word_embeddings(true)
                .with_attention_bias(true)
                .with_mlp_bias(true)
                .with_rope_theta(500.0)
                .with_rope_scaling(Some(LLAMA3_SCALING)),
        ),
        fixture: Fixture::new(include_bytes!("../fixtures/llama3.safetensors")),
    }
}

pub const LLAMA3_SCALING: RopeScaling = RopeScaling::Llama3(Llama3Scaling {
    factor: 4.0,
    low_freq_factor: 1.0,
    high_freq_factor: 4.0,
    original_max_position_embeddings: 20,
});

pub fn thin_models() -> Vec<Thin> {
    vec![gpt2(), llama(), llama3()]
}

pub fn token_values(tokens: Tensor<2, Int>) -> Vec<i64> {
    tokens.try_into_vec_as::<i64>().unwrap()
}
