//! One recurrent layer in one direction.

use burn::module::{Module, Param};
use burn::nn::{Dropout, Initializer};
use burn::tensor::{Device, Tensor};
use tinderbox_kernels::recurrent::{
    Activation, ResetGate, SequenceOptions, Weights, gru, lstm, rnn,
};

use super::cell::{CellKind, CellState};
use super::lengths::Lengths;

/// One layer in one direction, with PyTorch's weight layout.
#[derive(Module, Debug)]
pub(super) struct RecurrentLayer {
    /// `[gates * hidden, input]`.
    pub(super) weight_ih: Param<Tensor<2>>,
    /// `[gates * hidden, hidden]`.
    pub(super) weight_hh: Param<Tensor<2>>,
    /// `[gates * hidden]`.
    pub(super) bias_ih: Option<Param<Tensor<1>>>,
    /// `[gates * hidden]`.
    pub(super) bias_hh: Option<Param<Tensor<1>>>,
    /// Kind of cell.
    #[module(skip)]
    pub(super) kind: CellKind,
    pub(super) reset_after: bool,
    pub(super) reverse: bool,
}

/// Options of a [`RecurrentLayer`].
pub(super) struct LayerOptions {
    pub(super) kind: CellKind,
    pub(super) reset_after: bool,
    pub(super) reverse: bool,
    pub(super) bias: bool,
    pub(super) input_size: usize,
    pub(super) hidden_size: usize,
    /// All parameters are drawn from `U(-init_range, init_range)`.
    pub(super) init_range: f64,
}

impl RecurrentLayer {
    pub(super) fn new(options: &LayerOptions, device: &Device) -> Self {
        let uniform = Initializer::Uniform {
            min: -options.init_range,
            max: options.init_range,
        };
        let rows = options.kind.gates() * options.hidden_size;
        let bias = || options.bias.then(|| uniform.init([rows], device));
        Self {
            weight_ih: uniform.init([rows, options.input_size], device),
            weight_hh: uniform.init([rows, options.hidden_size], device),
            bias_ih: bias(),
            bias_hh: bias(),
            kind: options.kind,
            reset_after: options.reset_after,
            reverse: options.reverse,
        }
    }

    pub(super) fn hidden_size(&self) -> usize {
        let [_, hidden] = self.weight_hh.lazy_shape().dims();
        hidden
    }

    /// The state before the first time step.
    pub(super) fn zero_state(&self, batch: usize, device: &Device) -> CellState {
        let zeros = Tensor::zeros([batch, self.hidden_size()], device);
        CellState {
            cell: self.kind.has_cell_state().then(|| zeros.clone()),
            hidden: zeros,
        }
    }

    /// `[time, batch, input]` to `[time, batch, hidden]` and the state after the last step.
    /// `weight_drop` drops single recurrent weights, the same ones at every time step (Wan et al.
    /// 2013; Merity et al. 2018).
    pub(super) fn forward(
        &self,
        input: Tensor<3>,
        state: CellState,
        lengths: Option<&Lengths>,
        weight_drop: &Dropout,
    ) -> (Tensor<3>, CellState) {
        let weights = &self.weights(weight_drop);
        let options = SequenceOptions::default()
            .with_reverse(self.reverse)
            .with_lengths(lengths.map(Lengths::as_slice));
        let hidden = state.hidden;
        let (output, hidden, cell) = match self.kind {
            CellKind::Lstm => {
                let cell = state.cell.unwrap_or_else(|| hidden.zeros_like());
                let after = lstm(input, weights, [hidden, cell], options);
                (after.output, after.hidden, Some(after.cell))
            }
            CellKind::Gru => without_cell(gru(input, weights, hidden, self.reset(), options)),
            CellKind::RnnTanh => {
                without_cell(rnn(input, weights, hidden, Activation::Tanh, options))
            }
            CellKind::RnnRelu => {
                without_cell(rnn(input, weights, hidden, Activation::Relu, options))
            }
        };
        (output, CellState { hidden, cell })
    }

    fn weights(&self, weight_drop: &Dropout) -> Weights {
        Weights {
            ih: self.weight_ih.val(),
            hh: tinderbox_kernels::nn::dropout(weight_drop, self.weight_hh.val()),
            bias: match (&self.bias_ih, &self.bias_hh) {
                (Some(ih), Some(hh)) => Some([ih.val(), hh.val()]),
                _ => None,
            },
        }
    }

    fn reset(&self) -> ResetGate {
        if self.reset_after {
            ResetGate::After
        } else {
            ResetGate::Before
        }
    }
}

fn without_cell(
    (output, hidden): (Tensor<3>, Tensor<2>),
) -> (Tensor<3>, Tensor<2>, Option<Tensor<2>>) {
    (output, hidden, None)
}
