//! Softmax, and cross-entropy with class indices.

use burn::tensor::{Int, Tensor, activation};

#[cfg(feature = "flex")]
mod kernel;

/// `e^x / sum(e^x)` over the last dimension.
pub fn softmax<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    try_kernel!(kernel::softmax(&x));
    activation::softmax(x, D - 1)
}

/// The logarithm of [`softmax`]: `x - log(sum(e^x))` over the last dimension.
pub fn log_softmax<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    try_kernel!(kernel::log_softmax(&x));
    activation::log_softmax(x, D - 1)
}

/// Cross-entropy `-log softmax(x)[target]` of logits `[rows, classes]` and target classes `[rows]`,
/// one loss per row. `label_smoothing` is the share of the target probability that is spread evenly
/// over all classes (Szegedy et al. 2016, <https://arxiv.org/abs/1512.00567>).
///
/// # Panics
/// If a target is not the index of a class (on some backends the result is undefined instead).
pub fn cross_entropy(
    logits: Tensor<2>,
    targets: Tensor<1, Int>,
    label_smoothing: f64,
) -> Tensor<1> {
    try_kernel!(kernel::cross_entropy(&logits, &targets, label_smoothing));
    let [count, classes] = logits.dims();
    // log softmax(x)[t] = x[t] - log(sum(e^x)). There may be many classes, so no tensor of the size
    // of the logits is made without need.
    let largest = logits.clone().detach().max_dim(1);
    let shifted = logits - largest;
    let of_target = shifted.clone().gather(1, targets.reshape([count, 1]));
    let log_sum = shifted.clone().exp().sum_dim(1).log();
    let losses = if label_smoothing > 0.0 {
        let mean = shifted.sum_dim(1) / classes as f64;
        log_sum - of_target * (1.0 - label_smoothing) - mean * label_smoothing
    } else {
        log_sum - of_target
    };
    losses.reshape([count])
}
