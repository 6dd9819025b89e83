use burn::module::{Module, Param};
use burn::nn::Initializer;
use burn::tensor::{Device, Tensor};
use tinderbox_kernels::linear::linear;

/// Hugging Face's `Conv1D`: a linear layer whose weight lies as `[in, out]`, as in OpenAI's GPT and as Burn multiplies.
#[derive(Module, Debug)]
pub struct Conv1D {
    weight: Param<Tensor<2>>,
    bias: Option<Param<Tensor<1>>>,
}

impl Conv1D {
    /// Weights from `N(0, std²)`, and a bias of zeros if `with_bias`.
    pub fn new(inputs: usize, outputs: usize, std: f64, with_bias: bool, device: &Device) -> Self {
        let normal = Initializer::Normal { mean: 0.0, std };
        Self {
            weight: normal.init([inputs, outputs], device),
            bias: with_bias.then(|| Initializer::Zeros.init([outputs], device)),
        }
    }

    /// `[batch, time, in]` to `[batch, time, out]`.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let bias = self.bias.as_ref().map(|bias| bias.val());
        linear(x, self.weight.val(), bias)
    }

    /// The same layer with a bias; zeros if it had none.
    #[must_use]
    pub(crate) fn with_bias(mut self) -> Self {
        let outputs = self.weight.lazy_shape()[1];
        let device = self.weight.lazy_device();
        let zeros = || Initializer::Zeros.init([outputs], &device);
        self.bias = Some(self.bias.unwrap_or_else(zeros));
        self
    }
}
