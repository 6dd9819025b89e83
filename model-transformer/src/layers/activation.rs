use burn::tensor::Tensor;
use burn::tensor::activation::{gelu, relu, sigmoid, silu};
use serde::{Deserialize, Serialize};

/// What a feed-forward layer does between its two matrices. The names are Hugging Face's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// `x Φ(x)`, Hendrycks and Gimpel 2016, <https://arxiv.org/abs/1606.08415>. Only `x` is kept for the backward pass.
    Gelu,
    /// [`gelu_tanh`], what GPT-2 was trained with.
    #[serde(alias = "gelu_pytorch_tanh")]
    GeluNew,
    /// `max(x, 0)`
    Relu,
    /// `x sigmoid(x)`
    #[serde(alias = "swish")]
    Silu,
}

impl Activation {
    /// Applies it to every number.
    pub fn forward<const D: usize>(self, x: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Gelu => gelu(x),
            Self::GeluNew => gelu_tanh(x),
            Self::Relu => relu(x),
            Self::Silu => silu(x),
        }
    }
}

/// `x / 2 (1 + tanh(sqrt(2 / π) (x + 0.044715 x³)))`, written as `x sigmoid(2 sqrt(2 / π) (x + 0.044715 x³))`, which is the
/// same and takes fewer passes.
pub fn gelu_tanh<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let linear = 2.0 * (2.0 / std::f64::consts::PI).sqrt();
    let cubic = linear * 0.044_715;
    let slope = x.clone().square() * cubic + linear;
    x.clone() * sigmoid(slope * x)
}

/// `silu(gate) up`, Shazeer 2020, <https://arxiv.org/abs/2002.05202>.
pub fn swiglu<const D: usize>(gate: Tensor<D>, up: Tensor<D>) -> Tensor<D> {
    silu(gate) * up
}
