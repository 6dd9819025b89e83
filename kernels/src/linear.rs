//! Linear layers.

#[cfg(feature = "flex")]
mod fast;
#[cfg(feature = "flex")]
mod packed;

use burn::tensor::Tensor;

#[cfg(feature = "flex")]
pub(crate) use packed::packed;

/// `x W + b`: rows `[.., in_features]` to `[.., out_features]`, with a weight `[in_features, out_features]` as in Burn's
/// `Linear` and GPT-2's `Conv1D`, and a bias `[out_features]`.
pub fn linear<const D: usize>(
    x: Tensor<D>,
    weight: Tensor<2>,
    bias: Option<Tensor<1>>,
) -> Tensor<D> {
    #[cfg(feature = "flex")]
    if let Some(output) = fast::linear(&x, &weight, bias.as_ref(), fast::Layout::InOut) {
        return output;
    }
    composed(x, weight, bias)
}

/// `x Wᵀ + b`: rows `[.., in_features]` to `[.., out_features]`, with a weight `[out_features, in_features]`, as a table
/// of embeddings is when logits come from it, and a bias `[out_features]`. Neither the table nor its gradient is turned
/// around.
pub fn linear_transposed<const D: usize>(
    x: Tensor<D>,
    weight: Tensor<2>,
    bias: Option<Tensor<1>>,
) -> Tensor<D> {
    #[cfg(feature = "flex")]
    if let Some(output) = fast::linear(&x, &weight, bias.as_ref(), fast::Layout::OutIn) {
        return output;
    }
    composed(x, weight.transpose(), bias)
}

/// With all rows as one matrix: Burn leaves many shapes as batches of matrices. On Burn's own `flex` training is a tenth
/// faster without, and a single token times a transposed matrix, as in generation with a tied head, nearly twenty times.
fn composed<const D: usize>(x: Tensor<D>, weight: Tensor<2>, bias: Option<Tensor<1>>) -> Tensor<D> {
    let mut shape = x.dims();
    let [inputs, outputs] = weight.dims();
    shape[D - 1] = outputs;
    let rows = shape[..D - 1].iter().product();
    let x = x.reshape([rows, inputs]);
    burn::tensor::module::linear(x, weight, bias).reshape(shape)
}
