//! Convolution by im2col and GEMM, for inputs that are not finite: one column of the matrix per
//! pixel of the output. It need not be fast, but a model whose loss has become NaN should not seem
//! to hang either.

use rayon::prelude::*;

use super::tiles::Tiling;
use crate::conv::kernel::shape::ConvShape;
use crate::flex::{Buffer, Matrix, MatrixMut, Threads, multiply};

pub(super) fn forward(
    shape: &ConvShape,
    x: &[f32],
    weight: &[f32],
    bias: Option<&[f32]>,
    relu: bool,
    out: &mut [f32],
) {
    convolve(&Tiling::new(shape), x, weight, out);
    let maps = out
        .par_chunks_mut(shape.output[0] * shape.output[1])
        .enumerate();
    maps.for_each(|(map, out)| {
        let bias = bias.map_or(0.0, |bias| bias[map % shape.out_channels]);
        for value in out {
            let sum = *value + bias;
            // A comparison, because the maximum of NaN and 0 is 0.
            *value = if relu && sum < 0.0 { 0.0 } else { sum };
        }
    });
}

pub(super) fn input_gradient(shape: &ConvShape, dy: &[f32], weight: &[f32], dx: &mut [f32]) {
    let mut turned = Buffer::new(weight.len());
    for (i, kernel) in turned.chunks_exact_mut(9).enumerate() {
        let (c, o) = (i / shape.out_channels, i % shape.out_channels);
        kernel.copy_from_slice(&weight[(o * shape.in_channels + c) * 9..][..9]);
        kernel.reverse();
    }
    convolve(&Tiling::transposed(shape), dy, &turned, dx);
}

pub(super) fn weight_gradient(shape: &ConvShape, x: &[f32], dy: &[f32], dw: &mut [f32]) {
    let tiling = Tiling::new(shape);
    let (rows, pixels) = (9 * shape.in_channels, tiling.outputs.pixels());
    dw.fill(0.0);
    let images = x.chunks_exact(shape.in_channels * tiling.inputs.pixels());
    let gradients = dy.chunks_exact(shape.out_channels * pixels);
    for (x, dy) in images.zip(gradients) {
        let columns = im2col(&tiling, x);
        multiply(
            MatrixMut::new(dw, shape.out_channels, rows),
            1.0,
            Matrix::new(dy, shape.out_channels, pixels),
            Matrix::new(&columns, rows, pixels).t(),
            Threads::All,
        );
    }
}

/// Convolves `x` with `weight` `[outputs, inputs, 3, 3]`.
fn convolve(tiling: &Tiling, x: &[f32], weight: &[f32], out: &mut [f32]) {
    if x.is_empty() {
        return out.fill(0.0);
    }
    let (inputs, outputs) = (&tiling.inputs, &tiling.outputs);
    let rows = 9 * inputs.channels;
    let images = x.chunks_exact(inputs.channels * inputs.pixels());
    let results = out.chunks_exact_mut(outputs.channels * outputs.pixels());
    for (x, out) in images.zip(results) {
        multiply(
            MatrixMut::new(out, outputs.channels, outputs.pixels()),
            0.0,
            Matrix::new(weight, outputs.channels, rows),
            Matrix::new(&im2col(tiling, x), rows, outputs.pixels()),
            Threads::All,
        );
    }
}

/// The im2col matrix `[inputs * 9, output pixels]`: the factors of each of the nine weights of a
/// channel.
fn im2col(tiling: &Tiling, x: &[f32]) -> Buffer {
    let (inputs, outputs) = (&tiling.inputs, &tiling.outputs);
    let ([height, width], pixels) = (inputs.size, outputs.pixels());
    let mut columns = Buffer::zeros(9 * inputs.channels * pixels);
    let rows = columns.par_chunks_exact_mut(pixels).enumerate();
    rows.for_each(|(row, to)| {
        let (x, k) = (&x[row / 9 * inputs.pixels()..], row % 9);
        let from = |to: usize, offset: usize, padding: usize, size: usize| {
            let at = (to + offset).checked_sub(padding)?;
            (at < size).then_some(at)
        };
        for (i, to) in to.chunks_exact_mut(outputs.size[1]).enumerate() {
            let Some(y) = from(i, k / 3, inputs.padding[0], height) else {
                continue;
            };
            for (j, to) in to.iter_mut().enumerate() {
                if let Some(at) = from(j, k % 3, inputs.padding[1], width) {
                    *to = x[y * width + at];
                }
            }
        }
    });
    columns
}
