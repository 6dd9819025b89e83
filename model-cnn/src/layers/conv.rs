//! Convolutions, with the initialisations that the families use.

use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{Initializer, PaddingConfig2d};
use burn::tensor::{Device, Tensor};
use tinderbox_kernels::nn;

use super::FeatureLayer;

impl FeatureLayer for Conv2d {
    fn apply(&self, x: Tensor<4>) -> Tensor<4> {
        nn::conv2d(self, x)
    }

    fn apply_relu(&self, x: Tensor<4>) -> Tensor<4> {
        nn::conv2d_relu(self, x)
    }
}

/// A square convolution with PyTorch's default initialisation.
pub(crate) fn conv2d(in_channels: usize, out_channels: usize, kernel: usize) -> Conv2dConfig {
    Conv2dConfig::new([in_channels, out_channels], [kernel, kernel])
}

/// The same padding on all sides.
pub(crate) fn padding(pixels: usize) -> PaddingConfig2d {
    PaddingConfig2d::Explicit(pixels, pixels, pixels, pixels)
}

/// Weights from `N(0, 2 / fan_out)` with `fan_out = out_channels * kernel^2`, bias 0: PyTorch's
/// `kaiming_normal_` with `mode="fan_out", nonlinearity="relu"` (He et al. 2015,
/// <https://arxiv.org/abs/1502.01852>).
pub(crate) fn kaiming_normal(config: &Conv2dConfig, device: &Device) -> Conv2d {
    // PyTorch ignores groups in the fan; Burn's own initialiser divides by them.
    let fan_out = config.channels[1] * config.kernel_size.iter().product::<usize>();
    normal(config, (2.0 / fan_out as f64).sqrt(), device)
}

/// Weights from `N(0, std^2)`, bias 0.
pub(crate) fn normal(config: &Conv2dConfig, std: f64, device: &Device) -> Conv2d {
    let initializer = Initializer::Normal { mean: 0.0, std };
    zero_bias(
        config.clone().with_initializer(initializer).init(device),
        device,
    )
}

/// Sets the bias, if there is one, to 0.
pub(crate) fn zero_bias(mut conv: Conv2d, device: &Device) -> Conv2d {
    if let Some(bias) = conv.bias {
        conv.bias = Some(Initializer::Zeros.init(bias.lazy_shape(), device));
    }
    conv
}
