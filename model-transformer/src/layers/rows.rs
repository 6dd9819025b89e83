//! Matrix products with every token of a batch as one row of a single matrix.
//!
//! Burn leaves many shapes as batches of matrices. On its CPU backend training is a tenth faster without, and a single
//! token times a transposed matrix, as in generation with a tied head, nearly twenty times.

use burn::nn::{Embedding, Linear};
use burn::tensor::Tensor;
use kernels::linear::{linear, linear_transposed};

/// `x` `[batch, time, in]` times `weight` `[in, out]`, plus `bias`: `[batch, time, out]`.
pub(crate) fn linear_rows(x: Tensor<3>, weight: Tensor<2>, bias: Option<Tensor<1>>) -> Tensor<3> {
    let [batch, time, inputs] = x.dims();
    let outputs = weight.dims()[1];
    let y = linear(x.reshape([batch * time, inputs]), weight, bias);
    y.reshape([batch, time, outputs])
}

/// `layer` on `[batch, time, in]`.
pub(crate) fn forward_rows(layer: &Linear, x: Tensor<3>) -> Tensor<3> {
    let bias = layer.bias.as_ref().map(|bias| bias.val());
    linear_rows(x, layer.weight.val(), bias)
}

/// Logits from the table of embeddings `[vocab_size, width]`: features `[batch, time, width]` to
/// `[batch, time, vocab_size]`.
///
/// Press and Wolf 2017, <https://arxiv.org/abs/1608.05859>.
pub(crate) fn tied_head(features: Tensor<3>, table: &Embedding) -> Tensor<3> {
    linear_transposed(features, table.weight.val())
}
