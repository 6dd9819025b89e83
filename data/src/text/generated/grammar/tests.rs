#![allow(clippy::unwrap_used)]

use super::*;
use std::collections::HashMap;

/// Optional parts, long-distance agreement and weights, small enough to enumerate.
const SMALL: &str = "
    Sentence: 3 a Rest <eos> | 1 Plural <eos>
    Rest: 2 dog Tail | 1 old dog sleeps
    Tail: 1 Place sleeps | 4 sleeps
    Plural: 1 dogs sleep | 2 cats Place sleep
    Place: 1 here | 2 near the Thing
    Thing: 1 house | 1 tree | 3 river
";

/// Every derivation of the symbols, as its words and its probability.
fn derivations(grammar: &Grammar, symbols: &[Symbol]) -> Vec<(Vec<u32>, f64)> {
    let Some((first, rest)) = symbols.split_first() else {
        return vec![(Vec::new(), 1.0)];
    };
    let mut beginnings = Vec::new();
    match *first {
        Symbol::Word(id) => beginnings.push((vec![id], 1.0)),
        Symbol::Rule(rule) => {
            for alternative in &grammar.rules[rule].alternatives {
                for (words, probability) in derivations(grammar, &alternative.symbols) {
                    beginnings.push((words, probability * alternative.probability));
                }
            }
        }
    }
    let mut all = Vec::new();
    for (end, q) in derivations(grammar, rest) {
        for (begin, p) in &beginnings {
            all.push(([&begin[..], &end[..]].concat(), p * q));
        }
    }
    all
}

#[test]
fn the_entropy_is_that_of_all_sentences_enumerated() {
    let grammar = Grammar::parse(SMALL).unwrap();
    let all = derivations(&grammar, &[Symbol::Rule(0)]);
    assert_eq!(all.len(), 4 + 1 + 1 + 1 + 4);
    let mut strings: HashMap<Vec<u32>, f64> = HashMap::new();
    for (words, probability) in all {
        *strings.entry(words).or_default() += probability;
    }
    assert_eq!(strings.len(), 11, "a sentence has two derivations");
    let total: f64 = strings.values().sum();
    assert!((total - 1.0).abs() < 1e-12, "{total}");
    let entropy: f64 = strings.values().map(|p| -p * p.ln()).sum();
    let tokens: f64 = strings
        .iter()
        .map(|(words, p)| words.len() as f64 * p)
        .sum();
    let known = grammar.expectation();
    assert!((known.entropy - entropy).abs() < 1e-12);
    assert!((known.tokens - tokens).abs() < 1e-12);
    assert!((grammar.entropy_per_token() - entropy / tokens).abs() < 1e-12);
    for (words, probability) in strings {
        assert!((grammar.log_probability(&words) - probability.ln()).abs() < 1e-12);
    }
}

/// Number of derivations of each prefix of `words` from `symbols`, by the length of the prefix.
fn ways(grammar: &Grammar, symbols: &[Symbol], words: &[u32]) -> HashMap<usize, u64> {
    let mut ends = HashMap::from([(0, 1)]);
    for symbol in symbols {
        let mut next: HashMap<usize, u64> = HashMap::new();
        for (begin, count) in ends {
            let left = &words[begin..];
            match *symbol {
                Symbol::Word(id) if left.first() == Some(&id) => {
                    *next.entry(begin + 1).or_default() += count;
                }
                Symbol::Word(_) => {}
                Symbol::Rule(rule) => {
                    for alternative in &grammar.rules[rule].alternatives {
                        for (length, ways) in ways(grammar, &alternative.symbols, left) {
                            *next.entry(begin + length).or_default() += count * ways;
                        }
                    }
                }
            }
        }
        ends = next;
    }
    ends
}

/// By brute force, not by the argument in the module's documentation.
#[test]
fn sampled_sentences_have_one_derivation_each() {
    let grammar = Grammar::english().unwrap();
    let sample = grammar.sample(5, 20_000);
    for sentence in sample.split_inclusive(|&id| id == 0) {
        let ways = ways(&grammar, &[Symbol::Rule(0)], sentence);
        assert_eq!(ways, HashMap::from([(sentence.len(), 1)]));
    }
}

/// The counter above finds a second derivation where there is one; the parser refuses such a
/// grammar, so it is constructed.
#[test]
fn a_second_derivation_would_be_found() {
    let mut grammar = Grammar::parse("S: 1 A x <eos> | 1 b x <eos>\nA: 1 a").unwrap();
    let id = |word: &str| {
        grammar
            .words
            .iter()
            .position(|known| known == word)
            .unwrap() as u32
    };
    let sentence = [id("b"), id("x"), 0];
    assert_eq!(ways(&grammar, &[Symbol::Rule(0)], &sentence)[&3], 1);
    grammar.rules[1].alternatives[0].symbols[0] = Symbol::Word(sentence[0]);
    assert_eq!(ways(&grammar, &[Symbol::Rule(0)], &sentence)[&3], 2);
}
