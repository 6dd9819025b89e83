//! Sampling from language models, token by token.
//!
//! This crate knows no model. A model is whatever gives the logits of the next token when it is told the tokens that it
//! has not seen yet: the prompt first, then one token at a time. A cache of keys and values, or a hidden state, lies in
//! the closure:
//!
//! ```
//! use tinderbox_generate::{Sampler, Sampling, generate};
//!
//! // A model that counts upwards among ten tokens.
//! let model = |new: &[u32]| -> Result<Vec<f32>, std::convert::Infallible> {
//!     let next = (new[new.len() - 1] + 1) % 10;
//!     Ok((0..10).map(|token| if token == next { 5.0 } else { 0.0 }).collect())
//! };
//! let greedy = Sampler::new(Sampling { temperature: 0.0, ..Sampling::default() }, 42)?;
//! let tokens: Result<Vec<u32>, _> = generate(model, &[6], greedy)
//!     .take(5)
//!     .map(|next| next.map(|next| next.token))
//!     .collect();
//! assert_eq!(tokens?, [7, 8, 9, 0, 1]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod generation;
mod sampler;

pub use generation::{GenerateError, Generation, generate};
pub use sampler::{Choice, Sampler, Sampling, SamplingError};
