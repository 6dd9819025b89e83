//! From logits to an answer, as Hugging Face's question-answering example does it (`postprocess_qa_predictions`).

use super::QuestionWindows;
use crate::text::encoder::Encoding;
use std::cmp::Ordering;
use std::ops::Range;

/// What a model answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// The passage of the context; empty for "no answer".
    pub text: String,
    /// The sum of the logits of its first and its last token.
    pub score: f32,
    /// Its share among the `n_best` best passages (a softmax over their scores).
    pub probability: f32,
    /// Its bytes of the context.
    pub range: Range<usize>,
    /// The score of "no answer": the smallest over all windows of the two logits of `[CLS]`. Only the window that is least
    /// sure of it counts, since an answer in one window is enough.
    pub null_score: f32,
}

/// A passage that could be the answer. The empty one is "no answer".
#[derive(Clone, Debug)]
struct Candidate {
    range: Range<usize>,
    score: f32,
}

/// The best answer to a question over all its windows.
///
/// `start_logits` and `end_logits` are those of this question's rows alone, row by row, each as long as the batch is
/// wide: `[windows, time]`. From each row the `n_best` likeliest beginnings and ends are paired; a pair is a candidate if
/// both tokens are of the context, in this order, and at most `max_answer_tokens` apart (both counted).
///
/// With `has_impossible` the answer is empty if "no answer" scores more than `null_threshold` above the best passage.
/// Without a candidate it is empty in any case, with the score of "no answer". (Hugging Face's answers "empty" then.)
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

/// The candidates of one window, likeliest beginnings first.
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

/// The bytes of a token, if it is one of the context.
fn context_range(window: &Encoding, place: usize) -> Option<&Range<usize>> {
    let piece = window.origins.get(place)?.as_ref()?;
    (piece.text == 1).then_some(&piece.range)
}

/// The places of the `count` largest logits, largest first; of equal ones the last first, as a reversed `argsort` has them.
fn largest(logits: &[f32], count: usize) -> Vec<(usize, f32)> {
    let mut places: Vec<(usize, f32)> = logits.iter().copied().enumerate().collect();
    places.sort_unstable_by(|a, b| descending(a.1, b.1).then(b.0.cmp(&a.0)));
    places.truncate(count);
    places
}

fn descending(a: f32, b: f32) -> Ordering {
    b.total_cmp(&a)
}

/// The best `n_best`, best first, equal ones in the order in which they were found. "No answer" is one of them, or one more.
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

/// The share of a score in a softmax over `candidates`; 1 if there are none.
fn probability(score: f32, candidates: &[Candidate]) -> f32 {
    let scores = || candidates.iter().map(|candidate| candidate.score);
    let largest = scores().fold(f32::NEG_INFINITY, f32::max);
    let sum: f32 = scores().map(|score| (score - largest).exp()).sum();
    if candidates.is_empty() {
        return 1.0;
    }
    (score - largest).exp() / sum
}
