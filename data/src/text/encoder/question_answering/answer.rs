//! Logits to answers, as in Hugging Face's question-answering example
//! (`postprocess_qa_predictions`).

use super::QuestionWindows;
use crate::text::encoder::Encoding;
use std::cmp::Ordering;
use std::ops::Range;

/// A model's answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// Passage of the context; empty for "no answer".
    pub text: String,
    /// Sum of the start logit of its first and the end logit of its last token.
    pub score: f32,
    /// Softmax of the score over the `n_best` best passages.
    pub probability: f32,
    /// Byte range in the context.
    pub range: Range<usize>,
    /// Score of "no answer": the minimum over all windows of the sum of the two `[CLS]` logits. The
    /// minimum counts because an answer in one window is enough.
    pub null_score: f32,
}

/// A candidate passage. The empty one is "no answer".
#[derive(Clone, Debug)]
struct Candidate {
    range: Range<usize>,
    score: f32,
}

/// Returns the best answer to a question over all its windows.
///
/// `start_logits` and `end_logits` are those of this question's rows alone, row-major: `[windows,
/// time]`. In each row, the `n_best` largest start and end logits are paired; a pair is a candidate
/// if both tokens belong to the context, the start does not come after the end, and the span has at
/// most `max_answer_tokens` tokens.
///
/// With `has_impossible`, the answer is empty if "no answer" scores more than `null_threshold`
/// above the best passage. Without candidates it is always empty, with the score of "no answer"
/// (where Hugging Face answers "empty").
pub fn best_answer(
    question: &QuestionWindows,
    start_logits: &[f32],
    end_logits: &[f32],
    n_best: usize,
    max_answer_tokens: usize,
    has_impossible: bool,
    null_threshold: f32,
) -> Prediction {
    let time = start_logits.len() / question.windows.len().max(1);
    let rows = start_logits
        .chunks(time.max(1))
        .zip(end_logits.chunks(time.max(1)));
    let mut candidates = Vec::new();
    let mut null = None;
    for (window, (start, end)) in question.windows.iter().zip(rows) {
        candidates.extend(passages(window, start, end, n_best, max_answer_tokens));
        let score = first(start) + first(end);
        null = Some(null.map_or(
            score,
            |least: f32| if least > score { score } else { least },
        ));
    }
    let null = Candidate {
        range: 0..0,
        score: null.unwrap_or_default(),
    };
    let candidates = ranked(candidates, has_impossible.then(|| null.clone()), n_best);
    let best = candidates
        .iter()
        .find(|candidate| !candidate.range.is_empty());
    let chosen = match best {
        Some(best) if !has_impossible || null.score - best.score <= null_threshold => best,
        _ => &null,
    };
    let context = &question.question.context;
    Prediction {
        text: context
            .get(chosen.range.clone())
            .unwrap_or_default()
            .to_owned(),
        score: chosen.score,
        probability: probability(chosen.score, &candidates),
        range: chosen.range.clone(),
        null_score: null.score,
    }
}

fn first(logits: &[f32]) -> f32 {
    logits.first().copied().unwrap_or_default()
}

/// Candidates of one window, by descending start logit.
fn passages(
    window: &Encoding,
    start_logits: &[f32],
    end_logits: &[f32],
    n_best: usize,
    max_answer_tokens: usize,
) -> Vec<Candidate> {
    let ends = largest(end_logits, n_best);
    let mut candidates = Vec::new();
    for (start, start_logit) in largest(start_logits, n_best) {
        for &(end, end_logit) in &ends {
            let Some(first) = context_range(window, start) else {
                continue;
            };
            let Some(last) = context_range(window, end) else {
                continue;
            };
            if end >= start && end - start < max_answer_tokens {
                candidates.push(Candidate {
                    range: first.start..last.end,
                    score: start_logit + end_logit,
                });
            }
        }
    }
    candidates
}

/// Byte range of a token, if it belongs to the context.
fn context_range(window: &Encoding, place: usize) -> Option<&Range<usize>> {
    let piece = window.origins.get(place)?.as_ref()?;
    (piece.text == 1).then_some(&piece.range)
}

/// Positions of the `count` largest logits, in descending order; ties by descending position, as in
/// a reversed `argsort`.
fn largest(logits: &[f32], count: usize) -> Vec<(usize, f32)> {
    let mut places: Vec<(usize, f32)> = logits.iter().copied().enumerate().collect();
    places.sort_unstable_by(|a, b| descending(a.1, b.1).then(b.0.cmp(&a.0)));
    places.truncate(count);
    places
}

fn descending(a: f32, b: f32) -> Ordering {
    b.total_cmp(&a)
}

/// The `n_best` best candidates in descending order, ties in the order found. "No answer" is among
/// them or appended.
fn ranked(
    mut candidates: Vec<Candidate>,
    null: Option<Candidate>,
    n_best: usize,
) -> Vec<Candidate> {
    candidates.extend(null.clone());
    candidates.sort_by(|a, b| descending(a.score, b.score));
    candidates.truncate(n_best);
    if candidates
        .iter()
        .all(|candidate| !candidate.range.is_empty())
    {
        candidates.extend(null);
    }
    candidates
}

/// Softmax probability of a score among `candidates`; 1 if there are none.
fn probability(score: f32, candidates: &[Candidate]) -> f32 {
    let scores = || candidates.iter().map(|candidate| candidate.score);
    let largest = scores().fold(f32::NEG_INFINITY, f32::max);
    let sum: f32 = scores().map(|score| (score - largest).exp()).sum();
    if candidates.is_empty() {
        return 1.0;
    }
    (score - largest).exp() / sum
}
