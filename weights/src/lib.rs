//! Weights in and out, in PyTorch's names and layout.
//!
//! [`load`] takes safetensors and what `torch.save` writes (see [`StateDict`]); [`save`] writes safetensors that
//! `load_state_dict(strict=True)` of the same `nn.Module` accepts. Burn's own layers differ from PyTorch's in two ways
//! that the conversion takes care of: linear weights are transposed, and the affine parameters of norms are called gamma
//! and beta. Weights are float32; other floats in a file are converted.
//!
//! To go on from weights with another number of classes, see [`load_backbone`]. Names that differ are changed beforehand
//! with [`StateDict::rename`].
//!
//! The model crates share this; they re-export it as their own `weights`.

mod error;
mod load;
mod mismatch;
mod pytorch;
mod save;
mod state_dict;
mod view;

pub use error::WeightsError;
pub use load::{
    LoadOptions, load, load_backbone, load_bytes, load_dict, load_with, parameter_names,
};
pub use mismatch::Mismatch;
pub use save::{save, to_bytes};
pub use state_dict::StateDict;

use mismatch::listed;
