//! Parameters of a model, by name.
//!
//! Burn identifies a parameter by a number drawn at random in each process. State that outlives a
//! process (of the optimizer, of averaged weights) is keyed by the parameter's path instead, such
//! as `conv1.weight`, and ordered by it, so that equal content gives equal files.

pub mod adaptation;
pub mod adapters;
pub(crate) mod arrays;
mod peft;

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Device, Gradients, Tensor};

use crate::{TrainError, memory};

/// Flattened parameters, by name.
pub type ByName = BTreeMap<String, Tensor<1>>;

/// Path of the current parameter of a traversal. Variants of enums are not part of it, since the
/// configuration names the variant.
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

/// Initialises a network on `device` with weights that are a function of `seed` alone.
///
/// # Errors
/// The error of `init`; the weights do not fit into memory.
pub fn init_model<M: Module>(
    seed: u64,
    device: &Device,
    init: impl FnOnce() -> Result<M, TrainError>,
) -> Result<M, TrainError> {
    device.seed(tinderbox_data::random::seed(seed, "init", 0));
    let model = init()?;
    memory::require_weights(&model)?;
    // Burn draws a weight when it is first used. Reading all of them now, ordered by name, keeps
    // later random numbers independent of it.
    drop(values(&model));
    Ok(model)
}

/// Gradients, detached and flattened.
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

/// Trainable parameters, detached and flattened. Buffers (running statistics) are not included.
pub fn values<M: Module>(model: &M) -> ByName {
    collect(model, |requires_grad| requires_grad)
}

/// Parameters and buffers selected by their `require_grad` flag.
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

/// All parameters, frozen ones included, and buffers (running statistics), detached and flattened.
pub fn state<M: Module>(model: &M) -> ByName {
    collect(model, |_| true)
}

/// Shapes of all parameters and buffers.
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

/// Makes the parameters trainable whose name satisfies `is_trainable`, and freezes the others.
pub fn set_trainable<M: Module>(model: M, is_trainable: impl Fn(&str) -> bool) -> M {
    struct Set<F> {
        path: ParamPath,
        is_trainable: F,
    }
    impl<F: Fn(&str) -> bool> ModuleMapper for Set<F> {
        fn enter_module(&mut self, name: &str, container_type: &str) {
            self.path.enter(name, container_type);
        }
        fn exit_module(&mut self, _name: &str, _container_type: &str) {
            self.path.exit();
        }
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            let is_trainable = (self.is_trainable)(&self.path.name());
            param.set_require_grad(is_trainable)
        }
    }
    model.map(&mut Set {
        path: ParamPath::default(),
        is_trainable,
    })
}

/// True if all parameters and buffers are finite.
///
/// # Errors
/// The device failed.
pub fn are_finite<M: Module>(model: &M) -> Result<bool, TrainError> {
    for value in state(model).into_values() {
        // The largest magnitude rather than a sum, which may overflow for large weights.
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

/// A parameter passed to the closure of [`update`].
pub struct Parameter {
    /// Name, such as `conv1.weight`.
    pub name: String,
    /// Number of dimensions before flattening. One means a bias or the affine part of a norm.
    pub rank: usize,
    /// Value, detached and flattened.
    pub value: Tensor<1>,
}

/// Replaces every parameter and buffer with the result of `new_value`. If the model is not shared,
/// neither is the value passed to `new_value`, which can update it in place.
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
            let value = if autodiff {
                Tensor::from_inner(value)
            } else {
                value
            };
            Param::from_mapped_value(id, value.set_require_grad(require_grad), mapper)
        }
    }
    model.map(&mut Update {
        path: ParamPath::default(),
        new_value,
    })
}

/// Takes the model out of `model`, which is left with empty trainable parameters and must be
/// replaced. A clone would share them.
pub fn take<M: Module>(model: &mut M) -> M {
    struct Empty;
    impl ModuleMapper for Empty {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            // Clones always share running statistics, which are not trainable; they must not
            // change.
            if param.is_require_grad() {
                param.map(|tensor| Tensor::empty([0; D], &tensor.device()))
            } else {
                param
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
    fn names_are_pytorchs_in_alphabetical_order() {
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
    fn an_update_keeps_parameters_trainable() {
        let model = update(model(), |parameter| {
            if parameter.name == "fc2.bias" {
                parameter.value.zeros_like() + 3.0
            } else {
                parameter.value
            }
        });
        let values = values(&model);
        let bias = values["fc2.bias"].clone().try_into_vec_as::<f32>().unwrap();
        assert_eq!(bias, [3.0; 10]);
        assert_eq!(values.len(), 8);
    }

    #[test]
    fn a_taken_model_is_complete() {
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
    fn frozen_parameters_are_not_trainable() {
        let model = set_trainable(model(), |name| name.starts_with("fc2."));
        let learning: Vec<String> = values(&model).into_keys().collect();
        assert_eq!(learning, ["fc2.bias", "fc2.weight"]);
        assert_eq!(state(&model).len(), 8);
        let model = set_trainable(model, |_| true);
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
