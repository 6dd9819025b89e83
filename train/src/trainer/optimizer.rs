//! SGD, Adam and AdamW with PyTorch's semantics.
//!
//! Burn's optimizers are not used, for three reasons. Their state is keyed by parameter numbers
//! that are drawn anew in each process, so that equal runs write different files; it is restored
//! onto `Device::default()`, which fails in a build with a GPU backend on a machine without a GPU;
//! and their defaults differ from PyTorch's (dampening 0.1, epsilon 1e-5, decay of biases). The
//! update rules are in `tinderbox_kernels::optim`.

use std::collections::BTreeMap;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use safetensors::SafeTensors;
use safetensors::tensor::Dtype;
use tinderbox_kernels::optim;

use crate::TrainError;
use crate::params::arrays::{bytes_of, tensor, view};
use crate::params::{self, ByName, Parameter};
use crate::recipe::{OptimizerName, OptimizerRecipe};

/// Optimizer with its state.
#[derive(Clone, Debug)]
pub struct Optimizer {
    recipe: OptimizerRecipe,
    steps: u64,
    /// Flattened state by parameter and PyTorch's name in `state_dict`:
    /// `conv1.weight.momentum_buffer`.
    state: ByName,
    /// Factors of the learning rate by parameter, where they are not 1.
    rate_scales: BTreeMap<String, f64>,
}

impl Optimizer {
    /// An optimizer without state.
    pub fn new(recipe: OptimizerRecipe) -> Self {
        Self {
            recipe,
            steps: 0,
            state: ByName::new(),
            rate_scales: BTreeMap::new(),
        }
    }

    /// Base learning rate, which the schedule scales.
    pub fn base_rate(&self) -> f64 {
        self.recipe.learning_rate
    }

    /// Sets factors of the learning rate by parameter.
    pub fn scale_rates(&mut self, rate_scales: BTreeMap<String, f64>) {
        self.rate_scales = rate_scales;
    }

    /// Takes a step along `gradients`, which are keyed by parameter. Parameters without a gradient
    /// stay unchanged.
    pub fn step<M: Module>(&mut self, model: M, gradients: &mut ByName, learning_rate: f64) -> M {
        self.steps += 1;
        params::update(model, |parameter| match gradients.remove(&parameter.name) {
            Some(gradient) => self.updated(parameter, gradient, learning_rate),
            None => parameter.value,
        })
    }

    fn updated(&mut self, parameter: Parameter, gradient: Tensor<1>, rate: f64) -> Tensor<1> {
        let Parameter { name, rank, value } = parameter;
        let rate = rate * self.rate_scales.get(&name).copied().unwrap_or(1.0);
        // Biases and affine parameters of norms have one dimension and are not decayed.
        let decay = if rank >= 2 || self.recipe.decay_all {
            self.recipe.weight_decay
        } else {
            0.0
        };
        match self.recipe.name {
            OptimizerName::Sgd => self.sgd(&name, value, gradient, rate, decay),
            OptimizerName::Adam => self.adam(&name, value, gradient, rate, decay),
            OptimizerName::AdamW => self.adam(&name, value, gradient, rate, decay),
        }
    }

    fn sgd(
        &mut self,
        name: &str,
        value: Tensor<1>,
        gradient: Tensor<1>,
        rate: f64,
        weight_decay: f64,
    ) -> Tensor<1> {
        let options = optim::Sgd::new(rate)
            .with_momentum(self.recipe.momentum)
            .with_nesterov(self.recipe.nesterov)
            .with_weight_decay(weight_decay);
        let key = format!("{name}.momentum_buffer");
        let buffer = self.state.remove(&key);
        let (value, buffer) = optim::sgd(value, gradient, buffer, &options);
        self.state.extend(buffer.map(|buffer| (key, buffer)));
        value
    }

    fn adam(
        &mut self,
        name: &str,
        value: Tensor<1>,
        gradient: Tensor<1>,
        rate: f64,
        weight_decay: f64,
    ) -> Tensor<1> {
        let decoupled = self.recipe.name == OptimizerName::AdamW;
        let options = optim::Adam::new(rate, self.steps)
            .with_betas(self.recipe.betas)
            .with_eps(self.recipe.eps)
            .with_weight_decay(weight_decay, decoupled);
        let keys = ["exp_avg", "exp_avg_sq"].map(|state| format!("{name}.{state}"));
        let [first, second] = keys.each_ref().map(|key| self.state.remove(key));
        let (value, first, second) = optim::adam(value, gradient, first, second, &options);
        self.state.extend(keys.into_iter().zip([first, second]));
        value
    }

    /// Serialises the state as safetensors, ordered by name: equal states give equal bytes.
    ///
    /// # Errors
    /// The device failed.
    pub fn to_bytes(&self) -> Result<Vec<u8>, TrainError> {
        let mut arrays = BTreeMap::new();
        for (name, tensor) in &self.state {
            let shape = tensor.dims().to_vec();
            arrays.insert(name.as_str(), (shape, bytes_of(tensor)?));
        }
        let steps = self.steps.to_le_bytes().to_vec();
        let mut views = Vec::new();
        for (name, (shape, bytes)) in &arrays {
            views.push((*name, view(Dtype::F32, shape.clone(), bytes)?));
        }
        views.push(("step", view(Dtype::U64, vec![], &steps)?));
        safetensors::serialize(views, None).map_err(|e| TrainError::Execution(e.to_string()))
    }

    /// Reads the output of [`to_bytes`](Self::to_bytes) onto `device`. `parameters` are those of
    /// the model.
    ///
    /// # Errors
    /// A sentence with the reason why `bytes` is not a state of this optimizer for these
    /// parameters.
    pub fn from_bytes(
        recipe: OptimizerRecipe,
        bytes: &[u8],
        parameters: &ByName,
        device: &Device,
    ) -> Result<Self, String> {
        let file = SafeTensors::deserialize(bytes).map_err(|e| e.to_string())?;
        let mut optimizer = Self::new(recipe);
        for (name, array) in file.iter() {
            if name == "step" {
                let steps = array
                    .data()
                    .try_into()
                    .map_err(|_| "`step` is not one number")?;
                optimizer.steps = u64::from_le_bytes(steps);
                continue;
            }
            let parameter = name
                .rsplit_once('.')
                .map_or(name, |(parameter, _)| parameter);
            let expected = parameters
                .get(parameter)
                .ok_or_else(|| format!("`{name}` belongs to no parameter of the model"))?
                .dims();
            let tensor = tensor(&array, name, expected, device)?;
            optimizer.state.insert(name.to_string(), tensor);
        }
        Ok(optimizer)
    }
}
