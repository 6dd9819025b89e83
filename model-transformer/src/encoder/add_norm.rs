// Fields have Hugging Face's names.
#![allow(non_snake_case)]

use burn::module::Module;
use burn::nn::{Dropout, Linear};
use burn::tensor::{Device, Tensor};
use tinderbox_kernels::activation::add;
use tinderbox_kernels::nn;

use super::Spec;
use crate::layers::LayerNorm;

/// Output projection, residual connection and post-norm: `LayerNorm(x + dropout(dense(inner)))`.
/// Hugging Face's `BertSelfOutput` and `BertOutput`.
#[derive(Module, Debug)]
pub(crate) struct AddNorm {
    dense: Linear,
    LayerNorm: LayerNorm,
    dropout: Dropout,
}

impl AddNorm {
    pub(crate) fn new(spec: &Spec, in_features: usize, device: &Device) -> Self {
        Self {
            dense: spec.linear(in_features, spec.hidden.1, device),
            LayerNorm: spec.norm(device),
            dropout: spec.hidden_dropout(),
        }
    }

    /// `inner` `[batch, time, in_features]`, `x` and the result `[batch, time, hidden]`.
    pub(crate) fn forward(&self, inner: Tensor<3>, x: Tensor<3>) -> Tensor<3> {
        let inner = nn::dropout(&self.dropout, nn::linear(&self.dense, inner));
        self.LayerNorm.forward(add(inner, x))
    }
}
