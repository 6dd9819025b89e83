//! Element-wise functions of one tensor.

use std::f32::consts::FRAC_1_SQRT_2;

use burn::tensor::Tensor;
use multiversion::multiversion;

use crate::flex::{Array, Backward, Buffer, array, for_each_chunk, track, update};
use crate::simd::math;

#[derive(Clone, Copy, Debug)]
pub(in crate::activation) enum Function {
    Relu,
    Gelu,
    GeluTanh,
    Silu,
    Tanh,
    Sigmoid,
}

pub(in crate::activation) fn apply<const D: usize>(
    function: Function,
    x: &Tensor<D>,
) -> Option<Tensor<D>> {
    let values = array(x)?;
    let mut y = Buffer::new(values.values().len());
    for_each_chunk(&mut y, |start, y| {
        forward(function, &values.values()[start..][..y.len()], y);
    });
    let y = Array::new(y, values.shape());
    let kept = match function {
        // Their derivatives follow from the output, which the next operation saves as well.
        Function::Relu | Function::Tanh | Function::Sigmoid => y.clone(),
        Function::Gelu | Function::GeluTanh | Function::Silu => values,
    };
    let saved = Saved { function, kept };
    Some(track(y, saved, [Some(x.clone().into_dispatch())]))
}

#[derive(Clone, Debug)]
struct Saved {
    function: Function,
    /// The function's output or input.
    kept: Array,
}

impl Backward<1> for Saved {
    fn backward(self, gradient: Array, _: [bool; 1]) -> [Option<Array>; 1] {
        let dx = update(gradient, |start, d| {
            backward(self.function, &self.kept.values()[start..][..d.len()], d);
        });
        [Some(dx)]
    }
}

#[multiversion(targets = "simd")]
fn forward(function: Function, x: &[f32], y: &mut [f32]) {
    match function {
        Function::Relu => map(x, y, relu),
        Function::Gelu => map(x, y, gelu),
        Function::GeluTanh => map(x, y, gelu_tanh),
        Function::Silu => map(x, y, silu),
        Function::Tanh => map(x, y, math::tanh),
        Function::Sigmoid => map(x, y, math::sigmoid),
    }
}

/// Multiplies `d` by the derivative, at the saved output or input.
#[multiversion(targets = "simd")]
fn backward(function: Function, kept: &[f32], d: &mut [f32]) {
    match function {
        Function::Relu => {
            // A selection, not a product: infinity times zero would be NaN.
            for (d, &y) in d.iter_mut().zip(kept) {
                *d = if y <= 0.0 { 0.0 } else { *d };
            }
        }
        Function::Gelu => scale(kept, d, gelu_derivative),
        Function::GeluTanh => scale(kept, d, gelu_tanh_derivative),
        Function::Silu => scale(kept, d, silu_derivative),
        Function::Tanh => scale(kept, d, tanh_derivative),
        Function::Sigmoid => scale(kept, d, sigmoid_derivative),
    }
}

#[inline(always)]
fn map(x: &[f32], y: &mut [f32], f: impl Fn(f32) -> f32) {
    for (y, &x) in y.iter_mut().zip(x) {
        *y = f(x);
    }
}

#[inline(always)]
fn scale(kept: &[f32], d: &mut [f32], derivative: impl Fn(f32) -> f32) {
    for (d, &kept) in d.iter_mut().zip(kept) {
        *d *= derivative(kept);
    }
}

/// ReLU; NaN stays NaN.
#[inline(always)]
fn relu(x: f32) -> f32 {
    if x <= 0.0 { 0.0 } else { x }
}

#[inline(always)]
fn gelu(x: f32) -> f32 {
    0.5 * x * (1.0 + math::erf(x * FRAC_1_SQRT_2))
}

#[inline(always)]
fn gelu_derivative(x: f32) -> f32 {
    let (below, density) = math::normal(x);
    below + x * density
}

/// √(2/π)
const ROOT: f32 = 0.797_884_6;
const CUBIC: f32 = 0.044_715;

#[inline(always)]
fn gelu_tanh(x: f32) -> f32 {
    x * 0.5 * (1.0 + math::tanh(ROOT * x * (1.0 + CUBIC * x * x)))
}

#[inline(always)]
fn gelu_tanh_derivative(x: f32) -> f32 {
    let t = math::tanh(ROOT * x * (1.0 + CUBIC * x * x));
    let inner = ROOT * (1.0 + 3.0 * CUBIC * x * x);
    0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * inner
}

#[inline(always)]
pub(super) fn silu(x: f32) -> f32 {
    x * math::sigmoid(x)
}

#[inline(always)]
pub(super) fn silu_derivative(x: f32) -> f32 {
    let s = math::sigmoid(x);
    s * (1.0 + x * (1.0 - s))
}

/// The derivative at output `y`.
#[inline(always)]
fn tanh_derivative(y: f32) -> f32 {
    1.0 - y * y
}

/// The derivative at output `y`.
#[inline(always)]
fn sigmoid_derivative(y: f32) -> f32 {
    y * (1.0 - y)
}
