//! Scaled dot-product attention, `softmax(scale q kᵀ + mask) v`, with masks, shared key heads and dropout.
//!
//! Vaswani et al. 2017, <https://arxiv.org/abs/1706.03762>; shared key heads: Ainslie et al. 2023,
//! <https://arxiv.org/abs/2305.13245>. The kernel never makes the matrix of scores: it goes through it in blocks, in the
//! backward pass as well, as Dao et al. do, <https://arxiv.org/abs/2205.14135> and <https://arxiv.org/abs/2307.08691>.
//!
//! Queries, keys and values come as the matrices before attention leave them, `[batch, time, heads * head_dim]`, all heads
//! of a token side by side, and so does what is made of them: nothing is moved on the way in or out, and slices of a larger
//! tensor are read where they lie.

mod composed;
#[cfg(feature = "flex")]
mod fast;
mod mask;

use burn::tensor::Tensor;

use crate::linear::linear;
pub use mask::Mask;

/// How a token's numbers are cut into heads.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Heads {
    /// Number of heads of the queries.
    pub query: usize,
    /// Number of heads of keys and values; each serves `query / key_value` consecutive heads of the queries.
    pub key_value: usize,
    /// What the products of queries and keys are multiplied by; `None` is `1 / sqrt(head_dim)`.
    pub scale: Option<f64>,
}

impl Heads {
    /// As many heads of keys and values as of queries.
    pub fn new(heads: usize) -> Self {
        Self::shared(heads, heads)
    }

    /// Fewer heads of keys and values than of queries.
    pub fn shared(query: usize, key_value: usize) -> Self {
        Self {
            query,
            key_value,
            scale: None,
        }
    }
}

/// `q` `[batch, queries, heads * head_dim]`, `k` and `v` `[batch, keys, key heads * head_dim]` to
/// `[batch, queries, heads * head_dim]`. A query that may see nothing gets zeros.
///
/// `dropout` is the probability with which a query does not see a key that it looks at; the others then count for more. It
/// acts where there are gradients, and not in inference.
///
/// A hidden key or value that is infinite or not a number can come through, as zero times it is not zero: in the composition
/// always, in the kernel if it stands near one that is seen.
///
/// # Panics
/// If the shapes, the heads or the mask do not agree, or `dropout` is not in `[0, 1)`.
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
    let dropout = probability(dropout, is_training);
    #[cfg(feature = "flex")]
    if let Some(output) = fast::attention([&q, &k, &v], &sizes, mask, dropout) {
        return output;
    }
    match is_training {
        true => composed::attention(q, k, v, &sizes, mask, dropout),
        false => composed::fused(q, k, v, &sizes, mask),
    }
}

/// The probability to drop: none in inference.
fn probability(dropout: f64, is_training: bool) -> f64 {
    assert!(
        (0.0..1.0).contains(&dropout),
        "{dropout} is not a probability of dropout: it must be at least 0 and below 1"
    );
    if is_training { dropout } else { 0.0 }
}

/// [`attention`] of `qkv` `[batch, time, 3 * heads * head_dim]`, queries, keys and values side by side, as one matrix gives
/// them: to `[batch, time, heads * head_dim]`. Its gradient is one tensor, too, where slices would have to be put together.
///
/// # Panics
/// If the width is no multiple of three times the heads, the mask does not agree, or `dropout` is not in `[0, 1)`.
#[allow(
    clippy::needless_pass_by_value,
    reason = "as the other operations; a tensor is a handle"
)]
pub fn packed(qkv: Tensor<3>, heads: usize, mask: &Mask, dropout: f64) -> Tensor<3> {
    #[cfg(feature = "flex")]
    if let Some(output) = fast::packed(&qkv, Heads::new(heads), mask, dropout) {
        return output;
    }
    let [q, k, v] = thirds(&qkv);
    attention(q, k, v, Heads::new(heads), mask, dropout)
}

/// [`attention`] of what three linear layers make of `x` `[batch, time, width]`: queries, keys and values, as many heads of
/// each, with weights `[width, heads * head_dim]` and biases `[heads * head_dim]`; to `[batch, time, heads * head_dim]`.
///
/// # Panics
/// As [`attention`] does.
pub fn projected(
    x: Tensor<3>,
    weights: [Tensor<2>; 3],
    biases: [Option<Tensor<1>>; 3],
    heads: usize,
    mask: &Mask,
    dropout: f64,
) -> Tensor<3> {
    #[cfg(feature = "flex")]
    if let Some(qkv) = crate::linear::packed(&x, &weights, &biases) {
        return packed(qkv, heads, mask, dropout);
    }
    let [wq, wk, wv] = weights;
    let [bq, bk, bv] = biases;
    let q = linear(x.clone(), wq, bq);
    let k = linear(x.clone(), wk, bk);
    let v = linear(x, wv, bv);
    attention(q, k, v, Heads::new(heads), mask, dropout)
}

/// `[batch, time, 3 * width]` to three of `[batch, time, width]`.
///
/// # Panics
/// If the width is no multiple of three.
pub fn thirds(x: &Tensor<3>) -> [Tensor<3>; 3] {
    let width = x.dims()[2] / 3;
    assert_eq!(3 * width, x.dims()[2], "three equal parts");
    std::array::from_fn(|i| x.clone().narrow(2, i * width, width))
}

/// How much each query looks at each key, `softmax(scale q kᵀ + mask)`: `q` and `k` as in [`attention`] to
/// `[batch, heads, queries, keys]`. Of a query that may see nothing, zeros.
///
/// For looking at; [`attention`] does not make them.
///
/// # Panics
/// If the shapes, the heads or the mask do not agree.
pub fn probabilities(q: Tensor<3>, k: Tensor<3>, heads: Heads, mask: &Mask) -> Tensor<4> {
    let sizes = Sizes::new(q.dims(), k.dims(), k.dims(), heads);
    mask.check(&sizes);
    composed::probabilities(q, k, &sizes, mask)
}

/// The sizes that a call has to do with.
#[derive(Clone, Copy, Debug)]
struct Sizes {
    batch: usize,
    /// Heads of keys and values.
    kv_heads: usize,
    /// Heads of queries that share one of those.
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
            "{query} query heads cannot share {key_value} key heads"
        );
        assert!(
            query > 0 && width.is_multiple_of(query),
            "{width} numbers cannot be cut into {query} heads"
        );
        let head_dim = width / query;
        assert_eq!(k, [batch, keys, key_value * head_dim], "keys");
        assert_eq!(v, k, "values");
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

    #[cfg(feature = "flex")]
    fn is_empty(&self) -> bool {
        self.scores().contains(&0) || self.head_dim == 0
    }

    /// `[batch, heads, queries, keys]`
    fn scores(&self) -> [usize; 4] {
        [self.batch, self.heads(), self.queries, self.keys]
    }
}
