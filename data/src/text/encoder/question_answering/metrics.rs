//! Exact match and F1, by the rules of SQuAD's official evaluation scripts (v1.1 and v2.0).
//!
//! Both compare answers without regard to case, punctuation, articles and spacing. What counts as whitespace and as part
//! of a word is what Python says, since the scripts are in Python.

use super::marks;
use std::collections::HashMap;

/// Whose rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// Every question has an answer. Two answers of which nothing is left ("the" and "a") have F1 0.
    V1,
    /// Some have none: the empty answer is right for them, and wrong for the others.
    V2,
}

/// Of one answer, both in `[0, 1]`. A data set's numbers are the means, usually times 100.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct AnswerScore {
    /// 1 if it is the same as one of the true answers.
    pub exact_match: f64,
    /// The best of the true answers' F1: the harmonic mean of precision and recall of the words.
    pub f1: f64,
}

/// How well `prediction` agrees with the one of `truths` that it agrees with best, separately for both metrics.
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

/// Whether two answers are the same after [`normalize_answer`].
pub fn exact_match(prediction: &str, truth: &str) -> bool {
    normalize_answer(prediction) == normalize_answer(truth)
}

/// F1 of the words that two answers have in common, each as often as in both.
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

/// An answer in lower case, without ASCII punctuation (which may join two words), without the words "a", "an" and "the",
/// and with single spaces between the others.
pub fn normalize_answer(text: &str) -> String {
    let mut text = text.to_lowercase();
    text.retain(|character| !character.is_ascii_punctuation());
    words(&without_articles(&text)).join(" ")
}

/// Puts a space in place of each run of word characters that is an article.
fn without_articles(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let is_word = marks::is_word_character(character);
        let end = rest.find(|c| marks::is_word_character(c) != is_word);
        let (run, left) = rest.split_at(end.unwrap_or(rest.len()));
        let is_article = matches!(run, "a" | "an" | "the");
        kept.push_str(if is_article { " " } else { run });
        rest = left;
    }
    kept
}

/// What whitespace separates. To Python, but not to Unicode's property, the four separators U+001C to U+001F are whitespace.
fn words(text: &str) -> Vec<&str> {
    let is_space = |c: char| c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c);
    text.split(is_space)
        .filter(|word| !word.is_empty())
        .collect()
}

/// How many words two lists have in common, counting repetitions.
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
