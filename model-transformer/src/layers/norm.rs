use burn::module::{Module, Param};
use burn::nn::Initializer;
use burn::tensor::{Device, Tensor};
use tinderbox_kernels::norm::{layer_norm, rms_norm};

/// Layer normalisation over the last dimension:
/// `(x - mean) / sqrt(var + epsilon) * weight + bias`.
///
/// Ba et al. 2016, <https://arxiv.org/abs/1607.06450>. The variance is biased (divided by n).
#[derive(Module, Debug)]
pub struct LayerNorm {
    weight: Param<Tensor<1>>,
    bias: Option<Param<Tensor<1>>>,
    epsilon: f64,
}

impl LayerNorm {
    /// Initialises weights of one, and a bias of zeros if `with_bias`.
    pub fn new(width: usize, epsilon: f64, with_bias: bool, device: &Device) -> Self {
        Self {
            weight: Initializer::Ones.init([width], device),
            bias: with_bias.then(|| Initializer::Zeros.init([width], device)),
            epsilon,
        }
    }

    /// `[.., width]` to `[.., width]`.
    pub fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        let weight = self.weight.val();
        let bias = self.bias.as_ref().map(|bias| bias.val());
        layer_norm(x, weight, bias, self.epsilon)
    }

    /// The same layer with a bias, zero if it had none.
    #[must_use]
    pub(crate) fn with_bias(mut self) -> Self {
        let width = self.weight.lazy_shape()[0];
        let device = self.weight.lazy_device();
        let zeros = || Initializer::Zeros.init([width], &device);
        self.bias = Some(self.bias.unwrap_or_else(zeros));
        self
    }
}

/// Root mean square normalisation: `x / sqrt(mean(x²) + epsilon) * weight`.
///
/// Zhang and Sennrich 2019, <https://arxiv.org/abs/1910.07467>.
#[derive(Module, Debug)]
pub struct RmsNorm {
    weight: Param<Tensor<1>>,
    epsilon: f64,
}

impl RmsNorm {
    /// Initialises weights of one.
    pub fn new(width: usize, epsilon: f64, device: &Device) -> Self {
        Self {
            weight: Initializer::Ones.init([width], device),
            epsilon,
        }
    }

    /// `[.., width]` to `[.., width]`.
    pub fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        rms_norm(x, self.weight.val(), self.epsilon)
    }
}
