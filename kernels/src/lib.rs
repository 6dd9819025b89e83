//! CPU kernels for [Burn](burn): the operations that most of a training step is spent in, with
//! hand-written forward and backward passes.
//!
//! Each function takes and returns ordinary Burn tensors and computes exactly what its
//! *composition* of Burn's own operations computes. The composition is written out beside it and
//! runs on every backend. On the `flex` backend, in `f32` and with the feature `flex`, a *kernel*
//! runs instead: multi-threaded, vectorised, and one node on the autodiff tape. Nothing else
//! changes for the caller.
//!
//! ```
//! use burn::tensor::{Device, Distribution, Tensor};
//! use tinderbox_kernels::conv::{Conv2dOptions, conv2d_relu};
//!
//! let device = Device::flex().autodiff();
//! let x = Tensor::<4>::random([2, 3, 32, 32], Distribution::Default, &device);
//! let weight = Tensor::<4>::random([16, 3, 3, 3], Distribution::Default, &device).require_grad();
//! let options = Conv2dOptions::default().with_padding([1, 1]);
//! let y = conv2d_relu(x, weight.clone(), None, options);
//! assert_eq!(y.dims(), [2, 16, 32, 32]);
//!
//! let gradients = y.sum().backward();
//! assert_eq!(weight.grad(&gradients).unwrap().dims(), [16, 3, 3, 3]);
//! ```
//!
//! | module | operations | technique of the kernel |
//! |---|---|---|
//! | [`conv`] | 2-D convolution, with bias and ReLU | direct with register tiles and packing; Winograd F(4x4, 3x3) |
//! | [`pool`] | max and average pooling | strided windows as vectors |
//! | [`norm`] | batch norm, layer norm, RMS norm | one pass over memory, fused epilogue |
//! | [`activation`] | ReLU, GELU, SiLU, tanh, sigmoid, SwiGLU | polynomial approximations without branches |
//! | [`linear`] | `x W + b` | GEMM onto the bias |
//! | [`loss`] | softmax, cross-entropy | fused log-softmax and negative log-likelihood |
//! | [`attention`] | scaled dot-product attention | FlashAttention with online softmax |
//! | [`recurrent`] | LSTM and GRU layers over all time steps | weights packed once, fused gates |
//! | [`embedding`] | rows of a table | ordered scatter-add |
//! | [`dropout`] | dropout | counter-based random numbers, no stored mask |
//! | [`optim`] | steps of SGD and Adam | one pass, in place |
//! | [`nn`] | forward passes of Burn's layers by the above | |
//!
//! # How a kernel is made
//! `operation.rs` holds the public function and its composition; `operation/kernel.rs` and what
//! lies below it are the kernel, behind one `cfg(feature = "flex")`. The public function asks the
//! kernel first (`try_kernel!`). The kernel asks for the memory of its arguments (`flex::array`),
//! which it gets if they are `f32` on `flex`, computes the output, and puts output and saved state
//! on the autodiff tape (`flex::track`).
//!
//! # Tuning constants
//! The comment of a constant gives the time that other values take relative to the chosen one: the
//! best of three or four alternating runs, twice, on two AVX-512 cores shared with other work, one
//! thread unless it says two. Ratios that no other run confirmed are left out.
//!
//! # Determinism
//! Every sum is computed in the same order whatever the number of threads, and partial sums are
//! added in a fixed order. Results are bit-identical from run to run and on any number of threads.
//! Between instruction sets they differ by rounding: fused multiply-add is used where the processor
//! has it.
//!
//! # Unsafe code
//! `unsafe` is allowed in three files of `flex` only: buffers lent to Burn (`buffer`), pointers
//! passed to `gemm` (`matrix`), and columns that several threads write side by side (`strided`).
//! `just sanitize` runs all tests under AddressSanitizer.

#![warn(clippy::undocumented_unsafe_blocks)]
#![allow(
    clippy::excessive_precision,
    clippy::approx_constant,
    reason = "coefficients are kept as they were fitted"
)]
#![allow(
    clippy::needless_range_loop,
    reason = "the compiler vectorises loops that index several arrays"
)]
#![allow(
    clippy::ifs_same_cond,
    reason = "`multiversion` tests for each version of a function in turn"
)]

/// Returns the kernel's result from the calling function if there is a kernel for these tensors.
/// Expands to nothing without the feature `flex`. The second form is for kernels that consume their
/// arguments.
macro_rules! try_kernel {
    ($call:expr) => {
        #[cfg(feature = "flex")]
        if let Some(output) = $call {
            return output;
        }
    };
    ($supported:expr => $call:expr) => {
        #[cfg(feature = "flex")]
        if $supported {
            return $call;
        }
    };
}

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
mod simd;

use std::sync::atomic::{AtomicBool, Ordering};

static COMPOSE_ONLY: AtomicBool = AtomicBool::new(false);

/// Turns all kernels of this process off (or on again), so that every operation is composed of
/// Burn's own. For comparing the two in speed, or when a result is in doubt.
pub fn compose_only(yes: bool) {
    COMPOSE_ONLY.store(yes, Ordering::Relaxed);
}

/// True if kernels are turned off by [`compose_only`].
pub fn is_compose_only() -> bool {
    COMPOSE_ONLY.load(Ordering::Relaxed)
}
