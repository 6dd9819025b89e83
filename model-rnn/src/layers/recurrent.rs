//! Recurrent layers on top of each other.

use burn::nn::Dropout;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use super::cell::{CellKind, CellState};
use super::dropout::{SequenceDropout, dropout};
use super::layer::{LayerOptions, RecurrentLayer};
use super::lengths::Alive;
use super::state::RnnState;
use crate::{ConfigError, LengthsError, StateError};

/// Configuration of a [`Recurrent`]: what PyTorch's `nn.RNN`, `nn.GRU` and `nn.LSTM` can do, and what the language models
/// need beyond it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecurrentConfig {
    /// The equations of a step.
    pub cell: CellKind,
    /// Width of the input.
    pub input_size: usize,
    /// Hidden units of every layer, from the first one up. PyTorch's modules have the same number in all of them.
    pub hidden_sizes: Vec<usize>,
    /// With biases, two of them for each gate.
    #[serde(default = "yes")]
    pub bias: bool,
    /// A second network runs backwards in time, and outputs are those of both, side by side.
    #[serde(default)]
    pub bidirectional: bool,
    /// Probability of dropping an output of a layer that is the input of another.
    #[serde(default)]
    pub dropout: f64,
    /// A dropped unit is dropped at all time steps; see [`SequenceDropout`].
    #[serde(default)]
    pub locked_dropout: bool,
    /// Probability of dropping a recurrent weight, the same at all time steps of a sequence.
    #[serde(default)]
    pub weight_drop: f64,
    /// Of a GRU: the reset gate acts after the product with the recurrent weights, as in PyTorch, cuDNN and Keras'
    /// default, and not before it, as in the paper. Weights of one way mean nothing to the other.
    #[serde(default = "yes")]
    pub reset_after: bool,
    /// All parameters are drawn uniformly within this distance of zero; without it, as in PyTorch, within
    /// `1 / sqrt(hidden)`.
    #[serde(default)]
    pub init_range: Option<f64>,
}

fn yes() -> bool {
    true
}

impl RecurrentConfig {
    /// `num_layers` layers with `hidden_size` units each.
    pub fn new(cell: CellKind, input_size: usize, hidden_size: usize, num_layers: usize) -> Self {
        Self {
            cell,
            input_size,
            hidden_sizes: vec![hidden_size; num_layers],
            bias: true,
            bidirectional: false,
            dropout: 0.0,
            locked_dropout: false,
            weight_drop: 0.0,
            reset_after: true,
            init_range: None,
        }
    }

    /// Width of the output: the units of the last layer, in both directions if there are two.
    pub fn output_size(&self) -> usize {
        self.hidden_sizes.last().copied().unwrap_or(0) * self.directions()
    }

    fn directions(&self) -> usize {
        1 + usize::from(self.bidirectional)
    }

    /// Checks that the options describe a network.
    ///
    /// # Errors
    /// Names the first option that is zero where there must be something, or that is no probability.
    pub fn validate(&self) -> Result<(), ConfigError> {
        ConfigError::require_nonzero("input_size", self.input_size)?;
        ConfigError::require_nonzero("num_layers", self.hidden_sizes.len())?;
        for &hidden_size in &self.hidden_sizes {
            ConfigError::require_nonzero("hidden_size", hidden_size)?;
        }
        ConfigError::require_dropout("dropout", self.dropout)?;
        ConfigError::require_dropout("weight_drop", self.weight_drop)?;
        require_range(self.init_range)
    }

    /// Builds the layers on `device`.
    ///
    /// # Errors
    /// See [`validate`](Self::validate).
    pub fn init(&self, device: &Device) -> Result<Recurrent, ConfigError> {
        self.validate()?;
        let mut layers = Vec::new();
        let mut input_size = self.input_size;
        for &hidden_size in &self.hidden_sizes {
            let default_range = 1.0 / (hidden_size as f64).sqrt();
            for reverse in [false, true].into_iter().take(self.directions()) {
                let options = LayerOptions {
                    kind: self.cell,
                    reset_after: self.reset_after,
                    reverse,
                    bias: self.bias,
                    input_size,
                    hidden_size,
                    init_range: self.init_range.unwrap_or(default_range),
                };
                layers.push(RecurrentLayer::new(&options, device));
            }
            input_size = hidden_size * self.directions();
        }
        Ok(Recurrent {
            layers,
            bidirectional: self.bidirectional,
            dropout: SequenceDropout::new(self.dropout, self.locked_dropout)?,
            weight_drop: dropout(self.weight_drop)?,
        })
    }
}

pub(crate) fn require_range(init_range: Option<f64>) -> Result<(), ConfigError> {
    match init_range {
        Some(range) if !(range.is_finite() && range >= 0.0) => {
            let reason = format!("must be a distance from zero, got {range}");
            Err(ConfigError::new("init_range", reason))
        }
        _ => Ok(()),
    }
}

/// Recurrent layers, one on top of the other, perhaps in both directions, with PyTorch's equations and parameter names:
/// `weight_ih_l0` `[gates * hidden, input]`, `weight_hh_l0` `[gates * hidden, hidden]`, `bias_ih_l0`, `bias_hh_l0`
/// `[gates * hidden]`, `weight_ih_l0_reverse`, ..., `weight_ih_l1`, ... The equations are in the documentation of
/// [`layers`](super).
#[derive(Clone, Debug)]
pub struct Recurrent {
    /// In PyTorch's order: the first layer, the first layer backwards, the second layer, ...
    pub(super) layers: Vec<RecurrentLayer>,
    pub(super) bidirectional: bool,
    pub(super) dropout: SequenceDropout,
    pub(super) weight_drop: Dropout,
}

impl Recurrent {
    /// Sequences `[batch, time, input]`, at least one step long, to the last layer's outputs `[batch, time, output]` and the
    /// state after the last step. Without a `state` nothing is remembered from before.
    ///
    /// # Panics
    /// If the state is of another network or batch, see [`check_state`](Self::check_state).
    pub fn forward(&self, input: Tensor<3>, state: Option<RnnState>) -> (Tensor<3>, RnnState) {
        let (output, state) = self.forward_time_major(input.swap_dims(0, 1), state);
        (output.swap_dims(0, 1), state)
    }

    /// As [`forward`](Self::forward), with time first: `[time, batch, input]` to `[time, batch, output]`. The layers work
    /// in this order, in which the time steps lie one after the other.
    ///
    /// # Panics
    /// As [`forward`](Self::forward).
    pub fn forward_time_major(
        &self,
        input: Tensor<3>,
        state: Option<RnnState>,
    ) -> (Tensor<3>, RnnState) {
        self.run(input, state, None)
    }

    /// As [`forward`](Self::forward), for sequences of different lengths, whatever stands after their ends. Outputs after a
    /// sequence's end are zero, its final state is that of its own end, and backwards it begins there, all as from PyTorch's
    /// `pack_padded_sequence` and `pad_packed_sequence`. Lengths need not be sorted, and may be 0.
    ///
    /// # Errors
    /// [`LengthsError`] if there is not one length for every sequence, or if one is longer than the batch.
    ///
    /// # Panics
    /// As [`forward`](Self::forward).
    pub fn forward_lengths(
        &self,
        input: Tensor<3>,
        lengths: &[usize],
        state: Option<RnnState>,
    ) -> Result<(Tensor<3>, RnnState), LengthsError> {
        let [batch, time, _] = input.dims();
        let alive = Alive::new(lengths, batch, time)?;
        let (output, state) = self.run(input.swap_dims(0, 1), state, Some(&alive));
        Ok((output.swap_dims(0, 1), state))
    }

    /// Checks that `state` can be given to this network with a batch of `batch` sequences.
    ///
    /// # Errors
    /// [`StateError`] says what differs.
    pub fn check_state(&self, state: &RnnState, batch: usize) -> Result<(), StateError> {
        let sizes = self.layers.iter().map(RecurrentLayer::hidden_size);
        let sizes: Vec<usize> = sizes.collect();
        let has_cells = self
            .layers
            .first()
            .is_some_and(|layer| layer.kind.has_cell_state());
        state.check(batch, &sizes, self.bidirectional, has_cells)
    }

    fn run(
        &self,
        input: Tensor<3>,
        state: Option<RnnState>,
        alive: Option<&Alive>,
    ) -> (Tensor<3>, RnnState) {
        let mut initial = match state {
            Some(state) => state.into_layers(),
            None => self.zero_states(&input),
        }
        .into_iter();
        let mut states = Vec::with_capacity(self.layers.len());
        let mut x = input;
        for (index, directions) in self.layers.chunks(self.directions()).enumerate() {
            if index > 0 {
                x = self.dropout.forward(x);
            }
            let mut outputs = Vec::with_capacity(directions.len());
            for (layer, state) in directions.iter().zip(&mut initial) {
                let (output, state) = layer.forward(x.clone(), state, alive, &self.weight_drop);
                outputs.push(output);
                states.push(state);
            }
            x = side_by_side(outputs);
            if let Some(alive) = alive {
                x = alive.zero_padding(x);
            }
        }
        (x, RnnState::new(states, self.bidirectional))
    }

    fn zero_states(&self, input: &Tensor<3>) -> Vec<CellState> {
        let [_, batch, _] = input.dims();
        let zero = |layer: &RecurrentLayer| layer.zero_state(batch, &input.device());
        self.layers.iter().map(zero).collect()
    }

    fn directions(&self) -> usize {
        1 + usize::from(self.bidirectional)
    }
}

/// The outputs of both directions `[time, batch, 2 * hidden]`, or those of the only one.
fn side_by_side(mut outputs: Vec<Tensor<3>>) -> Tensor<3> {
    match (outputs.len(), outputs.pop()) {
        (1, Some(output)) => output,
        (_, last) => Tensor::cat(outputs.into_iter().chain(last).collect(), 2),
    }
}
