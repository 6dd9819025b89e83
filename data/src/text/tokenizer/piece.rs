//! Tokens with their positions in the text.

use std::ops::Range;

/// A token and the part of the text that it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenPiece {
    /// Token id.
    pub id: u32,
    /// Byte range in the original text, at character boundaries: if one character becomes several
    /// tokens, each has the whole character. Empty for a token without text, such as a prepended
    /// space.
    pub range: Range<usize>,
    /// Index of its word. Words are what the pre-tokenizer splits the text into: for BERT,
    /// punctuation marks are words of their own; for characters, each character is.
    pub word: u32,
}

impl TokenPiece {
    /// Widens `range` to whole characters of `text`, since byte-level tokenizers cut within them.
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
