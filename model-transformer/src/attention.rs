//! Scaled dot-product attention, `softmax(q kᵀ / sqrt(head_dim) + mask) v`, of queries, keys and
//! values `[batch, time, heads * head_dim]`, the layout of the projections before it.
//!
//! The work is done in [`tinderbox_kernels::attention`]; these functions add a layer's dropout.

use burn::nn::{Dropout, Linear};
use burn::tensor::Tensor;

pub use tinderbox_kernels::attention::{Heads, Mask, probabilities, split_qkv};

/// `q` `[batch, queries, heads * head_dim]`, `k` and `v` `[batch, keys, kv_heads * head_dim]` to
/// `[batch, queries, heads * head_dim]`; see [`tinderbox_kernels::attention::attention`]. `dropout`
/// acts on the probabilities, in training only.
///
/// # Panics
/// If shapes, heads and mask do not fit together.
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

/// [`attention`] of packed queries, keys and values `[batch, time, 3 * heads * head_dim]` to
/// `[batch, time, heads * head_dim]`.
///
/// # Panics
/// If the width is not a multiple of three times the heads, or the mask does not fit.
pub fn packed_attention(qkv: Tensor<3>, heads: usize, mask: &Mask, dropout: &Dropout) -> Tensor<3> {
    tinderbox_kernels::attention::qkv_packed(qkv, heads, mask, rate(dropout))
}

/// [`attention`] of the query, key and value projections `layers` of `x` `[batch, time, width]`, to
/// `[batch, time, heads * head_dim]`; see [`tinderbox_kernels::attention::self_attention`].
///
/// # Panics
/// If the width is not a multiple of the heads, or the mask does not fit.
pub fn projected_attention(
    x: Tensor<3>,
    layers: [&Linear; 3],
    heads: usize,
    mask: &Mask,
    dropout: &Dropout,
) -> Tensor<3> {
    let weights = layers.map(|layer| layer.weight.val());
    let biases = layers.map(|layer| layer.bias.as_ref().map(|bias| bias.val()));
    tinderbox_kernels::attention::self_attention(x, weights, biases, heads, mask, rate(dropout))
}

/// Dropout probability: 0 if the layer is frozen.
fn rate(dropout: &Dropout) -> f64 {
    if dropout.training.is_enabled() {
        dropout.prob
    } else {
        0.0
    }
}
