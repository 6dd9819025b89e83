//! Activation functions, and element-wise sums of two tensors.

#[cfg(feature = "flex")]
mod kernel;

use burn::tensor::{Tensor, activation};

/// `max(x, 0)`.
pub fn relu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    try_kernel!(kernel::unary(kernel::Function::Relu, &x));
    activation::relu(x)
}

/// `x Φ(x)` with the standard normal distribution `Φ`: `x (1 + erf(x / √2)) / 2`. Hendrycks and
/// Gimpel 2016, <https://arxiv.org/abs/1606.08415>.
pub fn gelu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    try_kernel!(kernel::unary(kernel::Function::Gelu, &x));
    activation::gelu(x)
}

/// GPT-2's tanh approximation of [`gelu`]: `x (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2`.
pub fn gelu_tanh<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    try_kernel!(kernel::unary(kernel::Function::GeluTanh, &x));
    activation::gelu_approximate(x)
}

/// `x sigmoid(x)`, also called swish.
pub fn silu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    try_kernel!(kernel::unary(kernel::Function::Silu, &x));
    activation::silu(x)
}

/// The hyperbolic tangent.
pub fn tanh<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    try_kernel!(kernel::unary(kernel::Function::Tanh, &x));
    x.tanh()
}

/// `1 / (1 + e^-x)`.
pub fn sigmoid<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    try_kernel!(kernel::unary(kernel::Function::Sigmoid, &x));
    activation::sigmoid(x)
}

/// `a + b`. Without broadcasting the gradient is passed to both sides without a copy.
pub fn add<const D: usize>(a: Tensor<D>, b: Tensor<D>) -> Tensor<D> {
    try_kernel!(kernel::add(&a, &b));
    a + b
}

/// `silu(gate) * up`, the gated linear unit of Shazeer 2020, <https://arxiv.org/abs/2002.05202>.
pub fn swiglu<const D: usize>(gate: Tensor<D>, up: Tensor<D>) -> Tensor<D> {
    try_kernel!(kernel::swiglu(&gate, &up));
    activation::silu(gate) * up
}
