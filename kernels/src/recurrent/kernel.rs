//! LSTM and GRU kernels: a whole layer is one node on the autodiff tape, with its own
//! backpropagation through time.
//!
//! - Only the recurrence has to wait for the previous step. The input's share of the gates is one
//!   matrix product for all time steps, and so are, at the end, the gradients of both weights and
//!   of the input.
//! - The sequences of a batch are independent, so each thread takes some of them through all time
//!   steps without waiting for another.
//! - What remains in a step is a product of a few rows with the recurrent weights, which are packed
//!   once (`packed_weight`), and the gates, in one pass over memory that is still in the cache
//!   (`gates`).
//!
//! The backward pass reads the saved gates and states of every step.

mod gates;
mod gru;
mod layer;
mod lstm;
mod packed_weight;

use burn::tensor::Tensor;

use super::{ResetGate, SequenceOptions, Weights};

pub(super) use lstm::lstm;

/// The GRU kernel. `None` also for a reset gate before the product, which has no kernel.
pub(super) fn gru(
    x: &Tensor<3>,
    weights: &Weights,
    hidden: &Tensor<2>,
    reset: ResetGate,
    options: SequenceOptions<'_>,
) -> Option<(Tensor<3>, Tensor<2>)> {
    match reset {
        ResetGate::After => gru::gru(x, weights, hidden, options),
        ResetGate::Before => None,
    }
}
