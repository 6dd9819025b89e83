//! Batches of labelled texts.

use super::LabelledText;
use crate::error::DataError;
use crate::fingerprint::Fingerprint;
use crate::loader::{Batching, Source};
use crate::text::encoder::encoded_rows::EncodedRows;
use crate::text::encoder::order::Order;
use crate::text::encoder::{EncoderBatch, InputBuilder, Truncated};

/// A batch of texts and their classes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelledBatch {
    /// One row per text.
    pub input: EncoderBatch,
    /// Class of each row.
    pub labels: Vec<u32>,
    /// Index of each row's text among those that the source was built from.
    pub items: Vec<u32>,
}

/// Labelled texts, encoded once. Batches hold rows of similar length, padded to the longest.
#[derive(Debug)]
pub struct LabelledSource(EncodedRows<u32>);

impl LabelledSource {
    /// For training: each epoch visits every text once, in newly drawn batches of `batch_size`
    /// ([`Batching::Bucketed`]).
    ///
    /// # Errors
    /// If there are no texts, or as [`InputBuilder::encode`].
    pub fn training(
        texts: &[LabelledText],
        builder: &InputBuilder,
        batch_size: usize,
    ) -> Result<Self, DataError> {
        Self::new(texts, builder, Order::Bucketed { batch_size })
    }

    /// For evaluation: every text once, sorted by length ([`Batching::InOrder`]).
    ///
    /// # Errors
    /// As [`training`](Self::training).
    pub fn evaluation(texts: &[LabelledText], builder: &InputBuilder) -> Result<Self, DataError> {
        Self::new(texts, builder, Order::Sorted)
    }

    fn new(
        texts: &[LabelledText],
        builder: &InputBuilder,
        order: Order,
    ) -> Result<Self, DataError> {
        let encode = |text: &LabelledText| {
            let encoding = builder.encode(&text.text, text.pair.as_deref())?;
            Ok((encoding, text.label))
        };
        EncodedRows::new(texts, "texts", order, builder.pad_id(), encode).map(Self)
    }

    /// Texts that were longer than the model allows.
    pub fn truncated(&self) -> Truncated {
        self.0.truncated()
    }
}

impl Source for LabelledSource {
    /// The index of a row; rows are already encoded.
    type Item = usize;
    type Batch = LabelledBatch;

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
        self.0.name(index, "text")
    }

    fn identify(&self, fingerprint: &mut Fingerprint) -> Result<(), DataError> {
        let label = |label: &u32, fingerprint: &mut Fingerprint| fingerprint.ids(&[*label]);
        self.0.identify(fingerprint, label);
        Ok(())
    }

    fn item(&self, _epoch: u64, index: usize) -> Result<usize, DataError> {
        Ok(index)
    }

    fn collate(&self, _epoch: u64, _batch: usize, indices: Vec<usize>) -> LabelledBatch {
        let rows = self.0.select(&indices);
        LabelledBatch {
            input: self.0.batch(&rows),
            labels: rows.iter().map(|row| row.target).collect(),
            items: rows.iter().map(|row| row.number).collect(),
        }
    }
}
