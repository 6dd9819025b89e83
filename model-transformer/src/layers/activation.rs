use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};
use tinderbox_kernels::activation::{gelu, gelu_tanh, relu, silu};

/// What a feed-forward layer does between its two matrices. The names are Hugging Face's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// `x Φ(x)`, Hendrycks and Gimpel 2016, <https://arxiv.org/abs/1606.08415>.
    Gelu,
    /// `x / 2 (1 + tanh(sqrt(2 / π) (x + 0.044715 x³)))`, what GPT-2 was trained with.
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
