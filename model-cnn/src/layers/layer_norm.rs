//! Layer normalisation over the channels of a feature map.

use burn::module::{Module, Param};
use burn::nn::Initializer;
use burn::tensor::{Device, Tensor};
use tinderbox_kernels::norm::layer_norm;

/// `torch.nn.LayerNorm` over channels, eps 1e-6 (Ba et al. 2016,
/// <https://arxiv.org/abs/1607.06450>).
#[derive(Module, Debug)]
pub struct LayerNorm2d {
    weight: Param<Tensor<1>>,
    bias: Param<Tensor<1>>,
    eps: f64,
}

impl LayerNorm2d {
    /// Weight 1, bias 0.
    pub fn new(channels: usize, device: &Device) -> Self {
        Self {
            weight: Initializer::Ones.init([channels], device),
            bias: Initializer::Zeros.init([channels], device),
            eps: 1e-6,
        }
    }

    /// `[batch, channels, height, width]` to the same shape.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let x = self.forward_channels_last(x.permute([0, 2, 3, 1]));
        x.permute([0, 3, 1, 2])
    }

    /// `[batch, height, width, channels]` to the same shape.
    pub fn forward_channels_last(&self, x: Tensor<4>) -> Tensor<4> {
        layer_norm(x, self.weight.val(), Some(self.bias.val()), self.eps)
    }
}
