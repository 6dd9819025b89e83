//! Pooling: the features of a text's tokens to one vector.

use burn::tensor::{Bool, Device, Int, Tensor};
use serde::{Deserialize, Serialize};

/// Pooling of token features into one vector, with the names of sentence-transformers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pooling {
    /// Mean over all tokens, `[CLS]` and `[SEP]` included.
    #[default]
    Mean,
    /// The first token, `[CLS]`.
    Cls,
    /// Maximum of each feature over all tokens.
    Max,
    /// Sum over all tokens divided by the square root of their number.
    #[serde(rename = "mean_sqrt_len_tokens")]
    MeanSqrtLen,
    /// Mean over all tokens with weights 1, 2, 3, .. in the order of the text.
    #[serde(rename = "weightedmean")]
    WeightedMean,
    /// The last token.
    #[serde(rename = "lasttoken")]
    LastToken,
}

/// Features `[batch, time, hidden]` to one vector per text `[batch, hidden]`. `attention_mask`
/// `[batch, time]` is `false` for padding, which never counts. The mean of no tokens is zero.
pub fn pool(features: Tensor<3>, attention_mask: Tensor<2, Bool>, pooling: Pooling) -> Tensor<2> {
    let mask = attention_mask.clone().unsqueeze_dim::<3>(2); // [batch, time, 1]
    let count = mask.clone().float().sum_dim(1); // [batch, 1, 1]
    let pooled = match pooling {
        Pooling::Mean => sum_of(features, mask) / count.clamp_min(1.0),
        Pooling::MeanSqrtLen => sum_of(features, mask) / count.clamp_min(1.0).sqrt(),
        Pooling::WeightedMean => {
            let shape = features.dims();
            let places = places(shape[1], &features.device()).float() + 1.0;
            let weights = places.unsqueeze_dim::<3>(2) * mask.clone().float(); // [batch, time, 1]
            let total = weights.clone().sum_dim(1).clamp_min(1.0);
            let features = features.mask_fill(padding_of(mask, shape), 0.0);
            (features * weights).sum_dim(1) / total
        }
        Pooling::Max => {
            let shape = features.dims();
            let padding = padding_of(mask, shape);
            features.mask_fill(padding, f32::NEG_INFINITY).max_dim(1)
        }
        Pooling::Cls => sum_of(features, first(attention_mask).unsqueeze_dim(2)),
        Pooling::LastToken => sum_of(features, last(attention_mask).unsqueeze_dim(2)),
    };
    pooled.squeeze_dim(1)
}

/// Sum of the features `[batch, time, hidden]` where `mask` `[batch, time, 1]` is true, as
/// `[batch, 1, hidden]`. Others may be NaN.
fn sum_of(features: Tensor<3>, mask: Tensor<3, Bool>) -> Tensor<3> {
    let shape = features.dims();
    features.mask_fill(padding_of(mask, shape), 0.0).sum_dim(1)
}

/// The negated mask; not every backend broadcasts one.
fn padding_of(mask: Tensor<3, Bool>, shape: [usize; 3]) -> Tensor<3, Bool> {
    mask.bool_not().expand(shape)
}

/// Places 0, 1, 2, .. as `[1, time]`.
fn places(time: usize, device: &Device) -> Tensor<2, Int> {
    Tensor::<1, Int>::arange(0..time as i64, device).unsqueeze()
}

/// True at the first token of each row; at the first place of a row without any, as with
/// sentence-transformers.
fn first(mask: Tensor<2, Bool>) -> Tensor<2, Bool> {
    let [rows, time] = mask.dims();
    let places = places(time, &mask.device()).expand([rows, time]);
    let candidates = places.clone().mask_fill(mask.bool_not(), time as i64);
    let first = candidates.min_dim(1); // [rows, 1]
    let none = first.clone().equal_elem(time as i64);
    let first = first.mask_fill(none, 0);
    places.equal(first.expand([rows, time]))
}

/// True at the last token of each row; nowhere in a row without any.
fn last(mask: Tensor<2, Bool>) -> Tensor<2, Bool> {
    let [rows, time] = mask.dims();
    let places = places(time, &mask.device()).expand([rows, time]);
    let candidates = places.clone().mask_fill(mask.bool_not(), -1);
    places.equal(candidates.max_dim(1).expand([rows, time]))
}

/// `mask` `[batch, time]` without the first `count` tokens of each row, which may begin with
/// padding.
pub(super) fn without_first(mask: Tensor<2, Bool>, count: usize) -> Tensor<2, Bool> {
    if count == 0 {
        return mask;
    }
    let seen = mask.clone().int().cumsum(1); // The number of tokens up to each place.
    let is_later = seen.greater_elem(count as i64);
    mask.bool_and(is_later)
}
