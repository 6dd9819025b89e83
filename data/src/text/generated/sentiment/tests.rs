#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::words::{ADJECTIVES, DOMAINS, VERBS};
use super::*;
use std::collections::HashSet;

/// Polarity of a word, `true` for positive, if it has one.
fn polarity(word: &str) -> Option<bool> {
    let is = |good: usize| {
        let adjectives = DOMAINS.iter().flat_map(|domain| domain.adjectives[good]);
        let verbs = VERBS[good].iter().flatten();
        let mut words = adjectives.chain(ADJECTIVES[good]).chain(verbs);
        words.any(|known| *known == word)
    };
    match (is(0), is(1)) {
        (false, false) => None,
        (bad, good) => {
            assert!(bad != good, "{word} is both good and bad");
            Some(good)
        }
    }
}

/// Polarity of a clause: that of its one polar word, inverted by a negation.
fn clause(text: &str) -> bool {
    let words: Vec<&str> = text.split(' ').collect();
    let polar: Vec<bool> = words.iter().filter_map(|word| polarity(word)).collect();
    assert_eq!(polar.len(), 1, "{text}");
    let negations = ["not", "wasn't", "didn't", "never", "hardly"];
    let negated = words.iter().any(|word| negations.contains(word));
    polar[0] != negated
}

/// Removes opinions of others: `, which my sister hated ,`.
fn without_insertions(text: &str) -> String {
    let Some((before, rest)) = text.split_once(" , which ") else {
        return text.to_owned();
    };
    let (_, after) = rest.split_once(" ,").unwrap();
    format!("{before}{}", without_insertions(after))
}

/// Reads a sentence by the rules of the module's documentation alone.
fn read(text: &str) -> bool {
    let text = text.strip_suffix(" .").unwrap();
    let mut opinions = text
        .split(" . ")
        .filter(|part| part.split(' ').any(|word| polarity(word).is_some()));
    let sentence = without_insertions(opinions.next().unwrap());
    assert_eq!(opinions.next(), None);
    if let Some((_, said)) = sentence.split_once(" that the ") {
        let (said, end) = said.split_once(" , ").unwrap();
        return clause(said) == (end == "and it was");
    }
    if let Some((_, decides)) = sentence
        .split_once(" , but ")
        .or(sentence.split_once(" , yet "))
    {
        return clause(decides);
    }
    let although = ["although ", "though "];
    if let Some(rest) = although.iter().find_map(|word| sentence.strip_prefix(word)) {
        return clause(rest.split_once(" , ").unwrap().1);
    }
    if let Some((decides, _)) = sentence.split_once(" , ") {
        return clause(decides);
    }
    match sentence.split_once(" and ") {
        Some((first, second)) => {
            assert_eq!(clause(first), clause(second), "{text}");
            clause(first)
        }
        None => clause(&sentence),
    }
}

#[test]
fn the_structure_determines_the_label() {
    for text in texts(3, "train", 5000) {
        assert_eq!(u32::from(read(&text.text)), text.label, "{}", text.text);
    }
}

#[test]
fn every_word_is_a_token_and_every_token_a_word() {
    let tokenizer = tokenizer().unwrap();
    let size = tokenizer.vocab_size();
    assert!((150..300).contains(&size), "{size}");
    let mut met = HashSet::new();
    for text in texts(1, "train", 4000) {
        met.extend(tokenizer.encode(&text.text).unwrap());
    }
    assert!(!met.contains(&tokenizer.id("[UNK]").unwrap()));
    let never: Vec<_> = (5..size as u32).filter(|id| !met.contains(id)).collect();
    let never: Vec<_> = never.iter().map(|&id| tokenizer.token(id)).collect();
    assert!(never.is_empty(), "{never:?}");
}
