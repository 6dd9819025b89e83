//! What a language model is made from.

use burn::nn::{EmbeddingConfig, Initializer};
use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use super::RnnLm;
use super::decoder::{Decoder, DecoderOptions};
use crate::ConfigError;
use crate::layers::{CellKind, RecurrentConfig, SequenceDropout, WordDropout, require_range};

/// Encoder and decoder begin within this distance of zero if nothing else is said, as in PyTorch's example and in AWD-LSTM.
const DEFAULT_RANGE: f64 = 0.1;

/// Configuration of a [`RnnLm`]. The default is a small LSTM, `lstm_lm`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RnnLmConfig {
    /// The equations of the recurrent layers.
    pub cell: CellKind,
    /// Number of words.
    pub vocab_size: usize,
    /// Length of a word's vector.
    pub embedding_size: usize,
    /// Units of every recurrent layer. If the decoder is tied, the last one has `embedding_size` units instead.
    pub hidden_size: usize,
    /// Number of recurrent layers.
    pub num_layers: usize,
    /// The decoder uses the encoder's weight and has only a bias of its own.
    pub tied: bool,
    /// Probability of dropping an output of the last layer; also a unit of the embedding and an output of another layer,
    /// unless the two options that follow say something else.
    pub dropout: f64,
    /// Probability of dropping a unit of the embedding (AWD-LSTM's `dropouti`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dropout_input: Option<f64>,
    /// Probability of dropping an output between layers (AWD-LSTM's `dropouth`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dropout_hidden: Option<f64>,
    /// Probability of dropping a word wherever it occurs in a batch (AWD-LSTM's `dropoute`).
    pub dropout_words: f64,
    /// A unit that is dropped is dropped at all time steps.
    pub locked_dropout: bool,
    /// Probability of dropping a recurrent weight, for all time steps (AWD-LSTM's `wdrop`).
    pub weight_drop: f64,
    /// All parameters are drawn uniformly within this distance of zero, as Zaremba et al. do. Without it the recurrent
    /// layers begin as PyTorch's, within `1 / sqrt(hidden)`, encoder and decoder within 0.1, and the decoder's bias at zero.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init_range: Option<f64>,
}

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
        Self {
            cell,
            ..Self::default()
        }
    }

    /// Zaremba's small LSTM: 2 layers of 200 units, no dropout.
    pub fn lstm_small() -> Self {
        Self::zaremba(200, 0.0, 0.1)
    }

    /// Zaremba's medium LSTM: 2 layers of 650 units, half of the units dropped.
    pub fn lstm_medium() -> Self {
        Self::zaremba(650, 0.5, 0.05)
    }

    /// Zaremba's large LSTM: 2 layers of 1500 units, 65 % of the units dropped.
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

    /// The same model for another number of words.
    #[must_use]
    pub fn with_vocab_size(self, vocab_size: usize) -> Self {
        Self { vocab_size, ..self }
    }

    /// Checks that the options describe a model.
    ///
    /// # Errors
    /// Names the first option that is zero where there must be something, or that is no probability, or `hidden_size` if
    /// the only layer is tied to an embedding of another size.
    pub fn validate(&self) -> Result<(), ConfigError> {
        ConfigError::require_nonzero("vocab_size", self.vocab_size)?;
        ConfigError::require_nonzero("embedding_size", self.embedding_size)?;
        ConfigError::require_nonzero("hidden_size", self.hidden_size)?;
        ConfigError::require_nonzero("num_layers", self.num_layers)?;
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

    /// Builds the model on `device`, an autodiff device if it is to be trained.
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
        let mut config = RecurrentConfig {
            dropout: self.dropout_hidden(),
            locked_dropout: self.locked_dropout,
            weight_drop: self.weight_drop,
            init_range: self.init_range,
            ..RecurrentConfig::new(
                self.cell,
                self.embedding_size,
                self.hidden_size,
                self.num_layers,
            )
        };
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
