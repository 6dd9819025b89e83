//! The splits of a text data set.

use super::{Tokenizer, Tokens};

/// A text data set: its splits as token ids, and the tokenizer that they were made with.
#[derive(Clone, Debug)]
pub struct Corpus {
    /// What the ids mean.
    pub tokenizer: Tokenizer,
    /// What a model learns from.
    pub train: Tokens,
    /// What it is measured on while it learns.
    pub validation: Tokens,
    /// What it is measured on at the end.
    pub test: Option<Tokens>,
    /// How many characters (Unicode scalar values) the text of train, validation and test has: what a total loss in bits
    /// is divided by to give bits per character, which compares models with different tokenizers. 0 where that is
    /// unknown or there is no such split.
    pub characters: [u64; 3],
}
