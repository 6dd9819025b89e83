use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::Tensor;

/// Number of parameters of `model`, frozen ones included. A tied weight counts once, and running
/// statistics of batch norms, which are buffers, do not count.
pub fn num_parameters<M: Module>(model: &M) -> usize {
    let mut count = Count::default();
    model.visit(&mut count);
    count.parameters
}

#[derive(Default)]
struct Count {
    path: Vec<String>,
    parameters: usize,
}

impl ModuleVisitor for Count {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.into());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let is_buffer = self
            .path
            .last()
            .is_some_and(|name| name.starts_with("running_"));
        if !is_buffer {
            let shape = param.lazy_shape();
            let elements = shape.iter().copied().fold(1, usize::saturating_mul);
            self.parameters = self.parameters.saturating_add(elements);
        }
    }
}
