//! Rows of tokens of different lengths as one batch for an encoder model.

use super::Encoded;
use burn::tensor::{Bool, Device, Int, Tensor, TensorData};

/// Rows that were filled up to the longest of them. Row by row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SequenceBatch {
    /// `[rows, time]`, `time` being the length of the longest row.
    pub shape: [usize; 2],
    /// The tokens.
    pub ids: Vec<u32>,
    /// Those of the rows, see [`Encoded::segments`]; 0 for padding.
    pub segments: Vec<u8>,
    /// Which tokens are there, and no padding.
    pub real: Vec<bool>,
}

impl SequenceBatch {
    /// The batch of `rows`, filled up with `pad_id`.
    pub fn new(rows: &[&Encoded], pad_id: u32) -> Self {
        let rows = rows.iter().map(|row| (&*row.ids, &*row.segments));
        Self::fill(rows, pad_id)
    }

    /// The same of rows that are nothing more.
    pub(super) fn stack<'a>(
        rows: impl ExactSizeIterator<Item = &'a Row> + Clone,
        pad_id: u32,
    ) -> Self {
        Self::fill(rows.map(|row| (&*row.ids, &*row.segments)), pad_id)
    }

    /// The batch of rows, each with as many ids as segments.
    fn fill<'a>(
        rows: impl ExactSizeIterator<Item = (&'a [u32], &'a [u8])> + Clone,
        pad_id: u32,
    ) -> Self {
        let count = rows.len();
        let time = rows.clone().map(|(ids, _)| ids.len()).max().unwrap_or(0);
        let size = count * time;
        let mut batch = Self {
            shape: [count, time],
            ids: Vec::with_capacity(size),
            segments: Vec::with_capacity(size),
            real: Vec::with_capacity(size),
        };
        for (number, (ids, segments)) in rows.enumerate() {
            let (end, full) = (number * time + ids.len(), (number + 1) * time);
            batch.ids.extend_from_slice(ids);
            batch.segments.extend_from_slice(segments);
            batch.real.resize(end, true);
            batch.ids.resize(full, pad_id);
            batch.segments.resize(full, 0);
            batch.real.resize(full, false);
        }
        batch
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        let [rows, _] = self.shape;
        rows
    }

    /// How many tokens there are, without padding.
    pub fn real_tokens(&self) -> usize {
        self.real.iter().filter(|real| **real).count()
    }

    /// The tokens, `[rows, time]`.
    pub fn tokens(&self, device: &Device) -> Tensor<2, Int> {
        // A token id is far below the largest i32, which every backend has.
        let ids: Vec<i32> = self.ids.iter().map(|&id| id as i32).collect();
        Tensor::from_data(TensorData::new(ids, self.shape), device)
    }

    /// The segments, `[rows, time]`.
    pub fn segments(&self, device: &Device) -> Tensor<2, Int> {
        let segments: Vec<i32> = self.segments.iter().copied().map(i32::from).collect();
        Tensor::from_data(TensorData::new(segments, self.shape), device)
    }

    /// True for tokens, false for padding, `[rows, time]`.
    pub fn real(&self, device: &Device) -> Tensor<2, Bool> {
        Tensor::from_data(TensorData::new(self.real.clone(), self.shape), device)
    }
}

/// What of an [`Encoded`] a batch is made of. Its pieces have done their work by then, and would fill six times as much
/// memory.
#[derive(Clone, Debug)]
pub(super) struct Row {
    ids: Vec<u32>,
    segments: Vec<u8>,
}

impl Row {
    /// Tokens of a single text.
    pub(super) fn new(ids: Vec<u32>) -> Self {
        let segments = vec![0; ids.len()];
        Self { ids, segments }
    }

    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }
}

impl From<Encoded> for Row {
    fn from(Encoded { ids, segments, .. }: Encoded) -> Self {
        Self { ids, segments }
    }
}
