//! One time step of each cell; the equations are in the documentation of [`layers`](super).

use burn::tensor::Tensor;
use burn::tensor::activation::{relu, sigmoid, tanh};
use burn::tensor::module::linear;
use serde::{Deserialize, Serialize};

/// Which equations a recurrent layer computes; see [`Recurrent`](super::Recurrent).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CellKind {
    /// Elman's network with tanh.
    RnnTanh,
    /// Elman's network with ReLU.
    RnnRelu,
    /// Gated recurrent unit.
    Gru,
    /// Long short-term memory.
    Lstm,
}

impl CellKind {
    /// How many rows of weights there are for each hidden unit.
    pub fn gates(self) -> usize {
        match self {
            Self::RnnTanh | Self::RnnRelu => 1,
            Self::Gru => 3,
            Self::Lstm => 4,
        }
    }

    /// Whether there is a cell's state beside the hidden one.
    pub fn has_cell_state(self) -> bool {
        self == Self::Lstm
    }
}

/// What one layer hands to its next time step.
#[derive(Clone, Debug)]
pub(super) struct CellState {
    /// `[batch, hidden]`.
    pub(super) hidden: Tensor<2>,
    /// `[batch, hidden]`, of an LSTM.
    pub(super) cell: Option<Tensor<2>>,
}

/// The part of a layer that is in its recurrence, with the weights as a step needs them.
pub(super) struct Cell {
    pub(super) kind: CellKind,
    /// See the two ways of a GRU.
    pub(super) reset_after: bool,
    /// `[hidden, gates * hidden]`.
    pub(super) weight_hh: Tensor<2>,
    /// `[gates * hidden]`, where it cannot be added on the side of the input.
    pub(super) bias_hh: Option<Tensor<1>>,
}

impl Cell {
    /// One time step. `input` is the input's side of all gates, `Wi x + bi` `[batch, gates * hidden]`.
    pub(super) fn step(&self, input: Tensor<2>, state: CellState) -> CellState {
        match self.kind {
            CellKind::RnnTanh => hidden_only(tanh(self.summed(input, state.hidden))),
            CellKind::RnnRelu => hidden_only(relu(self.summed(input, state.hidden))),
            CellKind::Lstm => self.lstm(input, state),
            CellKind::Gru if self.reset_after => hidden_only(self.gru(input, state.hidden)),
            CellKind::Gru => hidden_only(self.gru_reset_before(input, state.hidden)),
        }
    }

    fn summed(&self, input: Tensor<2>, hidden: Tensor<2>) -> Tensor<2> {
        input + hidden.matmul(self.weight_hh.clone())
    }

    fn lstm(&self, input: Tensor<2>, state: CellState) -> CellState {
        let gates = self.summed(input, state.hidden);
        let width = gates.dims()[1] / 4;
        // Every operation costs a fixed time that is felt at these sizes, so the neighbours i and f share one sigmoid.
        let input_forget = sigmoid(gates.clone().narrow(1, 0, 2 * width));
        let candidate = tanh(gates.clone().narrow(1, 2 * width, width));
        let output = sigmoid(gates.narrow(1, 3 * width, width));
        let write = input_forget.clone().narrow(1, 0, width) * candidate;
        let cell = match state.cell {
            Some(cell) => input_forget.narrow(1, width, width) * cell + write,
            None => write,
        };
        CellState {
            hidden: output * tanh(cell.clone()),
            cell: Some(cell),
        }
    }

    fn gru(&self, input: Tensor<2>, hidden: Tensor<2>) -> Tensor<2> {
        let recurrent = linear(hidden.clone(), self.weight_hh.clone(), self.bias_hh.clone());
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
        let weight = self.weight_hh.clone();
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

fn hidden_only(hidden: Tensor<2>) -> CellState {
    CellState { hidden, cell: None }
}

/// `(1 - keep) * new + keep * old`, with one operation less.
fn mix(new: Tensor<2>, old: Tensor<2>, keep: Tensor<2>) -> Tensor<2> {
    new.clone() + keep * (old - new)
}
