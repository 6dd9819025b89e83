//! Parameters by name.
//!
//! Burn identifies a parameter by a number drawn at random in each process. Everything that outlives a process here
//! (optimizer state, averaged weights) is kept by the parameter's path instead, as in `conv1.weight`, and in the order
//! of these names, so that files of equal content are equal byte for byte.

pub mod adaptation;
pub mod adapters;
pub(crate) mod arrays;
mod peft;

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Gradients, Tensor};

use crate::TrainError;

/// One flat tensor per parameter, by name.
pub type ByName = BTreeMap<String, Tensor<1>>;

/// The path to the parameter that a traversal is at. The variant of an enum is not part of it: which variant a model is
/// stands in its configuration.
#[derive(Default)]
struct ParamPath(Vec<Option<String>>);

impl ParamPath {
    fn enter(&mut self, name: &str, container_type: &str) {
        let is_variant = container_type.starts_with("Enum:");
        self.0.push((!is_variant).then(|| name.to_string()));
    }

    fn exit(&mut self) {
        self.0.pop();
    }

    fn name(&self) -> String {
        let parts: Vec<&str> = self.0.iter().flatten().map(String::as_str).collect();
        parts.join(".")
    }
}

/// The gradient of every parameter that has one, detached and flattened.
pub fn gradients<M: Module>(model: &M, mut gradients: Gradients) -> ByName {
    struct Collect<'a> {
        path: ParamPath,
        gradients: &'a mut Gradients,
        found: ByName,
    }
    impl ModuleVisitor for Collect<'_> {
        fn enter_module(&mut self, name: &str, container_type: &str) {
            self.path.enter(name, container_type);
        }
        fn exit_module(&mut self, _name: &str, _container_type: &str) {
            self.path.exit();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if !param.is_require_grad() {
                return;
            }
            if let Some(gradient) = param.val().grad_remove(self.gradients) {
                self.found.insert(self.path.name(), flat(gradient));
            }
        }
    }
    let mut collect = Collect {
        path: ParamPath::default(),
        gradients: &mut gradients,
        found: ByName::new(),
    };
    model.visit(&mut collect);
    collect.found
}

/// The value of every trainable parameter, detached and flattened. Buffers (running statistics) are not included.
pub fn values<M: Module>(model: &M) -> ByName {
    collect(model, |requires_grad| requires_grad)
}

/// The values for whose `require_grad` flag `wanted` is true.
fn collect<M: Module>(model: &M, wanted: fn(bool) -> bool) -> ByName {
    struct Collect {
        path: ParamPath,
        wanted: fn(bool) -> bool,
        found: ByName,
    }
    impl ModuleVisitor for Collect {
        fn enter_module(&mut self, name: &str, container_type: &str) {
            self.path.enter(name, container_type);
        }
        fn exit_module(&mut self, _name: &str, _container_type: &str) {
            self.path.exit();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if (self.wanted)(param.is_require_grad()) {
                self.found
                    .insert(self.path.name(), flat(param.val().inner()));
            }
        }
    }
    let mut collect = Collect {
        path: ParamPath::default(),
        wanted,
        found: ByName::new(),
    };
    model.visit(&mut collect);
    collect.found
}

/// The value of every parameter, frozen ones too, and of every buffer (running statistics), detached and flattened.
pub fn state<M: Module>(model: &M) -> ByName {
    collect(model, |_| true)
}

/// The shape of every parameter and buffer.
pub fn shapes<M: Module>(model: &M) -> BTreeMap<String, Vec<usize>> {
    #[derive(Default)]
    struct Collect {
        path: ParamPath,
        found: BTreeMap<String, Vec<usize>>,
    }
    impl ModuleVisitor for Collect {
        fn enter_module(&mut self, name: &str, container_type: &str) {
            self.path.enter(name, container_type);
        }
        fn exit_module(&mut self, _name: &str, _container_type: &str) {
            self.path.exit();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let shape = param.val().dims().to_vec();
            self.found.insert(self.path.name(), shape);
        }
    }
    let mut collect = Collect::default();
    model.visit(&mut collect);
    collect.found
}

/// Sets whether parameters learn: those for whose name `learns` is true do, the others do not.
pub fn set_learning<M: Module>(model: M, learns: impl Fn(&str) -> bool) -> M {
    struct Set<F> {
        path: ParamPath,
        learns: F,
    }
    impl<F: Fn(&str) -> bool> ModuleMapper for Set<F> {
        fn enter_module(&mut self, name: &str, container_type: &str) {
            self.path.enter(name, container_type);
        }
        fn exit_module(&mut self, _name: &str, _container_type: &str) {
            self.path.exit();
        }
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            let learns = (self.learns)(&self.path.name());
            param.set_require_grad(learns)
        }
    }
    model.map(&mut Set {
        path: ParamPath::default(),
        learns,
    })
}

/// Whether every parameter and buffer is a finite number throughout.
///
/// # Errors
/// The device could not be read.
pub fn are_finite<M: Module>(model: &M) -> Result<bool, TrainError> {
    for value in state(model).into_values() {
        // A sum would do, were it not for overflow: large weights are no error.
        let largest = value
            .abs()
            .max()
            .try_into_scalar::<f32>()
            .map_err(|e| TrainError::Execution(e.to_string()))?;
        if !largest.is_finite() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// One parameter on its way through [`update`]: its name, how many dimensions it has, and its flat value.
pub struct Parameter {
    /// As in `conv1.weight`.
    pub name: String,
    /// Number of dimensions before flattening. One means a bias or the affine part of a norm.
    pub rank: usize,
    /// The value, detached and flattened.
    pub value: Tensor<1>,
}

/// Replaces the value of every parameter by what `new_value` makes of it. If nobody else has the model, nobody else has a
/// value that `new_value` gets: it can be changed where it is.
pub fn update<M: Module>(model: M, new_value: impl FnMut(Parameter) -> Tensor<1>) -> M {
    struct Update<F> {
        path: ParamPath,
        new_value: F,
    }
    impl<F: FnMut(Parameter) -> Tensor<1>> ModuleMapper for Update<F> {
        fn enter_module(&mut self, name: &str, container_type: &str) {
            self.path.enter(name, container_type);
        }
        fn exit_module(&mut self, _name: &str, _container_type: &str) {
            self.path.exit();
        }
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            let (id, tensor, mapper) = param.consume();
            let shape = tensor.shape();
            let require_grad = tensor.is_require_grad();
            let autodiff = tensor.is_autodiff();
            let value = (self.new_value)(Parameter {
                name: self.path.name(),
                rank: D,
                value: flat(tensor.inner()),
            });
            let value = value.reshape(shape);
            let value = match autodiff {
                true => Tensor::from_inner(value),
                false => value,
            };
            Param::from_mapped_value(id, value.set_require_grad(require_grad), mapper)
        }
    }
    model.map(&mut Update {
        path: ParamPath::default(),
        new_value,
    })
}

/// The model itself, not a clone that shares the parameters that learn; `model` is left without these, to be replaced.
pub fn take<M: Module>(model: &mut M) -> M {
    struct Empty;
    impl ModuleMapper for Empty {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            // Running statistics, which do not learn, stay shared between clones whatever is done: they must not change.
            match param.is_require_grad() {
                true => param.map(|tensor| Tensor::empty([0; D], &tensor.device())),
                false => param,
            }
        }
    }
    let empty = model.clone().map(&mut Empty);
    std::mem::replace(model, empty)
}

fn flat<const D: usize>(tensor: Tensor<D>) -> Tensor<1> {
    let count = tensor.shape().num_elements();
    tensor.reshape([count])
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use burn::tensor::Device;
    use tinderbox_model_cnn::{ImageClassifierConfig, SimpleCnnConfig};

    use super::*;

    fn model() -> tinderbox_model_cnn::ImageClassifier {
        let config = ImageClassifierConfig::SimpleCnn(
            SimpleCnnConfig::default()
                .with_image_size(4)
                .with_channels([2, 2])
                .with_hidden(2),
        );
        config.init(&Device::flex().autodiff()).unwrap()
    }

    #[test]
    fn names_are_pytorchs_in_order() {
        let values = values(&model());
        let names: Vec<&str> = values.keys().map(String::as_str).collect();
        assert_eq!(names[..3], ["conv1.bias", "conv1.weight", "conv2.bias"]);
        assert_eq!(names.len(), 8);
        let shapes = shapes(&model());
        assert_eq!(shapes["conv1.weight"], [2, 3, 3, 3]);
        assert_eq!(shapes["fc2.bias"], [10]);
        assert_eq!(shapes.len(), 8);
    }

    #[test]
    fn an_update_changes_what_it_names_and_keeps_it_trainable() {
        let model = update(model(), |parameter| match parameter.name == "fc2.bias" {
            true => parameter.value.zeros_like() + 3.0,
            false => parameter.value,
        });
        let values = values(&model);
        let bias = values["fc2.bias"].clone().try_into_vec_as::<f32>().unwrap();
        assert_eq!(bias, [3.0; 10]);
        assert_eq!(values.len(), 8);
    }

    #[test]
    fn a_model_that_is_taken_is_whole() {
        let config =
            ImageClassifierConfig::CifarResNet(tinderbox_model_cnn::CifarResNetConfig::new(20, 10));
        let mut left: tinderbox_model_cnn::ImageClassifier =
            config.init(&Device::flex().autodiff()).unwrap();
        let before = state(&left);
        let taken = state(&take(&mut left));
        assert_eq!(before.len(), taken.len());
        for (name, value) in before {
            assert_eq!(value.into_data(), taken[&name].to_data(), "{name}");
        }
        assert_eq!(shapes(&left)["conv1.weight"], [0; 4]);
    }

    #[test]
    fn what_does_not_learn_is_left_out() {
        let model = set_learning(model(), |name| name.starts_with("fc2."));
        let learning: Vec<String> = values(&model).into_keys().collect();
        assert_eq!(learning, ["fc2.bias", "fc2.weight"]);
        assert_eq!(state(&model).len(), 8);
        let model = set_learning(model, |_| true);
        assert_eq!(values(&model).len(), 8);
    }

    #[test]
    fn infinities_and_nans_are_found() {
        assert!(are_finite(&model()).unwrap());
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let broken = update(model(), |parameter| {
                if parameter.name != "conv1.weight" {
                    return parameter.value;
                }
                let mut values = parameter.value.to_data().iter::<f32>().collect::<Vec<_>>();
                values[5] = bad;
                Tensor::from_floats(values.as_slice(), &parameter.value.device())
            });
            assert!(!are_finite(&broken).unwrap(), "{bad}");
        }
    }
}
