//! Weights of Burn models, in PyTorch's names and layout.
//!
//! [`load`] reads safetensors and PyTorch files (see [`StateDict`]); [`save`] writes safetensors
//! that `load_state_dict(strict=True)` of the same `nn.Module` accepts.
//!
//! ```
//! use burn::nn::LinearConfig;
//! use burn::tensor::Device;
//!
//! let device = Device::flex();
//! let folder = tempfile::tempdir()?;
//! let path = folder.path().join("linear.safetensors");
//!
//! let model = LinearConfig::new(3, 2).init(&device);
//! tinderbox_weights::save(&model, &path)?; // weight [2, 3], bias [2], as in PyTorch
//!
//! let model = LinearConfig::new(3, 2).init(&device);
//! let model = tinderbox_weights::load(model, &path)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Burn's layers differ from PyTorch's in two ways that the conversion takes care of: linear
//! weights are transposed, and the affine parameters of norms are called gamma and beta. Weights
//! are float32; other float types in a file are converted.
//!
//! - [`load_backbone`] loads everything but a head of another size, for fine-tuning.
//! - [`StateDict`] is a file before it is loaded: names, shapes, values. [`StateDict::rename`]
//!   adapts names, [`StateDict::join`] puts shards together.
//! - [`load_with`] and [`load_dict`] take [`LoadOptions`], and return the [`Mismatch`] of file and
//!   model.
//!
//! PyTorch files are pickles, which can run code when Python opens them. Here the pickle is read as
//! data: nothing in it is called, and a file that asks for code is refused by name
//! ([`WeightsError::RunsCode`]).

mod error;
mod lfs;
mod load;
mod mismatch;
mod pickled;
mod pytorch;
mod save;
mod state_dict;
mod view;

pub use error::WeightsError;
pub use lfs::{LFS_POINTER, is_lfs_pointer};
pub use load::{
    LoadOptions, load, load_backbone, load_bytes, load_dict, load_with, parameter_names,
};
pub use mismatch::Mismatch;
pub use pickled::read_strings;
pub use save::{save, to_bytes};
pub use state_dict::{Setting, StateDict};

use mismatch::listed;

/// Compiles the examples in the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
