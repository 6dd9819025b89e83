//! Tokens that top-k, top-p and min-p leave, ties and rounding included, as Hugging Face's logits
//! warpers do: `TopKLogitsWarper`, `TopPLogitsWarper`, `MinPLogitsWarper`.

use std::collections::HashSet;

use super::Sampling;

/// A token, its logit, and the logit divided by the temperature.
#[derive(Clone, Copy)]
struct Score {
    token: usize,
    logit: f32,
    scaled: f32,
}

/// Filters tokens with their logits, most probable first. Never empty.
pub(super) fn kept(sampling: &Sampling, ranked: Vec<(usize, f32)>) -> Vec<(usize, f32)> {
    let temperature = sampling.temperature as f32;
    let score = |(token, logit): (usize, f32)| Score {
        token,
        logit,
        scaled: logit / temperature,
    };
    let mut scores: Vec<Score> = ranked.into_iter().map(score).collect();
    if let Some(k) = sampling.top_k {
        top_k(&mut scores, k);
    }
    // Infinite scores have no probabilities: the largest is certain.
    if scores[0].scaled.is_finite() {
        if let Some(p) = sampling.top_p.filter(|p| *p < 1.0) {
            top_p(&mut scores, p);
        }
        if let Some(p) = sampling.min_p {
            min_p(&mut scores, p);
        }
    }
    scores
        .into_iter()
        .map(|score| (score.token, score.logit))
        .collect()
}

/// Keeps the k largest, and all that equal the smallest of them.
fn top_k(scores: &mut Vec<Score>, k: usize) {
    if let Some(smallest) = scores.get(k.saturating_sub(1)).map(|score| score.scaled) {
        scores.retain(|score| score.scaled >= smallest);
    }
}

/// Removes tokens, least probable first, while their probabilities sum up to at most `1 - p`. Of
/// equal ones the lower ids go first.
fn top_p(scores: &mut Vec<Score>, p: f64) {
    let mut ascending: Vec<(f32, Score)> = probabilities(scores)
        .into_iter()
        .zip(scores.iter().copied())
        .collect();
    ascending.sort_by(|(_, a), (_, b)| {
        let by_score = a.scaled.total_cmp(&b.scaled);
        by_score.then(a.token.cmp(&b.token))
    });
    let limit = (1.0 - p) as f32;
    let mut sum = 0.0;
    let removed = ascending.iter().take_while(|(probability, _)| {
        sum += f64::from(*probability);
        sum as f32 <= limit
    });
    let removed = removed.count().min(scores.len() - 1);
    let removed = ascending[..removed].iter().map(|(_, score)| score.token);
    let removed: HashSet<usize> = removed.collect();
    scores.retain(|score| !removed.contains(&score.token));
}

/// Keeps tokens with at least `p` times the largest probability.
fn min_p(scores: &mut Vec<Score>, p: f64) {
    let probabilities = probabilities(scores);
    let limit = p as f32 * probabilities[0];
    let mut probabilities = probabilities.into_iter();
    let mut is_first = true;
    scores.retain(|_| {
        let is_likely = probabilities.next().is_some_and(|own| own >= limit);
        std::mem::take(&mut is_first) || is_likely
    });
}

/// Softmax in float32.
fn probabilities(scores: &[Score]) -> Vec<f32> {
    let largest = f64::from(scores[0].scaled);
    let weight = |score: &Score| (f64::from(score.scaled) - largest).exp();
    let sum: f64 = scores.iter().map(weight).sum();
    scores
        .iter()
        .map(|score| (weight(score) / sum) as f32)
        .collect()
}
