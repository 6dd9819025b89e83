//! Functions of each number, and sums of two tensors.

use burn::tensor::{Tensor, activation};

#[cfg(feature = "flex")]
mod pairs;
#[cfg(feature = "flex")]
mod single;
#[cfg(feature = "flex")]
use single::Function;

/// `max(x, 0)`.
pub fn relu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    #[cfg(feature = "flex")]
    if let Some(output) = single::apply(Function::Relu, &x) {
        return output;
    }
    activation::relu(x)
}

/// `x Φ(x)`, `Φ` being the normal distribution: `x (1 + erf(x / √2)) / 2`. Hendrycks and Gimpel 2016,
/// <https://arxiv.org/abs/1606.08415>.
pub fn gelu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    #[cfg(feature = "flex")]
    if let Some(output) = single::apply(Function::Gelu, &x) {
        return output;
    }
    activation::gelu(x)
}

/// [`gelu`] as GPT-2 approximates it: `x (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2`.
pub fn gelu_tanh<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    #[cfg(feature = "flex")]
    if let Some(output) = single::apply(Function::GeluTanh, &x) {
        return output;
    }
    activation::gelu_approximate(x)
}

/// `x sigmoid(x)`, also called swish.
pub fn silu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    #[cfg(feature = "flex")]
    if let Some(output) = single::apply(Function::Silu, &x) {
        return output;
    }
    activation::silu(x)
}

/// The hyperbolic tangent.
pub fn tanh<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    #[cfg(feature = "flex")]
    if let Some(output) = single::apply(Function::Tanh, &x) {
        return output;
    }
    x.tanh()
}

/// `1 / (1 + e^-x)`.
pub fn sigmoid<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    #[cfg(feature = "flex")]
    if let Some(output) = single::apply(Function::Sigmoid, &x) {
        return output;
    }
    activation::sigmoid(x)
}

/// `a + b`.
pub fn add<const D: usize>(a: Tensor<D>, b: Tensor<D>) -> Tensor<D> {
    #[cfg(feature = "flex")]
    if let Some(output) = pairs::add(&a, &b) {
        return output;
    }
    a + b
}

/// `silu(gate) * up`: the gated unit of Shazeer 2020, <https://arxiv.org/abs/2002.05202>.
pub fn swiglu<const D: usize>(gate: Tensor<D>, up: Tensor<D>) -> Tensor<D> {
    #[cfg(feature = "flex")]
    if let Some(output) = pairs::swiglu(&gate, &up) {
        return output;
    }
    activation::silu(gate) * up
}
