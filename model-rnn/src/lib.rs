//! Recurrent networks and language models for [Burn](https://burn.dev), with PyTorch's equations, names and weights.
//!
//! Three lines give a model that another project can use; there is no trainer in this crate, no command line, and no
//! choice of backend: the backend is in the [`Device`](burn::tensor::Device) that you pass.
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use tinderbox_model_rnn::RnnLmConfig;
//!
//! let device = Device::flex();
//! let model = RnnLmConfig::default().with_vocab_size(50).init(&device)?;
//! let words = Tensor::from_ints([[3, 14, 15], [9, 2, 6]], &device);
//! let output = model.forward(words, None);
//! assert_eq!(output.logits.dims(), [2, 3, 50]);
//! // The next three words of the same two texts go on from `output.state`.
//! let words = Tensor::from_ints([[5, 35, 8], [9, 7, 9]], &device);
//! model.forward(words, Some(output.state));
//! # Ok::<(), tinderbox_model_rnn::ConfigError>(())
//! ```
//!
//! [`layers`] has the recurrent layers on their own, [`lm`] the language models, [`registry`] lists those that have a name,
//! and [`weights`] reads PyTorch's files and safetensors, and writes safetensors in PyTorch's names and layout.

mod error;
pub mod layers;
pub mod lm;
pub mod registry;
pub mod weights;

pub use error::{LengthsError, StateError};
pub use layers::{CellKind, Recurrent, RecurrentConfig, RnnState};
pub use lm::{Activations, RnnLm, RnnLmConfig, RnnLmOutput, regularization};
pub use tinderbox_model::{ConfigError, num_parameters};
