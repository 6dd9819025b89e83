//! Kinds of cells, whose equations are in the documentation of [`layers`](super), and their state.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// Kind of recurrent layer; see [`Recurrent`](super::Recurrent).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CellKind {
    /// Elman network with tanh.
    RnnTanh,
    /// Elman network with ReLU.
    RnnRelu,
    /// Gated recurrent unit.
    Gru,
    /// Long short-term memory.
    Lstm,
}

impl CellKind {
    /// Number of weight rows per hidden unit.
    pub fn gates(self) -> usize {
        match self {
            Self::RnnTanh | Self::RnnRelu => 1,
            Self::Gru => 3,
            Self::Lstm => 4,
        }
    }

    /// True for an LSTM, which has a cell state beside the hidden state.
    pub fn has_cell_state(self) -> bool {
        self == Self::Lstm
    }
}

/// State of one layer between time steps.
#[derive(Clone, Debug)]
pub(super) struct CellState {
    /// `[batch, hidden]`.
    pub(super) hidden: Tensor<2>,
    /// `[batch, hidden]`, of an LSTM.
    pub(super) cell: Option<Tensor<2>>,
}
