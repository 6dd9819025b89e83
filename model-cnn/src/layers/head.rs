//! From the map to the logits.

use burn::module::Module;
use burn::nn::{Initializer, Linear, LinearConfig};
use burn::tensor::{Device, Tensor};
use tinderbox_kernels::pool::adaptive_avg_pool2d;

/// The average over the map: `[batch, channels, height, width]` to `[batch, channels]`.
pub(crate) fn pooled(features: Tensor<4>) -> Tensor<2> {
    adaptive_avg_pool2d(features, [1, 1]).flatten(1, 3)
}

/// The last linear layer with PyTorch's default initialisation; none for 0 classes.
pub(crate) fn linear_head(
    num_features: usize,
    num_classes: usize,
    device: &Device,
) -> Option<Linear> {
    (num_classes > 0).then(|| LinearConfig::new(num_features, num_classes).init(device))
}

/// Weights from `N(0, std^2)`, the bias zero.
pub(crate) fn normal_linear(from: usize, to: usize, std: f64, device: &Device) -> Linear {
    let initializer = Initializer::Normal { mean: 0.0, std };
    let config = LinearConfig::new(from, to).with_initializer(initializer);
    Linear {
        bias: Some(Initializer::Zeros.init([to], device)),
        ..config.with_bias(false).init(device)
    }
}

/// `head` of the features; a network without one gives the features themselves.
pub(crate) fn forward_linear(head: Option<&Linear>, features: Tensor<2>) -> Tensor<2> {
    match head {
        Some(head) => tinderbox_kernels::nn::linear(head, features),
        None => features,
    }
}

/// Of frozen layers, those from `index` on learn again.
pub(crate) fn unfreeze_from<M: Module>(mut layers: Vec<M>, index: usize) -> Vec<M> {
    let head = layers.split_off(index.min(layers.len()));
    layers.extend(head.into_iter().map(Module::unfreeze));
    layers
}
