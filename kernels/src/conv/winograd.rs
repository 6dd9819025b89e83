//! Convolution with 3 x 3 kernels by Winograd's minimal filtering, F(4x4, 3x3): four times fewer multiplications.
//!
//! A tile of 4 x 4 outputs sees 6 x 6 inputs. Transformed, those are 36 numbers per channel, and so are the weights of a
//! channel pair; what sums over channels are 36 matrix products `[tiles, inputs] [inputs, outputs]`, from whose results
//! another transform makes the outputs. The input gradient is the same convolution with the weights turned round, and the
//! weight gradient sums over tiles instead: `[outputs, tiles] [tiles, inputs]`.
//!
//! Channels are the lanes of vectors throughout, so that small maps are no worse than large ones.
//!
//! The transforms mix the numbers of a tile. One that is not finite would spoil outputs that it has nothing to do with, so
//! that a result that is not finite everywhere is computed again in the ordinary way.

#![allow(
    clippy::needless_range_loop,
    reason = "loops over lanes and registers index several arrays at once"
)]

mod exact;
mod forward;
mod lanes;
mod product;
#[cfg(test)]
mod tests;
mod tiles;
mod transform;
mod weight_gradient;

use super::shape::ConvShape;
use forward::{Weights, convolve};
use tiles::Tiling;

pub(super) use weight_gradient::weight_gradient;

/// Whether this can compute the convolution, and is expected to be faster than the ordinary way.
///
/// Measured, in nanoseconds of one core for each pair of an input and an output channel: transforming its weights, the
/// products of a tile, the transforms of a tile shared among the channels of the other side; and what a pixel of the output
/// costs the ordinary way. So it does not pay for few channels, nor for very small maps and batches.
pub(super) fn pays(shape: &ConvShape) -> bool {
    const WEIGHTS: f32 = 20.0;
    const PRODUCTS: f32 = 0.65;
    const TRANSFORMS: f32 = 18.0;
    const PIXEL: f32 = 0.19;
    if !applies(shape) {
        return false;
    }
    let [inputs, outputs] = [shape.in_channels, shape.out_channels].map(|channels| channels as f32);
    let tiles = Tiling::new(shape).count() as f32;
    let pixels = (shape.batch * shape.output[0] * shape.output[1]) as f32;
    let tile = PRODUCTS + TRANSFORMS * (1.0 / inputs + 1.0 / outputs);
    WEIGHTS + tiles * tile < PIXEL * pixels
}

/// Whether it is a convolution that this computes.
fn applies(shape: &ConvShape) -> bool {
    let options = shape.options;
    shape.kernel == [3, 3]
        && options.stride == [1, 1]
        && options.dilation == [1, 1]
        && options.groups == 1
        && options.padding.iter().all(|padding| *padding <= 2)
}

/// The convolution of `x` `[batch, in_channels, ..]` with `weight` `[out_channels, in_channels, 3, 3]`, plus `bias`, with
/// ReLU if wanted.
pub(super) fn forward(
    shape: &ConvShape,
    x: &[f32],
    weight: &[f32],
    bias: Option<&[f32]>,
    relu: bool,
    out: &mut [f32],
) {
    debug_assert!(applies(shape));
    let weights = Weights::new(shape, weight);
    if !convolve(&Tiling::new(shape), x, weights, bias, relu, out) {
        exact::forward(shape, x, weight, bias, relu, out);
    }
}

/// The gradient of the input from that of the output: the convolution of `dy` with the weights turned by 180 degrees,
/// inputs and outputs exchanged.
pub(super) fn input_gradient(shape: &ConvShape, dy: &[f32], weight: &[f32], dx: &mut [f32]) {
    debug_assert!(applies(shape));
    let weights = Weights::transposed(shape, weight);
    if !convolve(&Tiling::transposed(shape), dy, weights, None, false, dx) {
        exact::input_gradient(shape, dy, weight, dx);
    }
}
