//! What happens to the scores of a block between the matrix products, a row (a query) at a time.

use multiversion::multiversion;
use multiversion::target::target_cfg_f;

use super::QUERIES;
use super::block::{Block, LANES};
use super::exponential::{exp, fused};

/// The largest score, and the sum of the exponentials measured from it, of each query so far.
#[derive(Clone, Debug)]
pub(super) struct Running {
    max: Vec<f32>,
    sum: Vec<f32>,
}

impl Running {
    pub(super) fn new(queries: usize) -> Self {
        Self {
            // Not `-inf`, from which `-inf` has no distance.
            max: vec![f32::MIN; queries],
            sum: vec![0.0; queries],
        }
    }

    /// As [`divisor`].
    pub(super) fn divisor(&self, query: usize) -> f32 {
        divisor(self.sum[query])
    }

    /// As [`log_sum`].
    pub(super) fn log_sum(&self, query: usize) -> f32 {
        log_sum(self.max[query], self.sum[query])
    }
}

/// What the sum of the values, weighted by the exponentials, is to be divided by: at least one, the exponential of the
/// largest score, unless all are hidden.
#[inline(always)]
pub(super) fn divisor(sum: f32) -> f32 {
    if sum < 0.5 { 0.5 } else { sum }
}

/// `ln(sum(exp(scores)))`; 0 of scores that are all `-inf`, so that they have a distance from it.
#[inline(always)]
pub(super) fn log_sum(max: f32, sum: f32) -> f32 {
    if sum == 0.0 { 0.0 } else { max + sum.ln() }
}

/// Makes the scores of a block exponentials, measured from the largest score so far, and measures `mixed`, the rows that
/// came out of the blocks before, from there as well.
#[multiversion(targets = "simd")]
pub(super) fn exponentials(
    scores: &mut [f32],
    block: &Block<'_>,
    running: &mut Running,
    mixed: &mut [f32],
) {
    if target_cfg_f!(any(target_feature = "fma", target_arch = "aarch64")) {
        exponentials_by::<true>(scores, block, running, mixed);
    } else {
        exponentials_by::<false>(scores, block, running, mixed);
    }
}

#[inline(always)]
fn exponentials_by<const FMA: bool>(
    scores: &mut [f32],
    block: &Block<'_>,
    running: &mut Running,
    mixed: &mut [f32],
) {
    // Step by step for all rows: what is done with a single row waits for itself.
    let first = block.place.first_query;
    let (max, total) = (&mut running.max[first..], &mut running.sum[first..]);
    let mut shrink = [0.0; QUERIES];
    let rows = scores.chunks_exact_mut(block.stride()).zip(max.iter_mut());
    for (row, ((scores, max), shrink)) in rows.zip(&mut shrink).enumerate().take(block.queries) {
        let before = *max;
        *max = maximum(block.hide(row, scores), before);
        *shrink = before - *max;
    }
    for shrink in &mut shrink {
        *shrink = exp::<FMA>(*shrink);
    }
    let rows = scores.chunks_exact_mut(block.stride()).zip(max).zip(total);
    for (row, ((scores, max), total)) in rows.enumerate().take(block.queries) {
        let (scores, unseen) = scores[..block.width()].split_at_mut(block.seen_width(row));
        unseen.fill(0.0);
        *total = *total * shrink[row] + exponentials_of_row::<FMA>(scores, *max);
        if let Some(dropped) = block.dropped(row) {
            for (i, score) in scores.iter_mut().enumerate() {
                *score *= dropped.factor(block.first_key + i);
            }
        }
    }
    if block.first_key > 0 {
        let width = mixed.len() / block.queries;
        for (mixed, shrink) in mixed.chunks_exact_mut(width).zip(shrink) {
            for number in mixed {
                *number *= shrink;
            }
        }
    }
}

/// The largest of all and of `least`. What is not a number is passed over; it comes back in the exponentials.
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

/// `exp(score - max)` in place, and the sum of them.
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

/// The sum of the lanes, by halves.
#[inline(always)]
fn sum(mut lanes: [f32; LANES]) -> f32 {
    for half in [8, 4, 2, 1] {
        for i in 0..half {
            lanes[i] += lanes[i + half];
        }
    }
    lanes[0]
}

/// What is the same for all keys of a query in the backward pass.
#[derive(Clone, Copy, Debug)]
pub(super) struct Constants<'a> {
    /// `ln(sum(exp(scores)))`
    pub(super) log_sums: &'a [f32],
    /// The product of the output and its gradient, which is the mean of the probabilities' gradients.
    pub(super) means: &'a [f32],
}

/// In place, from the scores of a block to the weights of the values, and from the gradients of those weights to the
/// gradients of the scores: `p = exp(score - log_sum)` and `p (gradient - mean)`.
#[multiversion(targets = "simd")]
pub(super) fn gradients(
    scores: &mut [f32],
    gradients: &mut [f32],
    block: &Block<'_>,
    constants: Constants<'_>,
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
    constants: Constants<'_>,
) {
    let rows = scores.chunks_exact_mut(block.stride());
    let rows = rows.zip(gradients.chunks_exact_mut(block.stride()));
    for (row, (scores, gradients)) in rows.take(block.queries).enumerate() {
        block.hide(row, scores);
        let (scores, unseen) = scores[..block.width()].split_at_mut(block.seen_width(row));
        unseen.fill(0.0);
        let (gradients, unseen) = gradients[..block.width()].split_at_mut(scores.len());
        unseen.fill(0.0);
        let (log_sum, mean) = (constants.log_sums[row], constants.means[row]);
        let pairs = scores.iter_mut().zip(gradients);
        match block.dropped(row) {
            None => {
                for (score, gradient) in pairs {
                    *score = exp::<FMA>(*score - log_sum);
                    *gradient = *score * (*gradient - mean);
                }
            }
            Some(dropped) => {
                for (i, (score, gradient)) in pairs.enumerate() {
                    let factor = dropped.factor(block.first_key + i);
                    let probability = exp::<FMA>(*score - log_sum);
                    *gradient = probability * (*gradient * factor - mean);
                    *score = probability * factor;
                }
            }
        }
    }
}

/// The products of a row and `N` others.
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
