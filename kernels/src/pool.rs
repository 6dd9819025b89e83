//! Max and average pooling.

use burn::tensor::Tensor;
use burn::tensor::ops::{AvgPoolOptions, MaxPoolOptions};

#[cfg(feature = "flex")]
mod kernel;

/// Maximum of each window of `[batch, channels, height, width]`. Returns
/// `[batch, channels, rows, cols]`.
///
/// As in PyTorch, padding never wins, the first of equal elements does (row by row), NaN beats
/// every number, and the last NaN of a window gets the gradient. `ceil_mode` keeps a last window
/// that is only partly inside.
pub fn max_pool2d(
    x: Tensor<4>,
    kernel: [usize; 2],
    stride: [usize; 2],
    padding: [usize; 2],
    dilation: [usize; 2],
    ceil_mode: bool,
) -> Tensor<4> {
    let options = MaxPoolOptions {
        kernel_size: kernel,
        stride,
        padding: padding.map(|each| (each, each)),
        dilation,
        ceil_mode,
    };
    try_kernel!(kernel::max_pool2d(&x, &options));
    burn::tensor::module::max_pool2d(x, options)
}

/// Mean of each window of `[batch, channels, height, width]`. Returns
/// `[batch, channels, rows, cols]`.
///
/// With `count_include_pad`, PyTorch's default, the zeros of the padding count; otherwise the mean
/// is over the elements inside the image. `ceil_mode` keeps a last window that is only partly
/// inside.
pub fn avg_pool2d(
    x: Tensor<4>,
    kernel: [usize; 2],
    stride: [usize; 2],
    padding: [usize; 2],
    count_include_pad: bool,
    ceil_mode: bool,
) -> Tensor<4> {
    let options = AvgPoolOptions {
        kernel_size: kernel,
        stride,
        padding: padding.map(|each| (each, each)),
        count_include_pad,
        ceil_mode,
    };
    try_kernel!(kernel::avg_pool2d(&x, &options));
    burn::tensor::module::avg_pool2d(x, options)
}

/// Means of `output[0]` by `output[1]` windows that cover the image as evenly as possible:
/// `[batch, channels, height, width]` to `[batch, channels, output[0], output[1]]`.
pub fn adaptive_avg_pool2d(x: Tensor<4>, output: [usize; 2]) -> Tensor<4> {
    try_kernel!(kernel::adaptive_avg_pool2d(&x, output));
    burn::tensor::module::adaptive_avg_pool2d(x, output)
}
