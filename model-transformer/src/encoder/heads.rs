//! What the heads of the families have in common.

// Fields are called what Hugging Face calls them.
#![allow(non_snake_case)]

use burn::module::{Module, Param};
use burn::nn::{Initializer, Linear};
use burn::tensor::{Device, Tensor};
use tinderbox_kernels::linear::linear_transposed;
use tinderbox_kernels::nn;

use super::Parts;
use crate::layers::{Activation, LayerNorm};

/// BERT's way from features to what the table of embeddings is asked with.
#[derive(Module, Debug)]
pub(crate) struct VocabularyTransform {
    dense: Linear,
    LayerNorm: LayerNorm,
    #[module(skip)]
    act: Activation,
}

impl VocabularyTransform {
    pub(crate) fn new(parts: &Parts, device: &Device) -> Self {
        Self {
            dense: parts.square(device),
            LayerNorm: parts.norm(device),
            act: parts.activation,
        }
    }

    /// `[count, width]` to the same.
    pub(crate) fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let x = self.act.forward(nn::linear(&self.dense, x));
        self.LayerNorm.forward(x)
    }
}

/// A number for every token, which the table of embeddings does not have.
pub(crate) fn vocabulary_bias(parts: &Parts, device: &Device) -> Param<Tensor<1>> {
    Initializer::Zeros.init([parts.vocab_size], device)
}

/// Logits of `rows` `[count, width]` from the table of embeddings `[vocab_size, width]`: `[count, vocab_size]`.
pub(crate) fn tied_logits(rows: Tensor<2>, table: Tensor<2>, bias: Tensor<1>) -> Tensor<2> {
    linear_transposed(rows, table, Some(bias))
}

/// Features `[batch, time, width]` of the first token alone, `[batch, width]`: of `[CLS]` or `<s>`, which stands for the
/// whole text.
pub(crate) fn first_token(features: Tensor<3>) -> Tensor<2> {
    features.narrow(1, 0, 1).squeeze_dim(1)
}
