//! Configuration of a language model.

use burn::nn::{EmbeddingConfig, Initializer};
use burn::tensor::Device;
use serde::{Deserialize, Serialize};
use tinderbox_model::setters;

use super::RnnLm;
use super::decoder::{Decoder, DecoderOptions};
use crate::ConfigError;
use crate::layers::{CellKind, RecurrentConfig, SequenceDropout, WordDropout, require_range};

/// Default initialisation range of encoder and decoder, from PyTorch's example and AWD-LSTM.
const DEFAULT_RANGE: f64 = 0.1;

/// Configuration of a [`RnnLm`]. The default is a small LSTM, `lstm_lm`.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RnnLmConfig {
    /// Kind of recurrent layer.
    pub cell: CellKind,
    /// Vocabulary size.
    pub vocab_size: usize,
    /// Length of an embedding vector.
    pub embedding_size: usize,
    /// Units of every recurrent layer. If the decoder is tied, the last layer has `embedding_size`
    /// units instead.
    pub hidden_size: usize,
    /// Number of recurrent layers.
    pub num_layers: usize,
    /// Shares the weight of the encoder with the decoder, which then has only a bias of its own.
    pub tied: bool,
    /// Dropout probability of the outputs of the last layer, and the default of the next two
    /// options.
    pub dropout: f64,
    /// Dropout probability of the embedded tokens (AWD-LSTM's `dropouti`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dropout_input: Option<f64>,
    /// Dropout probability between layers (AWD-LSTM's `dropouth`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dropout_hidden: Option<f64>,
    /// Probability of dropping a token of the vocabulary everywhere in a batch (AWD-LSTM's
    /// `dropoute`).
    pub dropout_words: f64,
    /// Uses one dropout mask for all time steps (variational dropout).
    pub locked_dropout: bool,
    /// Probability of dropping a recurrent weight for all time steps (AWD-LSTM's `wdrop`).
    pub weight_drop: f64,
    /// Draws all parameters from `U(-init_range, init_range)`, as Zaremba et al. do. Default:
    /// recurrent layers as in PyTorch, within `1 / sqrt(hidden)`; encoder and decoder within 0.1;
    /// the bias of the decoder 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init_range: Option<f64>,
}

setters!(RnnLmConfig {
    with_cell => cell: CellKind,
    with_vocab_size => vocab_size: usize,
    with_embedding_size => embedding_size: usize,
    with_hidden_size => hidden_size: usize,
    with_num_layers => num_layers: usize,
    with_tied => tied: bool,
    with_dropout => dropout: f64,
    with_dropout_input => dropout_input: Option<f64>,
    with_dropout_hidden => dropout_hidden: Option<f64>,
    with_dropout_words => dropout_words: f64,
    with_locked_dropout => locked_dropout: bool,
    with_weight_drop => weight_drop: f64,
    with_init_range => init_range: Option<f64>,
});

impl Default for RnnLmConfig {
    fn default() -> Self {
        Self {
            cell: CellKind::Lstm,
            vocab_size: 10_000,
            embedding_size: 128,
            hidden_size: 128,
            num_layers: 2,
            tied: true,
            dropout: 0.2,
            dropout_input: None,
            dropout_hidden: None,
            dropout_words: 0.0,
            locked_dropout: false,
            weight_drop: 0.0,
            init_range: None,
        }
    }
}

impl RnnLmConfig {
    /// A small model with the given cell, for a CPU.
    pub fn small(cell: CellKind) -> Self {
        Self::default().with_cell(cell)
    }

    /// Zaremba's small LSTM: 2 layers of 200 units, no dropout.
    pub fn lstm_small() -> Self {
        Self::zaremba(200, 0.0, 0.1)
    }

    /// Zaremba's medium LSTM: 2 layers of 650 units, dropout 0.5.
    pub fn lstm_medium() -> Self {
        Self::zaremba(650, 0.5, 0.05)
    }

    /// Zaremba's large LSTM: 2 layers of 1500 units, dropout 0.65.
    pub fn lstm_large() -> Self {
        Self::zaremba(1500, 0.65, 0.04)
    }

    fn zaremba(size: usize, dropout: f64, init_range: f64) -> Self {
        Self {
            embedding_size: size,
            hidden_size: size,
            dropout,
            tied: false,
            init_range: Some(init_range),
            ..Self::default()
        }
    }

    /// AWD-LSTM as its authors train it on Penn Treebank: 3 layers of 1150, 1150 and 400 units.
    pub fn awd_lstm() -> Self {
        Self {
            embedding_size: 400,
            hidden_size: 1150,
            num_layers: 3,
            dropout: 0.4,
            dropout_input: Some(0.65),
            dropout_hidden: Some(0.25),
            dropout_words: 0.1,
            locked_dropout: true,
            weight_drop: 0.5,
            ..Self::default()
        }
    }

    /// Checks the options.
    ///
    /// # Errors
    /// Names the first size that is out of range or dropout that is not a probability below 1; `hidden_size`
    /// if the model is tied and its only layer has not `embedding_size` units.
    pub fn validate(&self) -> Result<(), ConfigError> {
        ConfigError::require_size("vocab_size", self.vocab_size)?;
        ConfigError::require_size("embedding_size", self.embedding_size)?;
        ConfigError::require_size("hidden_size", self.hidden_size)?;
        ConfigError::require_layers("num_layers", self.num_layers)?;
        let widths = self.embedding_size as u128 + self.hidden_size as u128;
        let parameters = self.recurrent().num_weights() + self.vocab_size as u128 * widths;
        ConfigError::require_parameters("hidden_size", parameters)?;
        ConfigError::require_dropout("dropout", self.dropout)?;
        ConfigError::require_dropout("dropout_input", self.dropout_input())?;
        ConfigError::require_dropout("dropout_hidden", self.dropout_hidden())?;
        ConfigError::require_dropout("dropout_words", self.dropout_words)?;
        ConfigError::require_dropout("weight_drop", self.weight_drop)?;
        require_range(self.init_range)?;
        if self.tied && self.num_layers == 1 && self.hidden_size != self.embedding_size {
            let reason = format!(
                "the only layer of a tied model must have `embedding_size` = {} units, got {}",
                self.embedding_size, self.hidden_size
            );
            return Err(ConfigError::new("hidden_size", reason));
        }
        Ok(())
    }

    /// Builds the model on `device`; for training, an autodiff device.
    ///
    /// # Errors
    /// See [`validate`](Self::validate).
    pub fn init(&self, device: &Device) -> Result<RnnLm, ConfigError> {
        self.validate()?;
        let rnn = self.recurrent();
        let uniform = uniform(self.init_range.unwrap_or(DEFAULT_RANGE));
        let decoder = DecoderOptions {
            input_size: rnn.output_size(),
            vocab_size: self.vocab_size,
            tied: self.tied,
            weight: uniform.clone(),
            bias: match self.init_range {
                Some(_) => uniform.clone(),
                None => Initializer::Zeros,
            },
        };
        Ok(RnnLm {
            encoder: EmbeddingConfig::new(self.vocab_size, self.embedding_size)
                .with_initializer(uniform)
                .init(device),
            rnn: rnn.init(device)?,
            decoder: Decoder::new(&decoder, device),
            dropout_words: WordDropout::new(self.dropout_words)?,
            dropout_input: SequenceDropout::new(self.dropout_input(), self.locked_dropout)?,
            dropout_output: SequenceDropout::new(self.dropout, self.locked_dropout)?,
        })
    }

    fn recurrent(&self) -> RecurrentConfig {
        let mut config = RecurrentConfig::new(
            self.cell,
            self.embedding_size,
            self.hidden_size,
            self.num_layers,
        )
        .with_dropout(self.dropout_hidden())
        .with_locked_dropout(self.locked_dropout)
        .with_weight_drop(self.weight_drop)
        .with_init_range(self.init_range);
        if let (true, Some(last)) = (self.tied, config.hidden_sizes.last_mut()) {
            *last = self.embedding_size;
        }
        config
    }

    fn dropout_input(&self) -> f64 {
        self.dropout_input.unwrap_or(self.dropout)
    }

    fn dropout_hidden(&self) -> f64 {
        self.dropout_hidden.unwrap_or(self.dropout)
    }
}

fn uniform(range: f64) -> Initializer {
    Initializer::Uniform {
        min: -range,
        max: range,
    }
}
