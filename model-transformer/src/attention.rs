//! Scaled dot-product attention, `softmax(q kᵀ / sqrt(head_dim) + mask) v`, of queries, keys and values as the matrices
//! before it leave them: `[batch, time, heads * head_dim]`.
//!
//! All of it is in [`tinderbox_kernels::attention`]; here it is told what a layer's dropout does.

use burn::nn::{Dropout, Linear};
use burn::tensor::Tensor;

pub use tinderbox_kernels::attention::{Heads, Mask, probabilities, thirds};

/// `q` `[batch, queries, heads * head_dim]`, `k` and `v` `[batch, keys, key heads * head_dim]` to
/// `[batch, queries, heads * head_dim]`; see [`tinderbox_kernels::attention::attention`]. `dropout` acts on the probabilities, in
/// training only.
///
/// # Panics
/// If the shapes, the heads or the mask do not agree.
pub fn attention(
    q: Tensor<3>,
    k: Tensor<3>,
    v: Tensor<3>,
    heads: Heads,
    mask: &Mask,
    dropout: &Dropout,
) -> Tensor<3> {
    tinderbox_kernels::attention::attention(q, k, v, heads, mask, rate(dropout))
}

/// [`attention`] of queries, keys and values side by side, `[batch, time, 3 * heads * head_dim]`, to
/// `[batch, time, heads * head_dim]`.
///
/// # Panics
/// If the width is no multiple of three times the heads, or the mask does not agree.
pub fn packed_attention(qkv: Tensor<3>, heads: usize, mask: &Mask, dropout: &Dropout) -> Tensor<3> {
    tinderbox_kernels::attention::packed(qkv, heads, mask, rate(dropout))
}

/// [`attention`] of what `layers` make of `x` `[batch, time, width]`, the queries, keys and values: to
/// `[batch, time, heads * head_dim]`; see [`tinderbox_kernels::attention::projected`].
///
/// # Panics
/// If the width is no multiple of the heads, or the mask does not agree.
pub fn projected_attention(
    x: Tensor<3>,
    layers: [&Linear; 3],
    heads: usize,
    mask: &Mask,
    dropout: &Dropout,
) -> Tensor<3> {
    let weights = layers.map(|layer| layer.weight.val());
    let biases = layers.map(|layer| layer.bias.as_ref().map(|bias| bias.val()));
    tinderbox_kernels::attention::projected(x, weights, biases, heads, mask, rate(dropout))
}

/// The probability to drop, as long as the layer is not frozen.
fn rate(dropout: &Dropout) -> f64 {
    match dropout.training.is_enabled() {
        true => dropout.prob,
        false => 0.0,
    }
}
