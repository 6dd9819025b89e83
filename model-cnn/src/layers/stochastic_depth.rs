//! Stochastic depth.

use burn::module::{Flag, Module, Param};
use burn::tensor::{Distribution, Tensor};

/// `torchvision.ops.StochasticDepth` with `mode="row"`: in training, drops the residual branch of
/// each image of a batch with probability `p` and scales the others by `1 / (1 - p)` (Huang et al.
/// 2016, <https://arxiv.org/abs/1603.09382>). Active on an autodiff device unless frozen.
#[derive(Module, Debug)]
pub struct StochasticDepth {
    p: f64,
    training: Param<Flag>,
}

impl StochasticDepth {
    /// Drop probability `p` in `[0, 1]`.
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
        // With p = 1 nothing survives, so there is nothing to scale.
        let scale = if survival > 0.0 { 1.0 / survival } else { 0.0 };
        x * (kept * scale)
    }
}
