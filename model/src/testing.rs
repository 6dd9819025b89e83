//! Helpers for tests that compare a model with PyTorch: fixtures, gradients by name, comparison.
//!
//! They panic, as tests do.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::path::Path;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Gradients, Int, Tensor, TensorData};
use safetensors::SafeTensors;
use safetensors::tensor::TensorView;

/// A safetensors file of reference values, written by a script under `golden/`.
pub struct Fixture(pub SafeTensors<'static>);

impl Fixture {
    /// Reads the bytes of a file, usually from `include_bytes!`.
    pub fn new(bytes: &'static [u8]) -> Self {
        Self(SafeTensors::deserialize(bytes).unwrap())
    }

    /// The values of an `f32` tensor.
    pub fn floats(&self, name: &str) -> Vec<f32> {
        let number = |b: &[u8]| f32::from_le_bytes(b.try_into().unwrap());
        self.view(name).data().chunks_exact(4).map(number).collect()
    }

    /// The values of an `i64` tensor.
    pub fn integers(&self, name: &str) -> Vec<i64> {
        let number = |b: &[u8]| i64::from_le_bytes(b.try_into().unwrap());
        self.view(name).data().chunks_exact(8).map(number).collect()
    }

    /// An `f32` tensor.
    pub fn tensor<const D: usize>(&self, name: &str, device: &Device) -> Tensor<D> {
        let shape = self.view(name).shape().to_vec();
        Tensor::from_data(TensorData::new(self.floats(name), shape), device)
    }

    /// An `i64` tensor.
    pub fn int_tensor<const D: usize>(&self, name: &str, device: &Device) -> Tensor<D, Int> {
        let shape = self.view(name).shape().to_vec();
        Tensor::from_data(TensorData::new(self.integers(name), shape), device)
    }

    /// The `f32` tensors whose names start with `prefix`, by the rest of their names.
    pub fn under(&self, prefix: &str) -> BTreeMap<String, Vec<f32>> {
        let names = self.0.names().into_iter();
        let names = names.filter_map(|full| Some((full.strip_prefix(prefix)?.to_string(), full)));
        names
            .map(|(name, full)| (name, self.floats(full)))
            .collect()
    }

    /// `model` with the weights whose names start with `prefix`.
    pub fn load<M: Module>(&self, model: M, prefix: &str) -> M {
        let weights: Vec<(String, TensorView)> = self
            .0
            .iter()
            .filter_map(|(name, view)| Some((name.strip_prefix(prefix)?.to_string(), view)))
            .collect();
        let bytes = safetensors::serialize(weights, None).unwrap();
        tinderbox_weights::load_bytes(model, bytes, Path::new("fixture")).unwrap()
    }

    fn view(&self, name: &str) -> TensorView<'_> {
        self.0.tensor(name).expect(name)
    }
}

/// The values of a tensor.
pub fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.try_into_vec_as::<f32>().unwrap()
}

/// Asserts that values agree to within `tolerance` times the largest expected magnitude, which is
/// taken to be at least `floor`: below it, values count as rounding errors.
pub fn assert_close_above(floor: f32, what: &str, got: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(got.len(), expected.len(), "{what}");
    let scale = expected.iter().fold(floor, |max, x| max.max(x.abs()));
    for (index, (got, expected)) in got.iter().zip(expected).enumerate() {
        let error = (got - expected).abs() / scale;
        assert!(
            error <= tolerance,
            "{what}[{index}]: {got} is not {expected}"
        );
    }
}

/// [`assert_close_above`] a hundredth: a bias in front of a batch norm, for example, has a gradient
/// of nothing but rounding errors.
pub fn assert_close(what: &str, got: &[f32], expected: &[f32], tolerance: f32) {
    assert_close_above(1e-2, what, got, expected, tolerance);
}

/// The gradient of every parameter under PyTorch's name and in PyTorch's layout, in the order of
/// the model; `None` for a parameter that the loss does not depend on. Buffers are left out.
pub fn gradients_by_name<M: Module>(
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
    /// Names and container types from the root down.
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
        // PyTorch has no name for the variant of an enum.
        let is_variant = |container: &str| container.starts_with("Enum:");
        let names = self.path.iter().filter(|(_, c)| !is_variant(c));
        let names: Vec<&str> = names.map(|(name, _)| name.as_str()).collect();
        if names
            .last()
            .is_some_and(|name| name.starts_with("running_"))
        {
            return;
        }
        // Burn stores the weight of a linear layer as [in, out], PyTorch as [out, in].
        let is_linear = self.path.last().is_some_and(|(_, c)| c == "Struct:Linear");
        let gradient = param.val().grad(self.gradients).map(|gradient| {
            if is_linear && D == 2 {
                values(gradient.swap_dims(0, 1))
            } else {
                values(gradient)
            }
        });
        self.found.push((names.join("."), gradient));
    }
}
