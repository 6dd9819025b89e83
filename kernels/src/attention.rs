//! Scaled dot-product attention, `softmax(scale q kᵀ + mask) v` (Vaswani et al. 2017,
//! <https://arxiv.org/abs/1706.03762>), with masks, grouped-query attention (Ainslie et al. 2023,
//! <https://arxiv.org/abs/2305.13245>) and dropout.
//!
//! The kernel is FlashAttention (Dao et al. 2022, <https://arxiv.org/abs/2205.14135>): the scores
//! are computed in blocks that stay in the cache, normalised by an online softmax (Milakov &
//! Gimelshein 2018, <https://arxiv.org/abs/1805.02867>) and never stored. The backward pass
//! computes them again from the saved log-sum-exp of each row, as FlashAttention-2 does (Dao 2023,
//! <https://arxiv.org/abs/2307.08691>).
//!
//! Queries, keys and values have the layout in which the projections before attention produce them,
//! `[batch, time, heads * head_dim]`, and so has the output. Nothing is transposed or copied on the
//! way in or out: slices of a larger tensor are read in place.

mod composed;
#[cfg(feature = "flex")]
mod kernel;
mod mask;

use burn::tensor::Tensor;

use crate::linear::linear;
pub use mask::Mask;

/// Numbers of heads, and the scale of the scores.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Heads {
    /// Query heads.
    pub query: usize,
    /// Key and value heads; each is shared by `query / key_value` consecutive query heads.
    pub key_value: usize,
    /// Factor of the products of queries and keys; `None` is `1 / sqrt(head_dim)`.
    pub scale: Option<f64>,
}

impl Heads {
    /// Multi-head attention: as many key and value heads as query heads.
    pub fn new(heads: usize) -> Self {
        Self::grouped(heads, heads)
    }

    /// Grouped-query attention: fewer key and value heads than query heads.
    pub fn grouped(query: usize, key_value: usize) -> Self {
        Self {
            query,
            key_value,
            scale: None,
        }
    }

    /// Sets the scale of the scores.
    #[must_use]
    pub fn with_scale(self, scale: Option<f64>) -> Self {
        Self { scale, ..self }
    }
}

/// Attention of `q` `[batch, queries, heads * head_dim]` to `k` and `v`
/// `[batch, keys, kv_heads * head_dim]`. Returns `[batch, queries, heads * head_dim]`; the output
/// of a query that may attend to no key is zero.
///
/// `dropout` is the dropout probability of the attention probabilities. It applies on devices with
/// autodiff only, so not at inference.
///
/// A masked key or value that is infinite or NaN may reach the output, because zero times it is
/// NaN: always in the composition, in the kernel only if an unmasked key is near.
///
/// # Panics
/// If the shapes, the heads and the mask do not agree, or `dropout` is not in `[0, 1)`.
pub fn attention(
    q: Tensor<3>,
    k: Tensor<3>,
    v: Tensor<3>,
    heads: Heads,
    mask: &Mask,
    dropout: f64,
) -> Tensor<3> {
    let sizes = Sizes::new(q.dims(), k.dims(), v.dims(), heads);
    mask.check(&sizes);
    let is_training = [&q, &k, &v].iter().any(|x| x.device().is_autodiff());
    let dropout = dropout_probability(dropout, is_training);
    try_kernel!(kernel::attention([&q, &k, &v], &sizes, mask, dropout));
    if is_training {
        composed::attention(q, k, v, &sizes, mask, dropout)
    } else {
        composed::fused(q, k, v, &sizes, mask)
    }
}

/// The dropout probability, which is 0 at inference.
fn dropout_probability(dropout: f64, is_training: bool) -> f64 {
    assert!(
        (0.0..1.0).contains(&dropout),
        "dropout probability {dropout} must be at least 0 and below 1"
    );
    if is_training { dropout } else { 0.0 }
}

/// [`attention`] of packed `qkv` `[batch, time, 3 * heads * head_dim]`: queries, keys and values
/// side by side, as one projection computes them. Returns `[batch, time, heads * head_dim]`. The
/// gradient is one tensor as well, where the gradients of three slices would have to be
/// concatenated.
///
/// # Panics
/// If the width is not a multiple of three times the heads, the mask does not agree, or `dropout`
/// is not in `[0, 1)`.
#[allow(
    clippy::needless_pass_by_value,
    reason = "like the other operations; a tensor is a handle"
)]
pub fn qkv_packed(qkv: Tensor<3>, heads: usize, mask: &Mask, dropout: f64) -> Tensor<3> {
    try_kernel!(kernel::qkv_packed(&qkv, Heads::new(heads), mask, dropout));
    let [q, k, v] = split_qkv(&qkv);
    attention(q, k, v, Heads::new(heads), mask, dropout)
}

/// Self-attention without the output projection: [`attention`] of the query, key and value
/// projections of `x` `[batch, time, width]`, with weights `[width, heads * head_dim]` and biases
/// `[heads * head_dim]`. Returns `[batch, time, heads * head_dim]`.
///
/// # Panics
/// As [`attention`].
pub fn self_attention(
    x: Tensor<3>,
    weights: [Tensor<2>; 3],
    biases: [Option<Tensor<1>>; 3],
    heads: usize,
    mask: &Mask,
    dropout: f64,
) -> Tensor<3> {
    try_kernel!(
        crate::linear::kernel::qkv_projection(&x, &weights, &biases)
            .map(|qkv| qkv_packed(qkv, heads, mask, dropout))
    );
    let [wq, wk, wv] = weights;
    let [bq, bk, bv] = biases;
    let q = linear(x.clone(), wq, bq);
    let k = linear(x.clone(), wk, bk);
    let v = linear(x, wv, bv);
    attention(q, k, v, Heads::new(heads), mask, dropout)
}

/// Splits packed queries, keys and values `[batch, time, 3 * width]` into three views
/// `[batch, time, width]`.
///
/// # Panics
/// If the width is not a multiple of three.
pub fn split_qkv(x: &Tensor<3>) -> [Tensor<3>; 3] {
    let width = x.dims()[2] / 3;
    assert_eq!(
        3 * width,
        x.dims()[2],
        "width of packed queries, keys and values"
    );
    std::array::from_fn(|i| x.clone().narrow(2, i * width, width))
}

/// Attention probabilities `softmax(scale q kᵀ + mask)` of `q` and `k` as in [`attention`]. Returns
/// `[batch, heads, queries, keys]`; the row of a query that may attend to no key is zero.
///
/// For inspection; [`attention`] itself never stores them.
///
/// # Panics
/// If the shapes, the heads and the mask do not agree.
pub fn probabilities(q: Tensor<3>, k: Tensor<3>, heads: Heads, mask: &Mask) -> Tensor<4> {
    let sizes = Sizes::new(q.dims(), k.dims(), k.dims(), heads);
    mask.check(&sizes);
    composed::probabilities(q, k, &sizes, mask)
}

/// Sizes of one call.
#[derive(Clone, Copy, Debug)]
struct Sizes {
    batch: usize,
    /// Key and value heads.
    kv_heads: usize,
    /// Query heads per key and value head.
    group: usize,
    queries: usize,
    keys: usize,
    head_dim: usize,
    scale: Option<f64>,
}

impl Sizes {
    fn new(q: [usize; 3], k: [usize; 3], v: [usize; 3], heads: Heads) -> Self {
        let Heads {
            query,
            key_value,
            scale,
        } = heads;
        let ([batch, queries, width], [_, keys, _]) = (q, k);
        assert!(
            key_value > 0 && query.is_multiple_of(key_value),
            "{query} query heads are not a multiple of {key_value} key heads"
        );
        assert!(
            query > 0 && width.is_multiple_of(query),
            "width {width} is not a multiple of {query} heads"
        );
        let head_dim = width / query;
        assert_eq!(k, [batch, keys, key_value * head_dim], "shape of the keys");
        assert_eq!(v, k, "shape of the values");
        Self {
            batch,
            kv_heads: key_value,
            group: query / key_value,
            queries,
            keys,
            head_dim,
            scale,
        }
    }

    fn heads(&self) -> usize {
        self.kv_heads * self.group
    }

    fn scale(&self) -> f64 {
        self.scale.unwrap_or(1.0 / (self.head_dim as f64).sqrt())
    }

    /// `[batch, heads, queries, keys]`
    fn scores(&self) -> [usize; 4] {
        [self.batch, self.heads(), self.queries, self.keys]
    }
}
