//! What attention models are built of, with PyTorch's parameter names.

mod activation;
mod conv1d;
mod norm;
pub mod positions;

pub use activation::Activation;
pub use conv1d::Conv1D;
pub use norm::{LayerNorm, RmsNorm};
