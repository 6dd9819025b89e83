//! Optimizer steps in one pass over memory. Each operation is rounded as in the composition.

use burn::tensor::Tensor;
use multiversion::multiversion;
use rayon::prelude::*;

use super::{Adam, Sgd};
use crate::flex::{Array, Buffer, GRAIN, array, for_each_chunk_of_many, into_array, tensor};
use crate::simd::reduce;

/// Elements that are updated at a time: those of all tensors together stay in the L1 cache. Not
/// measured.
const BLOCK: usize = 1024;

/// True if all tensors that are present have a kernel.
pub(super) fn supports<const N: usize>(tensors: [Option<&Tensor<1>>; N]) -> bool {
    let mut tensors = tensors.into_iter().flatten();
    tensors.all(|tensor| array(tensor).is_some())
}

/// A tensor to be updated.
struct Target {
    /// The old elements, if their memory is shared.
    old: Option<Array>,
    new: Array,
}

impl Target {
    fn of(tensor: Tensor<1>) -> Self {
        let array = into_array(tensor);
        if array.is_unique() {
            return Self {
                old: None,
                new: array,
            };
        }
        let len = array.values().len();
        Self {
            old: Some(array),
            new: Array::new(Buffer::new(len), [len]),
        }
    }

    fn of_state(tensor: Option<Tensor<1>>, len: usize) -> Self {
        let zeros = || Self {
            old: None,
            new: Array::new(Buffer::zeros(len), [len]),
        };
        tensor.map_or_else(zeros, Self::of)
    }

    /// Memory for the new elements, and the old ones if they are elsewhere.
    fn split(&mut self) -> (&mut [f32], Option<&[f32]>) {
        (self.new.values_mut(), self.old.as_ref().map(Array::values))
    }

    fn into_tensor(self) -> Tensor<1> {
        tensor(self.new)
    }
}

/// Updates all targets along the gradient: `step` gets blocks of them that hold the old elements.
fn update<const N: usize>(
    targets: [&mut Target; N],
    gradient: &[f32],
    step: impl Fn([&mut [f32]; N], &[f32]) + Sync,
) {
    let mut old = [None; N];
    let mut sources = old.iter_mut();
    let new = targets.map(|target| {
        let (new, elsewhere) = target.split();
        assert_eq!(new.len(), gradient.len(), "one gradient per element");
        if let Some(source) = sources.next() {
            *source = elsewhere;
        }
        new
    });
    for_each_chunk_of_many(new, |start, new| {
        let len = new[0].len();
        let mut new = new.map(|new| new.chunks_mut(BLOCK));
        for (block, gradient) in gradient[start..start + len].chunks(BLOCK).enumerate() {
            let start = start + block * BLOCK;
            let mut new = new.each_mut().map(|new| new.next().unwrap_or_default());
            for (new, old) in new.iter_mut().zip(&old) {
                if let Some(old) = old {
                    new.copy_from_slice(&old[start..start + gradient.len()]);
                }
            }
            step(new, gradient);
        }
    });
}

pub(super) fn sgd(
    parameter: Tensor<1>,
    gradient: Tensor<1>,
    momentum_buffer: Option<Tensor<1>>,
    options: &Sgd,
) -> (Tensor<1>, Option<Tensor<1>>) {
    let gradient = into_array(gradient);
    let gradient = gradient.values();
    let numbers = SgdNumbers {
        learning_rate: options.learning_rate as f32,
        momentum: options.momentum as f32,
        nesterov: options.nesterov,
        decay: options.weight_decay as f32,
    };
    let mut parameter = Target::of(parameter);
    if options.momentum == 0.0 {
        update([&mut parameter], gradient, |[p], g| sgd_step(p, g, numbers));
        return (parameter.into_tensor(), None);
    }
    let mut buffer = Target::of_state(momentum_buffer, gradient.len());
    update([&mut parameter, &mut buffer], gradient, |[p, b], g| {
        momentum_step(p, b, g, numbers);
    });
    (parameter.into_tensor(), Some(buffer.into_tensor()))
}

pub(super) fn adam(
    parameter: Tensor<1>,
    gradient: Tensor<1>,
    exp_avg: Option<Tensor<1>>,
    exp_avg_sq: Option<Tensor<1>>,
    options: &Adam,
) -> (Tensor<1>, Tensor<1>, Tensor<1>) {
    let gradient = into_array(gradient);
    let gradient = gradient.values();
    let numbers = AdamNumbers::new(options);
    let mut parameter = Target::of(parameter);
    let mut first = Target::of_state(exp_avg, gradient.len());
    let mut second = Target::of_state(exp_avg_sq, gradient.len());
    update(
        [&mut parameter, &mut first, &mut second],
        gradient,
        |targets, g| adam_step(targets, g, numbers),
    );
    (
        parameter.into_tensor(),
        first.into_tensor(),
        second.into_tensor(),
    )
}

/// Added in `f32` over a few hundred elements per lane at most, then in `f64` in order.
pub(super) fn sum_of_squares(x: &Tensor<1>) -> Option<Tensor<1>> {
    let x = array(x)?;
    let parts = x.values().par_chunks(GRAIN).map(squares);
    let parts: Vec<f64> = if x.values().len() <= GRAIN {
        vec![squares(x.values())]
    } else {
        parts.collect()
    };
    let sum = parts.iter().sum::<f64>() as f32;
    Some(tensor(Array::new(Buffer::copy(&[sum]), [1])))
}

#[multiversion(targets = "simd")]
fn squares(x: &[f32]) -> f64 {
    let pieces = x.chunks(1024);
    pieces.fold(0.0, |sum, x| sum + f64::from(reduce::sum(x, |x| x * x)))
}

#[derive(Clone, Copy)]
struct SgdNumbers {
    learning_rate: f32,
    momentum: f32,
    nesterov: bool,
    decay: f32,
}

#[multiversion(targets = "simd")]
fn sgd_step(p: &mut [f32], g: &[f32], numbers: SgdNumbers) {
    for (p, &g) in p.iter_mut().zip(g) {
        *p -= decayed(g, *p, numbers.decay) * numbers.learning_rate;
    }
}

#[multiversion(targets = "simd")]
fn momentum_step(p: &mut [f32], buffer: &mut [f32], g: &[f32], numbers: SgdNumbers) {
    for ((p, b), &g) in p.iter_mut().zip(buffer).zip(g) {
        let d = decayed(g, *p, numbers.decay);
        *b = *b * numbers.momentum + d;
        let direction = if numbers.nesterov {
            d + *b * numbers.momentum
        } else {
            *b
        };
        *p -= direction * numbers.learning_rate;
    }
}

#[inline(always)]
fn decayed(g: f32, p: f32, decay: f32) -> f32 {
    if decay > 0.0 { g + p * decay } else { g }
}

#[derive(Clone, Copy)]
struct AdamNumbers {
    /// Decoupled weight decay: factor of the parameter.
    shrink: f32,
    /// Coupled weight decay: factor of the parameter, added to the gradient.
    decay: f32,
    betas: [f32; 2],
    /// `1 - beta`.
    rest: [f32; 2],
    /// `sqrt(1 - beta2^t)`.
    correction: f32,
    eps: f32,
    /// `learning_rate / (1 - beta1^t)`.
    step_size: f32,
}

impl AdamNumbers {
    fn new(options: &Adam) -> Self {
        let [correction1, correction2] = options.corrections();
        let (decoupled, coupled) = if options.decoupled {
            (options.weight_decay.max(0.0), 0.0)
        } else {
            (0.0, options.weight_decay)
        };
        Self {
            shrink: (1.0 - options.learning_rate * decoupled) as f32,
            decay: coupled as f32,
            betas: options.betas.map(|beta| beta as f32),
            rest: options.betas.map(|beta| (1.0 - beta) as f32),
            correction: correction2.sqrt() as f32,
            eps: options.eps as f32,
            step_size: (options.learning_rate / correction1) as f32,
        }
    }
}

#[multiversion(targets = "simd")]
fn adam_step([p, first, second]: [&mut [f32]; 3], g: &[f32], numbers: AdamNumbers) {
    let [beta1, beta2] = numbers.betas;
    let [rest1, rest2] = numbers.rest;
    for (((p, m), v), &g) in p.iter_mut().zip(first).zip(second).zip(g) {
        let g = decayed(g, *p, numbers.decay);
        *m = *m * beta1 + g * rest1;
        *v = *v * beta2 + g * g * rest2;
        let denominator = v.sqrt() / numbers.correction + numbers.eps;
        *p = *p * numbers.shrink - *m / denominator * numbers.step_size;
    }
}
