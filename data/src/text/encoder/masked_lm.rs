//! Masked language modelling (MLM): predict masked tokens from their context (Devlin et al. 2018,
//! <https://arxiv.org/abs/1810.04805>, section 3.1).
//!
//! 15 % of the tokens of a row are prediction targets. Of those, 80 % are replaced by `[MASK]`, 10
//! % by a random token, and 10 % are kept, so that the model cannot rely on `[MASK]`, which does
//! not occur in other texts. The choice is drawn anew in each epoch (dynamic masking: Liu et al.
//! 2019, <https://arxiv.org/abs/1907.11692>). By default whole words are masked, since one piece of
//! a word is easily predicted from the others.

mod lines;
mod masking;

use super::batch::Row;
use super::order::Order;
use super::{EncoderBatch, InputBuilder};
use crate::error::DataError;
use crate::fingerprint::Fingerprint;
use crate::loader::{Batching, Source};
use crate::random;
use crate::text::parallel;
pub use lines::TextLines;
use masking::{MaskedRow, Masker};
use std::ops::Range;

/// Masking options.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MaskingOptions {
    /// Fraction of a row's tokens that are targets, rounded; at least one token.
    pub probability: f64,
    /// Mask all tokens of a word or none. The fraction is never exceeded, so there are sometimes
    /// fewer targets.
    pub whole_word: bool,
    /// Pack consecutive lines of a document into full rows. Otherwise each line is a row of its
    /// own, or several if it is too long.
    pub pack: bool,
}

impl Default for MaskingOptions {
    fn default() -> Self {
        Self {
            probability: 0.15,
            whole_word: true,
            pack: true,
        }
    }
}

/// A batch of masked rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MaskedLmBatch {
    /// Input with masked tokens. All token type ids are 0.
    pub input: EncoderBatch,
    /// Positions of the targets, `row * time + t`, ascending.
    pub positions: Vec<u32>,
    /// Original ids at those positions.
    pub targets: Vec<u32>,
}

/// Plain text as rows, masked on access.
#[derive(Debug)]
pub struct MaskedLmSource {
    /// Token ids of all rows, without special tokens.
    ids: Vec<u32>,
    /// Word of each token, numbered through the whole text.
    words: Vec<u32>,
    rows: Vec<Range<usize>>,
    masker: Masker,
    seed: u64,
    order: Order,
    boundary_tokens: [Vec<u32>; 2],
    pad_id: u32,
}

impl MaskedLmSource {
    /// For training: masks are drawn anew in each epoch. `lines` are lines of text, or whole
    /// documents; an empty one ends a document, and no row spans two. Each epoch visits every token
    /// once, in batches of `batch_size` rows ([`Batching::Bucketed`]).
    ///
    /// # Errors
    /// If there is no text, the tokenizer has no mask token, the probability is not above 0 and at
    /// most 1, or as [`Tokenizer::encode`](crate::text::Tokenizer::encode).
    pub fn training<S: AsRef<str> + Sync>(
        lines: &[S],
        builder: &InputBuilder,
        options: &MaskingOptions,
        seed: u64,
        batch_size: usize,
    ) -> Result<Self, DataError> {
        let masker = Masker::new(builder, options)?;
        let mut source = Self {
            ids: Vec::new(),
            words: Vec::new(),
            rows: Vec::new(),
            masker,
            seed,
            order: Order::Bucketed { batch_size },
            boundary_tokens: builder.boundary_tokens(),
            pad_id: builder.pad_id(),
        };
        source.read(lines, builder, options.pack)?;
        if source.rows.is_empty() {
            let reason = "has no token that could be masked";
            return Err(DataError::config("text", reason));
        }
        Ok(source)
    }

    /// For evaluation: the same tokens are masked each time, and rows are sorted by length
    /// ([`Batching::InOrder`]).
    ///
    /// # Errors
    /// As [`training`](Self::training).
    pub fn evaluation<S: AsRef<str> + Sync>(
        lines: &[S],
        builder: &InputBuilder,
        options: &MaskingOptions,
        seed: u64,
    ) -> Result<Self, DataError> {
        let mut source = Self::training(lines, builder, options, seed, 1)?;
        source.rows.sort_by_key(Range::len);
        source.order = Order::Sorted;
        Ok(source)
    }

    /// Number of tokens of the text.
    pub fn tokens(&self) -> usize {
        self.rows.iter().map(Range::len).sum()
    }

    /// Expected number of targets per epoch. With whole-word masking this is approximate, since
    /// words rarely add up to the exact fraction.
    pub fn targets(&self) -> usize {
        let ids = |row: &Range<usize>| self.ids.get(row.clone()).unwrap_or_default();
        self.rows
            .iter()
            .map(|row| self.masker.num_targets(ids(row)))
            .sum()
    }

    fn read<S: AsRef<str> + Sync>(
        &mut self,
        lines: &[S],
        builder: &InputBuilder,
        pack: bool,
    ) -> Result<(), DataError> {
        let lines = parallel::map(lines, |line| {
            let line = line.as_ref();
            if line.trim().is_empty() {
                return Ok(Vec::new());
            }
            let pieces = builder.tokenizer().pieces(line)?.into_iter();
            Ok(pieces
                .map(|piece| (piece.id, piece.word))
                .collect::<Vec<_>>())
        })?;
        let room = builder.capacity(false);
        let mut begin = 0;
        let mut first_word = 0;
        for tokens in lines {
            if tokens.is_empty() || !pack {
                self.end_document(begin, room);
                begin = self.ids.len();
            }
            for &(id, word) in &tokens {
                self.ids.push(id);
                self.words.push(first_word + word);
            }
            first_word += tokens.last().map_or(0, |(_, word)| word + 1);
        }
        self.end_document(begin, room);
        Ok(())
    }

    /// Cuts the tokens from `begin` on into rows; a row without a maskable token is dropped.
    fn end_document(&mut self, begin: usize, room: usize) {
        let end = self.ids.len();
        for start in (begin..end).step_by(room.max(1)) {
            let row = start..(start + room).min(end);
            let ids = self.ids.get(row.clone()).unwrap_or_default();
            if ids.iter().any(|&id| self.masker.is_maskable(id)) {
                self.rows.push(row);
            }
        }
    }
}

impl Source for MaskedLmSource {
    type Item = MaskedRow;
    type Batch = MaskedLmBatch;

    fn len(&self) -> usize {
        self.rows.len()
    }

    fn batching(&self) -> Batching {
        self.order.batching()
    }

    fn order(&self, seed: u64, epoch: u64) -> Vec<usize> {
        self.order.of(self.rows.iter().map(Range::len), seed, epoch)
    }

    fn name(&self, index: usize) -> String {
        format!("row {index} of the text")
    }

    fn identify(&self, fingerprint: &mut Fingerprint) -> Result<(), DataError> {
        fingerprint.number(self.len());
        for row in &self.rows {
            fingerprint.ids(self.ids.get(row.clone()).unwrap_or_default());
        }
        Ok(())
    }

    fn item(&self, epoch: u64, index: usize) -> Result<MaskedRow, DataError> {
        let epoch = match self.order {
            Order::Bucketed { .. } => epoch,
            Order::Sorted => 0,
        };
        let row = self.rows.get(index).cloned().unwrap_or_default();
        let ids = self.ids.get(row.clone()).unwrap_or_default();
        let words = self.words.get(row).unwrap_or_default();
        let mut rng = random::rng(self.seed, "mask", epoch, index as u64);
        Ok(self.masker.mask(ids, words, &mut rng))
    }

    fn collate(&self, _epoch: u64, _batch: usize, items: Vec<MaskedRow>) -> MaskedLmBatch {
        let [begin, end] = &self.boundary_tokens;
        let with_boundaries =
            |item: &MaskedRow| Row::new([begin.as_slice(), item.ids.as_slice(), end].concat());
        let rows: Vec<Row> = items.iter().map(with_boundaries).collect();
        let input = EncoderBatch::stack(rows.iter(), self.pad_id);
        let [_, time] = input.shape;
        let place = |(row, item): (usize, &MaskedRow)| {
            let first = row * time + begin.len();
            let places = item.positions.iter();
            // A batch has far fewer tokens than u32::MAX.
            let places = places.map(|&position| (first + position) as u32);
            places.collect::<Vec<u32>>()
        };
        MaskedLmBatch {
            input,
            positions: items.iter().enumerate().flat_map(place).collect(),
            targets: items.into_iter().flat_map(|item| item.targets).collect(),
        }
    }
}
