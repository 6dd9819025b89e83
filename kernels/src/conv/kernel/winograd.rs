//! Convolution with 3 x 3 kernels by Winograd's minimal filtering, F(4x4, 3x3) (Lavin & Gray 2016,
//! <https://arxiv.org/abs/1509.09308>): four times fewer multiplications.
//!
//! A tile of 4 x 4 outputs depends on 6 x 6 inputs. Transformed, these are 36 numbers per channel,
//! as are the weights of a pair of channels. The sums over channels become 36 matrix products
//! `[tiles, inputs] [inputs, outputs]`, and another transform turns their results into the outputs.
//! The gradient of the input is the same convolution with the weights rotated by 180 degrees; the
//! gradient of the weight sums over tiles instead: `[outputs, tiles] [tiles, inputs]`.
//!
//! Channels are the lanes of vectors throughout, so that small maps are as efficient as large ones.
//!
//! The transforms mix the numbers of a tile, so a NaN or infinity would spread to outputs that do
//! not depend on it. A result that is not finite everywhere is therefore computed again by
//! `im2col`.

mod channel_blocks;
mod forward;
mod gemm;
mod im2col;
#[cfg(test)]
mod tests;
mod tiles;
mod transform;
mod weight_gradient;

use super::shape::ConvShape;
use forward::{Weights, convolve};
use tiles::Tiling;

pub(super) use weight_gradient::weight_gradient;

/// True if this supports the convolution and is expected to be faster than the direct one.
///
/// The constants are measured, in nanoseconds of one core per pair of an input and an output
/// channel: the transform of the weights, the products of a tile, the transforms of a tile (shared
/// by the channels of the other side), and one output pixel of the direct convolution. So it is not
/// faster with few channels, or for very small maps and batches.
pub(super) fn is_faster(shape: &ConvShape) -> bool {
    const WEIGHTS: f32 = 20.0;
    const PRODUCTS: f32 = 0.65;
    const TRANSFORMS: f32 = 18.0;
    const PIXEL: f32 = 0.19;
    if !supports(shape) {
        return false;
    }
    let [inputs, outputs] = [shape.in_channels, shape.out_channels].map(|channels| channels as f32);
    let tiles = Tiling::new(shape).count() as f32;
    let pixels = (shape.batch * shape.output[0] * shape.output[1]) as f32;
    let tile = PRODUCTS + TRANSFORMS * (1.0 / inputs + 1.0 / outputs);
    WEIGHTS + tiles * tile < PIXEL * pixels
}

/// True for the convolutions that this supports.
fn supports(shape: &ConvShape) -> bool {
    let options = shape.options;
    shape.kernel == [3, 3]
        && options.stride == [1, 1]
        && options.dilation == [1, 1]
        && options.groups == 1
        && options.padding.iter().all(|padding| *padding <= 2)
}

/// Convolves `x` `[batch, in_channels, ..]` with `weight` `[out_channels, in_channels, 3, 3]` and
/// adds `bias`; with ReLU if `relu`.
pub(super) fn forward(
    shape: &ConvShape,
    x: &[f32],
    weight: &[f32],
    bias: Option<&[f32]>,
    relu: bool,
    out: &mut [f32],
) {
    debug_assert!(supports(shape));
    let weights = Weights::new(shape, weight);
    if !convolve(&Tiling::new(shape), x, weights, bias, relu, out) {
        im2col::forward(shape, x, weight, bias, relu, out);
    }
}

/// Computes the gradient of the input: the convolution of `dy` with the weights rotated by 180
/// degrees and their channels exchanged.
pub(super) fn input_gradient(shape: &ConvShape, dy: &[f32], weight: &[f32], dx: &mut [f32]) {
    debug_assert!(supports(shape));
    let weights = Weights::transposed(shape, weight);
    if !convolve(&Tiling::transposed(shape), dy, weights, None, false, dx) {
        im2col::input_gradient(shape, dy, weight, dx);
    }
}
