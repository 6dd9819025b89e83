use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};
use tinderbox_kernels::activation::{gelu, gelu_tanh, relu, silu};

/// Activation function of an MLP, with Hugging Face's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// `x Φ(x)`, Hendrycks and Gimpel 2016, <https://arxiv.org/abs/1606.08415>.
    Gelu,
    /// Tanh approximation of GELU, `x / 2 (1 + tanh(sqrt(2 / π) (x + 0.044715 x³)))`: GPT-2's.
    #[serde(alias = "gelu_pytorch_tanh")]
    GeluNew,
    /// `max(x, 0)`
    Relu,
    /// `x sigmoid(x)`
    #[serde(alias = "swish")]
    Silu,
}

impl Activation {
    /// Applies the function element-wise.
    pub fn forward<const D: usize>(self, x: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Gelu => gelu(x),
            Self::GeluNew => gelu_tanh(x),
            Self::Relu => relu(x),
            Self::Silu => silu(x),
        }
    }
}
