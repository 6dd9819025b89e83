//! The element-wise steps between the matrix products, one row (a query) at a time: online softmax
//! in the forward pass and the gradient of the scores in the backward pass.

use multiversion::multiversion;
use multiversion::target::target_cfg_f;

use super::QUERY_BLOCK;
use super::block::Block;
use super::exp::exp;
use crate::simd::{LANES, fused};

/// Online softmax (Milakov & Gimelshein 2018): for each query the maximum of the scores so far, and
/// the sum of their exponentials relative to it.
#[derive(Clone, Debug)]
pub(super) struct OnlineSoftmax {
    max: Vec<f32>,
    sum: Vec<f32>,
}

impl OnlineSoftmax {
    pub(super) fn new(queries: usize) -> Self {
        Self {
            // Not `-inf`: `-inf - -inf` would be NaN.
            max: vec![f32::MIN; queries],
            sum: vec![0.0; queries],
        }
    }

    /// See [`divisor`].
    pub(super) fn divisor(&self, query: usize) -> f32 {
        divisor(self.sum[query])
    }

    /// See [`log_sum_exp`].
    pub(super) fn log_sum_exp(&self, query: usize) -> f32 {
        log_sum_exp(self.max[query], self.sum[query])
    }
}

/// Divisor of the weighted sum of the values: the sum of the exponentials, which is at least one,
/// the exponential of the maximum, unless all keys are masked.
#[inline(always)]
pub(super) fn divisor(sum: f32) -> f32 {
    if sum < 0.5 { 0.5 } else { sum }
}

/// `ln(sum(exp(scores)))`; 0 if all scores are `-inf`, so that `exp(score - log_sum_exp)` is 0.
#[inline(always)]
pub(super) fn log_sum_exp(max: f32, sum: f32) -> f32 {
    if sum == 0.0 { 0.0 } else { max + sum.ln() }
}

/// Replaces the scores of a block by their exponentials relative to the maximum so far, and
/// rescales `accumulator`, the weighted sums over the previous blocks, to the same maximum.
#[multiversion(targets = "simd")]
pub(super) fn online_softmax_step(
    scores: &mut [f32],
    block: &Block<'_>,
    running: &mut OnlineSoftmax,
    accumulator: &mut [f32],
) {
    if target_cfg_f!(any(target_feature = "fma", target_arch = "aarch64")) {
        online_softmax_step_with::<true>(scores, block, running, accumulator);
    } else {
        online_softmax_step_with::<false>(scores, block, running, accumulator);
    }
}

#[inline(always)]
fn online_softmax_step_with<const FMA: bool>(
    scores: &mut [f32],
    block: &Block<'_>,
    running: &mut OnlineSoftmax,
    accumulator: &mut [f32],
) {
    // Step by step for all rows, because the steps of a single row depend on each other.
    let first = block.position.first_query;
    let (max, total) = (&mut running.max[first..], &mut running.sum[first..]);
    let mut rescale = [0.0; QUERY_BLOCK];
    let rows = scores.chunks_exact_mut(block.stride()).zip(max.iter_mut());
    for (row, ((scores, max), rescale)) in rows.zip(&mut rescale).enumerate().take(block.queries) {
        let before = *max;
        *max = maximum(block.apply_mask(row, scores), before);
        *rescale = before - *max;
    }
    for rescale in &mut rescale {
        *rescale = exp::<FMA>(*rescale);
    }
    let rows = scores.chunks_exact_mut(block.stride()).zip(max).zip(total);
    for (row, ((scores, max), total)) in rows.enumerate().take(block.queries) {
        let (scores, hidden) = scores[..block.width()].split_at_mut(block.visible_width(row));
        hidden.fill(0.0);
        *total = *total * rescale[row] + exponentials_of_row::<FMA>(scores, *max);
        if let Some(dropout) = block.dropout(row) {
            for (i, score) in scores.iter_mut().enumerate() {
                *score *= dropout.factor(block.first_key + i);
            }
        }
    }
    if block.first_key > 0 {
        let width = accumulator.len() / block.queries;
        for (accumulator, rescale) in accumulator.chunks_exact_mut(width).zip(rescale) {
            for number in accumulator {
                *number *= rescale;
            }
        }
    }
}

/// The maximum of the scores and `least`. NaN is passed over; it comes back in the exponentials.
#[inline(always)]
pub(super) fn maximum(scores: &[f32], least: f32) -> f32 {
    let larger = |a: f32, b: f32| if a > b { a } else { b };
    let mut lanes = [least; LANES];
    let (whole, rest) = scores.as_chunks::<LANES>();
    for scores in whole {
        for (lane, &score) in lanes.iter_mut().zip(scores) {
            *lane = larger(score, *lane);
        }
    }
    for (lane, &score) in lanes.iter_mut().zip(rest) {
        *lane = larger(score, *lane);
    }
    for half in [8, 4, 2, 1] {
        for i in 0..half {
            lanes[i] = larger(lanes[i], lanes[i + half]);
        }
    }
    lanes[0]
}

/// `exp(score - max)` in place. Returns their sum.
#[inline(always)]
pub(super) fn exponentials_of_row<const FMA: bool>(scores: &mut [f32], max: f32) -> f32 {
    let mut lanes = [0.0; LANES];
    let (whole, rest) = scores.as_chunks_mut::<LANES>();
    for scores in whole {
        for (lane, score) in lanes.iter_mut().zip(scores) {
            *score = exp::<FMA>(*score - max);
            *lane += *score;
        }
    }
    let mut total = sum(lanes);
    for score in rest {
        *score = exp::<FMA>(*score - max);
        total += *score;
    }
    total
}

/// Sum of the lanes, by halves.
#[inline(always)]
fn sum(mut lanes: [f32; LANES]) -> f32 {
    for half in [8, 4, 2, 1] {
        for i in 0..half {
            lanes[i] += lanes[i + half];
        }
    }
    lanes[0]
}

/// Row constants of the backward pass, in FlashAttention's notation `L` and `D`.
#[derive(Clone, Copy, Debug)]
pub(super) struct RowConstants<'a> {
    /// `L = ln(sum(exp(scores)))`
    pub(super) log_sum_exps: &'a [f32],
    /// `D = sum(y dy)`, which is the mean of the probabilities' gradients, weighted by the
    /// probabilities.
    pub(super) deltas: &'a [f32],
}

/// In place, from the scores of a block to the probabilities `p = exp(score - L)`, and from the
/// gradients of the probabilities to those of the scores, `p (gradient - D)`.
#[multiversion(targets = "simd")]
pub(super) fn gradients(
    scores: &mut [f32],
    gradients: &mut [f32],
    block: &Block<'_>,
    constants: RowConstants<'_>,
) {
    if target_cfg_f!(any(target_feature = "fma", target_arch = "aarch64")) {
        gradients_by::<true>(scores, gradients, block, constants);
    } else {
        gradients_by::<false>(scores, gradients, block, constants);
    }
}

#[inline(always)]
fn gradients_by<const FMA: bool>(
    scores: &mut [f32],
    gradients: &mut [f32],
    block: &Block<'_>,
    constants: RowConstants<'_>,
) {
    let rows = scores.chunks_exact_mut(block.stride());
    let rows = rows.zip(gradients.chunks_exact_mut(block.stride()));
    for (row, (scores, gradients)) in rows.take(block.queries).enumerate() {
        block.apply_mask(row, scores);
        let (scores, hidden) = scores[..block.width()].split_at_mut(block.visible_width(row));
        hidden.fill(0.0);
        let (gradients, hidden) = gradients[..block.width()].split_at_mut(scores.len());
        hidden.fill(0.0);
        let (log_sum_exp, delta) = (constants.log_sum_exps[row], constants.deltas[row]);
        let pairs = scores.iter_mut().zip(gradients);
        match block.dropout(row) {
            None => {
                for (score, gradient) in pairs {
                    *score = exp::<FMA>(*score - log_sum_exp);
                    *gradient = *score * (*gradient - delta);
                }
            }
            Some(dropout) => {
                for (i, (score, gradient)) in pairs.enumerate() {
                    let factor = dropout.factor(block.first_key + i);
                    let probability = exp::<FMA>(*score - log_sum_exp);
                    *gradient = probability * (*gradient * factor - delta);
                    *score = probability * factor;
                }
            }
        }
    }
}

/// Dot products of a row with `N` others.
#[inline(always)]
pub(super) fn dots<const N: usize, const FMA: bool>(row: &[f32], others: [&[f32]; N]) -> [f32; N] {
    let (whole, rest) = row.as_chunks::<LANES>();
    let others_whole = others.map(|other| &other.as_chunks::<LANES>().0[..whole.len()]);
    let mut lanes = [[0.0; LANES]; N];
    for (k, &row) in whole.iter().enumerate() {
        let others: [[f32; LANES]; N] = std::array::from_fn(|n| others_whole[n][k]);
        for n in 0..N {
            for i in 0..LANES {
                lanes[n][i] = fused::<FMA>(row[i], others[n][i], lanes[n][i]);
            }
        }
    }
    let first = whole.len() * LANES;
    std::array::from_fn(|n| {
        let rest = rest.iter().zip(&others[n][first..]).map(|(a, b)| a * b);
        sum(lanes[n]) + rest.sum::<f32>()
    })
}
