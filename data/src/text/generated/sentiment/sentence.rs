//! Composition of the generated sentences.

use super::words::{
    ADJECTIVES, DID_NOT, DOMAINS, Domain, INTENSIFIERS, IS_NOT, NEUTRAL, NEVER, OTHERS, SAID,
    VERBS, WRITERS,
};
use rand::seq::IndexedRandom;
use rand::{Rng, RngExt};

/// Probability that a clause is negated: one half, so that a word alone says nothing. (With fewer
/// negations, a model first learns that words have a polarity, and is slow to learn about
/// negation.)
const NEGATED: f64 = 0.5;
/// Probability that an adjective or verb is stressed.
const STRESSED: f64 = 0.3;
/// Probability that an adjective is specific to the domain.
const PARTICULAR: f64 = 0.5;
/// Probability that a clause expresses its opinion by a verb.
const BY_VERB: f64 = 0.35;
/// Probability that an opinion of others is inserted after the subject.
const INSERTED: f64 = 0.08;
/// Probabilities of a neutral sentence before and after.
const NEUTRAL_BEFORE: f64 = 0.2;
const NEUTRAL_AFTER: f64 = 0.15;

/// Generates a positive (`good`) or negative sentence.
pub(super) fn sentence(good: bool, rng: &mut impl Rng) -> String {
    let mut sentence = main_part(good, rng);
    if rng.random_bool(NEUTRAL_BEFORE) {
        sentence = format!("{} . {sentence}", pick(NEUTRAL, rng));
    }
    if rng.random_bool(NEUTRAL_AFTER) {
        sentence = format!("{sentence} . {}", pick(NEUTRAL, rng));
    }
    format!("{sentence} .")
}

/// Generates the clauses. If two disagree, the one after "but", or without "although", has the
/// polarity of the sentence.
fn main_part(good: bool, rng: &mut impl Rng) -> String {
    let domain = DOMAINS.choose(rng).unwrap_or(&DOMAINS[0]);
    let clause = |good: bool, rng: &mut _| clause(domain, good, rng);
    match rng.random_range(0..40) {
        0..19 => clause(good, rng),
        19..27 => {
            let [first, second] = [clause(good, rng), clause(good, rng)];
            format!("{first} and {second}")
        }
        27..33 => {
            let [first, second] = [clause(!good, rng), clause(good, rng)];
            let but = pick(&["but", "yet"], rng);
            format!("{first} , {but} {second}")
        }
        33..37 => {
            let [first, second] = [clause(!good, rng), clause(good, rng)];
            let although = pick(&["although", "though"], rng);
            format!("{although} {first} , {second}")
        }
        37..39 => {
            let [first, second] = [clause(good, rng), clause(!good, rng)];
            let although = pick(&["although", "though"], rng);
            format!("{first} , {although} {second}")
        }
        _ => hearsay(domain, good, rng),
    }
}

/// Hearsay, and whether it was true.
fn hearsay(domain: &Domain, good: bool, rng: &mut impl Rng) -> String {
    let said = rng.random_bool(0.5);
    let [others, verb] = [pick(OTHERS, rng), pick(SAID, rng)];
    let adjective = adjective(domain, said, rng);
    let thing = pick(domain.things, rng);
    let end = if said == good {
        "and it was".to_owned()
    } else {
        format!("but it {}", pick(&["was not", "wasn't"], rng))
    };
    format!("{others} {verb} that the {thing} was {adjective} , {end}")
}

fn clause(domain: &Domain, good: bool, rng: &mut impl Rng) -> String {
    let thing = pick(domain.things, rng);
    let negated = rng.random_bool(NEGATED);
    // Polarity of the word itself.
    let word = good != negated;
    if rng.random_bool(BY_VERB) {
        return format!(
            "{} {} the {thing}",
            pick(WRITERS, rng),
            verb(word, negated, rng)
        );
    }
    let inserted = if rng.random_bool(INSERTED) {
        let thought = rng.random_bool(0.5);
        let [past, _] = verbs(thought, rng);
        format!(" , which {} {past} ,", pick(OTHERS, rng))
    } else {
        String::new()
    };
    let was = if negated { pick(IS_NOT, rng) } else { "was" };
    let adjective = adjective(domain, word, rng);
    format!("the {thing}{inserted} {was} {adjective}")
}

/// A verb of this polarity, possibly negated.
fn verb(good: bool, negated: bool, rng: &mut impl Rng) -> String {
    let [past, plain] = verbs(good, rng);
    let stress = if rng.random_bool(STRESSED) {
        format!("{} ", pick(&["really", "truly"], rng))
    } else {
        String::new()
    };
    if !negated {
        format!("{stress}{past}")
    } else if rng.random_bool(0.5) {
        format!("{} {stress}{plain}", pick(DID_NOT, rng))
    } else {
        format!("{} {past}", pick(NEVER, rng))
    }
}

fn verbs(good: bool, rng: &mut impl Rng) -> [&'static str; 2] {
    let [bad_verbs, good_verbs] = VERBS;
    let verbs = if good { good_verbs } else { bad_verbs };
    verbs.choose(rng).copied().unwrap_or_default()
}

/// An adjective of this polarity, possibly stressed.
fn adjective(domain: &Domain, good: bool, rng: &mut impl Rng) -> String {
    let [bad_ones, good_ones] = if rng.random_bool(PARTICULAR) {
        domain.adjectives
    } else {
        ADJECTIVES
    };
    let adjective = pick(if good { good_ones } else { bad_ones }, rng);
    if rng.random_bool(STRESSED) {
        format!("{} {adjective}", pick(INTENSIFIERS, rng))
    } else {
        adjective.to_owned()
    }
}

/// One of `words`, which is not empty.
fn pick(words: &[&'static str], rng: &mut impl Rng) -> &'static str {
    words.choose(rng).copied().unwrap_or_default()
}
