//! Recurrent layers over all time steps.
//!
//! One layer in one direction, with PyTorch's equations and weights. `x` is the input of a time
//! step, `h` the hidden state, `c` the cell state and `*` the element-wise product. The gates are
//! stacked along the rows of both weights, in the order in which they stand here.
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
//! The LSTM (Hochreiter & Schmidhuber 1997) and PyTorch's GRU have kernels, which keep the gates
//! and states of every step for the backward pass.

mod composed;
mod unstack;

#[cfg(feature = "flex")]
mod kernel;

use burn::tensor::Tensor;

use self::composed::Cell;

/// Parameters of one layer in one direction.
#[derive(Clone, Debug)]
pub struct Weights {
    /// `[gates * hidden, input]`.
    pub ih: Tensor<2>,
    /// `[gates * hidden, hidden]`.
    pub hh: Tensor<2>,
    /// Biases of the input and of the hidden state, `[gates * hidden]` each.
    pub bias: Option<[Tensor<1>; 2]>,
}

/// Direction of a layer, and lengths of the sequences of a padded batch.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct SequenceOptions<'a> {
    /// From the last time step to the first.
    pub reverse: bool,
    /// Length of each sequence of the batch, if they differ. After its end a sequence keeps its
    /// state, so that the final state is that of its last unpadded step; in reverse it keeps the
    /// first state until that step.
    pub lengths: Option<&'a [usize]>,
}

impl<'a> SequenceOptions<'a> {
    /// Sets the direction.
    #[must_use]
    pub fn with_reverse(self, reverse: bool) -> Self {
        Self { reverse, ..self }
    }

    /// Sets the lengths of the sequences.
    #[must_use]
    pub fn with_lengths(self, lengths: Option<&'a [usize]>) -> Self {
        Self { lengths, ..self }
    }
}

/// Result of [`lstm`].
#[derive(Clone, Debug)]
pub struct LstmOutput {
    /// Hidden state after each step, `[time, batch, hidden]`.
    pub output: Tensor<3>,
    /// Hidden state after the last step, `[batch, hidden]`.
    pub hidden: Tensor<2>,
    /// Cell state after the last step, `[batch, hidden]`.
    pub cell: Tensor<2>,
}

/// Long short-term memory over `x` `[time, batch, input]`, from the hidden and the cell state
/// `[batch, hidden]` before the first step.
///
/// # Panics
/// If the shapes do not agree.
pub fn lstm(
    x: Tensor<3>,
    weights: &Weights,
    state: [Tensor<2>; 2],
    options: SequenceOptions<'_>,
) -> LstmOutput {
    check(&x, weights, &state, 4, options);
    try_kernel!(kernel::lstm(&x, weights, &state, options));
    let [hidden, cell] = state;
    let (output, hidden, cell) = composed::run(Cell::Lstm, x, weights, hidden, cell, options);
    LstmOutput {
        output,
        hidden,
        cell,
    }
}

/// Position of the reset gate of a GRU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResetGate {
    /// After the product with the recurrent weights, as in PyTorch and cuDNN. Only this one has a
    /// kernel.
    After,
    /// Before the product, as in Cho et al. 2014.
    Before,
}

/// Gated recurrent unit over `x` `[time, batch, input]`, from the hidden state `[batch, hidden]`
/// before the first step. Returns the hidden states after each step `[time, batch, hidden]` and
/// after the last.
///
/// # Panics
/// If the shapes do not agree.
pub fn gru(
    x: Tensor<3>,
    weights: &Weights,
    hidden: Tensor<2>,
    reset: ResetGate,
    options: SequenceOptions<'_>,
) -> (Tensor<3>, Tensor<2>) {
    check(&x, weights, std::slice::from_ref(&hidden), 3, options);
    try_kernel!(kernel::gru(&x, weights, &hidden, reset, options));
    composed::run_without_cell(Cell::Gru(reset), x, weights, hidden, options)
}

/// Activation of an Elman network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// Hyperbolic tangent (Elman 1990).
    Tanh,
    /// ReLU.
    Relu,
}

/// Elman network over `x` `[time, batch, input]`, from the hidden state `[batch, hidden]` before
/// the first step. Returns the hidden states after each step `[time, batch, hidden]` and after the
/// last. It has no kernel.
///
/// # Panics
/// If the shapes do not agree.
pub fn rnn(
    x: Tensor<3>,
    weights: &Weights,
    hidden: Tensor<2>,
    activation: Activation,
    options: SequenceOptions<'_>,
) -> (Tensor<3>, Tensor<2>) {
    check(&x, weights, std::slice::from_ref(&hidden), 1, options);
    composed::run_without_cell(Cell::Rnn(activation), x, weights, hidden, options)
}

/// Panics if the shapes do not agree.
fn check(
    x: &Tensor<3>,
    weights: &Weights,
    states: &[Tensor<2>],
    gates: usize,
    options: SequenceOptions<'_>,
) {
    let [_, batch, input] = x.dims();
    let [rows, hidden] = weights.hh.dims();
    assert_eq!(rows, gates * hidden, "rows of the recurrent weight");
    assert_eq!(
        weights.ih.dims(),
        [rows, input],
        "shape of the input weight"
    );
    for bias in weights.bias.iter().flatten() {
        assert_eq!(bias.dims(), [rows], "shape of a bias");
    }
    for state in states {
        assert_eq!(
            state.dims(),
            [batch, hidden],
            "shape of the state before the first step"
        );
    }
    let lengths = options.lengths.map_or(batch, <[usize]>::len);
    assert_eq!(lengths, batch, "number of lengths");
}
