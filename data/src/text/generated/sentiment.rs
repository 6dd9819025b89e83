//! Embedded labelled texts: generated opinions whose label follows from their structure and hardly
//! from their words.
//!
//! ```text
//! positive   although the soup was really bland , we loved the bread .
//! positive   the plot , which my sister hated , was never boring .
//! negative   the critics said that the ending was moving , but it was not .
//! negative   it rained all day . the train was quite scenic , but i did not enjoy the tour .
//! ```
//!
//! A clause has the polarity of its adjective or verb, inverted by a negation (`not`, `n't`,
//! `never`, `hardly`). Of two clauses, the one after `but` or `yet` decides, or the one that
//! `although` does not introduce; opinions of others (`which my sister hated`), hearsay and neutral
//! sentences do not count. All of these are equally frequent for both labels, so that counting
//! words is of little use: naive Bayes on 8,000 sentences is right 57 % of the time, 72 % with
//! bigrams, and a reader of the structure always.
//!
//! A sentence is a function of the seed, the purpose and its number. The purposes that it may serve
//! are a function of its text, so that no training sentence occurs in validation or test.

mod sentence;
mod words;

use crate::error::DataError;
use crate::random;
use crate::text::Tokenizer;
use crate::text::encoder::sequence_classification::LabelledText;
use crate::text::tokenizer::BERT_SPECIAL;
use sentence::sentence;
use sha2::{Digest, Sha256};

/// Class names.
pub const LABELS: [&str; 2] = ["negative", "positive"];
/// One in this many sentences is for validation, and one for test.
const SHARES: u8 = 10;

/// Generates `count` sentences, alternately negative and positive. `purpose` is `"train"`,
/// `"validation"` or `"test"`: they share no sentence, whatever the seeds. (Any other purpose gives
/// validation sentences, drawn independently.)
pub fn texts(seed: u64, purpose: &str, count: usize) -> Vec<LabelledText> {
    (0..count as u64)
        .map(|number| text(seed, purpose, number))
        .collect()
}

fn text(seed: u64, purpose: &str, number: u64) -> LabelledText {
    let label = number % 2;
    let stream = format!("sentiment {purpose}");
    let mut attempt = 0;
    loop {
        let mut rng = random::rng(seed, &stream, number, attempt);
        let text = sentence(label == 1, &mut rng);
        if may_serve(&text, purpose) {
            return LabelledText {
                text,
                pair: None,
                label: label as u32,
            };
        }
        attempt += 1;
    }
}

/// Each sentence serves one purpose, determined by its hash.
fn may_serve(text: &str, purpose: &str) -> bool {
    let [share, ..] = <[u8; 32]>::from(Sha256::digest(text));
    match (share % SHARES, purpose) {
        (0, purpose) => !matches!(purpose, "train" | "test"),
        (1, purpose) => purpose == "test",
        (_, purpose) => purpose == "train",
    }
}

/// A BERT-like tokenizer of the words of these sentences: one token each, and `[UNK]` for all
/// others.
///
/// # Errors
/// None in practice: the words are embedded.
pub fn tokenizer() -> Result<Tokenizer, DataError> {
    let list = BERT_SPECIAL.into_iter().chain(words::all());
    Tokenizer::from_word_pieces(list.map(str::to_owned).collect())
}

#[cfg(test)]
mod tests;
