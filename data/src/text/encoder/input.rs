//! Inputs of encoder models: one or two texts between special tokens, at most as long as the model
//! allows.
//!
//! ```text
//! BERT:     [CLS] a [SEP]      [CLS] a [SEP] b [SEP]      token type 0 through the first [SEP], then 1
//! RoBERTa:  <s> a </s>         <s> a </s> </s> b </s>     token type 0 throughout
//! ```
//!
//! The tokenizer's `post_processor` says what stands around texts. Longer inputs are
//! truncated at the end, or where `truncation_side` says, the longer of two texts first, as with
//! Hugging Face's `truncation=True`; or they are split into overlapping windows, as with
//! `return_overflowing_tokens` and a `stride`.

mod pipeline_words;
mod special_tokens;
mod truncation;
mod words;

pub use words::WordRow;

use crate::error::DataError;
use crate::text::tokenizer::{Part, Side, TokenPiece, Tokenizer};
use special_tokens::SpecialTokens;
use std::ops::Range;
use std::sync::Arc;

/// The input row of an encoder model. All vectors have the same length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoding {
    /// Token ids, special tokens included.
    pub ids: Vec<u32>,
    /// Token type ids. For BERT, 1 for the second text and its `[SEP]`, 0 for everything else. For
    /// RoBERTa all 0, as from Hugging Face's tokenizer.
    pub token_type_ids: Vec<u8>,
    /// Source of each token; `None` for special tokens.
    pub origins: Vec<Option<TokenOrigin>>,
    /// Number of tokens cut off. In a window, only those of the first text count, since the rest of
    /// the second is in the other windows.
    pub truncated: usize,
}

/// The part of a text that a token comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenOrigin {
    /// 0 for the first text, 1 for the second.
    pub text: u8,
    /// Byte range in that text, at character boundaries.
    pub range: Range<usize>,
    /// Index of the word in that text.
    pub word: u32,
}

/// Builds encoder inputs by adding special tokens, truncating and splitting into windows. Clones
/// share the tokenizer.
#[derive(Clone, Debug)]
pub struct InputBuilder(Arc<Parts>);

#[derive(Clone, Debug)]
struct Parts {
    tokenizer: Tokenizer,
    special: SpecialTokens,
    max_length: usize,
    /// Number of tokens that the model has an embedding for.
    rows: usize,
}

impl InputBuilder {
    /// Creates a builder of rows of at most `max_length` tokens, special tokens included.
    ///
    /// # Errors
    /// If the tokenizer puts no special tokens around texts and has no settings that name any, or if
    /// `max_length` has no room for two texts of one token each.
    pub fn new(tokenizer: Tokenizer, max_length: usize) -> Result<Self, DataError> {
        let special = SpecialTokens::of(&tokenizer)?;
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
            rows: usize::MAX,
        })))
    }

    /// Sets the number of tokens that the model has an embedding for. A tokenizer may have more, as
    /// long as none of them occurs.
    #[must_use]
    pub fn with_rows(self, rows: usize) -> Self {
        let parts = Arc::unwrap_or_clone(self.0);
        Self(Arc::new(Parts { rows, ..parts }))
    }

    /// Encodes one text or a pair as one row. A pair that is too long loses tokens from the end of
    /// the longer text until both are equally long, then from both in turn.
    ///
    /// # Errors
    /// As [`Tokenizer::encode`].
    pub fn encode(&self, text: &str, pair: Option<&str>) -> Result<Encoding, DataError> {
        let first = self.0.tokenizer.pieces(text)?;
        let second = pair.map(|pair| self.0.tokenizer.pieces(pair)).transpose()?;
        let room = self.capacity(second.is_some());
        let lengths = [first.len(), second.as_ref().map_or(0, Vec::len)];
        let [a, b] = truncation::longest_first(lengths, room);
        let truncated = lengths.iter().sum::<usize>() - (a + b);
        let second = second.as_ref().map(|second| self.kept(second, b));
        self.row(self.kept(&first, a), second, truncated)
    }

    /// The `count` tokens that remain of a text when it is truncated.
    fn kept<'a>(&self, pieces: &'a [TokenPiece], count: usize) -> &'a [TokenPiece] {
        let range = match self.0.special.side {
            Side::Right => 0..count,
            Side::Left => pieces.len().saturating_sub(count)..pieces.len(),
        };
        pieces.get(range).unwrap_or_default()
    }

    /// Splits a text into overlapping rows: each begins `stride` tokens before the end of the
    /// previous one, and the last one ends with the text (with `truncation_side` left, the other
    /// way round). One row if the text fits.
    ///
    /// # Errors
    /// As [`Tokenizer::encode`], and if a row has no room for more than `stride` tokens.
    pub fn windows(&self, text: &str, stride: usize) -> Result<Vec<Encoding>, DataError> {
        let pieces = self.0.tokenizer.pieces(text)?;
        let room = self.capacity(false);
        self.check_stride(stride, room)?;
        truncation::windows(pieces.len(), room, stride, self.0.special.side)
            .map(|window| self.row(pieces.get(window).unwrap_or_default(), None, 0))
            .collect()
    }

    /// Splits a pair into rows that each hold the whole first text and a window of the second;
    /// windows overlap by `stride` tokens. This is how a question is asked about a long context
    /// (`only_second` with `doc_stride`).
    ///
    /// If the first text leaves no room for more than `stride` tokens of the second, which is an
    /// error in Hugging Face, it is cut to half of the room beside those.
    ///
    /// # Errors
    /// As [`windows`](Self::windows).
    pub fn pair_windows(
        &self,
        first: &str,
        second: &str,
        stride: usize,
    ) -> Result<Vec<Encoding>, DataError> {
        let first = self.0.tokenizer.pieces(first)?;
        let second = self.0.tokenizer.pieces(second)?;
        let room = self.capacity(true);
        self.check_stride(stride, room)?;
        let whole = first.len() + second.len() <= room || first.len() + stride < room;
        let kept = if whole {
            first.len()
        } else {
            (room - stride) / 2
        };
        let truncated = first.len() - kept;
        let first = self.kept(&first, kept);
        let side = self.0.special.side;
        truncation::windows(second.len(), room - kept, stride, side)
            .map(|window| self.row(first, second.get(window), truncated))
            .collect()
    }

    fn check_stride(&self, stride: usize, room: usize) -> Result<(), DataError> {
        if stride < room {
            return Ok(());
        }
        let reason = format!(
            "windows that overlap by {stride} tokens do not advance: rows of {} tokens have room for {room}",
            self.0.max_length
        );
        Err(DataError::config("stride", reason))
    }

    /// Maximum number of text tokens per row.
    pub(super) fn capacity(&self, pair: bool) -> usize {
        self.0.max_length - self.0.special.around(pair)
    }

    /// Adds special tokens to texts that fit; an error for a token without an embedding.
    fn row(
        &self,
        first: &[TokenPiece],
        second: Option<&[TokenPiece]>,
        truncated: usize,
    ) -> Result<Encoding, DataError> {
        let special = &self.0.special;
        let length = first.len() + second.map_or(0, <[_]>::len) + special.around(second.is_some());
        let mut row = Encoding::with_capacity(length, truncated);
        for part in special.frame(second.is_some()) {
            match *part {
                Part::Special { id, type_id } => row.push_special(id, type_id as u8),
                Part::Text { number: 0, type_id } => row.push_text(first, 0, type_id as u8),
                Part::Text { number, type_id } => {
                    row.push_text(second.unwrap_or_default(), number, type_id as u8);
                }
            }
        }
        if row.is_empty() {
            let reason = "is empty, and the tokenizer puts no special tokens around it";
            return Err(DataError::config("text", reason));
        }
        self.0.tokenizer.check_rows(&row.ids, self.0.rows)?;
        Ok(row)
    }

    /// Special tokens before and after a single text.
    pub(super) fn boundary_tokens(&self) -> [Vec<u32>; 2] {
        self.0.special.around_single()
    }

    /// The tokenizer.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.0.tokenizer
    }

    /// Maximum length of a row, special tokens included.
    pub fn max_length(&self) -> usize {
        self.0.max_length
    }

    /// Id of the padding token; 0 if the tokenizer has none or the model no embedding for it, since
    /// padding is masked.
    pub fn pad_id(&self) -> u32 {
        let pad = self.0.special.pad;
        if (pad as usize) < self.0.rows { pad } else { 0 }
    }

    /// Id of the mask token, if the tokenizer has one.
    pub fn mask_id(&self) -> Option<u32> {
        self.0.special.mask
    }

    /// True if the token is special: around texts, padding, mask, unknown, or named by the files.
    pub fn is_special(&self, id: u32) -> bool {
        self.0.special.contains(id)
    }

    /// Vocabulary size, as [`Tokenizer::vocab_size`], at most the number of
    /// [rows](Self::with_rows).
    pub fn vocab_size(&self) -> usize {
        self.0.tokenizer.vocab_size().min(self.0.rows)
    }
}

impl Encoding {
    fn with_capacity(length: usize, truncated: usize) -> Self {
        Self {
            ids: Vec::with_capacity(length),
            token_type_ids: Vec::with_capacity(length),
            origins: Vec::with_capacity(length),
            truncated,
        }
    }

    fn push_special(&mut self, id: u32, type_id: u8) {
        self.ids.push(id);
        self.token_type_ids.push(type_id);
        self.origins.push(None);
    }

    fn push_text(&mut self, pieces: &[TokenPiece], text: u8, type_id: u8) {
        for piece in pieces {
            self.ids.push(piece.id);
            self.token_type_ids.push(type_id);
            self.origins.push(Some(TokenOrigin {
                text,
                range: piece.range.clone(),
                word: piece.word,
            }));
        }
    }

    /// Number of tokens, special tokens included.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Never true: an empty text without special tokens around it is an error.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }
}
