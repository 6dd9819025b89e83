use burn::module::{Module, Param};
use burn::nn::Initializer;
use burn::tensor::{Device, Tensor};

use super::linear_rows;

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
        linear_rows(x, self.weight.val(), bias)
    }

    /// As [`forward`](Self::forward), and the output cut into `N` equal parts: `[batch, time, out / N]` each.
    ///
    /// In training the weight is cut instead of the output: what slicing costs in the backward pass, a tensor of zeros of
    /// the full size for each part, is then paid for a matrix and not for a batch.
    pub fn forward_split<const N: usize>(&self, x: Tensor<3>) -> [Tensor<3>; N] {
        if !x.device().is_autodiff() {
            let whole = self.forward(x);
            let part = whole.dims()[2] / N;
            return std::array::from_fn(|i| whole.clone().narrow(2, i * part, part));
        }
        let weight = self.weight.val();
        let bias = self.bias.as_ref().map(|bias| bias.val());
        let part = weight.dims()[1] / N;
        std::array::from_fn(|i| {
            let weight = weight.clone().narrow(1, i * part, part);
            let bias = bias.clone().map(|bias| bias.narrow(0, i * part, part));
            linear_rows(x.clone(), weight, bias)
        })
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
