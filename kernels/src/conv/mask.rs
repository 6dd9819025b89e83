//! The gradient before the rectification, and that of the bias.

use multiversion::multiversion;
use rayon::prelude::*;

use super::shape::ConvShape;
use crate::flex::{Buffer, GRAIN};

/// `dy` where the output is above 0 (or NaN), otherwise 0, and its sum for each channel.
pub(super) fn relu(shape: &ConvShape, dy: &[f32], output: &[f32]) -> (Buffer, Buffer) {
    let mut masked = Buffer::new(dy.len());
    let mut sums = Buffer::new(shape.batch * shape.out_channels);
    let plane = shape.output_plane();
    if plane == 0 || sums.is_empty() {
        return (masked, Buffer::zeros(shape.out_channels));
    }
    let planes = GRAIN.div_ceil(plane);
    masked
        .par_chunks_mut(planes * plane)
        .zip(sums.par_chunks_mut(planes))
        .zip(dy.par_chunks(planes * plane))
        .zip(output.par_chunks(planes * plane))
        .for_each(|(((masked, sums), dy), output)| {
            let planes = masked.chunks_mut(plane).zip(sums);
            let sources = dy.chunks(plane).zip(output.chunks(plane));
            for ((masked, sum), (dy, output)) in planes.zip(sources) {
                *sum = mask_plane(dy, output, masked);
            }
        });
    (masked, over_batch(shape, &sums))
}

/// The sum of `dy` for each channel.
pub(super) fn sum(shape: &ConvShape, dy: &[f32]) -> Buffer {
    let mut sums = Buffer::new(shape.batch * shape.out_channels);
    let plane = shape.output_plane();
    if plane == 0 || sums.is_empty() {
        return Buffer::zeros(shape.out_channels);
    }
    let planes = GRAIN.div_ceil(plane);
    sums.par_chunks_mut(planes)
        .zip(dy.par_chunks(planes * plane))
        .for_each(|(sums, dy)| {
            for (sum, dy) in sums.iter_mut().zip(dy.chunks(plane)) {
                *sum = sum_plane(dy);
            }
        });
    over_batch(shape, &sums)
}

/// Sums `[batch, out]` to `[out]`.
fn over_batch(shape: &ConvShape, sums: &[f32]) -> Buffer {
    let mut total = Buffer::zeros(shape.out_channels);
    for image in sums.chunks(shape.out_channels.max(1)) {
        for (total, sum) in total.iter_mut().zip(image) {
            *total += sum;
        }
    }
    total
}

const LANES: usize = 64;

#[multiversion(targets = "simd")]
fn mask_plane(dy: &[f32], output: &[f32], masked: &mut [f32]) -> f32 {
    let keep = |dy: f32, output: f32| {
        if output > 0.0 || output.is_nan() {
            dy
        } else {
            0.0
        }
    };
    let mut lanes = [0.0; LANES];
    let (dy, dy_rest) = dy.as_chunks::<LANES>();
    let (output, output_rest) = output.as_chunks::<LANES>();
    let (masked, masked_rest) = masked.as_chunks_mut::<LANES>();
    for ((dy, output), masked) in dy.iter().zip(output).zip(masked) {
        let sources = dy.iter().zip(output);
        for ((masked, lane), (dy, output)) in masked.iter_mut().zip(&mut lanes).zip(sources) {
            *masked = keep(*dy, *output);
            *lane += *masked;
        }
    }
    let rest = dy_rest.iter().zip(output_rest).zip(masked_rest);
    for (((dy, output), masked), lane) in rest.zip(&mut lanes) {
        *masked = keep(*dy, *output);
        *lane += *masked;
    }
    lanes.iter().sum()
}

#[multiversion(targets = "simd")]
fn sum_plane(dy: &[f32]) -> f32 {
    let mut lanes = [0.0; LANES];
    let (whole, rest) = dy.as_chunks::<LANES>();
    for dy in whole {
        for (lane, dy) in lanes.iter_mut().zip(dy) {
            *lane += dy;
        }
    }
    for (lane, dy) in lanes.iter_mut().zip(rest) {
        *lane += dy;
    }
    lanes.iter().sum()
}
