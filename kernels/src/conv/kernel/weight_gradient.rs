//! The gradient of the weight: for kernel element `k` and output channel `o` the sum over all
//! pixels of the input that `k` reads there times the output's gradient of `o` there.
//!
//! Two loops over the same padded copy of the image (`Layout`): vectors along the output channels
//! (`blocks`, with the inner loop `outer`), or, where those are few, along the rows of pixels
//! (`rows`).

mod blocks;
mod outer;
mod rows;

use super::shape::ConvShape;

/// Computes the gradient of the weight.
pub(super) fn weight_gradient(shape: &ConvShape, x: &[f32], dy: &[f32], dw: &mut [f32]) {
    if rows::is_faster(shape) {
        rows::weight_gradient(shape, x, dy, dw);
    } else {
        blocks::weight_gradient(shape, x, dy, dw);
    }
}
