//! An exponential moving average of the weights.

use burn::module::Module;

use crate::params::{self, ByName};

/// The average, `average = decay * average + (1 - decay) * weights` after each optimizer step.
///
/// The decay rises to its value as `min(decay, (1 + step) / (10 + step))`, so that the first, random weights do not
/// linger in it. Buffers (running statistics of batch norm) are averaged too, as torchvision does: the average of the
/// weights has other statistics than the last of them.
#[derive(Clone, Debug)]
pub struct Ema {
    decay: f64,
    average: ByName,
}

impl Ema {
    /// Begins with the weights of `model`.
    pub fn new<M: Module>(decay: f64, model: &M) -> Self {
        Self {
            decay,
            average: params::state(model),
        }
    }

    /// Takes in the weights of `model` after optimizer step number `step`, counted from 1.
    pub fn update<M: Module>(&mut self, model: &M, step: u64) {
        let warm = (1.0 + step as f64) / (10.0 + step as f64);
        let decay = self.decay.min(warm);
        for (name, value) in params::state(model) {
            let average = match self.average.remove(&name) {
                Some(average) => average * decay + value * (1.0 - decay),
                None => value,
            };
            self.average.insert(name, average);
        }
    }

    /// A copy of `model` for evaluation, with the averaged weights in place of its own.
    pub fn apply<M: Module>(&self, model: &M) -> M {
        // Clones share their running statistics; `valid` makes a copy that has its own.
        params::update(model.valid(), |parameter| {
            self.average.get(&parameter.name).cloned()
        })
    }
}
