//! Sampling from language models, token by token.
//!
//! This crate knows no model. It has three pieces:
//!
//! - [`Sampler`] draws one token from logits: greedy, or by temperature, top-k, top-p (nucleus) and
//!   min-p, with a repetition penalty, all described by [`Sampling`].
//! - [`NextToken`] is a model that reads tokens and predicts the next one. A closure is one, and so
//!   is the `Predictor` of `tinderbox-model-transformer` and of `tinderbox-model-rnn`. The KV cache
//!   or hidden state is the model's own.
//! - [`generate`] joins the two in an iterator over tokens.
//!
//! ```
//! use tinderbox_generate::{Sampler, Sampling, generate};
//!
//! // A model that counts upwards in a vocabulary of ten tokens.
//! let model = |new: &[u32]| -> Result<Vec<f32>, std::convert::Infallible> {
//!     let next = (new[new.len() - 1] + 1) % 10;
//!     Ok((0..10).map(|token| if token == next { 5.0 } else { 0.0 }).collect())
//! };
//! let greedy = Sampler::new(Sampling::greedy(), 42)?;
//! let tokens: Result<Vec<u32>, _> = generate(model, &[6], greedy)
//!     .take(5)
//!     .map(|next| next.map(|next| next.token))
//!     .collect();
//! assert_eq!(tokens?, [7, 8, 9, 0, 1]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Nothing here has state besides the tokens: what is drawn is a function of the seed, the sample
//! number, the position and the logits, so a text can be continued from anywhere and several
//! samples of one seed are independent.

mod generation;
mod next_token;
mod sampler;

pub use generation::{GenerateError, Generation, generate};
pub use next_token::{NextToken, PredictError};
pub use sampler::{Choice, Sampler, Sampling, SamplingError};

/// Compiles the examples in the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
