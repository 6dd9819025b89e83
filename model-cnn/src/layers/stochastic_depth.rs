//! Stochastic depth.

use burn::module::{Flag, Module, Param};
use burn::tensor::{Distribution, Tensor};

/// `torchvision.ops.StochasticDepth` in mode `row`: in training, a residual branch is left out for each image of a batch
/// with probability `p`, and scaled by `1 / (1 - p)` for the others (Huang et al. 2016,
/// <https://arxiv.org/abs/1603.09382>). It acts on a device with gradients unless it is frozen.
#[derive(Module, Debug)]
pub struct StochasticDepth {
    p: f64,
    training: Param<Flag>,
}

impl StochasticDepth {
    /// `p` in `[0, 1]` is how often the branch is left out.
    pub fn new(p: f64) -> Self {
        Self {
            p,
            training: Param::from_bool(true),
        }
    }

    /// `[batch, channels, height, width]` to the same shape.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let device = x.device();
        if self.p == 0.0 || !self.training.is_enabled() || !device.is_autodiff() {
            return x;
        }
        let [batch, ..] = x.dims();
        let survival = 1.0 - self.p;
        let kept = Tensor::random([batch, 1, 1, 1], Distribution::Bernoulli(survival), &device);
        // With a probability of 1 nothing survives, and there is nothing to scale.
        let scale = if survival > 0.0 { 1.0 / survival } else { 0.0 };
        x * (kept * scale)
    }
}
