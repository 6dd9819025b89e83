use multiversion::multiversion;
use multiversion::target::target_cfg_f;
use rayon::prelude::*;

use super::block::{LANES, Place};
use super::dropped::DroppedRow;
use super::exponential::fused;
use super::product::Lanes;
use super::softmax::{divisor, dots, exponentials_of_row, log_sum, maximum};
use super::{Problem, arrange};
use crate::flex::{Buffer, Panel};

impl Problem {
    /// [`forward`](Self::forward) of a single query, as in generation: all of it is reading keys and values once, and a
    /// matrix product would copy them first.
    pub(super) fn one_query(&self, output: &mut [f32], log_sums: &mut [f32]) {
        let (heads, head_dim) = (self.sizes.heads(), self.sizes.head_dim);
        output
            .par_chunks_mut(head_dim)
            .zip(log_sums)
            .with_min_len(self.pieces_of_a_task())
            .enumerate()
            .for_each_init(
                || {
                    [
                        Buffer::new(head_dim.next_multiple_of(LANES)),
                        Buffer::new(self.sizes.keys),
                    ]
                },
                |[q, scores], (row, (output, log_sum))| {
                    let place = Place {
                        batch: row / heads,
                        head: row % heads,
                        first_query: 0,
                    };
                    let scale = self.sizes.scale() as f32;
                    let query = self.q.panel(place.batch, 0, self.q_cols(place.head));
                    arrange::rows(query, 1, scale, q.as_chunks_mut().0);
                    let keys = self.look.keys(place.batch, self.sizes.keys);
                    let cols = self.kv_cols(place.head);
                    let seen = Seen {
                        keys: self.k.panel(place.batch, 0, cols.clone()),
                        values: self.v.panel(place.batch, 0, cols),
                        hidden: self.look.hidden_row(place),
                        dropped: self.dropped.map(|dropped| dropped.row(row)),
                    };
                    *log_sum = mix(&q[..head_dim], &seen, &mut scores[..keys], output);
                },
            );
    }
}

/// What a query looks at.
struct Seen<'a> {
    keys: Panel<'a>,
    values: Panel<'a>,
    hidden: Option<&'a [u8]>,
    dropped: Option<DroppedRow>,
}

/// Writes the mean of the values to `output` `[head_dim]`, and returns `ln(sum(exp(scores)))`. There is one score for each
/// key that is worth looking at.
#[multiversion(targets = "simd")]
fn mix(q: &[f32], seen: &Seen<'_>, scores: &mut [f32], output: &mut [f32]) -> f32 {
    if target_cfg_f!(any(target_feature = "fma", target_arch = "aarch64")) {
        mix_by::<true>(q, seen, scores, output)
    } else {
        mix_by::<false>(q, seen, scores, output)
    }
}

#[inline(always)]
fn mix_by<const FMA: bool>(
    q: &[f32],
    seen: &Seen<'_>,
    scores: &mut [f32],
    output: &mut [f32],
) -> f32 {
    products::<FMA>(q, seen.keys, scores);
    if let Some(hidden) = seen.hidden {
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
    if let Some(dropped) = seen.dropped {
        for (key, score) in scores.iter_mut().enumerate() {
            *score *= dropped.factor(key);
        }
    }
    weighted_sum::<FMA>(scores, seen.values, output);
    let inverse = 1.0 / divisor(sum);
    for output in output {
        *output *= inverse;
    }
    log_sum(max, sum)
}

/// The products of `q` and each key.
#[inline(always)]
fn products<const FMA: bool>(q: &[f32], keys: Panel<'_>, scores: &mut [f32]) {
    // Four at a time, so that none waits for itself.
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
fn weighted_sum<const FMA: bool>(weights: &[f32], values: Panel<'_>, out: &mut [f32]) {
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

/// `V` times as many columns as there are lanes, whose sums stay in registers.
#[inline(always)]
fn columns<const V: usize, const FMA: bool>(
    weights: &[f32],
    values: Panel<'_>,
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
    values: Panel<'_>,
    col: usize,
    out: &mut [f32],
) -> usize {
    let pairs = weights.iter().zip(values.rows());
    out[col] = pairs.fold(0.0, |sum, (&weight, value)| {
        fused::<FMA>(weight, value[col], sum)
    });
    1
}
