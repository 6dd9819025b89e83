//! Batch normalisation (Ioffe & Szegedy 2015, <https://arxiv.org/abs/1502.03167>) with a fused
//! epilogue.
//!
//! It is bound by memory, so what counts is the number of passes over a tensor. A channel of the
//! batch mostly fits in the cache of a core, which measures its statistics and normalises it there:
//! `x` is read from memory once and the output written once. Residual and ReLU are part of the same
//! pass, forward and backward.

use burn::tensor::{Tensor, activation};

#[cfg(feature = "flex")]
mod kernel;

/// Fused epilogue of a batch normalisation, the end of a ResNet block:
/// `relu?(batch_norm(x) + residual?)`. Neither by default.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Epilogue {
    /// Residual, added to the normalised input: `[batch, channels, height, width]`.
    pub residual: Option<Tensor<4>>,
    /// Applies ReLU.
    pub relu: bool,
}

impl Epilogue {
    /// Sets the residual.
    #[must_use]
    pub fn with_residual(self, residual: Option<Tensor<4>>) -> Self {
        Self { residual, ..self }
    }

    /// Turns ReLU on or off.
    #[must_use]
    pub fn with_relu(self, relu: bool) -> Self {
        Self { relu, ..self }
    }

    fn compose(self, normalised: Tensor<4>) -> Tensor<4> {
        let sum = match self.residual {
            Some(residual) => normalised + residual,
            None => normalised,
        };
        if self.relu {
            activation::relu(sum)
        } else {
            sum
        }
    }
}

/// Result of [`batch_norm_train`].
#[derive(Clone, Debug)]
pub struct BatchNormOutput {
    /// Normalised batch, in the shape of the input.
    pub output: Tensor<4>,
    /// Mean of each channel, without gradient.
    pub mean: Tensor<1>,
    /// Biased variance of each channel, without `eps` and without gradient.
    pub variance: Tensor<1>,
}

/// `(x - mean) / sqrt(variance + eps) * weight + bias` per channel of
/// `[batch, channels, height, width]`, with the mean and the biased variance of the batch.
/// Gradients flow through the statistics. `weight` and `bias` are `[channels]`.
pub fn batch_norm_train(
    x: Tensor<4>,
    weight: Tensor<1>,
    bias: Tensor<1>,
    eps: f64,
    epilogue: Epilogue,
) -> BatchNormOutput {
    try_kernel!(kernel::batch_norm_train(&x, &weight, &bias, eps, &epilogue));
    let normalised = burn::tensor::module::batch_norm_train(x, weight, bias, eps);
    BatchNormOutput {
        output: epilogue.compose(normalised.output),
        mean: normalised.mean.detach(),
        variance: normalised.variance.detach(),
    }
}

/// Batch normalisation with given statistics: running ones at inference, or frozen ones in
/// training. They are constants.
pub fn batch_norm(
    x: Tensor<4>,
    weight: Tensor<1>,
    bias: Tensor<1>,
    mean: Tensor<1>,
    variance: Tensor<1>,
    eps: f64,
    epilogue: Epilogue,
) -> Tensor<4> {
    try_kernel!(kernel::batch_norm(
        &x,
        &weight,
        &bias,
        [&mean, &variance],
        eps,
        &epilogue
    ));
    let [mean, variance] = [mean.detach(), variance.detach()];
    epilogue.compose(burn::tensor::module::batch_norm(
        x, weight, bias, mean, variance, eps,
    ))
}
