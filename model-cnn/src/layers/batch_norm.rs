//! Batch normalisation with PyTorch's running statistics.

use burn::module::{Flag, Module, Param, RunningState};
use burn::nn::Initializer;
use burn::tensor::{Device, Tensor};
use tinderbox_kernels::norm::{Epilogue, batch_norm, batch_norm_train};

use super::FeatureLayer;

/// `torch.nn.BatchNorm2d`: `y = (x - mean) / sqrt(var + eps) * weight + bias` per channel (Ioffe &
/// Szegedy 2015, <https://arxiv.org/abs/1502.03167>).
///
/// Training normalises with the mean and the biased variance of the batch, and moves the running
/// statistics by `momentum` towards its mean and *unbiased* variance, as PyTorch does; Burn's own
/// layer keeps the biased one. The layer is in training mode on an autodiff device unless frozen.
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

    /// As [`new`](Self::new) with weight 0: after it, a residual branch starts by adding nothing
    /// (Goyal et al. 2017, <https://arxiv.org/abs/1706.02677>, section 5.1).
    pub fn zero_init(num_features: usize, device: &Device) -> Self {
        Self {
            weight: Initializer::Zeros.init([num_features], device),
            ..Self::new(num_features, device)
        }
    }

    /// `[batch, channels, height, width]` to the same shape.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.forward_with(x, Epilogue::default())
    }

    /// `relu(forward(x))` in one pass.
    pub fn forward_relu(&self, x: Tensor<4>) -> Tensor<4> {
        self.forward_with(x, Epilogue::default().with_relu(true))
    }

    /// `relu(forward(x) + residual)` in one pass: the end of a residual block.
    pub fn forward_add_relu(&self, x: Tensor<4>, residual: Tensor<4>) -> Tensor<4> {
        let epilogue = Epilogue::default().with_residual(Some(residual));
        self.forward_with(x, epilogue.with_relu(true))
    }

    fn forward_with(&self, x: Tensor<4>, epilogue: Epilogue) -> Tensor<4> {
        let (weight, bias) = (self.weight.val(), self.bias.val());
        if self.training.is_enabled() && x.device().is_autodiff() {
            let [batch, _, height, width] = x.dims();
            let output = batch_norm_train(x, weight, bias, self.eps, epilogue);
            self.update_statistics(batch * height * width, output.mean, output.variance);
            return output.output;
        }
        let device = x.device();
        let mean = self.running_mean.value().to_device(&device);
        let var = self.running_var.value().to_device(&device);
        batch_norm(x, weight, bias, mean, var, self.eps, epilogue)
    }

    /// Moves the running statistics towards the mean and the biased variance of `count` values per
    /// channel.
    fn update_statistics(&self, count: usize, mean: Tensor<1>, variance: Tensor<1>) {
        let count = count as f64;
        // One value per channel has no unbiased variance. PyTorch refuses to train on it; here the
        // biased one, 0, is kept, so that a last batch of one image does not end a run.
        let unbiased = variance * (count / (count - 1.0).max(1.0));
        self.update(&self.running_mean, mean);
        self.update(&self.running_var, unbiased);
    }

    fn update(&self, running: &RunningState<Tensor<1>>, batch: Tensor<1>) {
        let kept = running.value() * (1.0 - self.momentum);
        running.update((kept + batch.detach() * self.momentum).detach());
        // Burn holds an update back until the next read. Read now: saved statistics must not be one
        // step old.
        let _ = running.value_sync();
    }
}

impl FeatureLayer for BatchNorm2d {
    fn apply(&self, x: Tensor<4>) -> Tensor<4> {
        self.forward(x)
    }

    fn apply_relu(&self, x: Tensor<4>) -> Tensor<4> {
        self.forward_relu(x)
    }
}
