//! Pooling: windows of an image to single numbers.
//!
//! All of these are bound by memory: each input number takes part in a handful of operations. So a task is a few planes
//! (an image's channel, `[height, width]`) that stay in the cache while they are worked on.

use burn::tensor::Tensor;
use burn::tensor::ops::{AvgPoolOptions, MaxPoolOptions};

#[cfg(feature = "flex")]
mod average;
#[cfg(feature = "flex")]
mod axis;
#[cfg(feature = "flex")]
mod maximum;

/// The largest number of each window: `[batch, channels, height, width]` to `[batch, channels, rows, cols]`.
///
/// Padding never wins. Of equal numbers the first of the window does, row by row; a NaN beats every number, and the last
/// NaN is the one that gets the gradient: PyTorch's rules. `ceil_mode` keeps a last window that is only partly inside.
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
    #[cfg(feature = "flex")]
    if let Some(output) = maximum::max_pool2d(&x, &options) {
        return output;
    }
    burn::tensor::module::max_pool2d(x, options)
}

/// The mean of each window: `[batch, channels, height, width]` to `[batch, channels, rows, cols]`.
///
/// With `count_include_pad` the zeros of the padding count, as PyTorch has it by default; otherwise the mean is that of
/// the numbers inside the image. `ceil_mode` keeps a last window that is only partly inside.
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
    #[cfg(feature = "flex")]
    if let Some(output) = average::avg_pool2d(&x, &options) {
        return output;
    }
    burn::tensor::module::avg_pool2d(x, options)
}

/// Means of as many windows as `output` asks for, which cover the image as evenly as they can:
/// `[batch, channels, height, width]` to `[batch, channels, output[0], output[1]]`.
pub fn adaptive_avg_pool2d(x: Tensor<4>, output: [usize; 2]) -> Tensor<4> {
    #[cfg(feature = "flex")]
    if let Some(output) = average::adaptive_avg_pool2d(&x, output) {
        return output;
    }
    burn::tensor::module::adaptive_avg_pool2d(x, output)
}
