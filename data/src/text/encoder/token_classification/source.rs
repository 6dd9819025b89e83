//! Batches of tagged sentences.

use super::TaggedSentence;
use crate::error::DataError;
use crate::fingerprint::Fingerprint;
use crate::loader::{Batching, Source};
use crate::text::encoder::encoded_rows::EncodedRows;
use crate::text::encoder::order::Order;
use crate::text::encoder::{EncoderBatch, Encoding, InputBuilder, TokenOrigin, Truncated};

/// A batch of sentences and the tags of their words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenClassificationBatch {
    /// One row per sentence.
    pub input: EncoderBatch,
    /// `[rows, time]`, row by row: a word's tag at its first token; `None` at its other tokens, at
    /// special tokens and at padding.
    pub tags: Vec<Option<u32>>,
    /// Index of each row's sentence among those that the source was built from.
    pub items: Vec<u32>,
}

/// Tagged sentences, encoded once. Each word is encoded on its own, since its tag is predicted at
/// its first token (Devlin et al. 2018, section 5.3). A word that the tokenizer drops has no tag.
#[derive(Debug)]
pub struct TokenClassificationSource(EncodedRows<Vec<Option<u32>>>);

impl TokenClassificationSource {
    /// For training, as
    /// [`LabelledSource::training`](crate::text::encoder::sequence_classification::LabelledSource::training).
    ///
    /// # Errors
    /// If there are no sentences, or as [`InputBuilder::encode_words`].
    pub fn training(
        sentences: &[TaggedSentence],
        builder: &InputBuilder,
        batch_size: usize,
    ) -> Result<Self, DataError> {
        Self::new(sentences, builder, Order::Bucketed { batch_size })
    }

    /// For evaluation, as
    /// [`LabelledSource::evaluation`](crate::text::encoder::sequence_classification::LabelledSource::evaluation).
    ///
    /// # Errors
    /// As [`training`](Self::training).
    pub fn evaluation(
        sentences: &[TaggedSentence],
        builder: &InputBuilder,
    ) -> Result<Self, DataError> {
        Self::new(sentences, builder, Order::Sorted)
    }

    fn new(
        sentences: &[TaggedSentence],
        builder: &InputBuilder,
        order: Order,
    ) -> Result<Self, DataError> {
        let encode = |sentence: &TaggedSentence| {
            let encoding = builder.encode_words(&sentence.words)?;
            let tags = token_tags(&encoding, &sentence.tags);
            Ok((encoding, tags))
        };
        EncodedRows::new(sentences, "sentences", order, builder.pad_id(), encode).map(Self)
    }

    /// Words with a tag, after truncation.
    pub fn words(&self) -> usize {
        self.0.targets().flatten().flatten().count()
    }

    /// Sentences that were longer than the model allows.
    pub fn truncated(&self) -> Truncated {
        self.0.truncated()
    }
}

/// The tag of each token that is the first of a word.
fn token_tags(encoding: &Encoding, tags: &[u32]) -> Vec<Option<u32>> {
    let mut last = None;
    let tag = |origin: &Option<TokenOrigin>| {
        let word = origin.as_ref()?.word;
        (last.replace(word) != Some(word))
            .then(|| tags.get(word as usize).copied())
            .flatten()
    };
    encoding.origins.iter().map(tag).collect()
}

impl Source for TokenClassificationSource {
    /// The index of a row; rows are already encoded.
    type Item = usize;
    type Batch = TokenClassificationBatch;

    fn len(&self) -> usize {
        self.0.len()
    }

    fn batching(&self) -> Batching {
        self.0.batching()
    }

    fn order(&self, seed: u64, epoch: u64) -> Vec<usize> {
        self.0.order(seed, epoch)
    }

    fn name(&self, index: usize) -> String {
        self.0.name(index, "sentence")
    }

    fn identify(&self, fingerprint: &mut Fingerprint) -> Result<(), DataError> {
        let tags = |tags: &Vec<Option<u32>>, fingerprint: &mut Fingerprint| {
            let tags: Vec<u32> = tags.iter().map(|tag| tag.unwrap_or(u32::MAX)).collect();
            fingerprint.ids(&tags);
        };
        self.0.identify(fingerprint, tags);
        Ok(())
    }

    fn item(&self, _epoch: u64, index: usize) -> Result<usize, DataError> {
        Ok(index)
    }

    fn collate(&self, _epoch: u64, _batch: usize, indices: Vec<usize>) -> TokenClassificationBatch {
        let rows = self.0.select(&indices);
        let input = self.0.batch(&rows);
        let [_, time] = input.shape;
        let mut tags = Vec::with_capacity(input.ids.len());
        for row in &rows {
            tags.extend_from_slice(&row.target);
            tags.resize(tags.len() + time - row.target.len(), None);
        }
        TokenClassificationBatch {
            input,
            tags,
            items: rows.iter().map(|row| row.number).collect(),
        }
    }
}
