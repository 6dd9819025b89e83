//! Self-attention with a bias that depends on the distance of two tokens.

use burn::module::Module;
use burn::nn::{Dropout, Embedding, Linear};
use burn::tensor::activation::softmax;
use burn::tensor::{Bool, Device, Int, Tensor, TensorData};
use tinderbox_kernels::nn;

use crate::encoder::Spec;

/// Rows of the table of biases that are used, whatever the configuration says.
pub(super) const BUCKETS: usize = 32;
/// Smallest distance of each bucket beyond distances that have one of their own: logarithmic up to
/// 128, as T5's, <https://arxiv.org/abs/1910.10683>, section 2.1.
const FAR: [usize; 8] = [8, 12, 16, 23, 32, 46, 64, 91];
/// Score of padding.
const LOWEST: f32 = f32::MIN;

/// Self-attention with its output projection.
#[derive(Module, Debug)]
pub(super) struct SelfAttention {
    q: Linear,
    k: Linear,
    v: Linear,
    o: Linear,
    dropout: Dropout,
    heads: usize,
}

impl SelfAttention {
    pub(super) fn new(spec: &Spec, device: &Device) -> Self {
        Self {
            q: spec.square(device),
            k: spec.square(device),
            v: spec.square(device),
            o: spec.square(device),
            dropout: spec.attention_dropout(),
            heads: spec.heads.1,
        }
    }

    /// `[batch, time, hidden]` to the same; `bias` `[1, heads, time, time]` is added to the scores,
    /// and what is `padding` `[batch, time]` is not attended to.
    pub(super) fn forward(
        &self,
        x: Tensor<3>,
        bias: &Tensor<4>,
        padding: Option<&Tensor<2, Bool>>,
    ) -> Tensor<3> {
        let [batch, time, hidden] = x.dims();
        let probabilities = self.probabilities(x.clone(), bias, padding);
        let probabilities = nn::dropout(&self.dropout, probabilities);
        let mixed = probabilities.matmul(self.split(nn::linear(&self.v, x)));
        let mixed = mixed.swap_dims(1, 2).reshape([batch, time, hidden]);
        nn::linear(&self.o, mixed)
    }

    /// Attention probabilities `[batch, heads, time, time]`.
    pub(super) fn probabilities(
        &self,
        x: Tensor<3>,
        bias: &Tensor<4>,
        padding: Option<&Tensor<2, Bool>>,
    ) -> Tensor<4> {
        let q = self.split(nn::linear(&self.q, x.clone()));
        let k = self.split(nn::linear(&self.k, x));
        let width = q.dims()[3] as f64;
        let mut scores = q.matmul(k.transpose()) / width.sqrt() + bias.clone();
        if let Some(padding) = padding {
            let hidden = padding.clone().unsqueeze_dims::<4>(&[1, 2]);
            let shape = scores.dims();
            scores = scores.mask_fill(hidden.expand(shape), LOWEST);
        }
        softmax(scores, 3)
    }

    /// `[batch, time, hidden]` to `[batch, heads, time, hidden / heads]`.
    fn split(&self, x: Tensor<3>) -> Tensor<4> {
        let [batch, time, hidden] = x.dims();
        x.reshape([batch, time, self.heads, hidden / self.heads])
            .swap_dims(1, 2)
    }
}

/// Biases `[1, heads, time, time]` of queries and keys from a `table` `[buckets, heads]`.
pub(super) fn relative_bias(table: &Embedding, time: usize) -> Tensor<4> {
    let bucket = |index: usize| bucket(index / time, index % time) as i32;
    let buckets: Vec<i32> = (0..time * time).map(bucket).collect();
    let device = table.weight.device();
    let data = TensorData::new(buckets, [1, time * time]);
    let values = nn::embedding(table, Tensor::<2, Int>::from_data(data, &device));
    let heads = values.dims()[2];
    let values: Tensor<4> = values.reshape([1, time, time, heads]);
    values.permute([0, 3, 1, 2])
}

/// Row of the table for a query and a key.
fn bucket(query: usize, key: usize) -> usize {
    let distance = query.abs_diff(key);
    let far = FAR.iter().filter(|first| distance >= **first).count();
    let within = match far {
        0 => distance,
        _ => FAR[0] - 1 + far,
    };
    within + if key > query { BUCKETS / 2 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::bucket;

    /// As `MPNetEncoder.relative_position_bucket` of transformers 5.23.
    #[test]
    fn distances_fall_into_the_buckets_of_transformers() {
        for (distance, expected) in [
            (0, 0),
            (1, 1),
            (7, 7),
            (8, 8),
            (11, 8),
            (12, 9),
            (22, 10),
            (23, 11),
            (63, 13),
            (64, 14),
            (90, 14),
            (91, 15),
            (500, 15),
        ] {
            assert_eq!(bucket(distance, 0), expected);
            if distance > 0 {
                assert_eq!(bucket(0, distance), expected + 16);
            }
        }
    }
}
