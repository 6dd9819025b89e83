//! Batch normalisation (Ioffe & Szegedy 2015, <https://arxiv.org/abs/1502.03167>), with what usually follows it.
//!
//! It is bound by memory, so what counts is how often a tensor is walked. A channel of the batch mostly fits into the cache
//! of a core, which takes its statistics and normalises it there: `x` is read once and the output written once. The sum
//! with a residual and ReLU are part of the same walk, forward and backward.

use burn::tensor::{Tensor, activation};

#[cfg(feature = "flex")]
mod backward;
#[cfg(feature = "flex")]
mod fast;
#[cfg(feature = "flex")]
mod forward;
#[cfg(feature = "flex")]
mod lanes;
#[cfg(feature = "flex")]
mod tasks;

/// What is done with the normalised numbers in the same pass: `relu?(batch_norm(x) + residual?)`, the end of a block of a
/// ResNet. Neither by default.
#[derive(Clone, Debug, Default)]
pub struct Fused {
    /// Added to the normalised numbers: `[batch, channels, height, width]`.
    pub residual: Option<Tensor<4>>,
    /// Whether negative sums become zero.
    pub relu: bool,
}

impl Fused {
    fn compose(self, normalised: Tensor<4>) -> Tensor<4> {
        let sum = match self.residual {
            Some(residual) => normalised + residual,
            None => normalised,
        };
        match self.relu {
            true => activation::relu(sum),
            false => sum,
        }
    }
}

/// A batch, normalised by its own statistics.
#[derive(Clone, Debug)]
pub struct BatchNormOutput {
    /// In the shape of the input.
    pub output: Tensor<4>,
    /// Of each channel, without gradients.
    pub mean: Tensor<1>,
    /// Of each channel, biased, without `eps` and without gradients.
    pub variance: Tensor<1>,
}

/// `(x - mean) / sqrt(variance + eps) * weight + bias` per channel of `[batch, channels, height, width]`, by the mean and
/// the biased variance of the batch, through which gradients flow. `weight` and `bias` are `[channels]`.
pub fn batch_norm_train(
    x: Tensor<4>,
    weight: Tensor<1>,
    bias: Tensor<1>,
    eps: f64,
    fused: Fused,
) -> BatchNormOutput {
    #[cfg(feature = "flex")]
    if let Some(output) = fast::batch_norm_train(&x, &weight, &bias, eps, &fused) {
        return output;
    }
    let normalised = burn::tensor::module::batch_norm_train(x, weight, bias, eps);
    BatchNormOutput {
        output: fused.compose(normalised.output),
        mean: normalised.mean.detach(),
        variance: normalised.variance.detach(),
    }
}

/// The same by a given mean and variance: running ones at inference, or frozen ones in training. They count as constants.
pub fn batch_norm(
    x: Tensor<4>,
    weight: Tensor<1>,
    bias: Tensor<1>,
    mean: Tensor<1>,
    variance: Tensor<1>,
    eps: f64,
    fused: Fused,
) -> Tensor<4> {
    #[cfg(feature = "flex")]
    if let Some(output) = fast::batch_norm(&x, &weight, &bias, [&mean, &variance], eps, &fused) {
        return output;
    }
    let [mean, variance] = [mean.detach(), variance.detach()];
    fused.compose(burn::tensor::module::batch_norm(
        x, weight, bias, mean, variance, eps,
    ))
}
