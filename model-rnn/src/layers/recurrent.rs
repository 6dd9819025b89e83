//! A stack of recurrent layers.

use burn::nn::Dropout;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};
use tinderbox_model::setters;

use super::cell::{CellKind, CellState};
use super::dropout::{SequenceDropout, dropout};
use super::layer::{LayerOptions, RecurrentLayer};
use super::lengths::Lengths;
use super::state::RnnState;
use crate::{ConfigError, LengthsError, StateError};

/// Configuration of a [`Recurrent`]: the options of PyTorch's `nn.RNN`, `nn.GRU` and `nn.LSTM`, and
/// more that the language models need.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecurrentConfig {
    /// Kind of cell.
    pub cell: CellKind,
    /// Width of the input.
    pub input_size: usize,
    /// Hidden units of every layer, first to last. PyTorch's modules have the same number in all.
    pub hidden_sizes: Vec<usize>,
    /// Adds biases, two per gate.
    #[serde(default = "yes")]
    pub bias: bool,
    /// Adds a second network that runs backwards in time; outputs are concatenated.
    #[serde(default)]
    pub bidirectional: bool,
    /// Dropout probability between layers.
    #[serde(default)]
    pub dropout: f64,
    /// Uses one dropout mask for all time steps; see [`SequenceDropout`].
    #[serde(default)]
    pub locked_dropout: bool,
    /// Probability of dropping a recurrent weight for all time steps.
    #[serde(default)]
    pub weight_drop: f64,
    /// GRU only: applies the reset gate after the product with the recurrent weights, as PyTorch,
    /// cuDNN and Keras by default, and not before it, as the paper. Weights of the two variants are
    /// not interchangeable.
    #[serde(default = "yes")]
    pub reset_after: bool,
    /// Draws all parameters from `U(-init_range, init_range)`. Default, as in PyTorch:
    /// `1 / sqrt(hidden)`.
    #[serde(default)]
    pub init_range: Option<f64>,
}

fn yes() -> bool {
    true
}

setters!(RecurrentConfig {
    with_cell => cell: CellKind,
    with_input_size => input_size: usize,
    with_hidden_sizes => hidden_sizes: Vec<usize>,
    with_bias => bias: bool,
    with_bidirectional => bidirectional: bool,
    with_dropout => dropout: f64,
    with_locked_dropout => locked_dropout: bool,
    with_weight_drop => weight_drop: f64,
    with_reset_after => reset_after: bool,
    with_init_range => init_range: Option<f64>,
});

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

    /// Width of the output: the units of the last layer, times the number of directions.
    pub fn output_size(&self) -> usize {
        self.hidden_sizes.last().copied().unwrap_or(0) * self.directions()
    }

    fn directions(&self) -> usize {
        1 + usize::from(self.bidirectional)
    }

    /// Checks the options.
    ///
    /// # Errors
    /// Names the first size that is out of range, or dropout that is not a probability below 1.
    pub fn validate(&self) -> Result<(), ConfigError> {
        ConfigError::require_size("input_size", self.input_size)?;
        ConfigError::require_layers("num_layers", self.hidden_sizes.len())?;
        for &hidden_size in &self.hidden_sizes {
            ConfigError::require_size("hidden_size", hidden_size)?;
        }
        ConfigError::require_parameters("hidden_size", self.num_weights())?;
        ConfigError::require_dropout("dropout", self.dropout)?;
        ConfigError::require_dropout("weight_drop", self.weight_drop)?;
        require_range(self.init_range)
    }

    /// Elements of all matrices with the gates of an LSTM, computed without building the layers.
    pub(crate) fn num_weights(&self) -> u128 {
        const GATES: u128 = 4;
        let directions = self.directions() as u128;
        let mut input_size = self.input_size as u128;
        let mut weights = 0;
        for &hidden_size in &self.hidden_sizes {
            let hidden_size = hidden_size as u128;
            weights += directions * GATES * hidden_size * (input_size + hidden_size);
            input_size = hidden_size * directions;
        }
        weights
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

/// A stack of recurrent layers in one or both directions, with PyTorch's equations and parameter
/// names: `weight_ih_l0` `[gates * hidden, input]`, `weight_hh_l0` `[gates * hidden, hidden]`,
/// `bias_ih_l0`, `bias_hh_l0` `[gates * hidden]`, `weight_ih_l0_reverse`, ..., `weight_ih_l1`, ...
/// The equations are in the documentation of [`layers`](super).
#[derive(Clone, Debug)]
pub struct Recurrent {
    /// In PyTorch's order: first layer, first layer backwards, second layer, ...
    pub(super) layers: Vec<RecurrentLayer>,
    pub(super) bidirectional: bool,
    pub(super) dropout: SequenceDropout,
    pub(super) weight_drop: Dropout,
}

impl Recurrent {
    /// Sequences `[batch, time, input]`, at least one step long, to the outputs
    /// `[batch, time, output]` of the last layer and the state after the last step. Without a
    /// `state`, the hidden state is 0.
    ///
    /// # Panics
    /// If the state does not fit, see [`check_state`](Self::check_state).
    pub fn forward(&self, input: Tensor<3>, state: Option<RnnState>) -> (Tensor<3>, RnnState) {
        let (output, state) = self.forward_time_major(input.swap_dims(0, 1), state);
        (output.swap_dims(0, 1), state)
    }

    /// As [`forward`](Self::forward), time-major: `[time, batch, input]` to
    /// `[time, batch, output]`. The layers work in this order, in which time steps are contiguous.
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

    /// As [`forward`](Self::forward), for a padded batch of sequences of different lengths. Outputs
    /// on padding are 0, the final state of a sequence is that of its last step, and the backward
    /// direction starts there, all as with PyTorch's `pack_padded_sequence` and
    /// `pad_packed_sequence`. Lengths need not be sorted, and may be 0.
    ///
    /// # Errors
    /// A [`LengthsError`] if the number of lengths is not the batch size, or if a length exceeds
    /// the number of time steps.
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
        let lengths = Lengths::new(lengths, batch, time)?;
        let (output, state) = self.run(input.swap_dims(0, 1), state, Some(&lengths));
        Ok((output.swap_dims(0, 1), state))
    }

    /// Checks that `state` fits this network and a batch of `batch` sequences.
    ///
    /// # Errors
    /// A [`StateError`] with the difference.
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
        lengths: Option<&Lengths>,
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
                let (output, state) = layer.forward(x.clone(), state, lengths, &self.weight_drop);
                outputs.push(output);
                states.push(state);
            }
            x = concatenate(outputs);
            if let Some(lengths) = lengths {
                x = lengths.zero_padding(x);
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

/// Concatenates the outputs of both directions to `[time, batch, 2 * hidden]`.
fn concatenate(mut outputs: Vec<Tensor<3>>) -> Tensor<3> {
    match (outputs.len(), outputs.pop()) {
        (1, Some(output)) => output,
        (_, last) => Tensor::cat(outputs.into_iter().chain(last).collect(), 2),
    }
}
