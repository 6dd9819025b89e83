//! Attention composed of Burn's operations.
//!
//! At inference Burn's fused operation does all of it and stores no scores. For training, where
//! Burn has no fused operation, the composition makes as few passes over the scores
//! `[batch, heads, queries, keys]` as possible: the scale is multiplied into the queries, the mask
//! is added once, and the division by the sum follows the product with the values, where a query
//! has `head_dim` numbers instead of `keys`. Two tensors of the size of the scores are saved for
//! the backward pass, three with dropout.

use burn::tensor::ops::AttentionModuleOptions;
use burn::tensor::{Bool, Distribution, Tensor};

use super::{Mask, Sizes};

/// The lowest finite number of the narrowest float type. The maximum of a row is clamped to it, so
/// that `-inf - max` is not NaN where all scores are `-inf`.
const LOWEST: f64 = -65504.0;

pub(super) fn fused(
    q: Tensor<3>,
    k: Tensor<3>,
    v: Tensor<3>,
    sizes: &Sizes,
    mask: &Mask,
) -> Tensor<3> {
    let is_square = sizes.queries == sizes.keys && sizes.group == 1;
    // Backends have a fast path for causality alone.
    let is_causal = mask.is_causal() && mask.hidden().is_none() && is_square;
    let hidden = if is_causal {
        None
    } else {
        mask.dense([sizes.queries, sizes.keys], &q.device())
    };
    let hidden = hidden.map(|dense| grouped_mask(dense.hidden, sizes));
    let options = AttentionModuleOptions {
        scale: sizes.scale,
        is_causal,
        ..AttentionModuleOptions::default()
    };
    let [k, v] = [k, v].map(|x| split(x, sizes));
    let q = split_queries(q, sizes);
    let output = burn::tensor::module::attention(q, k, v, hidden, None, options);
    merge(output, sizes)
}

/// Returns a mask `[batch, kv_heads, queries of the group, keys]`. Not every backend broadcasts
/// masks.
fn grouped_mask(hidden: Tensor<4, Bool>, sizes: &Sizes) -> Tensor<4, Bool> {
    let hidden = hidden.expand(sizes.scores());
    match sizes.group {
        1 => hidden,
        _ => hidden.reshape(grouped(sizes)),
    }
}

pub(super) fn attention(
    q: Tensor<3>,
    k: Tensor<3>,
    v: Tensor<3>,
    sizes: &Sizes,
    mask: &Mask,
    dropout: f64,
) -> Tensor<3> {
    let mut exponentials = exponentials(q, k, sizes, mask);
    // At least one, the exponential of the largest score, unless all keys are masked.
    let mut sum = exponentials.clone().sum_dim(3).clamp_min(0.5);
    if dropout > 0.0 {
        let kept = 1.0 - dropout;
        let choice = exponentials.random_like(Distribution::Bernoulli(kept));
        exponentials = exponentials * choice;
        sum = sum * kept;
    }
    merge(exponentials.matmul(split(v, sizes)) / sum, sizes)
}

pub(super) fn probabilities(q: Tensor<3>, k: Tensor<3>, sizes: &Sizes, mask: &Mask) -> Tensor<4> {
    let exponentials = exponentials(q, k, sizes, mask);
    let sum = exponentials.clone().sum_dim(3).clamp_min(0.5);
    (exponentials / sum).reshape(sizes.scores())
}

/// `exp(scale q kᵀ + mask - max)`, the numerator of softmax,
/// `[batch, kv_heads, queries of the group, keys]`.
fn exponentials(q: Tensor<3>, k: Tensor<3>, sizes: &Sizes, mask: &Mask) -> Tensor<4> {
    let mask = mask.dense([sizes.queries, sizes.keys], &q.device());
    let q = split_queries(q, sizes) * sizes.scale();
    let mut scores = q.matmul(split(k, sizes).swap_dims(2, 3));
    if let Some(dense) = mask {
        let bias = dense.bias.cast(scores.dtype());
        scores = match sizes.group {
            1 => scores + bias,
            _ => (scores.reshape(sizes.scores()) + bias).reshape(grouped(sizes)),
        };
    }
    // Softmax is invariant to the shift, so the shift needs no gradient.
    let max = scores.clone().detach().max_dim(3).clamp_min(LOWEST);
    (scores - max).exp()
}

/// `[batch, kv_heads, queries of the group, keys]`
fn grouped(sizes: &Sizes) -> [usize; 4] {
    let queries = sizes.group * sizes.queries;
    [sizes.batch, sizes.kv_heads, queries, sizes.keys]
}

/// `[batch, keys, kv_heads * head_dim]` to `[batch, kv_heads, keys, head_dim]`.
fn split(x: Tensor<3>, sizes: &Sizes) -> Tensor<4> {
    x.reshape([sizes.batch, sizes.keys, sizes.kv_heads, sizes.head_dim])
        .swap_dims(1, 2)
}

/// `[batch, queries, heads * head_dim]` to `[batch, kv_heads, queries of the group, head_dim]`: the
/// query heads of a group become further queries of their key head, so that keys and values need no
/// copies.
fn split_queries(x: Tensor<3>, sizes: &Sizes) -> Tensor<4> {
    let x = x
        .reshape([sizes.batch, sizes.queries, sizes.heads(), sizes.head_dim])
        .swap_dims(1, 2);
    let [batch, kv_heads, queries, _] = grouped(sizes);
    match sizes.group {
        1 => x,
        _ => x.reshape([batch, kv_heads, queries, sizes.head_dim]),
    }
}

/// Inverse of [`split_queries`].
fn merge(x: Tensor<4>, sizes: &Sizes) -> Tensor<3> {
    let heads = sizes.heads();
    x.reshape([sizes.batch, heads, sizes.queries, sizes.head_dim])
        .swap_dims(1, 2)
        .reshape([sizes.batch, sizes.queries, heads * sizes.head_dim])
}
