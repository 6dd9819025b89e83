//! Recurrent networks and language models for [Burn](https://burn.dev), with PyTorch's equations,
//! parameter names and weights.
//!
//! The crate has models only: no trainer, no tokenizer, no command line, and no choice of backend.
//! The backend is in the [`Device`](burn::tensor::Device) that you pass.
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use tinderbox_model_rnn::RnnLmConfig;
//!
//! let device = Device::flex();
//! let model = RnnLmConfig::default().with_vocab_size(50).init(&device)?;
//! let tokens = Tensor::from_ints([[3, 14, 15], [9, 2, 6]], &device);
//! let output = model.forward(tokens, None);
//! assert_eq!(output.logits.dims(), [2, 3, 50]);
//!
//! // The next three tokens of the same two texts continue from the hidden state.
//! let tokens = Tensor::from_ints([[5, 35, 8], [9, 7, 9]], &device);
//! model.forward(tokens, Some(output.state));
//! # Ok::<(), tinderbox_model_rnn::ConfigError>(())
//! ```
//!
//! - [`lm`]: language models ([`RnnLm`]), up to AWD-LSTM.
//! - [`Predictor`] and [`RnnLm::generate`]: the next token, and a text token by token.
//! - [`layers`]: recurrent layers on their own ([`Recurrent`]), as PyTorch's `nn.RNN`, `nn.GRU` and
//!   `nn.LSTM`.
//! - [`registry`]: the named models (`lstm_large`, `awd_lstm`) with their parameter counts.
//! - [`weights`]: reads PyTorch's files and safetensors, writes safetensors that PyTorch reads.

mod error;
pub mod layers;
pub mod lm;
mod predictor;
pub mod registry;
pub mod weights;

pub use error::{LengthsError, StateError};
pub use layers::{CellKind, Recurrent, RecurrentConfig, RnnState};
pub use lm::{Activations, RnnLm, RnnLmConfig, RnnLmOutput, regularization};
pub use predictor::Predictor;
pub use tinderbox_generate::{Choice, NextToken, PredictError, Sampler, Sampling};
pub use tinderbox_model::{ConfigError, num_parameters};

/// The examples of the README are compiled and run as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
