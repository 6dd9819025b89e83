// Fields are called what Hugging Face calls them.
#![allow(non_snake_case)]

use burn::module::Module;
use burn::nn::{Dropout, Linear};
use burn::tensor::{Device, Tensor};
use tinderbox_kernels::activation::add;
use tinderbox_kernels::nn;

use super::Parts;
use super::attention::Attention;
use crate::attention::Mask;
use crate::layers::{Activation, LayerNorm};

/// A layer of BERT and RoBERTa: attention, then two matrices with a nonlinearity between, each added to what came in and
/// normalised.
#[derive(Module, Debug)]
pub(super) struct Layer {
    attention: Attention,
    intermediate: Intermediate,
    output: AddNorm,
}

impl Layer {
    pub(super) fn new(parts: &Parts, device: &Device) -> Self {
        Self {
            attention: Attention::new(parts, device),
            intermediate: Intermediate {
                dense: parts.linear(parts.width.1, parts.inner.1, device),
                act: parts.activation,
            },
            output: AddNorm::new(parts, parts.inner.1, device),
        }
    }

    /// `[batch, time, width]` to the same.
    pub(super) fn forward(&self, x: Tensor<3>, mask: &Mask) -> Tensor<3> {
        let x = self.attention.forward(x, mask);
        let inner = self.intermediate.forward(x.clone());
        self.output.forward(inner, x)
    }

    /// How much each token looks at each: `[batch, heads, time, time]`.
    pub(super) fn probabilities(&self, x: &Tensor<3>, mask: &Mask) -> Tensor<4> {
        self.attention.projections().probabilities(x, mask)
    }
}

#[derive(Module, Debug)]
struct Intermediate {
    dense: Linear,
    #[module(skip)]
    act: Activation,
}

impl Intermediate {
    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        self.act.forward(nn::linear(&self.dense, x))
    }
}

/// Back to the width of the stream, added to it, and normalised.
#[derive(Module, Debug)]
pub(super) struct AddNorm {
    dense: Linear,
    LayerNorm: LayerNorm,
    dropout: Dropout,
}

impl AddNorm {
    pub(super) fn new(parts: &Parts, inputs: usize, device: &Device) -> Self {
        Self {
            dense: parts.linear(inputs, parts.width.1, device),
            LayerNorm: parts.norm(device),
            dropout: parts.hidden_dropout(),
        }
    }

    /// `inner` `[batch, time, inputs]` added to `x` `[batch, time, width]`.
    pub(super) fn forward(&self, inner: Tensor<3>, x: Tensor<3>) -> Tensor<3> {
        let added = nn::dropout(&self.dropout, nn::linear(&self.dense, inner));
        self.LayerNorm.forward(add(added, x))
    }
}
