//! The layers composed of Burn's operations, step by step.

use burn::tensor::activation::{relu, sigmoid, tanh};
use burn::tensor::module::linear;
use burn::tensor::{Bool, Tensor, TensorData};

use super::unstack::unstack;
use super::{Activation, ResetGate, SequenceOptions, Weights};

/// Type of the recurrent cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cell {
    Rnn(Activation),
    Gru(ResetGate),
    Lstm,
}

/// State between time steps, `[batch, hidden]` each. Cells without a cell state leave `cell`
/// unchanged.
#[derive(Clone)]
struct State {
    hidden: Tensor<2>,
    cell: Tensor<2>,
}

/// Returns the hidden states after each step `[time, batch, hidden]`, and the states after the
/// last.
pub(super) fn run(
    cell: Cell,
    x: Tensor<3>,
    weights: &Weights,
    hidden: Tensor<2>,
    cell_state: Tensor<2>,
    options: SequenceOptions<'_>,
) -> (Tensor<3>, Tensor<2>, Tensor<2>) {
    let mut state = State {
        hidden,
        cell: cell_state,
    };
    let [time, _, _] = x.dims();
    let [batch, width] = state.hidden.dims();
    if time == 0 || batch == 0 {
        let nothing = Tensor::empty([time, batch, width], (&x.device(), x.dtype()));
        return (nothing, state.hidden, state.cell);
    }
    let (input_bias, hidden_bias) = biases(cell, weights);
    let recurrent = Recurrent {
        cell,
        weight: weights.hh.clone().transpose(),
        bias: hidden_bias,
    };
    let mut steps: Vec<_> = unstack(project(x, weights, input_bias))
        .into_iter()
        .enumerate()
        .collect();
    if options.reverse {
        steps.reverse();
    }
    let mut outputs = Vec::with_capacity(steps.len());
    for (t, input) in steps {
        let old = state.clone();
        state = keep(recurrent.step(input, state), old, t, options.lengths);
        outputs.push(state.hidden.clone());
    }
    if options.reverse {
        outputs.reverse();
    }
    (Tensor::stack(outputs, 0), state.hidden, state.cell)
}

/// [`run`] for cells that have only a hidden state.
pub(super) fn run_without_cell(
    cell: Cell,
    x: Tensor<3>,
    weights: &Weights,
    hidden: Tensor<2>,
    options: SequenceOptions<'_>,
) -> (Tensor<3>, Tensor<2>) {
    let (output, hidden, _) = run(cell, x, weights, hidden.clone(), hidden, options);
    (output, hidden)
}

/// Biases of the input's share of the gates and of the recurrence. Only a GRU with the reset gate
/// after the product keeps them apart; elsewhere their sum is added once, for all time steps.
fn biases(cell: Cell, weights: &Weights) -> (Option<Tensor<1>>, Option<Tensor<1>>) {
    match weights.bias.clone() {
        None => (None, None),
        Some([ih, hh]) if cell == Cell::Gru(ResetGate::After) => (Some(ih), Some(hh)),
        Some([ih, hh]) => (Some(ih + hh), None),
    }
}

/// The input's share of all gates at all time steps in one product:
/// `[time, batch, gates * hidden]`.
fn project(x: Tensor<3>, weights: &Weights, bias: Option<Tensor<1>>) -> Tensor<3> {
    let [time, batch, width] = x.dims();
    let rows = x.reshape([time * batch, width]);
    let projected = linear(rows, weights.ih.clone().transpose(), bias);
    let [_, width] = projected.dims();
    projected.reshape([time, batch, width])
}

/// `new` for sequences that have not ended at time step `t`, `old` for the others.
fn keep(new: State, old: State, t: usize, lengths: Option<&[usize]>) -> State {
    let Some(lengths) = lengths.filter(|lengths| lengths.iter().any(|&length| t >= length)) else {
        return new;
    };
    let [batch, width] = new.hidden.dims();
    let over: Vec<bool> = lengths.iter().map(|&length| t >= length).collect();
    let over = TensorData::new(over, [batch, 1]);
    let over = Tensor::<2, Bool>::from_data(over, &new.hidden.device()).expand([batch, width]);
    State {
        hidden: new.hidden.mask_where(over.clone(), old.hidden),
        cell: new.cell.mask_where(over, old.cell),
    }
}

/// The recurrent part of a layer.
struct Recurrent {
    cell: Cell,
    /// `[hidden, gates * hidden]`.
    weight: Tensor<2>,
    /// `[gates * hidden]`, if it cannot be added to the input's share.
    bias: Option<Tensor<1>>,
}

impl Recurrent {
    /// One time step. `input` is the input's share of all gates, `Wi x + bi`
    /// `[batch, gates * hidden]`.
    fn step(&self, input: Tensor<2>, state: State) -> State {
        match self.cell {
            Cell::Lstm => self.lstm(input, state),
            Cell::Rnn(activation) => {
                let sums = self.summed(input, state.hidden);
                let hidden = match activation {
                    Activation::Tanh => tanh(sums),
                    Activation::Relu => relu(sums),
                };
                State { hidden, ..state }
            }
            Cell::Gru(reset) => {
                let hidden = match reset {
                    ResetGate::After => self.gru(input, state.hidden),
                    ResetGate::Before => self.gru_reset_before(input, state.hidden),
                };
                State { hidden, ..state }
            }
        }
    }

    fn summed(&self, input: Tensor<2>, hidden: Tensor<2>) -> Tensor<2> {
        input + hidden.matmul(self.weight.clone())
    }

    fn lstm(&self, input: Tensor<2>, state: State) -> State {
        let gates = self.summed(input, state.hidden);
        let width = gates.dims()[1] / 4;
        // Every operation has a fixed cost that matters at these sizes, so the adjacent gates i and
        // f share one sigmoid.
        let input_forget = sigmoid(gates.clone().narrow(1, 0, 2 * width));
        let candidate = tanh(gates.clone().narrow(1, 2 * width, width));
        let output = sigmoid(gates.narrow(1, 3 * width, width));
        let write = input_forget.clone().narrow(1, 0, width) * candidate;
        let cell = input_forget.narrow(1, width, width) * state.cell + write;
        State {
            hidden: output * tanh(cell.clone()),
            cell,
        }
    }

    fn gru(&self, input: Tensor<2>, hidden: Tensor<2>) -> Tensor<2> {
        let recurrent = linear(hidden.clone(), self.weight.clone(), self.bias.clone());
        let width = hidden.dims()[1];
        let gates =
            input.clone().narrow(1, 0, 2 * width) + recurrent.clone().narrow(1, 0, 2 * width);
        let gates = sigmoid(gates);
        let reset = gates.clone().narrow(1, 0, width);
        let candidate =
            input.narrow(1, 2 * width, width) + reset * recurrent.narrow(1, 2 * width, width);
        mix(tanh(candidate), hidden, gates.narrow(1, width, width))
    }

    fn gru_reset_before(&self, input: Tensor<2>, hidden: Tensor<2>) -> Tensor<2> {
        let width = hidden.dims()[1];
        let weight = self.weight.clone();
        let gates = hidden
            .clone()
            .matmul(weight.clone().narrow(1, 0, 2 * width));
        let gates = sigmoid(input.clone().narrow(1, 0, 2 * width) + gates);
        let reset = gates.clone().narrow(1, 0, width);
        let candidate = (reset * hidden.clone()).matmul(weight.narrow(1, 2 * width, width));
        let candidate = tanh(input.narrow(1, 2 * width, width) + candidate);
        mix(candidate, hidden, gates.narrow(1, width, width))
    }
}

/// `(1 - keep) * new + keep * old`, with one operation less.
fn mix(new: Tensor<2>, old: Tensor<2>, keep: Tensor<2>) -> Tensor<2> {
    new.clone() + keep * (old - new)
}
