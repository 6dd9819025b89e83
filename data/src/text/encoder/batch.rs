//! Padded batches for encoder models.

use super::Encoding;
use crate::fingerprint::Fingerprint;
use burn::tensor::{Bool, Device, Int, Tensor, TensorData};

/// Rows padded to the longest of them. Row-major.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncoderBatch {
    /// `[rows, time]`, with `time` the length of the longest row.
    pub shape: [usize; 2],
    /// Token ids.
    pub ids: Vec<u32>,
    /// Token type ids, see [`Encoding::token_type_ids`]; 0 for padding.
    pub token_type_ids: Vec<u8>,
    /// True for tokens, false for padding.
    pub attention_mask: Vec<bool>,
}

impl EncoderBatch {
    /// Stacks `rows`, padded with `pad_id`.
    pub fn new(rows: &[&Encoding], pad_id: u32) -> Self {
        let rows = rows.iter().map(|row| (&*row.ids, &*row.token_type_ids));
        Self::pad(rows, pad_id)
    }

    /// Stacks bare rows.
    pub(super) fn stack<'a>(
        rows: impl ExactSizeIterator<Item = &'a Row> + Clone,
        pad_id: u32,
    ) -> Self {
        Self::pad(rows.map(|row| (&*row.ids, &*row.token_type_ids)), pad_id)
    }

    /// Stacks and pads rows of ids and token type ids, which have equal lengths within a row.
    fn pad<'a>(
        rows: impl ExactSizeIterator<Item = (&'a [u32], &'a [u8])> + Clone,
        pad_id: u32,
    ) -> Self {
        let count = rows.len();
        let time = rows.clone().map(|(ids, _)| ids.len()).max().unwrap_or(0);
        let size = count * time;
        let mut batch = Self {
            shape: [count, time],
            ids: Vec::with_capacity(size),
            token_type_ids: Vec::with_capacity(size),
            attention_mask: Vec::with_capacity(size),
        };
        for (number, (ids, token_type_ids)) in rows.enumerate() {
            let (end, full) = (number * time + ids.len(), (number + 1) * time);
            batch.ids.extend_from_slice(ids);
            batch.token_type_ids.extend_from_slice(token_type_ids);
            batch.attention_mask.resize(end, true);
            batch.ids.resize(full, pad_id);
            batch.token_type_ids.resize(full, 0);
            batch.attention_mask.resize(full, false);
        }
        batch
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        let [rows, _] = self.shape;
        rows
    }

    /// Number of tokens, without padding.
    pub fn unpadded_tokens(&self) -> usize {
        self.attention_mask.iter().filter(|real| **real).count()
    }

    /// Token ids, `[rows, time]`.
    pub fn tokens(&self, device: &Device) -> Tensor<2, Int> {
        // A token id is far below the largest i32, which every backend has.
        let ids: Vec<i32> = self.ids.iter().map(|&id| id as i32).collect();
        Tensor::from_data(TensorData::new(ids, self.shape), device)
    }

    /// Token type ids, `[rows, time]`.
    pub fn token_type_ids(&self, device: &Device) -> Tensor<2, Int> {
        let token_type_ids: Vec<i32> = self.token_type_ids.iter().copied().map(i32::from).collect();
        Tensor::from_data(TensorData::new(token_type_ids, self.shape), device)
    }

    /// Attention mask, `[rows, time]`: true for tokens, false for padding.
    pub fn attention_mask(&self, device: &Device) -> Tensor<2, Bool> {
        Tensor::from_data(
            TensorData::new(self.attention_mask.clone(), self.shape),
            device,
        )
    }
}

/// The parts of an [`Encoding`] that a batch needs. Origins are dropped: they would take six times
/// as much memory.
#[derive(Clone, Debug)]
pub(super) struct Row {
    ids: Vec<u32>,
    token_type_ids: Vec<u8>,
}

impl Row {
    /// The row of a single text.
    pub(super) fn new(ids: Vec<u32>) -> Self {
        let token_type_ids = vec![0; ids.len()];
        Self {
            ids,
            token_type_ids,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    /// Adds the ids.
    pub(super) fn identify(&self, fingerprint: &mut Fingerprint) {
        fingerprint.ids(&self.ids);
        fingerprint.bytes(&self.token_type_ids);
    }
}

impl From<Encoding> for Row {
    fn from(
        Encoding {
            ids,
            token_type_ids,
            ..
        }: Encoding,
    ) -> Self {
        Self {
            ids,
            token_type_ids,
        }
    }
}
