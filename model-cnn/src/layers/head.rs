//! From the feature map to the logits.

use burn::nn::{Initializer, Linear, LinearConfig};
use burn::tensor::{Device, Tensor};
use tinderbox_kernels::nn;
use tinderbox_kernels::pool::adaptive_avg_pool2d;

/// Global average pooling: `[batch, channels, height, width]` to `[batch, channels]`.
pub(crate) fn global_avg_pool(features: Tensor<4>) -> Tensor<2> {
    adaptive_avg_pool2d(features, [1, 1]).flatten(1, 3)
}

/// Linear layer with PyTorch's default initialisation, or none for 0 classes.
pub(crate) fn linear_head(
    num_features: usize,
    num_classes: usize,
    device: &Device,
) -> Option<Linear> {
    (num_classes > 0).then(|| LinearConfig::new(num_features, num_classes).init(device))
}

/// Weights from `N(0, std^2)`, bias 0.
pub(crate) fn normal_linear(
    in_features: usize,
    out_features: usize,
    std: f64,
    device: &Device,
) -> Linear {
    let initializer = Initializer::Normal { mean: 0.0, std };
    let config = LinearConfig::new(in_features, out_features).with_initializer(initializer);
    Linear {
        bias: Some(Initializer::Zeros.init([out_features], device)),
        ..config.with_bias(false).init(device)
    }
}

/// Logits; a network without a head returns the features.
pub(crate) fn forward_linear(head: Option<&Linear>, features: Tensor<2>) -> Tensor<2> {
    match head {
        Some(head) => nn::linear(head, features),
        None => features,
    }
}
