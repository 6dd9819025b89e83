//! Fixtures that PyTorch made, and comparing with them.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

pub mod encoders;

use std::path::{Path, PathBuf};

use burn::module::{Module, ModuleVisitor, Param};
use burn::nn::Dropout;
use burn::tensor::{Device, Gradients, Int, Tensor, TensorData};
use safetensors::SafeTensors;
use safetensors::tensor::TensorView;
use tinderbox_model_transformer::attention::{Heads, Mask};
use tinderbox_model_transformer::layers::Activation;
use tinderbox_model_transformer::layers::positions::RopeScaling;
use tinderbox_model_transformer::{CausalLmConfig, GptConfig, LlamaConfig, weights};

/// Attention with the heads apart: `[batch, heads, time, head_dim]` each.
pub fn attention(
    q: Tensor<4>,
    k: Tensor<4>,
    v: Tensor<4>,
    mask: &Mask,
    dropout: &Dropout,
) -> Tensor<4> {
    let [batch, heads, queries, head_dim] = q.dims();
    let shared = Heads::shared(heads, k.dims()[1]);
    let [q, k, v] = [q, k, v].map(|x| x.swap_dims(1, 2).flatten(2, 3));
    let mixed = tinderbox_model_transformer::attention::attention(q, k, v, shared, mask, dropout);
    mixed
        .reshape([batch, queries, heads, head_dim])
        .swap_dims(1, 2)
}

/// A file of named tensors.
pub struct Fixture(pub SafeTensors<'static>);

impl Fixture {
    pub fn new(bytes: &'static [u8]) -> Self {
        Self(SafeTensors::deserialize(bytes).unwrap())
    }

    pub fn floats(&self, name: &str) -> Vec<f32> {
        let number = |b: &[u8]| f32::from_le_bytes(b.try_into().unwrap());
        let view = self.0.tensor(name).unwrap();
        view.data().chunks_exact(4).map(number).collect()
    }

    pub fn tensor<const D: usize>(&self, name: &str, device: &Device) -> Tensor<D> {
        let shape = self.0.tensor(name).unwrap().shape().to_vec();
        Tensor::from_data(TensorData::new(self.floats(name), shape), device)
    }

    pub fn integers(&self, name: &str, device: &Device) -> Tensor<2, Int> {
        let number = |b: &[u8]| i64::from_le_bytes(b.try_into().unwrap());
        let view = self.0.tensor(name).unwrap();
        let values: Vec<i64> = view.data().chunks_exact(8).map(number).collect();
        Tensor::from_data(TensorData::new(values, view.shape()), device)
    }

    /// `model` with the weights under `init.`.
    pub fn load<M: Module>(&self, model: M) -> M {
        let init: Vec<(String, TensorView)> = self
            .0
            .iter()
            .filter_map(|(name, view)| Some((name.strip_prefix("init.")?.to_string(), view)))
            .collect();
        let bytes = safetensors::serialize(init, None).unwrap();
        weights::load_bytes(model, bytes, Path::new("fixture")).unwrap()
    }

    /// What a model sees, `[batch, time]`, and what it is to say, `[batch * time]`.
    pub fn batch(&self, device: &Device) -> (Tensor<2, Int>, Tensor<1, Int>) {
        let tokens = self.integers("tokens", device);
        let time = tokens.dims()[1] - 1;
        let targets = tokens.clone().narrow(1, 1, time);
        (tokens.narrow(1, 0, time), targets.flatten(0, 1))
    }
}

pub fn fixture_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// A thin model of Hugging Face's, and what `golden/make_transformer.py` wrote about it.
pub struct Thin {
    pub name: &'static str,
    pub config: CausalLmConfig,
    pub fixture: Fixture,
}

pub fn gpt2() -> Thin {
    Thin {
        name: "gpt2",
        config: CausalLmConfig::Gpt(GptConfig {
            vocab_size: 61,
            activation_function: Activation::GeluNew,
            bias: true,
            ..GptConfig::small(2, 4, 16, 40)
        }),
        fixture: Fixture::new(include_bytes!("../fixtures/gpt2.safetensors")),
    }
}

pub fn llama() -> Thin {
    Thin {
        name: "llama",
        config: CausalLmConfig::Llama(LlamaConfig {
            vocab_size: 61,
            max_position_embeddings: 40,
            hidden_size: 16,
            intermediate_size: 24,
            num_hidden_layers: 2,
            tie_word_embeddings: false,
            ..LlamaConfig::mini()
        }),
        fixture: Fixture::new(include_bytes!("../fixtures/llama.safetensors")),
    }
}

/// Everything that a Llama may have.
pub fn llama3() -> Thin {
    let CausalLmConfig::Llama(plain) = llama().config else {
        unreachable!()
    };
    Thin {
        name: "llama3",
        config: CausalLmConfig::Llama(LlamaConfig {
            num_key_value_heads: Some(1),
            head_dim: Some(6),
            tie_word_embeddings: true,
            attention_bias: true,
            mlp_bias: true,
            rope_theta: 500.0,
            rope_scaling: Some(LLAMA3_SCALING),
            ..plain
        }),
        fixture: Fixture::new(include_bytes!("../fixtures/llama3.safetensors")),
    }
}

pub const LLAMA3_SCALING: RopeScaling = RopeScaling {
    factor: 4.0,
    low_freq_factor: 1.0,
    high_freq_factor: 4.0,
    original_max_position_embeddings: 20,
};

pub fn thin_models() -> Vec<Thin> {
    vec![gpt2(), llama(), llama3()]
}

pub fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.try_into_vec_as::<f32>().unwrap()
}

pub fn token_values(tokens: Tensor<2, Int>) -> Vec<i64> {
    tokens.try_into_vec_as::<i64>().unwrap()
}

/// Equal to within `tolerance` of the largest value expected; below a hundredth, of a hundredth.
pub fn assert_close(what: &str, got: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(got.len(), expected.len(), "{what}");
    let scale = expected.iter().fold(1e-2_f32, |max, x| max.max(x.abs()));
    for (got, expected) in got.iter().zip(expected) {
        let error = (got - expected).abs() / scale;
        assert!(error <= tolerance, "{what}: {got} is not {expected}");
    }
}

/// The gradients of `model`'s parameters under PyTorch's names and in its layout.
pub fn gradients_of<M: Module>(
    model: &M,
    gradients: &Gradients,
) -> Vec<(String, Option<Vec<f32>>)> {
    let mut collect = Collect {
        path: Vec::new(),
        gradients,
        found: Vec::new(),
    };
    model.visit(&mut collect);
    collect.found
}

struct Collect<'a> {
    /// Names, and the types that they are in.
    path: Vec<(String, String)>,
    gradients: &'a Gradients,
    found: Vec<(String, Option<Vec<f32>>)>,
}

impl ModuleVisitor for Collect<'_> {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.push((name.into(), container_type.into()));
    }
    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let is_variant = |container: &str| container.starts_with("Enum:");
        let names = self.path.iter().filter(|(_, c)| !is_variant(c));
        let name: Vec<&str> = names.map(|(name, _)| name.as_str()).collect();
        // Burn keeps the weights of its linear layers as [in, out], PyTorch as [out, in].
        let is_linear = self.path.last().is_some_and(|(_, c)| c == "Struct:Linear");
        let gradient = param
            .val()
            .grad(self.gradients)
            .map(|gradient| match is_linear && D == 2 {
                true => values(gradient.swap_dims(0, 1)),
                false => values(gradient),
            });
        self.found.push((name.join("."), gradient));
    }
}
