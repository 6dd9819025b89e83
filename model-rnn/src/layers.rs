//! Recurrent layers with PyTorch's equations and parameter names, and dropout for sequences.
//!
//! `x` is the input, `h` the hidden state, `c` the cell state, all `[batch, ..]`; `Wi` and `bi` act
//! on the input, `Wh` and `bh` on the hidden state; `*` is the elementwise product. The rows of
//! `weight_ih` `[gates * hidden, input]` and `weight_hh` `[gates * hidden, hidden]` are grouped by
//! gate, in PyTorch's order.
//!
//! ```text
//! rnn_tanh  h' = tanh(Wi x + bi + Wh h + bh)            Elman 1990; rnn_relu with ReLU
//!
//! lstm      i = sigmoid(Wii x + bii + Whi h + bhi)      Hochreiter and Schmidhuber 1997, with the forget gate of
//!           f = sigmoid(Wif x + bif + Whf h + bhf)      Gers et al. 2000
//!           g = tanh   (Wig x + big + Whg h + bhg)
//!           o = sigmoid(Wio x + bio + Who h + bho)
//!           c' = f * c + i * g
//!           h' = o * tanh(c')
//!
//! gru       r = sigmoid(Wir x + bir + Whr h + bhr)      Cho et al. 2014
//!           z = sigmoid(Wiz x + biz + Whz h + bhz)
//!           n = tanh(Win x + bin + r * (Whn h + bhn))   reset after the product: PyTorch, cuDNN, Keras by default
//!           n = tanh(Win x + bin + Whn (r * h) + bhn)   reset before it: the paper, Keras' `reset_after=False`
//!           h' = (1 - z) * n + z * h
//! ```
//!
//! Where the two biases are only ever added, one would do, as in Keras; PyTorch has two, and so has
//! this crate.
//!
//! [`tinderbox_kernels::recurrent`] runs a layer over all time steps, and has each equation written
//! out step by step.

mod cell;
mod dropout;
mod layer;
mod lengths;
mod module;
mod recurrent;
mod state;

pub use cell::CellKind;
pub use dropout::{SequenceDropout, WordDropout};
pub use recurrent::{Recurrent, RecurrentConfig};
pub use state::RnnState;

pub(crate) use recurrent::require_range;
