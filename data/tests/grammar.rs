//! The grammar's entropy from three sides: the formula, another program's result, and sampling.

#![allow(clippy::unwrap_used)]

use std::collections::HashSet;
use tinderbox_data::text::generated::grammar::{self, Grammar};

/// Computed from the grammar's text by a few lines of Python.
const ENTROPY: f64 = 16.278_266_237_484_427;
const TOKENS: f64 = 8.734_791_666_666_666;

#[test]
fn the_entropy_agrees_with_another_program() {
    let grammar = Grammar::english().unwrap();
    assert!((grammar.tokens_per_sentence() - TOKENS).abs() < 1e-12);
    assert!((grammar.entropy_per_token() - ENTROPY / TOKENS).abs() < 1e-12);
    assert!((grammar.perplexity() - 6.446_983_971_8).abs() < 1e-9);
    assert_eq!(grammar.words().len(), 69);
}

/// The mean of `-ln p` over many sentences, and of their lengths, within four standard errors.
#[test]
fn samples_are_as_surprising_as_the_entropy_says() {
    let grammar = Grammar::english().unwrap();
    let sample = grammar.sample(11, 880_000);
    let mut surprise = Mean::default();
    let mut length = Mean::default();
    for sentence in sample.split_inclusive(|&id| id == 0) {
        surprise.add(-grammar.log_probability(sentence));
        length.add(sentence.len() as f64);
    }
    assert!(surprise.count > 100_000.0);
    assert!(surprise.is_near(ENTROPY), "{surprise:?}");
    assert!(length.is_near(TOKENS), "{length:?}");
}

#[derive(Debug, Default)]
struct Mean {
    count: f64,
    sum: f64,
    squares: f64,
}

impl Mean {
    fn add(&mut self, value: f64) {
        self.count += 1.0;
        self.sum += value;
        self.squares += value * value;
    }

    fn is_near(&self, expected: f64) -> bool {
        let mean = self.sum / self.count;
        let error = ((self.squares / self.count - mean * mean) / self.count).sqrt();
        error < 0.05 && (mean - expected).abs() < 4.0 * error
    }
}

/// Over all strings, not only those that the grammar generates.
#[test]
fn probabilities_of_all_strings_sum_to_one() {
    let grammar = Grammar::parse(
        "S: 1 a A End | 2 b b End\nA: 3 a | 1 b B\nB: 1 a | 1 b a\nEnd: 1 <eos> | 3 a <eos>",
    )
    .unwrap();
    let words = grammar.words().len() as u32;
    let (mut total, mut entropy) = (0.0, 0.0);
    let mut strings: Vec<Vec<u32>> = vec![Vec::new()];
    for _ in 0..7 {
        let longer = |string: &Vec<u32>| -> Vec<Vec<u32>> {
            (0..words)
                .map(|word| [&string[..], &[word]].concat())
                .collect()
        };
        strings = strings.iter().flat_map(longer).collect();
        for string in &strings {
            let log = grammar.log_probability(string);
            if log.is_finite() {
                total += log.exp();
                entropy -= log * log.exp();
            }
        }
    }
    assert!((total - 1.0).abs() < 1e-12, "{total}");
    let expected = grammar.entropy_per_token() * grammar.tokens_per_sentence();
    assert!((entropy - expected).abs() < 1e-12, "{entropy} {expected}");
    assert_eq!(grammar.log_probability(&[99]), f64::NEG_INFINITY);
    assert_eq!(grammar.log_probability(&[]), f64::NEG_INFINITY);
}

#[test]
fn a_sample_is_a_function_of_its_seed_and_made_of_whole_sentences() {
    let grammar = Grammar::english().unwrap();
    let short = grammar.sample(1, 1000);
    assert!((1000..1025).contains(&short.len()));
    assert_eq!(short.last(), Some(&0));
    assert_eq!(grammar.sample(1, 5000)[..short.len()], short);
    assert_ne!(grammar.sample(2, 1000), short);
    assert!(grammar.sample(1, 0).is_empty());
    let long = grammar.sample(3, 200_000);
    let used: HashSet<u32> = long.iter().copied().collect();
    assert_eq!(used.len(), grammar.words().len(), "a word is never used");
}

/// The purpose of the grammar: a verb agrees with a distant subject.
#[test]
fn verbs_agree_over_distance() {
    let grammar = Grammar::english().unwrap();
    let tokenizer = grammar.tokenizer().unwrap();
    let is_sentence = |text: &str| {
        let ids = tokenizer.encode(&format!("{text}\n")).unwrap();
        grammar.log_probability(&ids).is_finite()
    };
    for (good, bad) in [
        (
            "the dog near the house sleeps",
            "the dog near the house sleep",
        ),
        (
            "the dogs near the house sleep",
            "the dogs near the house sleeps",
        ),
        (
            "the dog who the children see is old",
            "the dog who the children see are old",
        ),
        (
            "the kings who follow a cat say that every bird sings",
            "the kings who follow a cat says that every bird sings",
        ),
    ] {
        assert!(is_sentence(good), "{good}");
        assert!(!is_sentence(bad), "{bad}");
    }
}

#[test]
fn the_corpus_has_independent_splits_and_a_whole_vocabulary() {
    let corpus = grammar::corpus(7, 5000, 1000).unwrap();
    assert_eq!(corpus.tokenizer.vocab_size(), 69);
    assert_eq!(corpus.tokenizer.end_of_text(), Some(0));
    let test = corpus.test.unwrap();
    let read = |tokens: &tinderbox_data::text::language::Tokens| tokens.read(0..1000).unwrap();
    let splits = [read(&corpus.train), read(&corpus.validation), read(&test)];
    assert_ne!(splits[0], splits[1]);
    assert_ne!(splits[1], splits[2]);
    assert_ne!(splits[0], splits[2]);
    let all = corpus.validation.read(0..corpus.validation.len()).unwrap();
    let text = corpus.tokenizer.decode(&all);
    assert_eq!(corpus.tokenizer.encode(&text).unwrap(), all);
    assert_eq!(corpus.characters[1], text.chars().count() as u64);
    let again = grammar::corpus(7, 5000, 1000).unwrap();
    assert_eq!(
        again.train.read(0..5000).unwrap(),
        corpus.train.read(0..5000).unwrap()
    );
}

#[test]
fn a_grammar_whose_entropy_would_not_be_exact_is_refused() {
    let message = |text: &str| Grammar::parse(text).unwrap_err().to_string();
    for (text, expected) in [
        ("", "no rules"),
        ("S 1 a <eos>", "line 1: does not begin with `Name:`"),
        ("s: 1 a <eos>", "line 1: does not begin with `Name:`"),
        ("S: 1 a <eos>\nS: 1 b", "line 2: S is defined twice"),
        (
            "\nS: 1 a | b <eos>",
            "line 2: \"b <eos>\" does not begin with a weight",
        ),
        ("S: 0 a <eos>", "weight above 0"),
        ("S: nan a <eos>", "weight above 0"),
        ("S: 1 a <eos> | 1", "has no word and no rule"),
        ("S: 1 A <eos>", "undefined rule A"),
        ("S: 1 a S", "S is not further down"),
        (
            "S: 1 A <eos>\nA: 1 B\nB: 1 a A",
            "line 3: A is not further down",
        ),
        (
            "S: 1 a <eos> | 1 a b <eos>",
            "line 1: two alternatives begin with \"a\"",
        ),
        (
            "S: 1 A x <eos> | 1 B <eos>\nA: 1 c | 2 d\nB: 1 e | 1 d",
            "line 1: two alternatives begin with \"d\"",
        ),
        ("S: 1 a", "not every alternative has <eos> at its end"),
        ("S: 1 a <eos> | 1 b", "not every alternative has <eos>"),
        ("S: 1 <eos> a", "only there"),
        (
            "S: 1 a B <eos>\nB: 1 c | 1 d <eos>",
            "line 2: not every alternative",
        ),
    ] {
        let message = message(text);
        assert!(message.contains(expected), "{text:?}: {message}");
    }
}
