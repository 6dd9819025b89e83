//! Words of a running text, as transformers' `TokenClassificationPipeline` finds them.

use super::{InputBuilder, WordRow};
use crate::error::DataError;
use crate::text::tokenizer::TokenPiece;
use std::ops::Range;

impl InputBuilder {
    /// Encodes a text in overlapping rows, as [`windows`](Self::windows), and joins its tokens to
    /// words by the rules of `TokenClassificationPipeline` (`gather_pre_entities`): with a
    /// tokenizer that marks continuations, as BERT's `##`, a token whose length is not that of its
    /// text continues a word; with others, a token without a space before it. An unknown token is a
    /// word of its own. Tokens of the same character are one word.
    ///
    /// Returns the bytes of the words, without white space around them, and the rows.
    ///
    /// # Errors
    /// As [`windows`](Self::windows).
    pub fn pipeline_windows(
        &self,
        text: &str,
        stride: usize,
    ) -> Result<(Vec<Range<usize>>, Vec<WordRow>), DataError> {
        let mut pieces = self.tokenizer().pieces(text)?;
        let mut words: Vec<Range<usize>> = Vec::new();
        let mut start = None;
        for piece in &mut pieces {
            let shares = start.replace(piece.range.start) == Some(piece.range.start);
            match words.last_mut() {
                Some(word) if shares || self.continues(text, piece) => {
                    word.end = word.end.max(piece.range.end);
                }
                _ => words.push(piece.range.clone()),
            }
            // A u32 counts the tokens of any text.
            piece.word = words.len() as u32 - 1;
        }
        let rows = self.word_rows(&pieces, stride)?;
        let words = words.into_iter().map(|word| trimmed(text, word));
        Ok((words.collect(), rows))
    }

    /// True if a token continues the word before it.
    fn continues(&self, text: &str, piece: &TokenPiece) -> bool {
        if self.0.special.is_unknown(piece.id) {
            return false;
        }
        let Range { start, end } = piece.range;
        if self.tokenizer().marks_continuations() {
            let token = self.tokenizer().token(piece.id).unwrap_or_default();
            let written = text.get(start..end).unwrap_or_default();
            return token.chars().count() != written.chars().count();
        }
        let before = text.get(..start).and_then(|text| text.chars().next_back());
        let first = text.get(start..).and_then(|text| text.chars().next());
        before.is_some_and(|before| before != ' ') && first != Some(' ')
    }
}

fn trimmed(text: &str, word: Range<usize>) -> Range<usize> {
    let written = text.get(word.clone()).unwrap_or_default();
    let start = word.start + written.len() - written.trim_start().len();
    start..start + written.trim().len()
}
