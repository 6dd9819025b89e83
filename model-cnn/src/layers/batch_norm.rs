//! Batch normalisation with PyTorch's running statistics.

use burn::module::{Flag, Module, Param, RunningState};
use burn::nn::Initializer;
use burn::tensor::module::{batch_norm, batch_norm_train};
use burn::tensor::{Device, Tensor};

/// `torch.nn.BatchNorm2d`: `y = (x - mean) / sqrt(var + eps) * weight + bias` per channel (Ioffe & Szegedy 2015,
/// <https://arxiv.org/abs/1502.03167>).
///
/// Training normalises with the batch's own mean and biased variance and moves the running statistics by `momentum`
/// towards the batch's mean and *unbiased* variance, as PyTorch does; Burn's own layer keeps the biased one. It trains on
/// a device with gradients unless it is frozen.
#[derive(Module, Debug)]
pub struct BatchNorm2d {
    weight: Param<Tensor<1>>,
    bias: Param<Tensor<1>>,
    running_mean: RunningState<Tensor<1>>,
    running_var: RunningState<Tensor<1>>,
    training: Param<Flag>,
    momentum: f64,
    eps: f64,
}

impl BatchNorm2d {
    /// PyTorch's defaults: weight 1, bias 0, momentum 0.1, eps 1e-5.
    pub fn new(num_features: usize, device: &Device) -> Self {
        Self {
            weight: Initializer::Ones.init([num_features], device),
            bias: Initializer::Zeros.init([num_features], device),
            running_mean: RunningState::new(Tensor::zeros([num_features], device)),
            running_var: RunningState::new(Tensor::ones([num_features], device)),
            training: Param::from_bool(true),
            momentum: 0.1,
            eps: 1e-5,
        }
    }

    /// As [`new`](Self::new), with a weight of zero: the last norm of a residual branch starts as "add nothing" (Goyal et
    /// al. 2017, <https://arxiv.org/abs/1706.02677>, section 5.1).
    pub fn zero_init(num_features: usize, device: &Device) -> Self {
        Self {
            weight: Initializer::Zeros.init([num_features], device),
            ..Self::new(num_features, device)
        }
    }

    /// `[batch, channels, height, width]` to the same shape.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        if self.training.is_enabled() && x.device().is_autodiff() {
            return self.forward_train(x);
        }
        let device = x.device();
        let mean = self.running_mean.value().to_device(&device);
        let var = self.running_var.value().to_device(&device);
        batch_norm(x, self.weight.val(), self.bias.val(), mean, var, self.eps)
    }

    fn forward_train(&self, x: Tensor<4>) -> Tensor<4> {
        let [batch, _, height, width] = x.dims();
        let count = (batch * height * width) as f64;
        let output = batch_norm_train(x, self.weight.val(), self.bias.val(), self.eps);
        // A single value a channel has no unbiased variance. PyTorch refuses to train on it; the biased one, zero, is kept
        // here, so that a last batch of one image does not end a run.
        let unbiased = output.variance * (count / (count - 1.0).max(1.0));
        self.update(&self.running_mean, output.mean);
        self.update(&self.running_var, unbiased);
        output.output
    }

    fn update(&self, running: &RunningState<Tensor<1>>, batch: Tensor<1>) {
        let kept = running.value() * (1.0 - self.momentum);
        running.update((kept + batch.detach() * self.momentum).detach());
        // An update waits in a side buffer until the next one. What is saved must not be one step old.
        let _ = running.value_sync();
    }
}
