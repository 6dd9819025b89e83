//! Fixtures that PyTorch made, and comparing with them.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::path::Path;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Distribution, Gradients, Int, Tensor, TensorData};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use tinderbox_model_rnn::{RnnLm, weights};

/// A file of named tensors.
pub struct Fixture(pub SafeTensors<'static>);

impl Fixture {
    pub fn new(bytes: &'static [u8]) -> Self {
        Self(SafeTensors::deserialize(bytes).unwrap())
    }

    pub fn floats(&self, name: &str) -> Vec<f32> {
        let number = |b: &[u8]| f32::from_le_bytes(b.try_into().unwrap());
        let view = self.0.tensor(name).expect(name);
        view.data().chunks_exact(4).map(number).collect()
    }

    pub fn integers(&self, name: &str) -> Vec<i64> {
        let number = |b: &[u8]| i64::from_le_bytes(b.try_into().unwrap());
        let view = self.0.tensor(name).expect(name);
        view.data().chunks_exact(8).map(number).collect()
    }

    pub fn tensor<const D: usize>(&self, name: &str, device: &Device) -> Tensor<D> {
        let shape = self.0.tensor(name).expect(name).shape().to_vec();
        Tensor::from_data(TensorData::new(self.floats(name), shape), device)
    }

    pub fn words<const D: usize>(&self, name: &str, device: &Device) -> Tensor<D, Int> {
        let shape = self.0.tensor(name).expect(name).shape().to_vec();
        Tensor::from_data(TensorData::new(self.integers(name), shape), device)
    }

    /// The tensors whose names begin with `prefix`, without it.
    pub fn under(&self, prefix: &str) -> BTreeMap<String, Vec<f32>> {
        let name = |name: &str| name.strip_prefix(prefix).map(str::to_string);
        let names = self.0.names();
        let names = names
            .into_iter()
            .filter_map(|full| Some((name(full)?, full)));
        names
            .map(|(name, full)| (name, self.floats(full)))
            .collect()
    }

    /// `model` with the weights under `prefix`.
    pub fn load<M: Module>(&self, model: M, prefix: &str) -> M {
        let init: Vec<(String, TensorView)> = self
            .0
            .iter()
            .filter_map(|(name, view)| Some((name.strip_prefix(prefix)?.to_string(), view)))
            .collect();
        let bytes = safetensors::serialize(init, None).unwrap();
        weights::load_bytes(model, bytes, Path::new("fixture")).unwrap()
    }
}

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

pub fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.try_into_vec_as::<f32>().unwrap()
}

pub fn random<const D: usize>(shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::random(shape, Distribution::Normal(0.0, 1.0), device)
}

/// Words of a vocabulary, some of them more than once.
pub fn words(shape: [usize; 2], vocab_size: usize, device: &Device) -> Tensor<2, Int> {
    let word = |i: usize| (i * i * 7 % vocab_size) as i64;
    let words: Vec<i64> = (0..shape[0] * shape[1]).map(word).collect();
    Tensor::from_data(TensorData::new(words, shape), device)
}

pub fn logits_of(model: &RnnLm, words: &Tensor<2, Int>) -> Vec<f32> {
    values(model.forward(words.clone(), None).logits)
}

/// Equal to within `tolerance` of the largest value expected.
pub fn assert_close(what: &str, got: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(got.len(), expected.len(), "{what}");
    let scale = expected.iter().fold(1e-3_f32, |max, x| max.max(x.abs()));
    for (index, (got, expected)) in got.iter().zip(expected).enumerate() {
        let error = (got - expected).abs() / scale;
        assert!(
            error <= tolerance,
            "{what}[{index}]: {got} is not {expected}"
        );
    }
}

/// The gradients of the parameters of `model` by PyTorch's names and in PyTorch's layout.
pub fn gradients<M: Module>(model: &M, gradients: &Gradients) -> BTreeMap<String, Vec<f32>> {
    struct Collect<'a> {
        path: Vec<String>,
        containers: Vec<String>,
        gradients: &'a Gradients,
        found: BTreeMap<String, Vec<f32>>,
    }
    impl ModuleVisitor for Collect<'_> {
        fn enter_module(&mut self, name: &str, container_type: &str) {
            self.path.push(name.into());
            self.containers.push(container_type.into());
        }
        fn exit_module(&mut self, _name: &str, _container_type: &str) {
            self.path.pop();
            self.containers.pop();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let path = self.path.iter().zip(&self.containers);
            let path = path.filter(|(_, container)| !container.starts_with("Enum:"));
            let path: Vec<&str> = path.map(|(name, _)| name.as_str()).collect();
            let Some(gradient) = param.val().grad(self.gradients) else {
                return;
            };
            let is_linear = self.containers.last().is_some_and(|c| c == "Struct:Linear");
            let gradient = if D == 2 && is_linear {
                let dims = gradient.dims();
                values(gradient.reshape([dims[0], dims[1]]).transpose())
            } else {
                values(gradient)
            };
            self.found.insert(path.join("."), gradient);
        }
    }
    let mut collect = Collect {
        path: Vec::new(),
        containers: Vec::new(),
        gradients,
        found: BTreeMap::new(),
    };
    model.visit(&mut collect);
    collect.found
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
