//! What attention models are built of, with PyTorch's parameter names.

mod activation;
mod conv1d;
mod norm;
pub mod positions;
mod rows;

pub use activation::Activation;
pub use conv1d::Conv1D;
pub use norm::{LayerNorm, RmsNorm};
pub(crate) use rows::{forward_rows, linear_rows, tied_head};
