//! Averages of the weights: exponential, or uniform from some step on.

use burn::module::Module;

use crate::params::{self, ByName};

/// Average of the weights after each optimizer step. Buffers (running statistics of batch norm) are
/// averaged too, as in torchvision, since averaged weights have other statistics than the last
/// ones.
#[derive(Clone, Debug)]
pub struct Ema {
    decay: Decay,
    average: ByName,
}

/// Factor of the old average.
#[derive(Clone, Copy, Debug)]
enum Decay {
    /// `min(decay, (1 + step) / (10 + step))`, so that the random initial weights fade quickly.
    Exponential(f64),
    /// `1 - 1 / (step - since)`: the mean of all weights since then (Polyak & Juditsky 1992).
    Uniform { since: u64 },
}

impl Decay {
    fn at(self, step: u64) -> f64 {
        match self {
            Self::Exponential(decay) => decay.min((1.0 + step as f64) / (10.0 + step as f64)),
            Self::Uniform { since } => 1.0 - 1.0 / step.saturating_sub(since).max(1) as f64,
        }
    }
}

impl Ema {
    /// An exponential average, starting from the weights of `model`.
    pub fn exponential<M: Module>(decay: f64, model: &M) -> Self {
        Self {
            decay: Decay::Exponential(decay),
            average: params::state(model),
        }
    }

    /// The mean of the weights after step `since`. `model` holds the average so far; at step
    /// `since` itself its weights are ignored.
    pub fn uniform<M: Module>(since: u64, model: &M) -> Self {
        Self {
            decay: Decay::Uniform { since },
            average: params::state(model),
        }
    }

    /// Adds the weights of `model` after optimizer step `step`, counted from 1.
    pub fn update<M: Module>(&mut self, model: &M, step: u64) {
        let decay = self.decay.at(step);
        for (name, value) in params::state(model) {
            let average = match self.average.remove(&name) {
                // Equal to `average * decay + value * (1 - decay)`, but exact for constant weights:
                // a checkpoint with adapters holds no average of the frozen ones.
                Some(average) if decay > 0.0 => {
                    let distance = value - average.clone();
                    average + distance * (1.0 - decay)
                }
                _ => value,
            };
            self.average.insert(name, average);
        }
    }

    /// Returns a copy of `model` with the averaged weights, for evaluation.
    pub fn apply<M: Module>(&self, model: &M) -> M {
        // Clones share running statistics; `valid` copies them.
        params::update(model.valid(), |parameter| {
            let average = self.average.get(&parameter.name).cloned();
            average.unwrap_or(parameter.value)
        })
    }
}

#[cfg(test)]
mod tests {
    use burn::nn::LinearConfig;
    use burn::tensor::Device;

    use super::{Decay, Ema};
    use crate::params;

    #[test]
    fn the_average_of_constant_weights_is_exact() {
        let model = LinearConfig::new(50, 50).init(&Device::flex());
        let values = |ema: &Ema| -> Vec<f32> {
            let state = params::state(&ema.apply(&model));
            let weight = state["weight"].clone();
            weight.into_data().iter::<f32>().collect()
        };
        let mut ema = Ema::exponential(0.99, &model);
        let before = values(&ema);
        for step in 1..20 {
            ema.update(&model, step);
        }
        assert_eq!(values(&ema), before);
    }

    #[test]
    fn the_uniform_average_is_the_mean() {
        let values = [3.0, 5.0, 10.0, 2.0];
        let mut average = 99.0;
        for (i, value) in values.iter().enumerate() {
            let decay = Decay::Uniform { since: 7 }.at(8 + i as u64);
            average = average * decay + value * (1.0 - decay);
        }
        assert!((average - 5.0_f64).abs() < 1e-12, "{average}");
    }

    #[test]
    fn the_exponential_average_warms_up() {
        assert_eq!(Decay::Exponential(0.5).at(1), 2.0 / 11.0);
        assert_eq!(Decay::Exponential(0.5).at(100), 0.5);
    }
}
