use burn::module::{Module, Param};
use burn::nn::Initializer;
use burn::tensor::{Device, Tensor};
use tinderbox_kernels::linear::linear;

/// Hugging Face's `Conv1D`: a linear layer with weight `[in_features, out_features]`, as in
/// OpenAI's GPT and in Burn.
#[derive(Module, Debug)]
pub struct Conv1D {
    weight: Param<Tensor<2>>,
    bias: Option<Param<Tensor<1>>>,
}

impl Conv1D {
    /// Initialises weights from `N(0, std²)`, and a bias of zeros if `with_bias`.
    pub fn new(
        in_features: usize,
        out_features: usize,
        std: f64,
        with_bias: bool,
        device: &Device,
    ) -> Self {
        let normal = Initializer::Normal { mean: 0.0, std };
        Self {
            weight: normal.init([in_features, out_features], device),
            bias: with_bias.then(|| Initializer::Zeros.init([out_features], device)),
        }
    }

    /// `[batch, time, in_features]` to `[batch, time, out_features]`.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let bias = self.bias.as_ref().map(|bias| bias.val());
        linear(x, self.weight.val(), bias)
    }

    /// The same layer with a bias, zero if it had none.
    #[must_use]
    pub(crate) fn with_bias(mut self) -> Self {
        let out_features = self.weight.lazy_shape()[1];
        let device = self.weight.lazy_device();
        let zeros = || Initializer::Zeros.init([out_features], &device);
        self.bias = Some(self.bias.unwrap_or_else(zeros));
        self
    }
}
