//! The splits of a text corpus.

use super::Tokens;
use crate::text::Tokenizer;

/// A text corpus: its splits as token ids, and the tokenizer that produced them.
#[derive(Clone, Debug)]
pub struct Corpus {
    /// Tokenizer of the ids.
    pub tokenizer: Tokenizer,
    /// Training split.
    pub train: Tokens,
    /// Validation split, evaluated during training.
    pub validation: Tokens,
    /// Test split, evaluated at the end.
    pub test: Option<Tokens>,
    /// Characters (Unicode scalar values) of the text of train, validation and test. A total loss
    /// in bits divided by this is bits per character, which compares models with different
    /// tokenizers. 0 if unknown or if there is no such split.
    pub characters: [u64; 3],
}
