//! Masked language modelling: tokens are hidden, and a model is to tell them from those around them (Devlin et al. 2018,
//! <https://arxiv.org/abs/1810.04805>, section 3.1).
//!
//! Of the tokens of a row, 15 % are to be told. Of those 80 % are replaced by `[MASK]`, 10 % by any token, and 10 % stay, so
//! that a model has to make something of every token and not only of `[MASK]`, which no other text has. Which ones, is drawn
//! anew in each epoch (Liu et al. 2019, <https://arxiv.org/abs/1907.11692>, "dynamic masking"); by default whole words are
//! hidden, since a piece of a word is easily told from the others.

mod hide;
mod lines;

use super::parallel;
use super::sequence_batch::Row;
use super::sequences::Order;
use super::{SequenceBatch, SequenceEncoder};
use crate::error::DataError;
use crate::loader::{Batching, Source};
use crate::random;
use hide::{Hidden, Hider};
pub use lines::TextLines;
use std::ops::Range;

/// How tokens are hidden.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MaskOptions {
    /// The share of a row's tokens that is to be told, rounded; at least one.
    pub probability: f64,
    /// Whether all tokens of a word are, or none; no token beyond the share, so that sometimes fewer are.
    pub whole_word: bool,
    /// Whether the lines of a document follow each other in a row until it is full. Otherwise each line is a row, or several
    /// if it is too long.
    pub pack: bool,
}

impl Default for MaskOptions {
    fn default() -> Self {
        Self {
            probability: 0.15,
            whole_word: true,
            pack: true,
        }
    }
}

/// Rows with hidden tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MaskedBatch {
    /// What the model sees. All segments are 0.
    pub input: SequenceBatch,
    /// Where the tokens are that it is to tell: `row * time + t`, rising.
    pub positions: Vec<u32>,
    /// Which tokens they are.
    pub targets: Vec<u32>,
}

/// Plain text in rows whose tokens are hidden as they are asked for.
#[derive(Debug)]
pub struct MaskedSource {
    /// The tokens of all rows, without special tokens around them.
    ids: Vec<u32>,
    /// The word of each, numbered over the whole text.
    words: Vec<u32>,
    rows: Vec<Range<usize>>,
    hider: Hider,
    seed: u64,
    order: Order,
    frame: [u32; 2],
    pad_id: u32,
}

impl MaskedSource {
    /// For training: other tokens are hidden in each epoch. `lines` are the lines of a text, or whole documents; an empty one
    /// ends a document, and no row has tokens of two. An epoch has every token once, in batches of `batch_size` rows
    /// ([`Batching::Bucketed`]).
    ///
    /// # Errors
    /// If there is no text, the tokenizer has no mask, the probability is not above 0 and at most 1, or as
    /// [`Tokenizer::encode`](super::Tokenizer::encode).
    pub fn training<S: AsRef<str> + Sync>(
        lines: &[S],
        encoder: &SequenceEncoder,
        options: &MaskOptions,
        seed: u64,
        batch_size: usize,
    ) -> Result<Self, DataError> {
        let hider = Hider::new(encoder, options)?;
        let mut source = Self {
            ids: Vec::new(),
            words: Vec::new(),
            rows: Vec::new(),
            hider,
            seed,
            order: Order::Drawn { batch_size },
            frame: encoder.frame(),
            pad_id: encoder.pad_id(),
        };
        source.read(lines, encoder, options.pack)?;
        if source.rows.is_empty() {
            let reason = "has no token that could be hidden";
            return Err(DataError::config("text", reason));
        }
        Ok(source)
    }

    /// For evaluation: the same tokens are hidden each time, and the rows are sorted by length
    /// ([`Batching::InOrder`]).
    ///
    /// # Errors
    /// As [`training`](Self::training).
    pub fn evaluation<S: AsRef<str> + Sync>(
        lines: &[S],
        encoder: &SequenceEncoder,
        options: &MaskOptions,
        seed: u64,
    ) -> Result<Self, DataError> {
        let mut source = Self::training(lines, encoder, options, seed, 1)?;
        source.rows.sort_by_key(Range::len);
        source.order = Order::Sorted;
        Ok(source)
    }

    /// How many tokens the text has.
    pub fn tokens(&self) -> usize {
        self.rows.iter().map(Range::len).sum()
    }

    /// How many tokens are to be told in an epoch. With whole words it is about as many, and not always the same: they do
    /// not fill up every row's share.
    pub fn hidden(&self) -> usize {
        let ids = |row: &Range<usize>| self.ids.get(row.clone()).unwrap_or_default();
        self.rows.iter().map(|row| self.hider.share(ids(row))).sum()
    }

    fn read<S: AsRef<str> + Sync>(
        &mut self,
        lines: &[S],
        encoder: &SequenceEncoder,
        pack: bool,
    ) -> Result<(), DataError> {
        let lines = parallel::map(lines, |line| {
            let line = line.as_ref();
            if line.trim().is_empty() {
                return Ok(Vec::new());
            }
            let pieces = encoder.tokenizer().pieces(line)?.into_iter();
            Ok(pieces
                .map(|piece| (piece.id, piece.word))
                .collect::<Vec<_>>())
        })?;
        let room = encoder.room(false);
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

    /// Cuts what was read from `begin` on into rows; one in which nothing can be hidden is left out.
    fn end_document(&mut self, begin: usize, room: usize) {
        let end = self.ids.len();
        for start in (begin..end).step_by(room.max(1)) {
            let row = start..(start + room).min(end);
            let ids = self.ids.get(row.clone()).unwrap_or_default();
            if ids.iter().any(|&id| self.hider.can_hide(id)) {
                self.rows.push(row);
            }
        }
    }
}

impl Source for MaskedSource {
    type Item = Hidden;
    type Batch = MaskedBatch;

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

    fn item(&self, epoch: u64, index: usize) -> Result<Hidden, DataError> {
        let epoch = match self.order {
            Order::Drawn { .. } => epoch,
            Order::Sorted => 0,
        };
        let row = self.rows.get(index).cloned().unwrap_or_default();
        let ids = self.ids.get(row.clone()).unwrap_or_default();
        let words = self.words.get(row).unwrap_or_default();
        let mut rng = random::rng(self.seed, "mask", epoch, index as u64);
        Ok(self.hider.hide(ids, words, &mut rng))
    }

    fn collate(&self, _epoch: u64, _batch: usize, items: Vec<Hidden>) -> MaskedBatch {
        let [begin, end] = self.frame;
        let framed = |item: &Hidden| Row::new([&[begin], item.ids.as_slice(), &[end]].concat());
        let rows: Vec<Row> = items.iter().map(framed).collect();
        let input = SequenceBatch::stack(rows.iter(), self.pad_id);
        let [_, time] = input.shape;
        let place = |(row, item): (usize, &Hidden)| {
            let first = row * time + 1;
            let places = item.positions.iter();
            // A batch has far fewer tokens than a u32 counts.
            let places = places.map(|&position| (first + position) as u32);
            places.collect::<Vec<u32>>()
        };
        MaskedBatch {
            input,
            positions: items.iter().enumerate().flat_map(place).collect(),
            targets: items.into_iter().flat_map(|item| item.targets).collect(),
        }
    }
}
