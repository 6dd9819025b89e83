//! SGD, Adam and AdamW with PyTorch's semantics.
//!
//! Burn's optimizers are not used, for three reasons. Their state is keyed by parameter numbers that are drawn anew in
//! each process, so that two equal runs write different files; it is restored onto `Device::default()`, which fails in a
//! build that has a GPU backend on a machine that has no GPU; and their defaults differ from PyTorch's (dampening 0.1,
//! epsilon 1e-5, decay of biases). The rules themselves are a line or two each.

use std::collections::BTreeMap;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use safetensors::SafeTensors;
use safetensors::tensor::Dtype;

use crate::TrainError;
use crate::arrays::{bytes_of, tensor, view};
use crate::params::{self, ByName, Parameter};
use crate::recipe::{OptimizerName, OptimizerRecipe};

/// An optimizer and what it remembers of each parameter.
#[derive(Clone, Debug)]
pub struct Optimizer {
    recipe: OptimizerRecipe,
    steps: u64,
    /// Flat tensors by `parameter.state`, the state named as in PyTorch's `state_dict`: `conv1.weight.momentum_buffer`.
    state: ByName,
    /// What the learning rate of a parameter is multiplied by; 1 for those that are not here.
    rate_scales: BTreeMap<String, f64>,
}

impl Optimizer {
    /// An optimizer that has seen nothing yet.
    pub fn new(recipe: OptimizerRecipe) -> Self {
        Self {
            recipe,
            steps: 0,
            state: ByName::new(),
            rate_scales: BTreeMap::new(),
        }
    }

    /// Multiplies the learning rate of each parameter that is named here.
    pub fn scale_rates(&mut self, rate_scales: BTreeMap<String, f64>) {
        self.rate_scales = rate_scales;
    }

    /// Takes one step along `gradients` (by parameter name). Parameters without a gradient stay as they are.
    pub fn step<M: Module>(&mut self, model: M, gradients: &mut ByName, learning_rate: f64) -> M {
        self.steps += 1;
        params::update(model, |parameter| {
            let gradient = gradients.remove(&parameter.name)?;
            Some(self.updated(parameter, gradient, learning_rate))
        })
    }

    fn updated(&mut self, parameter: Parameter, gradient: Tensor<1>, rate: f64) -> Tensor<1> {
        let Parameter { name, rank, value } = parameter;
        let rate = rate * self.rate_scales.get(&name).copied().unwrap_or(1.0);
        // Biases and the affine parameters of norms have one dimension; decaying them towards zero helps nobody.
        let decay = if rank >= 2 || self.recipe.decay_all {
            self.recipe.weight_decay
        } else {
            0.0
        };
        match self.recipe.name {
            OptimizerName::Sgd => self.sgd(&name, value, gradient, rate, decay),
            OptimizerName::Adam => {
                let gradient = with_decay(gradient, &value, decay);
                self.adam(&name, value, gradient, rate)
            }
            OptimizerName::AdamW => {
                let value = if decay > 0.0 {
                    value * (1.0 - rate * decay)
                } else {
                    value
                };
                self.adam(&name, value, gradient, rate)
            }
        }
    }

    /// `d = g + decay * p; b = momentum * b + d; p -= rate * b`, with Nesterov `p -= rate * (d + momentum * b)`.
    /// <https://pytorch.org/docs/stable/generated/torch.optim.SGD.html>, dampening 0.
    fn sgd(
        &mut self,
        name: &str,
        value: Tensor<1>,
        gradient: Tensor<1>,
        rate: f64,
        decay: f64,
    ) -> Tensor<1> {
        let momentum = self.recipe.momentum;
        let gradient = with_decay(gradient, &value, decay);
        if momentum == 0.0 {
            return value - gradient * rate;
        }
        let key = format!("{name}.momentum_buffer");
        let buffer = match self.state.remove(&key) {
            Some(buffer) => buffer * momentum + gradient.clone(),
            None => gradient.clone(),
        };
        self.state.insert(key, buffer.clone());
        let direction = if self.recipe.nesterov {
            gradient + buffer * momentum
        } else {
            buffer
        };
        value - direction * rate
    }

    /// `m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2; p -= rate m' / (sqrt(v') + eps)` with the bias-corrected
    /// `m' = m / (1 - b1^t)`, `v' = v / (1 - b2^t)`. Kingma & Ba 2015, <https://arxiv.org/abs/1412.6980>; Loshchilov &
    /// Hutter 2019, <https://arxiv.org/abs/1711.05101>.
    fn adam(&mut self, name: &str, value: Tensor<1>, gradient: Tensor<1>, rate: f64) -> Tensor<1> {
        let [beta1, beta2] = self.recipe.betas;
        let square = gradient.clone().square();
        let first = self.moment(format!("{name}.exp_avg"), gradient, beta1);
        let second = self.moment(format!("{name}.exp_avg_sq"), square, beta2);
        let steps = i32::try_from(self.steps).unwrap_or(i32::MAX);
        let step_size = rate / (1.0 - beta1.powi(steps));
        let correction = (1.0 - beta2.powi(steps)).sqrt();
        let denominator = second.sqrt() / correction + self.recipe.eps;
        value - first / denominator * step_size
    }

    /// The running average `beta * average + (1 - beta) * now`, which begins at zero.
    fn moment(&mut self, key: String, now: Tensor<1>, beta: f64) -> Tensor<1> {
        let now = now * (1.0 - beta);
        let average = match self.state.remove(&key) {
            Some(average) => average * beta + now,
            None => now,
        };
        self.state.insert(key, average.clone());
        average
    }

    /// The state as safetensors, ordered by name: equal states give equal bytes.
    ///
    /// # Errors
    /// The device could not be read.
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

    /// The optimizer whose state [`to_bytes`](Self::to_bytes) wrote, with its tensors on `device`. `parameters` are
    /// those of the model that it goes on with.
    ///
    /// # Errors
    /// A sentence saying why `bytes` are not a state of this optimizer for these parameters.
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

fn with_decay(gradient: Tensor<1>, value: &Tensor<1>, decay: f64) -> Tensor<1> {
    if decay > 0.0 {
        gradient + value.clone() * decay
    } else {
        gradient
    }
}
