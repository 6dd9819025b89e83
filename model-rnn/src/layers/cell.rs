//! The kinds of cells, whose equations are in the documentation of [`layers`](super), and what they remember.

use burn::tensor::Tensor;
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
