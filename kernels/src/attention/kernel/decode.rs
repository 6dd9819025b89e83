use multiversion::multiversion;
use multiversion::target::target_cfg_f;
use rayon::prelude::*;

use super::block::Position;
use super::dropout::DropoutRow;
use super::softmax::{divisor, dots, exponentials_of_row, log_sum_exp, maximum};
use super::{Inputs, pack};
use crate::flex::{Buffer, Submatrix};
use crate::simd::{LANES, Lanes, fused};

impl Inputs {
    /// [`forward`](Self::forward) for a single query, as in token-by-token generation. All of the
    /// work is to read keys and values once; packing them for a matrix product would read them
    /// twice.
    pub(super) fn decode(&self, output: &mut [f32], log_sum_exps: &mut [f32]) {
        let (heads, head_dim) = (self.sizes.heads(), self.sizes.head_dim);
        output
            .par_chunks_mut(head_dim)
            .zip(log_sum_exps)
            .with_min_len(self.min_heads_per_task())
            .enumerate()
            .for_each_init(
                || {
                    [
                        Buffer::new(head_dim.next_multiple_of(LANES)),
                        Buffer::new(self.sizes.keys),
                    ]
                },
                |[q, scores], (row, (output, log_sum_exp))| {
                    let position = Position {
                        batch: row / heads,
                        head: row % heads,
                        first_query: 0,
                    };
                    let scale = self.sizes.scale() as f32;
                    let query = self
                        .q
                        .submatrix(position.batch, 0, self.q_cols(position.head));
                    pack::rows(query, 1, scale, q.as_chunks_mut().0);
                    let keys = self.mask.keys(position.batch, self.sizes.keys);
                    let cols = self.kv_cols(position.head);
                    let visible = Visible {
                        keys: self.k.submatrix(position.batch, 0, cols.clone()),
                        values: self.v.submatrix(position.batch, 0, cols),
                        hidden: self.mask.hidden_row(position),
                        dropout: self.dropout.map(|dropout| dropout.row(row)),
                    };
                    *log_sum_exp = attend(&q[..head_dim], &visible, &mut scores[..keys], output);
                },
            );
    }
}

/// Keys and values that a query attends to.
struct Visible<'a> {
    keys: Submatrix<'a>,
    values: Submatrix<'a>,
    hidden: Option<&'a [u8]>,
    dropout: Option<DropoutRow>,
}

/// Writes the mean of the values, weighted by softmax, to `output` `[head_dim]`, and returns
/// `ln(sum(exp(scores)))`. `scores` has one element per unpadded key.
#[multiversion(targets = "simd")]
fn attend(q: &[f32], visible: &Visible<'_>, scores: &mut [f32], output: &mut [f32]) -> f32 {
    if target_cfg_f!(any(target_feature = "fma", target_arch = "aarch64")) {
        attend_with::<true>(q, visible, scores, output)
    } else {
        attend_with::<false>(q, visible, scores, output)
    }
}

#[inline(always)]
fn attend_with<const FMA: bool>(
    q: &[f32],
    visible: &Visible<'_>,
    scores: &mut [f32],
    output: &mut [f32],
) -> f32 {
    products::<FMA>(q, visible.keys, scores);
    if let Some(hidden) = visible.hidden {
        for (score, &hidden) in scores.iter_mut().zip(hidden) {
            let shown = *score;
            *score = if hidden == 0 {
                shown
            } else {
                f32::NEG_INFINITY
            };
        }
    }
    let max = maximum(scores, f32::MIN);
    let sum = exponentials_of_row::<FMA>(scores, max);
    if let Some(dropout) = visible.dropout {
        for (key, score) in scores.iter_mut().enumerate() {
            *score *= dropout.factor(key);
        }
    }
    weighted_sum::<FMA>(scores, visible.values, output);
    let inverse = 1.0 / divisor(sum);
    for output in output {
        *output *= inverse;
    }
    log_sum_exp(max, sum)
}

/// Products of `q` and each key.
#[inline(always)]
fn products<const FMA: bool>(q: &[f32], keys: Submatrix<'_>, scores: &mut [f32]) {
    // Four at a time, so that four independent sums are in flight.
    let mut keys = keys.rows();
    let mut next = || keys.next().unwrap_or(q);
    let (fours, rest) = scores.as_chunks_mut::<4>();
    for scores in fours {
        *scores = dots::<4, FMA>(q, [next(), next(), next(), next()]);
    }
    for score in rest {
        [*score] = dots::<1, FMA>(q, [next()]);
    }
}

/// `sum over k of weights[k] values[k]`.
#[inline(always)]
fn weighted_sum<const FMA: bool>(weights: &[f32], values: Submatrix<'_>, out: &mut [f32]) {
    let mut first = 0;
    while first < out.len() {
        first += match out.len() - first {
            64.. => columns::<4, FMA>(weights, values, first, out),
            32.. => columns::<2, FMA>(weights, values, first, out),
            16.. => columns::<1, FMA>(weights, values, first, out),
            _ => column::<FMA>(weights, values, first, out),
        };
    }
}

/// `V` vectors of columns, whose sums stay in registers.
#[inline(always)]
fn columns<const V: usize, const FMA: bool>(
    weights: &[f32],
    values: Submatrix<'_>,
    first: usize,
    out: &mut [f32],
) -> usize {
    let mut sums = [[0.0; LANES]; V];
    for (&weight, value) in weights.iter().zip(values.rows()) {
        let (value, _) = value[first..][..V * LANES].as_chunks::<LANES>();
        let value: [Lanes; V] = std::array::from_fn(|v| value[v]);
        for v in 0..V {
            for i in 0..LANES {
                sums[v][i] = fused::<FMA>(weight, value[v][i], sums[v][i]);
            }
        }
    }
    out[first..first + V * LANES].copy_from_slice(sums.as_flattened());
    V * LANES
}

#[inline(always)]
fn column<const FMA: bool>(
    weights: &[f32],
    values: Submatrix<'_>,
    col: usize,
    out: &mut [f32],
) -> usize {
    let pairs = weights.iter().zip(values.rows());
    out[col] = pairs.fold(0.0, |sum, (&weight, value)| {
        fused::<FMA>(weight, value[col], sum)
    });
    1
}
