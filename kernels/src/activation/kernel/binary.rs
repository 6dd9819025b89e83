//! Element-wise functions of two tensors.

use burn::tensor::Tensor;
use multiversion::multiversion;

use super::unary::{silu, silu_derivative};
use crate::flex::{
    Array, Backward, Buffer, GRAIN, array, for_each_chunk, for_each_rows_of_two, track,
};
use crate::simd::math;

pub(in crate::activation) fn add<const D: usize>(
    a: &Tensor<D>,
    b: &Tensor<D>,
) -> Option<Tensor<D>> {
    compute(a, b, add_slices, |_, _| Sum)
}

pub(in crate::activation) fn swiglu<const D: usize>(
    gate: &Tensor<D>,
    up: &Tensor<D>,
) -> Option<Tensor<D>> {
    compute(gate, up, swiglu_slices, |gate, up| Swiglu { gate, up })
}

/// Applies `kernel` to each pair of elements of two tensors of the same shape.
fn compute<const D: usize, B: Backward<2>>(
    a: &Tensor<D>,
    b: &Tensor<D>,
    kernel: impl Fn(&[f32], &[f32], &mut [f32]) + Sync,
    saved: impl FnOnce(Array, Array) -> B,
) -> Option<Tensor<D>> {
    if a.dims() != b.dims() {
        return None;
    }
    let inputs = [
        Some(a.clone().into_dispatch()),
        Some(b.clone().into_dispatch()),
    ];
    let (a, b) = (array(a)?, array(b)?);
    let mut y = Buffer::new(a.values().len());
    for_each_chunk(&mut y, |start, y| {
        kernel(
            &a.values()[start..][..y.len()],
            &b.values()[start..][..y.len()],
            y,
        );
    });
    let y = Array::new(y, a.shape());
    Some(track(y, saved(a, b), inputs))
}

#[derive(Clone, Debug)]
struct Sum;

impl Backward<2> for Sum {
    fn backward(self, gradient: Array, _: [bool; 2]) -> [Option<Array>; 2] {
        [Some(gradient.clone()), Some(gradient)]
    }
}

#[derive(Clone, Debug)]
struct Swiglu {
    gate: Array,
    up: Array,
}

impl Backward<2> for Swiglu {
    fn backward(self, gradient: Array, _: [bool; 2]) -> [Option<Array>; 2] {
        let (gate, up, dy) = (self.gate.values(), self.up.values(), gradient.values());
        let mut d_gate = Buffer::new(dy.len());
        let mut d_up = Buffer::new(dy.len());
        for_each_rows_of_two(
            GRAIN,
            (&mut d_gate, 1),
            (&mut d_up, 1),
            |start, d_gate, d_up| {
                let range = start..start + d_gate.len();
                let (gate, up, dy) = (&gate[range.clone()], &up[range.clone()], &dy[range]);
                swiglu_backward(gate, up, dy, d_gate, d_up);
            },
        );
        [d_gate, d_up].map(|d| Some(Array::new(d, self.gate.shape())))
    }
}

#[multiversion(targets = "simd")]
fn add_slices(a: &[f32], b: &[f32], y: &mut [f32]) {
    for ((y, a), b) in y.iter_mut().zip(a).zip(b) {
        *y = a + b;
    }
}

#[multiversion(targets = "simd")]
fn swiglu_slices(gate: &[f32], up: &[f32], y: &mut [f32]) {
    for ((y, &gate), up) in y.iter_mut().zip(gate).zip(up) {
        *y = silu(gate) * up;
    }
}

#[multiversion(targets = "simd")]
fn swiglu_backward(gate: &[f32], up: &[f32], dy: &[f32], d_gate: &mut [f32], d_up: &mut [f32]) {
    let inputs = gate.iter().zip(up).zip(dy);
    for ((d_gate, d_up), ((&gate, up), dy)) in d_gate.iter_mut().zip(d_up).zip(inputs) {
        *d_gate = dy * up * silu_derivative(gate);
        *d_up = dy * (gate * math::sigmoid(gate));
    }
}
