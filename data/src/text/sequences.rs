//! Labelled texts as batches for an encoder model.

use super::buckets::bucketed_order;
use super::labelled::LabelledText;
use super::parallel;
use super::sequence_batch::Row;
use super::{SequenceBatch, SequenceEncoder};
use crate::error::DataError;
use crate::loader::{Batching, Source};

/// Texts with their classes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelledBatch {
    /// The texts, one a row.
    pub input: SequenceBatch,
    /// The class of each row.
    pub labels: Vec<u32>,
    /// The number of each row's text among those that the source was made of.
    pub items: Vec<u32>,
}

/// What did not fit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Truncated {
    /// How many texts were cut.
    pub texts: usize,
    /// How many of their tokens were left out.
    pub tokens: usize,
}

/// Labelled texts, encoded once. Batches are filled up to their longest row, and have rows of similar length.
#[derive(Debug)]
pub struct SequenceSource {
    items: Vec<Item>,
    order: Order,
    pad_id: u32,
    truncated: Truncated,
}

/// How rows of similar length come together.
#[derive(Debug)]
pub(super) enum Order {
    /// The source's items are in the order of their texts, and an epoch's order is drawn.
    Drawn { batch_size: usize },
    /// The source's items are sorted by length.
    Sorted,
}

#[derive(Clone, Debug)]
struct Item {
    row: Row,
    label: u32,
    number: u32,
}

impl SequenceSource {
    /// For training: an epoch has every text once, in batches of `batch_size` that are drawn anew
    /// ([`Batching::Bucketed`]).
    ///
    /// # Errors
    /// If there is no text, or as [`SequenceEncoder::encode`].
    pub fn training(
        texts: &[LabelledText],
        encoder: &SequenceEncoder,
        batch_size: usize,
    ) -> Result<Self, DataError> {
        let (items, truncated) = encode(texts, encoder)?;
        Ok(Self {
            items,
            order: Order::Drawn { batch_size },
            pad_id: encoder.pad_id(),
            truncated,
        })
    }

    /// For evaluation: every text once, sorted by length ([`Batching::InOrder`]).
    ///
    /// # Errors
    /// As [`training`](Self::training).
    pub fn evaluation(
        texts: &[LabelledText],
        encoder: &SequenceEncoder,
    ) -> Result<Self, DataError> {
        let (mut items, truncated) = encode(texts, encoder)?;
        items.sort_by_key(|item| item.row.len());
        Ok(Self {
            items,
            order: Order::Sorted,
            pad_id: encoder.pad_id(),
            truncated,
        })
    }

    /// What was cut because it was longer than the model allows.
    pub fn truncated(&self) -> Truncated {
        self.truncated
    }
}

impl Truncated {
    /// Adds a row of which so many tokens were left out.
    pub(super) fn add(&mut self, left_out: usize) {
        self.texts += usize::from(left_out > 0);
        self.tokens += left_out;
    }
}

fn encode(
    texts: &[LabelledText],
    encoder: &SequenceEncoder,
) -> Result<(Vec<Item>, Truncated), DataError> {
    let rows = parallel::map(texts, |text| {
        let row = encoder.encode(&text.text, text.pair.as_deref())?;
        let left_out = row.left_out;
        Ok((Row::from(row), left_out))
    })?;
    if rows.is_empty() {
        return Err(DataError::config("texts", "there are none"));
    }
    let mut truncated = Truncated::default();
    let items = rows.into_iter().zip(texts).zip(0..);
    let items = items.map(|(((row, left_out), text), number)| {
        truncated.add(left_out);
        Item {
            row,
            label: text.label,
            number,
        }
    });
    Ok((items.collect(), truncated))
}

impl Order {
    pub(super) fn batching(&self) -> Batching {
        match *self {
            Self::Drawn { batch_size } => Batching::Bucketed { batch_size },
            Self::Sorted => Batching::InOrder,
        }
    }

    /// What [`Source::order`] is for rows of these lengths.
    pub(super) fn of(
        &self,
        lengths: impl Iterator<Item = usize>,
        seed: u64,
        epoch: u64,
    ) -> Vec<usize> {
        let lengths: Vec<usize> = lengths.collect();
        match self {
            Self::Drawn { batch_size } => bucketed_order(&lengths, *batch_size, seed, epoch),
            Self::Sorted => (0..lengths.len()).collect(),
        }
    }
}

impl Source for SequenceSource {
    /// The index; what it stands for lies ready.
    type Item = usize;
    type Batch = LabelledBatch;

    fn len(&self) -> usize {
        self.items.len()
    }

    fn batching(&self) -> Batching {
        self.order.batching()
    }

    fn order(&self, seed: u64, epoch: u64) -> Vec<usize> {
        let lengths = self.items.iter().map(|item| item.row.len());
        self.order.of(lengths, seed, epoch)
    }

    fn name(&self, index: usize) -> String {
        match self.items.get(index) {
            Some(item) => format!("text {}", item.number),
            None => format!("item {index}"),
        }
    }

    fn item(&self, _epoch: u64, index: usize) -> Result<usize, DataError> {
        Ok(index)
    }

    fn collate(&self, _epoch: u64, _batch: usize, indices: Vec<usize>) -> LabelledBatch {
        let items = indices.iter().filter_map(|&index| self.items.get(index));
        let items: Vec<&Item> = items.collect();
        LabelledBatch {
            input: SequenceBatch::stack(items.iter().map(|item| &item.row), self.pad_id),
            labels: items.iter().map(|item| item.label).collect(),
            items: items.iter().map(|item| item.number).collect(),
        }
    }
}
