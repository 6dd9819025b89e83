//! 2-D convolution.
//!
//! # How the fast path works
//! The usual way copies every window of the image into a column of a large matrix and multiplies. Here nothing is copied
//! but the image itself, once, with its padding (`layout`): then the window's number for one kernel element, over a run
//! of output pixels, is a run of that copy, and a kernel element is nothing but an offset into it. The inner loop
//! (`tile`) keeps a block of output channels by a few vectors of pixels in registers and walks through all channels and
//! kernel elements; if there are many output channels, what it reads is first gathered from those runs in the order in
//! which it is read (`panel`). With a stride, the copy is one image per remainder of the position by the stride, so that
//! runs stay runs. The gradient of the input is the same computation with the roles exchanged (`axis`). The gradient of the
//! weight reads the same copy, with vectors that go along the output channels (`outer`) or, where those are few, along the
//! pixels (`dot`). Kernels of 3 x 3 with stride 1 take another way if they have enough channels (`winograd`).

#[cfg(feature = "flex")]
mod axis;
#[cfg(feature = "flex")]
mod dot;
#[cfg(feature = "flex")]
mod fast;
#[cfg(feature = "flex")]
mod layout;
#[cfg(feature = "flex")]
mod mask;
#[cfg(feature = "flex")]
mod outer;
#[cfg(feature = "flex")]
mod panel;
#[cfg(feature = "flex")]
mod pass;
#[cfg(feature = "flex")]
mod pixels;
#[cfg(feature = "flex")]
mod shape;
#[cfg(feature = "flex")]
mod tile;
#[cfg(feature = "flex")]
mod weight;
#[cfg(feature = "flex")]
mod winograd;

use burn::tensor::Tensor;
use burn::tensor::ops::ConvOptions;

/// How a kernel moves over an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv2dOptions {
    /// The step from one output row (column) to the next, in rows (columns) of the input.
    pub stride: [usize; 2],
    /// The rows (columns) of zeros on each side of the input.
    pub padding: [usize; 2],
    /// The step from one kernel row (column) to the next, in rows (columns) of the input.
    pub dilation: [usize; 2],
    /// Into how many groups the channels are divided that do not see each other.
    pub groups: usize,
}

impl Default for Conv2dOptions {
    /// Stride 1, no padding, dilation 1, one group.
    fn default() -> Self {
        Self {
            stride: [1, 1],
            padding: [0, 0],
            dilation: [1, 1],
            groups: 1,
        }
    }
}

/// The convolution of images `[batch, in, height, width]` by kernels `[out, in / groups, rows, columns]`, plus a bias
/// `[out]`: images `[batch, out, (height + 2 padding - dilation (rows - 1) - 1) / stride + 1, ..]`.
pub fn conv2d(
    x: Tensor<4>,
    weight: Tensor<4>,
    bias: Option<Tensor<1>>,
    options: Conv2dOptions,
) -> Tensor<4> {
    #[cfg(feature = "flex")]
    if let Some(output) = fast::conv2d(&x, &weight, bias.as_ref(), options, false) {
        return output;
    }
    composed(x, weight, bias, options)
}

/// `relu(conv2d(..))`, with the rectification while the output is still in the cache.
pub fn conv2d_relu(
    x: Tensor<4>,
    weight: Tensor<4>,
    bias: Option<Tensor<1>>,
    options: Conv2dOptions,
) -> Tensor<4> {
    #[cfg(feature = "flex")]
    if let Some(output) = fast::conv2d(&x, &weight, bias.as_ref(), options, true) {
        return output;
    }
    burn::tensor::activation::relu(composed(x, weight, bias, options))
}

fn composed(
    x: Tensor<4>,
    weight: Tensor<4>,
    bias: Option<Tensor<1>>,
    options: Conv2dOptions,
) -> Tensor<4> {
    let Conv2dOptions {
        stride,
        padding,
        dilation,
        groups,
    } = options;
    let options = ConvOptions::new(stride, padding, dilation, groups);
    burn::tensor::module::conv2d(x, weight, bias, options)
}
