//! Helpers of the tests: random inputs, weights files, comparison by name.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::Path;

use burn::module::Module;
use burn::tensor::{Device, Distribution, Gradients, Int, Tensor, TensorData};
use safetensors::tensor::{Dtype, TensorView};
use tinderbox_model::testing::{self, assert_close_above};
use tinderbox_model_rnn::{RnnLm, weights};

pub use tinderbox_model::testing::values;

/// A safetensors file of float32.
pub fn safetensors(tensors: &[(String, Vec<usize>, Vec<f32>)]) -> Vec<u8> {
    let bytes: Vec<Vec<u8>> = tensors
        .iter()
        .map(|(_, _, values)| values.iter().flat_map(|x| x.to_le_bytes()).collect())
        .collect();
    let views = tensors.iter().zip(&bytes).map(|((name, shape, _), bytes)| {
        let view = TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap();
        (name.as_str(), view)
    });
    safetensors::serialize(views, None).unwrap()
}

pub fn random<const D: usize>(shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::random(shape, Distribution::Normal(0.0, 1.0), device)
}

/// Tokens of a vocabulary, some of them more than once.
pub fn words(shape: [usize; 2], vocab_size: usize, device: &Device) -> Tensor<2, Int> {
    let word = |i: usize| (i * i * 7 % vocab_size) as i64;
    let words: Vec<i64> = (0..shape[0] * shape[1]).map(word).collect();
    Tensor::from_data(TensorData::new(words, shape), device)
}

pub fn logits_of(model: &RnnLm, words: &Tensor<2, Int>) -> Vec<f32> {
    values(model.forward(words.clone(), None).logits)
}

/// Asserts agreement to within `tolerance` times the largest expected magnitude.
pub fn assert_close(what: &str, got: &[f32], expected: &[f32], tolerance: f32) {
    assert_close_above(1e-3, what, got, expected, tolerance);
}

/// The gradients of those parameters that have one, by PyTorch's names and in PyTorch's layout.
pub fn gradients<M: Module>(model: &M, tape: &Gradients) -> BTreeMap<String, Vec<f32>> {
    testing::gradients_by_name(model, tape)
        .into_iter()
        .filter_map(|(name, gradient)| Some((name, gradient?)))
        .collect()
}

/// The parameters of `model` by PyTorch's names and in PyTorch's layout.
pub fn parameters<M: Module>(model: &M) -> BTreeMap<String, Vec<f32>> {
    let bytes = weights::to_bytes(model).unwrap();
    let dict = weights::StateDict::from_bytes(bytes, Path::new("model")).unwrap();
    let names: Vec<String> = dict.names().map(str::to_string).collect();
    let floats = |name: &String| dict.floats(name).unwrap().iter::<f32>().collect();
    names
        .iter()
        .map(|name| (name.clone(), floats(name)))
        .collect()
}

/// The same names, and values equal to within `tolerance` of the largest of their tensor.
pub fn assert_all_close(
    what: &str,
    got: &BTreeMap<String, Vec<f32>>,
    expected: &BTreeMap<String, Vec<f32>>,
    tolerance: f32,
) {
    let names = |map: &BTreeMap<String, Vec<f32>>| map.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(got), names(expected), "{what}");
    for (name, got) in got {
        assert_close(&format!("{what}: {name}"), got, &expected[name], tolerance);
    }
}
