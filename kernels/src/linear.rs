//! Linear layers.

#[cfg(feature = "flex")]
pub(crate) mod kernel;

use burn::tensor::Tensor;

/// `x W + b` of rows `[.., in_features]` with a weight `[in_features, out_features]`, as in Burn's
/// `Linear` and GPT-2's `Conv1D`, and a bias `[out_features]`. Returns `[.., out_features]`.
pub fn linear<const D: usize>(
    x: Tensor<D>,
    weight: Tensor<2>,
    bias: Option<Tensor<1>>,
) -> Tensor<D> {
    try_kernel!(kernel::linear(
        &x,
        &weight,
        bias.as_ref(),
        kernel::WeightLayout::InOut
    ));
    composed(x, weight, bias)
}

/// `x Wᵀ + b` of rows `[.., in_features]` with a weight `[out_features, in_features]`, as an
/// embedding table that is tied to the output layer has it, and a bias `[out_features]`. Returns
/// `[.., out_features]`. Neither the weight nor its gradient is transposed in memory.
pub fn linear_transposed<const D: usize>(
    x: Tensor<D>,
    weight: Tensor<2>,
    bias: Option<Tensor<1>>,
) -> Tensor<D> {
    try_kernel!(kernel::linear(
        &x,
        &weight,
        bias.as_ref(),
        kernel::WeightLayout::OutIn
    ));
    composed(x, weight.transpose(), bias)
}

/// Flattens all leading dimensions into one matrix, where Burn computes many shapes as batches of
/// matrices. On Burn's own `flex` training is a tenth faster without, and a single token times a
/// transposed matrix, as in generation with a tied head, nearly twenty times faster.
fn composed<const D: usize>(x: Tensor<D>, weight: Tensor<2>, bias: Option<Tensor<1>>) -> Tensor<D> {
    let mut shape = x.dims();
    let [inputs, outputs] = weight.dims();
    shape[D - 1] = outputs;
    let rows = shape[..D - 1].iter().product();
    let x = x.reshape([rows, inputs]);
    burn::tensor::module::linear(x, weight, bias).reshape(shape)
}
