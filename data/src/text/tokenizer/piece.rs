//! Where in a text each token stands.

use std::ops::Range;

/// A token and the part of the text that it was made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenPiece {
    /// The token.
    pub id: u32,
    /// Its bytes of the original text, always whole characters: the tokens of one character that became several all have
    /// that character. Empty for a token that stands for nothing of the text, such as a space that was put before it.
    pub range: Range<usize>,
    /// The number, from 0, of the word that it is part of. What a word is, the tokenizer says: what its splitter cuts the
    /// text into, before anything is looked up. Punctuation is a word of its own for BERT, and each character for
    /// characters.
    pub word: u32,
}

impl TokenPiece {
    /// With `range` widened to whole characters of `text`: byte-level tokenizers cut within them.
    pub(super) fn new(text: &str, id: u32, range: Range<usize>, word: u32) -> Self {
        let end = range.end.min(text.len());
        let start = range.start.min(end);
        Self {
            id,
            range: text.floor_char_boundary(start)..text.ceil_char_boundary(end),
            word,
        }
    }
}
