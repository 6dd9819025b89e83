use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor};
use tinderbox_kernels::nn;

use super::Spec;
use super::add_norm::AddNorm;
use super::attention::Attention;
use crate::attention::Mask;
use crate::layers::Activation;

/// Post-norm layer of BERT and RoBERTa: self-attention and MLP, each with a residual connection.
#[derive(Module, Debug)]
pub(super) struct Layer {
    attention: Attention,
    intermediate: Intermediate,
    output: AddNorm,
}

impl Layer {
    pub(super) fn new(spec: &Spec, device: &Device) -> Self {
        Self {
            attention: Attention::new(spec, device),
            intermediate: Intermediate::new(spec, device),
            output: AddNorm::new(spec, spec.intermediate.1, device),
        }
    }

    /// `[batch, time, hidden]` to the same.
    pub(super) fn forward(&self, x: Tensor<3>, mask: &Mask) -> Tensor<3> {
        let x = self.attention.forward(x, mask);
        let inner = self.intermediate.forward(x.clone()); // [batch, time, intermediate]
        self.output.forward(inner, x)
    }

    /// Attention probabilities `[batch, heads, time, time]`.
    pub(super) fn probabilities(&self, x: &Tensor<3>, mask: &Mask) -> Tensor<4> {
        self.attention.projections().probabilities(x, mask)
    }
}

/// First half of the MLP, `act(dense(x))`.
#[derive(Module, Debug)]
pub(crate) struct Intermediate {
    dense: Linear,
    #[module(skip)]
    act: Activation,
}

impl Intermediate {
    pub(crate) fn new(spec: &Spec, device: &Device) -> Self {
        Self {
            dense: spec.linear(spec.hidden.1, spec.intermediate.1, device),
            act: spec.activation,
        }
    }

    /// `[batch, time, hidden]` to `[batch, time, intermediate]`.
    pub(crate) fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        self.act.forward(nn::linear(&self.dense, x))
    }
}
