//! Rows of texts that are already cut into words.

use super::{Encoding, InputBuilder, truncation};
use crate::error::DataError;
use crate::text::tokenizer::TokenPiece;
use std::ops::Range;

/// A row of a text that is cut into words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WordRow {
    /// The row.
    pub encoding: Encoding,
    /// For each token, the index of the word that begins with it; `None` for a word's other tokens
    /// and for special tokens. A window that begins within a word has no first token of that word.
    pub first_tokens: Vec<Option<u32>>,
}

impl InputBuilder {
    /// Encodes a pre-tokenized text as one row, as `is_split_into_words` in transformers. Each word
    /// is encoded on its own: [`TokenOrigin::word`](super::TokenOrigin::word) is the index of a
    /// given word, and [`TokenOrigin::range`](super::TokenOrigin::range) is relative to it. A
    /// byte-level tokenizer marks words by the space before them, which every word gets, the first
    /// one too (`add_prefix_space`). Longer texts are truncated.
    ///
    /// # Errors
    /// As [`Tokenizer::encode`](crate::text::Tokenizer::encode).
    pub fn encode_words<S: AsRef<str>>(&self, words: &[S]) -> Result<Encoding, DataError> {
        let pieces = self.pieces_of_words(words)?;
        let kept = pieces.len().min(self.capacity(false));
        let truncated = pieces.len() - kept;
        self.row(self.kept(&pieces, kept), None, truncated)
    }

    /// As [`encode_words`](Self::encode_words), in overlapping rows as
    /// [`windows`](Self::windows). The first row is that of `encode_words`.
    ///
    /// # Errors
    /// As [`windows`](Self::windows).
    pub fn word_windows<S: AsRef<str>>(
        &self,
        words: &[S],
        stride: usize,
    ) -> Result<Vec<WordRow>, DataError> {
        self.word_rows(&self.pieces_of_words(words)?, stride)
    }

    fn pieces_of_words<S: AsRef<str>>(&self, words: &[S]) -> Result<Vec<TokenPiece>, DataError> {
        let mut pieces = Vec::with_capacity(2 * words.len());
        for (number, word) in (0..).zip(words) {
            for mut piece in self.word(word.as_ref())? {
                piece.word = number;
                pieces.push(piece);
            }
        }
        Ok(pieces)
    }

    fn word(&self, word: &str) -> Result<Vec<TokenPiece>, DataError> {
        if !self.tokenizer().marks_words_by_space() {
            return self.tokenizer().pieces(word);
        }
        let mut pieces = self.tokenizer().pieces(&format!(" {word}"))?;
        for piece in &mut pieces {
            let Range { start, end } = piece.range;
            piece.range = start.saturating_sub(1)..end.saturating_sub(1);
        }
        Ok(pieces)
    }

    /// Windows over tokens whose words are numbered.
    pub(super) fn word_rows(
        &self,
        pieces: &[TokenPiece],
        stride: usize,
    ) -> Result<Vec<WordRow>, DataError> {
        let room = self.capacity(false);
        self.check_stride(stride, room)?;
        let begins = |place: usize| {
            let piece = pieces.get(place)?;
            let before = place.checked_sub(1).and_then(|before| pieces.get(before));
            (before.map(|before| before.word) != Some(piece.word)).then_some(piece.word)
        };
        let row = |window: Range<usize>| {
            let mut numbers = window.clone();
            let encoding = self.row(pieces.get(window).unwrap_or_default(), None, 0)?;
            let origins = encoding.origins.iter();
            let places = origins.map(|origin| origin.as_ref().and_then(|_| numbers.next()));
            let first_tokens = places.map(|place| place.and_then(begins)).collect();
            Ok(WordRow {
                encoding,
                first_tokens,
            })
        };
        truncation::windows(pieces.len(), room, stride, self.0.special.side)
            .map(row)
            .collect()
    }
}
