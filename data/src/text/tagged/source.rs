//! Tagged sentences as batches for an encoder model.

use super::TaggedSentence;
use crate::error::DataError;
use crate::loader::{Batching, Source};
use crate::text::parallel;
use crate::text::sequence_batch::Row;
use crate::text::sequences::{Order, Truncated};
use crate::text::{Encoded, EncodedPiece, SequenceBatch, SequenceEncoder};

/// Sentences with the tags of their words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaggedBatch {
    /// The sentences, one a row.
    pub input: SequenceBatch,
    /// `[rows, time]`, row by row: the tag of the word at its first token, and nothing at its others, at special tokens and
    /// at padding.
    pub tags: Vec<Option<u32>>,
    /// The number of each row's sentence among those that the source was made of.
    pub items: Vec<u32>,
}

/// Tagged sentences, encoded once: each word on its own, since its tag is its first token's (Devlin et al. 2018, section
/// 5.3). A word of which the tokenizer leaves nothing has no tag.
#[derive(Debug)]
pub struct TaggedSource {
    items: Vec<Item>,
    order: Order,
    pad_id: u32,
    truncated: Truncated,
}

#[derive(Debug)]
struct Item {
    row: Row,
    tags: Vec<Option<u32>>,
    number: u32,
}

impl TaggedSource {
    /// For training, as [`SequenceSource::training`](crate::text::SequenceSource::training).
    ///
    /// # Errors
    /// If there is no sentence, or as [`SequenceEncoder::encode_words`].
    pub fn training(
        sentences: &[TaggedSentence],
        encoder: &SequenceEncoder,
        batch_size: usize,
    ) -> Result<Self, DataError> {
        let rows = parallel::map(sentences, |sentence| encoder.encode_words(&sentence.words))?;
        if rows.is_empty() {
            return Err(DataError::config("sentences", "there are none"));
        }
        let mut truncated = Truncated::default();
        let items = rows.into_iter().zip(sentences).zip(0..);
        let items = items.map(|((row, sentence), number)| {
            truncated.add(row.left_out);
            Item {
                tags: tags(&row, &sentence.tags),
                row: row.into(),
                number,
            }
        });
        Ok(Self {
            items: items.collect(),
            order: Order::Drawn { batch_size },
            pad_id: encoder.pad_id(),
            truncated,
        })
    }

    /// For evaluation, as [`SequenceSource::evaluation`](crate::text::SequenceSource::evaluation).
    ///
    /// # Errors
    /// As [`training`](Self::training).
    pub fn evaluation(
        sentences: &[TaggedSentence],
        encoder: &SequenceEncoder,
    ) -> Result<Self, DataError> {
        let mut source = Self::training(sentences, encoder, 1)?;
        source.items.sort_by_key(|item| item.row.len());
        source.order = Order::Sorted;
        Ok(source)
    }

    /// How many words have a tag in a row.
    pub fn words(&self) -> usize {
        let tags = self.items.iter().flat_map(|item| &item.tags);
        tags.flatten().count()
    }

    /// What was cut because it was longer than the model allows.
    pub fn truncated(&self) -> Truncated {
        self.truncated
    }
}

/// The tag of each token of a row that is the first of a word.
fn tags(row: &Encoded, tags: &[u32]) -> Vec<Option<u32>> {
    let mut last = None;
    let of = |piece: &Option<EncodedPiece>| {
        let word = piece.as_ref()?.word;
        (last.replace(word) != Some(word))
            .then(|| tags.get(word as usize).copied())
            .flatten()
    };
    row.pieces.iter().map(of).collect()
}

impl Source for TaggedSource {
    /// The index; what it stands for lies ready.
    type Item = usize;
    type Batch = TaggedBatch;

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
            Some(item) => format!("sentence {}", item.number),
            None => format!("item {index}"),
        }
    }

    fn item(&self, _epoch: u64, index: usize) -> Result<usize, DataError> {
        Ok(index)
    }

    fn collate(&self, _epoch: u64, _batch: usize, indices: Vec<usize>) -> TaggedBatch {
        let items = indices.iter().filter_map(|&index| self.items.get(index));
        let items: Vec<&Item> = items.collect();
        let input = SequenceBatch::stack(items.iter().map(|item| &item.row), self.pad_id);
        let [_, time] = input.shape;
        let mut tags = Vec::with_capacity(input.ids.len());
        for item in &items {
            tags.extend_from_slice(&item.tags);
            tags.resize(tags.len() + time - item.tags.len(), None);
        }
        TaggedBatch {
            input,
            tags,
            items: items.iter().map(|item| item.number).collect(),
        }
    }
}
