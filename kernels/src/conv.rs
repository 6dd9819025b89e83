//! 2-D convolution.
//!
//! The kernel computes stride-1 convolutions of 3 x 3 with enough channels by Winograd's minimal
//! filtering (`winograd`), and all others directly (`direct`). Neither builds the im2col matrix,
//! which is as large as the image times the kernel:
//!
//! - The image is copied once, with its padding. A row of the im2col matrix, along a run of output
//!   pixels, is a run of that copy; a kernel element is just an offset into it. With a stride the
//!   copy is split into one image per phase of the stride, so that runs stay contiguous.
//! - The microkernel keeps a register tile (a block of output channels by a few vectors of pixels)
//!   and walks through all input channels and kernel elements. With many output channels its
//!   operands are first packed into panels.
//! - The gradient of the input is the same computation with the roles exchanged.
//! - The gradient of the weight reads the same copy, in vectors along the output channels or, where
//!   those are few, along the pixels (`weight_gradient`).
//! - Bias and ReLU are a fused epilogue of the last sum, while it is in registers.

#[cfg(feature = "flex")]
mod kernel;

use burn::tensor::Tensor;
use burn::tensor::ops::ConvOptions;

/// Stride, padding, dilation and groups of a convolution, as in PyTorch's `conv2d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Conv2dOptions {
    /// Stride along height and width.
    pub stride: [usize; 2],
    /// Zeros on both sides of the height and of the width.
    pub padding: [usize; 2],
    /// Spacing between kernel elements along height and width.
    pub dilation: [usize; 2],
    /// Number of groups: input and output channels are divided into groups that are convolved
    /// separately.
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

impl Conv2dOptions {
    /// Sets the stride.
    #[must_use]
    pub fn with_stride(self, stride: [usize; 2]) -> Self {
        Self { stride, ..self }
    }

    /// Sets the padding.
    #[must_use]
    pub fn with_padding(self, padding: [usize; 2]) -> Self {
        Self { padding, ..self }
    }

    /// Sets the dilation.
    #[must_use]
    pub fn with_dilation(self, dilation: [usize; 2]) -> Self {
        Self { dilation, ..self }
    }

    /// Sets the number of groups.
    #[must_use]
    pub fn with_groups(self, groups: usize) -> Self {
        Self { groups, ..self }
    }
}

/// Convolves images `[batch, in_channels, height, width]` with a weight
/// `[out_channels, in_channels / groups, rows, cols]` and adds a bias `[out_channels]`. Returns
/// `[batch, out_channels, height', width']`, where
/// `height' = (height + 2 padding - dilation (rows - 1) - 1) / stride + 1`, and the same for the
/// width.
pub fn conv2d(
    x: Tensor<4>,
    weight: Tensor<4>,
    bias: Option<Tensor<1>>,
    options: Conv2dOptions,
) -> Tensor<4> {
    try_kernel!(kernel::conv2d(&x, &weight, bias.as_ref(), options, false));
    composed(x, weight, bias, options)
}

/// `relu(conv2d(..))`, with ReLU fused into the convolution.
pub fn conv2d_relu(
    x: Tensor<4>,
    weight: Tensor<4>,
    bias: Option<Tensor<1>>,
    options: Conv2dOptions,
) -> Tensor<4> {
    try_kernel!(kernel::conv2d(&x, &weight, bias.as_ref(), options, true));
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
