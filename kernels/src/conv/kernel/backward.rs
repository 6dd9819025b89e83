//! The backward pass: gradients through the fused ReLU and of the bias; those of input and weight
//! are convolutions.

use multiversion::multiversion;
use rayon::prelude::*;

use super::shape::ConvShape;
use super::{input_gradient, weight_gradient};
use crate::flex::{Array, Backward, Buffer, GRAIN};

#[derive(Clone, Debug)]
pub(super) struct Conv2d {
    pub(super) shape: ConvShape,
    pub(super) x: Array,
    pub(super) weight: Array,
    /// The output, if ReLU was applied: the gradient passes where it is not 0.
    pub(super) output: Option<Array>,
}

impl Backward<3> for Conv2d {
    fn backward(self, gradient: Array, needed: [bool; 3]) -> [Option<Array>; 3] {
        let shape = &self.shape;
        let (dy, db) = match self.output {
            Some(output) => {
                let (dy, db) = relu_gradient(shape, gradient.values(), output.values());
                (Array::new(dy, gradient.shape()), Some(db))
            }
            None => {
                let db = needed[2].then(|| bias_gradient(shape, gradient.values()));
                (gradient, db)
            }
        };
        let (x, weight, dy) = (self.x.values(), self.weight.values(), dy.values());
        let dx = needed[0].then(|| input_gradient(shape, dy, weight));
        let dw = needed[1].then(|| weight_gradient(shape, x, dy));
        [
            dx.map(|dx| Array::new(dx, self.x.shape())),
            dw.map(|dw| Array::new(dw, self.weight.shape())),
            db.map(|db| Array::new(db, [shape.out_channels])),
        ]
    }
}

/// Returns `dy` where the output is positive (or NaN) and 0 elsewhere, and its sum per channel.
fn relu_gradient(shape: &ConvShape, dy: &[f32], output: &[f32]) -> (Buffer, Buffer) {
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

/// Returns the sum of `dy` per channel.
fn bias_gradient(shape: &ConvShape, dy: &[f32]) -> Buffer {
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

/// Sums `[batch, out]` over the batch, in order.
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
