//! Scaled dot-product attention, `softmax(q kᵀ / sqrt(head_dim) + mask) v`, with masks, grouped heads and dropout.
//!
//! Vaswani et al. 2017, <https://arxiv.org/abs/1706.03762>; grouped heads: Ainslie et al. 2023,
//! <https://arxiv.org/abs/2305.13245>.
//!
//! Without gradients Burn's fused operation does all of it and keeps no scores. For training, where Burn has no fused
//! operation, the same is composed of as few passes over the scores `[batch, heads, queries, keys]` as possible: the scale
//! goes into the queries, the mask is added once, and the division by the sum comes after the values were averaged, where
//! there are `head_dim` numbers a query and not `keys`. Two tensors of that size are kept for the backward pass, three with
//! dropout.

use burn::nn::Dropout;
use burn::tensor::module::attention as fused_attention;
use burn::tensor::ops::AttentionModuleOptions;
use burn::tensor::{Bool, Device, Distribution, Tensor};

/// The lowest number that every float type has. A row of scores that are all `-inf` is measured from here, so that
/// `-inf - max` is not NaN.
pub(crate) const LOWEST: f64 = -65504.0;

/// Which keys each query may see. The default is all of them.
///
/// In what is passed in, `true` means "may be seen", as in Hugging Face's `attention_mask` and in PyTorch's
/// `scaled_dot_product_attention` (and not as in `burn::nn`, where `true` means hidden). A query that may see nothing
/// gets zeros.
///
/// Make one for each forward pass and share it between layers: what it costs is paid here.
#[derive(Clone, Debug, Default)]
pub struct Mask {
    /// `[batch or 1, heads or 1, queries or 1, keys]`, `true` where a key is hidden.
    hidden: Option<Tensor<4, Bool>>,
    /// The same as numbers to be added to the scores: 0 or `-inf`.
    bias: Option<Tensor<4>>,
    /// Whether `hidden` is no more than causality between as many queries as keys, for which backends have a fast path.
    is_square_causal: bool,
}

impl Mask {
    /// Every query sees every key.
    pub fn none() -> Self {
        Self::default()
    }

    /// The `queries` last positions of a sequence of `keys`, each of which sees itself and everything before.
    ///
    /// # Panics
    /// If there are more queries than keys.
    pub fn causal(queries: usize, keys: usize, device: &Device) -> Self {
        assert!(queries <= keys, "{queries} queries for {keys} keys");
        if queries == 1 {
            return Self::none();
        }
        // `tril_mask` is false in the triangle that it is named after.
        let offset = (keys - queries) as i64;
        let hidden = Tensor::<2, Bool>::tril_mask([queries, keys], offset, device);
        Self {
            is_square_causal: queries == keys,
            ..Self::hiding(hidden.reshape([1, 1, queries, keys]))
        }
    }

    /// `real` `[batch, keys]` is `true` for tokens and `false` for what fills a batch up.
    pub fn padding(real: Tensor<2, Bool>) -> Self {
        let [batch, keys] = real.dims();
        Self::hiding(real.bool_not().reshape([batch, 1, 1, keys]))
    }

    /// `allowed` `[batch or 1, heads or 1, queries or 1, keys]` is `true` where a query may see a key.
    pub fn allowed(allowed: Tensor<4, Bool>) -> Self {
        Self::hiding(allowed.bool_not())
    }

    /// What both masks allow.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (&self.hidden, &other.hidden) {
            (Some(one), Some(two)) => {
                let (a, b) = (one.dims(), two.dims());
                let dims: [usize; 4] = std::array::from_fn(|i| a[i].max(b[i]));
                let (one, two) = (one.clone().expand(dims), two.clone().expand(dims));
                Self::hiding(one.bool_or(two))
            }
            (None, Some(_)) => other,
            (_, None) => self,
        }
    }

    fn hiding(hidden: Tensor<4, Bool>) -> Self {
        let bias = hidden.device().is_autodiff().then(|| bias(&hidden));
        Self {
            hidden: Some(hidden),
            bias,
            is_square_causal: false,
        }
    }

    fn bias(&self) -> Option<Tensor<4>> {
        // A mask that was made on a device without gradients has none yet.
        self.bias.clone().or_else(|| self.hidden.as_ref().map(bias))
    }
}

fn bias(hidden: &Tensor<4, Bool>) -> Tensor<4> {
    let zeros = Tensor::zeros(hidden.shape(), &hidden.device());
    zeros.mask_fill(hidden.clone(), f32::NEG_INFINITY)
}

/// `q` `[batch, heads, queries, head_dim]`, `k` and `v` `[batch, kv_heads, keys, head_dim]` to
/// `[batch, heads, queries, head_dim]`. Each key and value head serves `heads / kv_heads` consecutive query heads.
/// `dropout` acts on the probabilities, in training only.
///
/// # Panics
/// If `heads` is no multiple of `kv_heads`, or shapes differ otherwise.
pub fn attention(
    q: Tensor<4>,
    k: Tensor<4>,
    v: Tensor<4>,
    mask: &Mask,
    dropout: &Dropout,
) -> Tensor<4> {
    let [batch, heads, queries, head_dim] = q.dims();
    let [_, kv_heads, keys, _] = k.dims();
    assert!(
        heads.is_multiple_of(kv_heads),
        "{heads} query heads cannot share {kv_heads} key heads"
    );
    let shape = Shape {
        batch,
        kv_heads,
        group: heads / kv_heads,
        queries,
        keys,
    };
    let is_training = [&q, &k, &v].iter().any(|x| x.device().is_autodiff());
    let q = match shape.group {
        1 => q,
        // The heads of a group become further queries of their key head, so that keys and values need no copies.
        group => q.reshape([batch, kv_heads, group * queries, head_dim]),
    };
    let output = match is_training {
        true => composed(q, k, v, mask, dropout, &shape),
        false => fused(q, k, v, mask, &shape),
    };
    match shape.group {
        1 => output,
        _ => output.reshape([batch, heads, queries, head_dim]),
    }
}

struct Shape {
    batch: usize,
    kv_heads: usize,
    group: usize,
    queries: usize,
    keys: usize,
}

impl Shape {
    /// `[batch, kv_heads, queries of the group, keys]`
    fn grouped(&self) -> [usize; 4] {
        let queries = self.group * self.queries;
        [self.batch, self.kv_heads, queries, self.keys]
    }

    /// `[batch, heads, queries, keys]`
    fn ungrouped(&self) -> [usize; 4] {
        let heads = self.kv_heads * self.group;
        [self.batch, heads, self.queries, self.keys]
    }
}

fn fused(q: Tensor<4>, k: Tensor<4>, v: Tensor<4>, mask: &Mask, shape: &Shape) -> Tensor<4> {
    let is_causal = mask.is_square_causal && shape.group == 1;
    let hidden = match is_causal {
        true => None,
        false => mask.hidden.clone(),
    };
    // Not every backend stretches a mask by itself.
    let hidden = hidden.map(|hidden| hidden.expand(shape.ungrouped()));
    let hidden = match shape.group {
        1 => hidden,
        _ => hidden.map(|hidden| hidden.reshape(shape.grouped())),
    };
    let options = AttentionModuleOptions {
        is_causal,
        ..AttentionModuleOptions::default()
    };
    fused_attention(q, k, v, hidden, None, options)
}

fn composed(
    q: Tensor<4>,
    k: Tensor<4>,
    v: Tensor<4>,
    mask: &Mask,
    dropout: &Dropout,
    shape: &Shape,
) -> Tensor<4> {
    let mut exponentials = exponentials(q, k, mask, shape);
    // At least one, the exponential of the largest score, unless all are hidden.
    let mut sum = exponentials.clone().sum_dim(3).clamp_min(0.5);
    if dropout.prob > 0.0 && dropout.training.is_enabled() {
        let kept = 1.0 - dropout.prob;
        let choice = exponentials.random_like(Distribution::Bernoulli(kept));
        exponentials = exponentials * choice;
        sum = sum * kept;
    }
    exponentials.matmul(v) / sum
}

/// `exp(q kᵀ / sqrt(head_dim) + mask - max)`, what softmax divides by its sum, `[batch, kv_heads, queries of the group,
/// keys]`.
fn exponentials(q: Tensor<4>, k: Tensor<4>, mask: &Mask, shape: &Shape) -> Tensor<4> {
    let scale = 1.0 / (q.dims()[3] as f64).sqrt();
    let mut scores = (q * scale).matmul(k.swap_dims(2, 3));
    if let Some(bias) = mask.bias() {
        scores = match shape.group {
            1 => scores + bias,
            _ => (scores.reshape(shape.ungrouped()) + bias).reshape(shape.grouped()),
        };
    }
    // Softmax is the same for any shift, so the shift needs no gradient.
    let max = scores.clone().detach().max_dim(3).clamp_min(LOWEST);
    (scores - max).exp()
}

/// How much each query looks at each key, `softmax(q kᵀ / sqrt(head_dim) + mask)`: `q` `[batch, heads, queries, head_dim]`
/// and `k` `[batch, heads, keys, head_dim]` to `[batch, heads, queries, keys]`. Of a query that may see nothing, zeros.
///
/// For looking at; [`attention`] does not make them one by one.
///
/// # Panics
/// If the shapes differ otherwise.
pub fn probabilities(q: Tensor<4>, k: Tensor<4>, mask: &Mask) -> Tensor<4> {
    let [batch, kv_heads, queries, _] = q.dims();
    let shape = Shape {
        batch,
        kv_heads,
        group: 1,
        queries,
        keys: k.dims()[2],
    };
    let exponentials = exponentials(q, k, mask, &shape);
    let sum = exponentials.clone().sum_dim(3).clamp_min(0.5);
    exponentials / sum
}

/// `[batch, time, heads * head_dim]` to `[batch, heads, time, head_dim]`.
pub fn split_heads(x: Tensor<3>, heads: usize) -> Tensor<4> {
    let [batch, time, width] = x.dims();
    x.reshape([batch, time, heads, width / heads])
        .swap_dims(1, 2)
}

/// `[batch, heads, time, head_dim]` to `[batch, time, heads * head_dim]`.
pub fn merge_heads(x: Tensor<4>) -> Tensor<3> {
    let [batch, heads, time, head_dim] = x.dims();
    x.swap_dims(1, 2).reshape([batch, time, heads * head_dim])
}
