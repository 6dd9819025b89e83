//! Recurrent language models, which predict the next token.
//!
//! ```text
//! tokens [batch, time] -> encoder (embedding) -> dropout -> rnn, dropout between its layers -> dropout
//!                     -> decoder (linear) -> logits [batch, time, vocabulary]
//! ```
//!
//! Parameter names are those of PyTorch's word language model example: `encoder.weight`,
//! `rnn.weight_ih_l0`, ..., `decoder.weight`, `decoder.bias`, so weights load in both directions
//! without renaming. One architecture covers three kinds of models:
//!
//! - that example, with an Elman network, a GRU or an LSTM;
//! - Zaremba et al. 2014, <https://arxiv.org/abs/1409.2329>: dropout outside the recurrence only,
//!   all parameters drawn from one interval. Counted as in PyTorch, with two biases per gate where
//!   the paper has one, `lstm_small` has 4,653,200 parameters, `lstm_medium` 19,780,400 and
//!   `lstm_large` 66,034,000;
//! - AWD-LSTM (Merity et al. 2018, ICLR, <https://arxiv.org/abs/1708.02182>), 24,221,600
//!   parameters: a tied decoder, weight drop, locked dropout, embedding dropout, [`regularization`]
//!   of activations.
//!
//! For truncated back-propagation through time, pass the [`RnnState`] of each segment to the next
//! one, detached from its graph with [`RnnState::detach`].

mod config;
mod decoder;
pub mod regularization;

pub use config::RnnLmConfig;
pub use decoder::{Decoder, TiedDecoder};
pub use regularization::Activations;

use burn::module::Module;
use burn::nn::Embedding;
use burn::tensor::{Device, Int, Tensor};

use crate::StateError;
use crate::layers::{Recurrent, RnnState, SequenceDropout, WordDropout};

/// A recurrent language model; see the [module documentation](self).
///
/// Dropout is active on an autodiff device only: for evaluation, use [`valid`](Module::valid) and
/// tokens on the inner device.
#[derive(Module, Debug)]
pub struct RnnLm {
    encoder: Embedding,
    rnn: Recurrent,
    decoder: Decoder,
    dropout_words: WordDropout,
    dropout_input: SequenceDropout,
    dropout_output: SequenceDropout,
}

/// Output of a [`RnnLm`].
#[derive(Clone, Debug)]
pub struct RnnLmOutput {
    /// Logits of the next token at every position, `[batch, time, vocabulary]`.
    pub logits: Tensor<3>,
    /// Hidden state after the last token.
    pub state: RnnState,
    /// Activations that AWD-LSTM's [`regularization`] penalises.
    pub activations: Activations,
}

impl RnnLm {
    /// Tokens `[batch, time]`, at least one each, to logits. Without a `state`, the hidden state is
    /// 0.
    ///
    /// # Panics
    /// If a token is not in the vocabulary, or if the state does not fit; see
    /// [`check_state`](Self::check_state).
    pub fn forward(&self, tokens: Tensor<2, Int>, state: Option<RnnState>) -> RnnLmOutput {
        let weight = self.encoder.weight.val();
        // The layers work time-major; transposing is cheapest on token ids.
        let x = self.dropout_words.lookup(weight, tokens.swap_dims(0, 1));
        let x = self.dropout_input.forward(x);
        let (raw, state) = self.rnn.forward_time_major(x, state);
        let dropped = self.dropout_output.forward(raw.clone()).swap_dims(0, 1);
        let logits = self.decoder.forward(dropped.clone(), &self.encoder);
        let raw = raw.swap_dims(0, 1);
        RnnLmOutput {
            logits,
            state,
            activations: Activations { dropped, raw },
        }
    }

    /// Checks that `state` fits this model and a batch of `batch` texts.
    ///
    /// # Errors
    /// A [`StateError`] with the difference.
    pub fn check_state(&self, state: &RnnState, batch: usize) -> Result<(), StateError> {
        self.rnn.check_state(state, batch)
    }

    /// Vocabulary size.
    pub fn vocab_size(&self) -> usize {
        self.encoder.weight.lazy_shape()[0]
    }

    /// Device of the weights.
    pub(crate) fn device(&self) -> Device {
        self.encoder.weight.lazy_device()
    }

    /// True if the decoder shares the weight of the encoder.
    pub fn is_tied(&self) -> bool {
        matches!(self.decoder, Decoder::Tied(_))
    }
}
