//! The forward passes of Burn's layers.

use burn::nn::Linear;
use burn::tensor::Tensor;

/// `layer` applied to `[.., in_features]`.
pub fn linear<const D: usize>(layer: &Linear, x: Tensor<D>) -> Tensor<D> {
    crate::linear::linear(x, layer.weight.val(), layer.bias.as_ref().map(|b| b.val()))
}
