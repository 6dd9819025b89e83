//! One recurrent layer in one direction.

use burn::module::{Module, Param};
use burn::nn::{Dropout, Initializer};
use burn::tensor::module::linear;
use burn::tensor::{Device, Tensor};

use super::cell::{Cell, CellKind, CellState};
use super::lengths::Alive;
use super::unstack::unstack;

/// One layer in one direction. Weights lie as PyTorch's do.
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
    /// The equations.
    #[module(skip)]
    pub(super) kind: CellKind,
    pub(super) reset_after: bool,
    pub(super) reverse: bool,
}

/// What a [`RecurrentLayer`] is made from.
pub(super) struct LayerOptions {
    pub(super) kind: CellKind,
    pub(super) reset_after: bool,
    pub(super) reverse: bool,
    pub(super) bias: bool,
    pub(super) input_size: usize,
    pub(super) hidden_size: usize,
    /// All parameters are uniform within this distance of zero.
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

    /// Before the first word nothing is remembered.
    pub(super) fn zero_state(&self, batch: usize, device: &Device) -> CellState {
        let zeros = Tensor::zeros([batch, self.hidden_size()], device);
        CellState {
            cell: self.kind.has_cell_state().then(|| zeros.clone()),
            hidden: zeros,
        }
    }

    /// `[time, batch, input]` to `[time, batch, hidden]`, and the state after the last step. `weight_drop` drops single
    /// recurrent weights, the same ones at every time step (Wan et al. 2013; Merity et al. 2017).
    pub(super) fn forward(
        &self,
        input: Tensor<3>,
        mut state: CellState,
        alive: Option<&Alive>,
        weight_drop: &Dropout,
    ) -> (Tensor<3>, CellState) {
        let (input_bias, bias_hh) = self.biases();
        let cell = Cell {
            kind: self.kind,
            reset_after: self.reset_after,
            weight_hh: weight_drop.forward(self.weight_hh.val()).transpose(),
            bias_hh,
        };
        let steps = unstack(self.project(input, input_bias));
        let mut steps: Vec<(usize, Tensor<2>)> = steps.into_iter().enumerate().collect();
        if self.reverse {
            steps.reverse();
        }
        let mut outputs = Vec::with_capacity(steps.len());
        for (t, input) in steps {
            let old = alive.is_some().then(|| state.clone());
            state = cell.step(input, state);
            if let (Some(alive), Some(old)) = (alive, old) {
                state = alive.keep(t, state, old);
            }
            outputs.push(state.hidden.clone());
        }
        if self.reverse {
            outputs.reverse();
        }
        (Tensor::stack(outputs, 0), state)
    }

    /// The input's side of all gates at all time steps in one product: `[time, batch, gates * hidden]`.
    fn project(&self, input: Tensor<3>, bias: Option<Tensor<1>>) -> Tensor<3> {
        let [time, batch, width] = input.dims();
        let rows = input.reshape([time * batch, width]);
        let projected = linear(rows, self.weight_ih.val().transpose(), bias);
        let width = projected.dims()[1];
        projected.reshape([time, batch, width])
    }

    /// The bias on the input's side and the one inside the recurrence. Only the reset gate of a GRU that comes after the
    /// product keeps them apart; elsewhere their sum is added once, for all time steps.
    fn biases(&self) -> (Option<Tensor<1>>, Option<Tensor<1>>) {
        let (Some(bias_ih), Some(bias_hh)) = (&self.bias_ih, &self.bias_hh) else {
            return (None, None);
        };
        let (bias_ih, bias_hh) = (bias_ih.val(), bias_hh.val());
        match self.kind == CellKind::Gru && self.reset_after {
            true => (Some(bias_ih), Some(bias_hh)),
            false => (Some(bias_ih + bias_hh), None),
        }
    }
}
