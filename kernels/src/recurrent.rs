//! Recurrent layers over all time steps.
//!
//! One layer in one direction, with PyTorch's equations and weights. `x` is the input at one time step, `h` the hidden
//! state, `c` the cell's state, `*` is element by element; the rows of both weights are those of the gates, one after the
//! other in the order in which they stand here.
//!
//! ```text
//! rnn   h' = tanh(Wi x + bi + Wh h + bh), or relu of it
//!
//! lstm  i = sigmoid(Wii x + bii + Whi h + bhi)
//!       f = sigmoid(Wif x + bif + Whf h + bhf)
//!       g = tanh   (Wig x + big + Whg h + bhg)
//!       o = sigmoid(Wio x + bio + Who h + bho)
//!       c' = f * c + i * g
//!       h' = o * tanh(c')
//!
//! gru   r = sigmoid(Wir x + bir + Whr h + bhr)
//!       z = sigmoid(Wiz x + biz + Whz h + bhz)
//!       n = tanh(Win x + bin + r * (Whn h + bhn)), or tanh(Win x + bin + Whn (r * h) + bhn)
//!       h' = (1 - z) * n + z * h
//! ```
//!
//! # The fast path
//! Hochreiter and Schmidhuber's LSTM and PyTorch's GRU are one operation each in Burn's record, with a backward pass
//! through time of their own:
//!
//! - Only the recurrence has to wait for the step before. The input's side of the gates is one product for all time steps,
//!   and so are, at the end, the gradients of both weights and of the input.
//! - The sequences of a batch know nothing of each other, so every thread takes some of them through all of time and never
//!   waits for another one.
//! - What remains in a step is a product of a few rows with the recurrent weights, which are put in order for it once
//!   (`panels`), and the gates in one pass over memory that is still in the cache (`gates`).
//!
//! The backward pass is given the gates and the states of every step.

mod compose;
mod unstack;

#[cfg(feature = "flex")]
mod gates;
#[cfg(feature = "flex")]
mod gru;
#[cfg(feature = "flex")]
mod layer;
#[cfg(feature = "flex")]
mod lstm;
#[cfg(feature = "flex")]
mod panels;

use burn::tensor::Tensor;

use self::compose::Cell;

/// The parameters of one layer in one direction.
#[derive(Clone, Debug)]
pub struct Weights {
    /// `[gates * hidden, input]`.
    pub ih: Tensor<2>,
    /// `[gates * hidden, hidden]`.
    pub hh: Tensor<2>,
    /// The biases on the input's side and on the hidden state's, `[gates * hidden]` each.
    pub bias: Option<[Tensor<1>; 2]>,
}

/// How a layer walks through its input.
#[derive(Clone, Copy, Debug, Default)]
pub struct Walk<'a> {
    /// From the last time step to the first.
    pub reverse: bool,
    /// The length of every sequence of the batch, if they differ. A sequence that is over keeps its state, so that the
    /// final state is that of its own end; in reverse it likewise keeps its first state until its last step is reached.
    pub lengths: Option<&'a [usize]>,
}

/// What [`lstm`] gives.
#[derive(Clone, Debug)]
pub struct LstmOutput {
    /// The hidden state after every step, `[time, batch, hidden]`.
    pub output: Tensor<3>,
    /// The hidden state after the last step, `[batch, hidden]`.
    pub hidden: Tensor<2>,
    /// The cell's state after the last step, `[batch, hidden]`.
    pub cell: Tensor<2>,
}

/// Long short-term memory over `x` `[time, batch, input]`, from a hidden state and a cell's state `[batch, hidden]`.
///
/// # Panics
/// If the shapes do not fit together.
pub fn lstm(x: Tensor<3>, weights: &Weights, state: [Tensor<2>; 2], walk: Walk<'_>) -> LstmOutput {
    check(&x, weights, &state, 4, walk);
    #[cfg(feature = "flex")]
    if let Some(output) = lstm::lstm(&x, weights, &state, walk) {
        return output;
    }
    let [hidden, cell] = state;
    let (output, hidden, cell) = compose::run(Cell::Lstm, x, weights, hidden, cell, walk);
    LstmOutput {
        output,
        hidden,
        cell,
    }
}

/// When the reset gate of a GRU acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reset {
    /// After the product with the recurrent weights: PyTorch, cuDNN. Only this one has a fast path.
    After,
    /// Before it: Cho et al. 2014.
    Before,
}

/// A gated recurrent unit over `x` `[time, batch, input]`, from a hidden state `[batch, hidden]`, to all hidden states
/// `[time, batch, hidden]` and the one after the last step.
///
/// # Panics
/// If the shapes do not fit together.
pub fn gru(
    x: Tensor<3>,
    weights: &Weights,
    hidden: Tensor<2>,
    reset: Reset,
    walk: Walk<'_>,
) -> (Tensor<3>, Tensor<2>) {
    check(&x, weights, std::slice::from_ref(&hidden), 3, walk);
    #[cfg(feature = "flex")]
    if reset == Reset::After
        && let Some(output) = gru::gru(&x, weights, &hidden, walk)
    {
        return output;
    }
    compose::run_without_cell(Cell::Gru(reset), x, weights, hidden, walk)
}

/// What an Elman network does with its sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// The hyperbolic tangent, as Elman 1990.
    Tanh,
    /// What is positive.
    Relu,
}

/// Elman's network over `x` `[time, batch, input]`, from a hidden state `[batch, hidden]`, to all hidden states
/// `[time, batch, hidden]` and the one after the last step. It has no fast path.
///
/// # Panics
/// If the shapes do not fit together.
pub fn rnn(
    x: Tensor<3>,
    weights: &Weights,
    hidden: Tensor<2>,
    activation: Activation,
    walk: Walk<'_>,
) -> (Tensor<3>, Tensor<2>) {
    check(&x, weights, std::slice::from_ref(&hidden), 1, walk);
    compose::run_without_cell(Cell::Rnn(activation), x, weights, hidden, walk)
}

/// Panics unless all shapes are those of one layer.
fn check(x: &Tensor<3>, weights: &Weights, states: &[Tensor<2>], gates: usize, walk: Walk<'_>) {
    let [_, batch, input] = x.dims();
    let [rows, hidden] = weights.hh.dims();
    assert_eq!(rows, gates * hidden, "rows of the recurrent weight");
    assert_eq!(weights.ih.dims(), [rows, input], "the input's weight");
    for bias in weights.bias.iter().flatten() {
        assert_eq!(bias.dims(), [rows], "a bias");
    }
    for state in states {
        assert_eq!(
            state.dims(),
            [batch, hidden],
            "a state before the first step"
        );
    }
    let lengths = walk.lengths.map_or(batch, <[usize]>::len);
    assert_eq!(lengths, batch, "number of lengths");
}
