//! Recurrent language models: what is the next word?
//!
//! ```text
//! words [batch, time] -> encoder (embedding) -> dropout -> rnn, dropout between its layers -> dropout
//!                     -> decoder (linear) -> logits [batch, time, vocabulary]
//! ```
//!
//! Parameter names are those of the word language model among PyTorch's examples, `encoder.weight`, `rnn.weight_ih_l0`, ...,
//! `decoder.weight`, `decoder.bias`, so weights go both ways unrenamed. Three kinds of models are configurations of this one:
//!
//! - that example's, with an Elman network, a GRU or an LSTM;
//! - Zaremba et al. 2014, <https://arxiv.org/abs/1409.2329>: dropout outside the recurrence only, all parameters drawn from
//!   one interval. Counted as PyTorch does, with two biases for each gate where the paper has one, `lstm_small` has
//!   4,653,200 parameters, `lstm_medium` 19,780,400 and `lstm_large` 66,034,000;
//! - Merity et al. 2017, <https://arxiv.org/abs/1708.02182>, AWD-LSTM, 24,221,600 parameters: a decoder that shares the
//!   encoder's weight, weight drop, locked dropout, dropout of words, [`regularization`] of activations.
//!
//! Whoever trains one carries the [`RnnState`] from each stretch of text to the next, and cuts its history with
//! [`RnnState::detach`].

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
/// Dropout acts on an autodiff device only: for evaluation use [`valid`](Module::valid) and words on a plain device.
#[derive(Module, Debug)]
pub struct RnnLm {
    encoder: Embedding,
    rnn: Recurrent,
    decoder: Decoder,
    dropout_words: WordDropout,
    dropout_input: SequenceDropout,
    dropout_output: SequenceDropout,
}

/// What a [`RnnLm`] gives.
#[derive(Clone, Debug)]
pub struct RnnLmOutput {
    /// For every word the unnormalised log-probabilities of the next one, `[batch, time, vocabulary]`.
    pub logits: Tensor<3>,
    /// What to go on from.
    pub state: RnnState,
    /// What the [`regularization`] of AWD-LSTM looks at.
    pub activations: Activations,
}

impl RnnLm {
    /// Words `[batch, time]`, at least one each, to logits. Without a `state` the text begins here.
    ///
    /// # Panics
    /// If a word is not in the vocabulary, or if the state is of another network or batch; see
    /// [`check_state`](Self::check_state).
    pub fn forward(&self, tokens: Tensor<2, Int>, state: Option<RnnState>) -> RnnLmOutput {
        let weight = self.encoder.weight.val();
        // Time first: the layers want it so, and here it is only numbers of words that move.
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

    /// Checks that `state` can be given to this model with `batch` texts at once.
    ///
    /// # Errors
    /// [`StateError`] says what differs.
    pub fn check_state(&self, state: &RnnState, batch: usize) -> Result<(), StateError> {
        self.rnn.check_state(state, batch)
    }

    /// How many words it knows.
    pub fn vocab_size(&self) -> usize {
        self.encoder.weight.lazy_shape()[0]
    }

    /// Device of the weights.
    pub(crate) fn device(&self) -> Device {
        self.encoder.weight.lazy_device()
    }

    /// Whether the decoder shares the encoder's weight.
    pub fn is_tied(&self) -> bool {
        matches!(self.decoder, Decoder::Tied(_))
    }
}
