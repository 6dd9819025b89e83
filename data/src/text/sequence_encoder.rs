//! Text as an encoder model reads it: one or two texts between special tokens, never longer than the model allows.
//!
//! ```text
//! BERT:     [CLS] a [SEP]      [CLS] a [SEP] b [SEP]          segments 0 up to the first [SEP], then 1
//! RoBERTa:  <s> a </s>         <s> a </s> </s> b </s>         segments 0: what stands between tells the texts apart
//! ```
//!
//! What is too long is cut at the end, the longer of two texts first, as Hugging Face's `truncation=True` does; or it is
//! read in windows that overlap, as with `return_overflowing_tokens` and a `stride`.

mod fit;
mod special;

use super::tokenizer::{TokenPiece, Tokenizer};
use crate::error::DataError;
use special::Special;
use std::ops::Range;
use std::sync::Arc;

/// A row that an encoder model reads. The vectors are equally long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// The tokens, special ones included.
    pub ids: Vec<u32>,
    /// For BERT 1 for the tokens of a second text and what follows it, 0 for all others. For RoBERTa all 0, whatever its model
    /// could tell apart, as Hugging Face's tokenizer has them.
    pub segments: Vec<u8>,
    /// Where each token stands in its text; `None` for special tokens.
    pub pieces: Vec<Option<EncodedPiece>>,
    /// How many tokens of the texts had no place. Of a window: of the first text, since the others have the rest of the second.
    pub left_out: usize,
}

/// The part of a text that a token was made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedPiece {
    /// 0 for the first text, 1 for the second.
    pub text: u8,
    /// Bytes of that text, whole characters.
    pub range: Range<usize>,
    /// The number of the word in that text, from 0.
    pub word: u32,
}

/// Puts texts between special tokens. A clone shares the tokenizer.
#[derive(Clone, Debug)]
pub struct SequenceEncoder(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    tokenizer: Tokenizer,
    special: Special,
    max_length: usize,
}

impl SequenceEncoder {
    /// Rows of at most `max_length` tokens, special ones included.
    ///
    /// # Errors
    /// If the tokenizer has neither BERT's special tokens (`[CLS]`, `[SEP]`, `[PAD]`) nor RoBERTa's (`<s>`, `</s>`, `<pad>`), or
    /// if two texts of a token each would not fit.
    pub fn new(tokenizer: Tokenizer, max_length: usize) -> Result<Self, DataError> {
        let special = Special::of(&tokenizer)?;
        let least = special.around(true) + 2;
        if max_length < least {
            let reason = format!(
                "{max_length} tokens are too few: two texts of one token each need {least}, special tokens included"
            );
            return Err(DataError::config("max_length", reason));
        }
        Ok(Self(Arc::new(Parts {
            tokenizer,
            special,
            max_length,
        })))
    }

    /// One row of a text, or of two. Tokens that do not fit are left out at the end of the longer text until both are
    /// equally long, then of both in turn.
    ///
    /// # Errors
    /// As [`Tokenizer::encode`].
    pub fn encode(&self, text: &str, pair: Option<&str>) -> Result<Encoded, DataError> {
        let first = self.0.tokenizer.pieces(text)?;
        let second = pair.map(|pair| self.0.tokenizer.pieces(pair)).transpose()?;
        let room = self.room(second.is_some());
        let lengths = [first.len(), second.as_ref().map_or(0, Vec::len)];
        let [a, b] = fit::longest_first(lengths, room);
        let left_out = lengths.iter().sum::<usize>() - (a + b);
        Ok(self.row(
            first.get(..a).unwrap_or_default(),
            second.as_ref().and_then(|second| second.get(..b)),
            left_out,
        ))
    }

    /// One row of a text that is given as words, each of which is encoded on its own (`is_split_into_words`), so that the
    /// words of the row's pieces are those given and their ranges are within the word. What does not fit is left out.
    ///
    /// # Errors
    /// As [`Tokenizer::encode`].
    pub fn encode_words<S: AsRef<str>>(&self, words: &[S]) -> Result<Encoded, DataError> {
        let mut pieces = Vec::with_capacity(2 * words.len());
        for (number, word) in (0..).zip(words) {
            for mut piece in self.word(word.as_ref())? {
                piece.word = number;
                pieces.push(piece);
            }
        }
        let kept = pieces.len().min(self.room(false));
        let left_out = pieces.len() - kept;
        Ok(self.row(pieces.get(..kept).unwrap_or_default(), None, left_out))
    }

    /// The pieces of a word that stands alone. RoBERTa knows a word by the space before it, which none has here.
    fn word(&self, word: &str) -> Result<Vec<TokenPiece>, DataError> {
        if !self.0.special.space_before_words() {
            return self.0.tokenizer.pieces(word);
        }
        let mut pieces = self.0.tokenizer.pieces(&format!(" {word}"))?;
        for piece in &mut pieces {
            let Range { start, end } = piece.range;
            piece.range = start.saturating_sub(1)..end.saturating_sub(1);
        }
        Ok(pieces)
    }

    /// A text as rows that overlap: each begins `stride` tokens before the end of the one before, and the last one ends with
    /// the text. One row if it fits.
    ///
    /// # Errors
    /// As [`Tokenizer::encode`], and if a row has no room for more than `stride` tokens.
    pub fn windows(&self, text: &str, stride: usize) -> Result<Vec<Encoded>, DataError> {
        let pieces = self.0.tokenizer.pieces(text)?;
        let room = self.room(false);
        self.check_stride(stride, room)?;
        Ok(fit::windows(pieces.len(), room, stride)
            .map(|window| self.row(pieces.get(window).unwrap_or_default(), None, 0))
            .collect())
    }

    /// Two texts as rows, each with the whole first text and a window of the second, which overlap by `stride` tokens: how a
    /// question is asked of a long context (`only_second` with `doc_stride`).
    ///
    /// A first text that leaves no room for more than `stride` tokens of the second, which Hugging Face refuses, is cut to
    /// half of what there is beside those.
    ///
    /// # Errors
    /// As [`windows`](Self::windows).
    pub fn pair_windows(
        &self,
        first: &str,
        second: &str,
        stride: usize,
    ) -> Result<Vec<Encoded>, DataError> {
        let first = self.0.tokenizer.pieces(first)?;
        let second = self.0.tokenizer.pieces(second)?;
        let room = self.room(true);
        self.check_stride(stride, room)?;
        let whole = first.len() + second.len() <= room || first.len() + stride < room;
        let kept = if whole {
            first.len()
        } else {
            (room - stride) / 2
        };
        let left_out = first.len() - kept;
        let first = first.get(..kept).unwrap_or_default();
        Ok(fit::windows(second.len(), room - kept, stride)
            .map(|window| self.row(first, second.get(window), left_out))
            .collect())
    }

    fn check_stride(&self, stride: usize, room: usize) -> Result<(), DataError> {
        if stride < room {
            return Ok(());
        }
        let reason = format!(
            "windows that share {stride} tokens do not get on: rows of {} tokens have room for {room}",
            self.0.max_length
        );
        Err(DataError::config("stride", reason))
    }

    /// How many tokens of texts fit.
    pub(super) fn room(&self, pair: bool) -> usize {
        self.0.max_length - self.0.special.around(pair)
    }

    /// Special tokens around pieces that fit.
    fn row(&self, first: &[TokenPiece], second: Option<&[TokenPiece]>, left_out: usize) -> Encoded {
        let special = &self.0.special;
        let length = first.len() + second.map_or(0, <[_]>::len) + special.around(second.is_some());
        let mut row = Encoded::with_capacity(length, left_out);
        row.push_special(special.begin, 0);
        row.push_text(first, 0, 0);
        row.push_special(special.end, 0);
        if let Some(second) = second {
            let segment = special.second_segment();
            if special.twice_between {
                row.push_special(special.end, segment);
            }
            row.push_text(second, 1, segment);
            row.push_special(special.end, segment);
        }
        row
    }

    /// The tokens before and after a text that stands alone.
    pub(super) fn frame(&self) -> [u32; 2] {
        [self.0.special.begin, self.0.special.end]
    }

    /// What cuts the texts up.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.0.tokenizer
    }

    /// The most tokens that a row has, special ones included.
    pub fn max_length(&self) -> usize {
        self.0.max_length
    }

    /// What rows are filled up with.
    pub fn pad_id(&self) -> u32 {
        self.0.special.pad
    }

    /// What stands for a word that is to be guessed, where the tokenizer has it.
    pub fn mask_id(&self) -> Option<u32> {
        self.0.special.mask
    }

    /// Whether a token stands for no text: those above, and the one for the unknown.
    pub fn is_special(&self, id: u32) -> bool {
        self.0.special.contains(id)
    }

    /// As [`Tokenizer::vocab_size`].
    pub fn vocab_size(&self) -> usize {
        self.0.tokenizer.vocab_size()
    }
}

impl Encoded {
    fn with_capacity(length: usize, left_out: usize) -> Self {
        Self {
            ids: Vec::with_capacity(length),
            segments: Vec::with_capacity(length),
            pieces: Vec::with_capacity(length),
            left_out,
        }
    }

    fn push_special(&mut self, id: u32, segment: u8) {
        self.ids.push(id);
        self.segments.push(segment);
        self.pieces.push(None);
    }

    fn push_text(&mut self, pieces: &[TokenPiece], text: u8, segment: u8) {
        for piece in pieces {
            self.ids.push(piece.id);
            self.segments.push(segment);
            self.pieces.push(Some(EncodedPiece {
                text,
                range: piece.range.clone(),
                word: piece.word,
            }));
        }
    }

    /// How many tokens the row has.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Never: special tokens are always there.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }
}
