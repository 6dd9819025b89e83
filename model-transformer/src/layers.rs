//! Layers of attention models, with PyTorch's parameter names.

mod activation;
mod conv1d;
mod norm;
pub mod positions;

use burn::tensor::Tensor;
use tinderbox_kernels::activation::add;

pub use activation::Activation;
pub use conv1d::Conv1D;
pub use norm::{LayerNorm, RmsNorm};

/// Residual connection: `x + f(x)`.
pub fn residual<const D: usize>(x: Tensor<D>, f: impl FnOnce(Tensor<D>) -> Tensor<D>) -> Tensor<D> {
    add(x.clone(), f(x))
}
