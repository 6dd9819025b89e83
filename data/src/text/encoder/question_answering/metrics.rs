//! Exact match and F1 by the rules of SQuAD's official evaluation scripts (v1.1 and v2.0).
//!
//! Both ignore case, punctuation, articles and spacing. Whitespace and word characters are those of
//! Python, in which the scripts are written.

use super::word_characters;
use std::collections::HashMap;

/// Version of the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// Every question has an answer. If normalisation leaves both answers empty ("the" and "a"), F1
    /// is 0.
    V1,
    /// Some questions have no answer: the empty answer is correct for them, and wrong for the
    /// others.
    V2,
}

/// Scores of one answer, in `[0, 1]`. The score of a data set is the mean, usually times 100.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct AnswerScore {
    /// 1 if the answer equals one of the reference answers.
    pub exact_match: f64,
    /// Best F1 over the reference answers: the harmonic mean of word precision and recall.
    pub f1: f64,
}

/// Scores `prediction` against the best of `truths`, separately for each metric.
pub fn score(prediction: &str, truths: &[&str], version: Version) -> AnswerScore {
    let mut truths: Vec<&str> = truths.to_vec();
    if version == Version::V2 {
        truths.retain(|truth| !normalize_answer(truth).is_empty());
        if truths.is_empty() {
            truths.push("");
        }
    }
    let mut best = AnswerScore::default();
    for truth in truths {
        let exact_match = f64::from(u8::from(exact_match(prediction, truth)));
        best.exact_match = best.exact_match.max(exact_match);
        best.f1 = best.f1.max(f1(prediction, truth, version));
    }
    best
}

/// True if two answers are equal after [`normalize_answer`].
pub fn exact_match(prediction: &str, truth: &str) -> bool {
    normalize_answer(prediction) == normalize_answer(truth)
}

/// F1 of the words of two answers, as multisets.
pub fn f1(prediction: &str, truth: &str, version: Version) -> f64 {
    let (prediction, truth) = (normalize_answer(prediction), normalize_answer(truth));
    let (predicted, true_words) = (words(&prediction), words(&truth));
    if version == Version::V2 && (predicted.is_empty() || true_words.is_empty()) {
        return f64::from(u8::from(predicted == true_words));
    }
    let common = common(&predicted, &true_words) as f64;
    if common == 0.0 {
        return 0.0;
    }
    let precision = common / predicted.len() as f64;
    let recall = common / true_words.len() as f64;
    (2.0 * precision * recall) / (precision + recall)
}

/// Normalises an answer: lower case, no ASCII punctuation (which may join two words), no "a", "an"
/// and "the", single spaces.
pub fn normalize_answer(text: &str) -> String {
    let mut text = text.to_lowercase();
    text.retain(|character| !character.is_ascii_punctuation());
    words(&without_articles(&text)).join(" ")
}

/// Replaces every article by a space.
fn without_articles(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let is_word = word_characters::is_word_character(character);
        let end = rest.find(|c| word_characters::is_word_character(c) != is_word);
        let (run, left) = rest.split_at(end.unwrap_or(rest.len()));
        let is_article = matches!(run, "a" | "an" | "the");
        kept.push_str(if is_article { " " } else { run });
        rest = left;
    }
    kept
}

/// Splits at whitespace. Python, unlike Unicode's property, counts the separators U+001C to U+001F
/// as whitespace.
fn words(text: &str) -> Vec<&str> {
    let is_space = |c: char| c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c);
    text.split(is_space)
        .filter(|word| !word.is_empty())
        .collect()
}

/// Size of the intersection of two lists of words, as multisets.
fn common(a: &[&str], b: &[&str]) -> usize {
    let mut left: HashMap<&str, usize> = HashMap::new();
    for &word in a {
        *left.entry(word).or_default() += 1;
    }
    let mut common = 0;
    for word in b {
        if let Some(count) = left.get_mut(word)
            && *count > 0
        {
            *count -= 1;
            common += 1;
        }
    }
    common
}
