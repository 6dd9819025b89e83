//! Softmax and log-softmax.

use burn::tensor::Tensor;
use multiversion::multiversion;

use crate::flex::{Array, Backward, Buffer, array, for_each_rows, track, update_rows};
use crate::simd::{math, reduce};

pub(in crate::loss) fn softmax<const D: usize>(x: &Tensor<D>) -> Option<Tensor<D>> {
    apply(x, softmax_rows, |y, width| Softmax { y, width })
}

pub(in crate::loss) fn log_softmax<const D: usize>(x: &Tensor<D>) -> Option<Tensor<D>> {
    apply(x, log_softmax_rows, |y, width| LogSoftmax { y, width })
}

/// Applies `rows` to the rows along the last dimension.
fn apply<const D: usize, B: Backward<1>>(
    x: &Tensor<D>,
    rows: impl Fn(&[f32], &mut [f32], usize) + Sync,
    saved: impl FnOnce(Array, usize) -> B,
) -> Option<Tensor<D>> {
    let values = array(x)?;
    let width = x.dims()[D - 1];
    let mut y = Buffer::new(values.values().len());
    for_each_rows(&mut y, width, |row, y| {
        rows(&values.values()[row * width..][..y.len()], y, width);
    });
    let y = Array::new(y, values.shape());
    let saved = saved(y.clone(), width);
    Some(track(y, saved, [Some(x.clone().into_dispatch())]))
}

#[derive(Clone, Debug)]
struct Softmax {
    y: Array,
    width: usize,
}

impl Backward<1> for Softmax {
    /// `dx = y (dy - sum(y dy))`.
    fn backward(self, gradient: Array, _: [bool; 1]) -> [Option<Array>; 1] {
        let width = self.width;
        let (dx, _) = update_rows(gradient, width, |row, d| {
            softmax_backward(&self.y.values()[row * width..][..d.len()], d, width);
        });
        [Some(dx)]
    }
}

#[derive(Clone, Debug)]
struct LogSoftmax {
    y: Array,
    width: usize,
}

impl Backward<1> for LogSoftmax {
    /// `dx = dy - e^y sum(dy)`.
    fn backward(self, gradient: Array, _: [bool; 1]) -> [Option<Array>; 1] {
        let width = self.width;
        let (dx, _) = update_rows(gradient, width, |row, d| {
            log_softmax_backward(&self.y.values()[row * width..][..d.len()], d, width);
        });
        [Some(dx)]
    }
}

#[multiversion(targets = "simd")]
fn softmax_rows(x: &[f32], y: &mut [f32], width: usize) {
    let width = width.max(1);
    for (x, y) in x.chunks_exact(width).zip(y.chunks_exact_mut(width)) {
        let largest = reduce::max(x);
        let sum = reduce::map_and_sum(x, y, |x| math::exp(x - largest));
        for y in y {
            *y /= sum;
        }
    }
}

#[multiversion(targets = "simd")]
fn log_softmax_rows(x: &[f32], y: &mut [f32], width: usize) {
    let width = width.max(1);
    for (x, y) in x.chunks_exact(width).zip(y.chunks_exact_mut(width)) {
        let largest = reduce::max(x);
        let log_sum = reduce::sum(x, |x| math::exp(x - largest)).ln();
        for (y, x) in y.iter_mut().zip(x) {
            *y = x - largest - log_sum;
        }
    }
}

#[multiversion(targets = "simd")]
fn softmax_backward(y: &[f32], d: &mut [f32], width: usize) {
    let width = width.max(1);
    for (y, d) in y.chunks_exact(width).zip(d.chunks_exact_mut(width)) {
        let sum = reduce::sum_of_pairs(y, d, |y, d| y * d);
        for (d, y) in d.iter_mut().zip(y) {
            *d = y * (*d - sum);
        }
    }
}

#[multiversion(targets = "simd")]
fn log_softmax_backward(y: &[f32], d: &mut [f32], width: usize) {
    let width = width.max(1);
    for (y, d) in y.chunks_exact(width).zip(d.chunks_exact_mut(width)) {
        let sum = reduce::sum(d, |d| d);
        for (d, &y) in d.iter_mut().zip(y) {
            *d -= math::exp(y) * sum;
        }
    }
}
