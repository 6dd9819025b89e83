use burn::tensor::Tensor;
use burn::tensor::activation::leaky_relu;
use serde::{Deserialize, Serialize};
use tinderbox_kernels::activation::{gelu, gelu_tanh, relu, sigmoid, silu, tanh};

/// Slope of [`Activation::LeakyRelu`] below zero, PyTorch's default.
const LEAK: f64 = 0.01;

/// Activation function, with Hugging Face's names (`ACT2FN`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// `x Φ(x)`, Hendrycks and Gimpel 2016, <https://arxiv.org/abs/1606.08415>.
    #[serde(alias = "gelu_python")]
    Gelu,
    /// Tanh approximation of GELU, `x / 2 (1 + tanh(sqrt(2 / π) (x + 0.044715 x³)))`: GPT-2's. Its
    /// other names differ in the order of the operations alone.
    #[serde(
        alias = "gelu_pytorch_tanh",
        alias = "gelu_python_tanh",
        alias = "gelu_fast",
        alias = "gelu_accurate"
    )]
    GeluNew,
    /// `x sigmoid(1.702 x)`: CLIP's approximation of GELU.
    QuickGelu,
    /// `max(x, 0)`
    Relu,
    /// `max(x, 0)²`, So et al. 2021, <https://arxiv.org/abs/2109.08668>.
    Relu2,
    /// `x` above 0, `x / 100` below.
    LeakyRelu,
    /// `x sigmoid(x)`
    #[serde(alias = "swish")]
    Silu,
    /// `tanh(x)`
    Tanh,
    /// `1 / (1 + e^-x)`
    Sigmoid,
    /// `x`
    Linear,
}

impl Activation {
    /// The function of a class of `torch.nn`, by its path, such as
    /// `torch.nn.modules.activation.Tanh`, as sentence-transformers writes it. `None` for a class
    /// that is not supported.
    pub fn from_torch(path: &str) -> Option<Self> {
        let class = path.strip_prefix("torch.")?.rsplit('.').next()?;
        Some(match class {
            "Identity" => Self::Linear,
            "Tanh" => Self::Tanh,
            "Sigmoid" => Self::Sigmoid,
            "GELU" => Self::Gelu,
            "ReLU" => Self::Relu,
            "LeakyReLU" => Self::LeakyRelu,
            "SiLU" => Self::Silu,
            _ => return None,
        })
    }

    /// Applies the function element-wise.
    pub fn forward<const D: usize>(self, x: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Gelu => gelu(x),
            Self::GeluNew => gelu_tanh(x),
            Self::QuickGelu => x.clone() * sigmoid(x * 1.702),
            Self::Relu => relu(x),
            Self::Relu2 => relu(x).square(),
            Self::LeakyRelu => leaky_relu(x, LEAK),
            Self::Silu => silu(x),
            Self::Tanh => tanh(x),
            Self::Sigmoid => sigmoid(x),
            Self::Linear => x,
        }
    }
}
