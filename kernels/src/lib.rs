//! The operations that most of a training step is spent in, with a fast path for CPUs.
//!
//! Each function takes and gives ordinary Burn tensors and means exactly what its composition of Burn's own operations
//! means; that composition is written out beside it and runs on every backend. On `flex`, in `f32` and with the feature
//! `flex`, a hand-made kernel runs in its place: multi-threaded, vectorised, and with a backward pass of its own.
//! Calling these functions is all there is to it; whoever ignores this crate loses speed and nothing else.
//!
//! | module | what it has |
//! |---|---|
//! | [`conv`] | 2-D convolution, with bias and ReLU |
//! | [`pool`] | maximum and average pooling |
//! | [`norm`] | batch norm, layer norm, RMS norm |
//! | [`activation`] | ReLU, GELU, SiLU, tanh, sigmoid |
//! | [`linear`] | `x W + b` |
//! | [`loss`] | softmax, cross-entropy |
//! | [`attention`] | scaled dot-product attention |
//! | [`recurrent`] | LSTM and GRU layers over all time steps |
//! | [`embedding`] | rows of a table |
//! | [`dropout`] | dropout |
//! | [`optim`] | steps of SGD and Adam |
//! | [`nn`] | the forward passes of Burn's layers, by the above |
//!
//! # How a kernel is made
//! A file here has the public function, which asks for the memory of its arguments (`flex::array`). Where it gets it, it
//! computes the output and hands it, with what the backward pass needs, to `flex::record`; where it does not, it
//! composes. Results do not depend on the number of threads: work is cut by its size, and partial sums are added in order.
//!
//! `unsafe` is in three files of `flex` alone: buffers that are lent to Burn (`pool`), pointers for `gemm` (`matrix`), and
//! columns that threads write to side by side (`strided`). `just sanitize` runs all tests under AddressSanitizer.

#![warn(clippy::undocumented_unsafe_blocks)]
#![allow(
    clippy::excessive_precision,
    clippy::approx_constant,
    reason = "coefficients stand as they were fitted"
)]
#![allow(
    clippy::needless_range_loop,
    reason = "a loop over the index of several arrays is what the compiler turns into vectors"
)]
#![allow(
    clippy::ifs_same_cond,
    reason = "`multiversion` asks for each version of a function in turn"
)]

pub mod activation;
pub mod attention;
pub mod conv;
pub mod dropout;
pub mod embedding;
pub mod linear;
pub mod loss;
pub mod nn;
pub mod norm;
pub mod optim;
pub mod pool;
pub mod recurrent;

#[cfg(feature = "flex")]
mod flex;
#[cfg(feature = "flex")]
mod lanes;
#[cfg(feature = "flex")]
mod math;

use std::sync::atomic::{AtomicBool, Ordering};

static COMPOSE_ONLY: AtomicBool = AtomicBool::new(false);

/// Whether every operation of this process is to be composed of Burn's own, even where there is a kernel: to compare the
/// two, in speed or when a result is in doubt.
pub fn compose_only(yes: bool) {
    COMPOSE_ONLY.store(yes, Ordering::Relaxed);
}

/// What [`compose_only`] was last told.
pub fn composes_only() -> bool {
    COMPOSE_ONLY.load(Ordering::Relaxed)
}
