//! Parameters by name.
//!
//! Burn identifies a parameter by a number drawn at random in each process. Everything that outlives a process here
//! (optimizer state, averaged weights) is kept by the parameter's path instead, as in `conv1.weight`, and in the order
//! of these names, so that files of equal content are equal byte for byte.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Gradients, Tensor};

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
    struct Collect {
        path: ParamPath,
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
            if param.is_require_grad() {
                self.found
                    .insert(self.path.name(), flat(param.val().inner()));
            }
        }
    }
    let mut collect = Collect {
        path: ParamPath::default(),
        found: ByName::new(),
    };
    model.visit(&mut collect);
    collect.found
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

/// Replaces the value of every parameter for which `new_value` gives one.
pub fn update<M: Module>(model: M, new_value: impl FnMut(Parameter) -> Option<Tensor<1>>) -> M {
    struct Update<F> {
        path: ParamPath,
        new_value: F,
    }
    impl<F: FnMut(Parameter) -> Option<Tensor<1>>> ModuleMapper for Update<F> {
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
            let parameter = Parameter {
                name: self.path.name(),
                rank: D,
                value: flat(tensor.clone().inner()),
            };
            let tensor = match (self.new_value)(parameter) {
                None => tensor,
                Some(value) => {
                    let value = value.reshape(shape);
                    let value = if autodiff {
                        Tensor::from_inner(value)
                    } else {
                        value
                    };
                    value.set_require_grad(require_grad)
                }
            };
            Param::from_mapped_value(id, tensor, mapper)
        }
    }
    model.map(&mut Update {
        path: ParamPath::default(),
        new_value,
    })
}

fn flat<const D: usize>(tensor: Tensor<D>) -> Tensor<1> {
    let count = tensor.shape().num_elements();
    tensor.reshape([count])
}
