//! Examples that are encoded once, when a source is built.

use super::batch::Row;
use super::order::Order;
use super::{EncoderBatch, Encoding};
use crate::error::DataError;
use crate::fingerprint::Fingerprint;
use crate::loader::Batching;
use crate::text::parallel;

/// Examples that were longer than the model allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Truncated {
    /// Truncated texts.
    pub texts: usize,
    /// Tokens that were cut off, over all texts.
    pub tokens: usize,
}

/// Encoded examples with their targets, and the order in which an epoch visits them.
#[derive(Debug)]
pub(super) struct EncodedRows<T> {
    rows: Vec<EncodedRow<T>>,
    order: Order,
    pad_id: u32,
    truncated: Truncated,
}

#[derive(Debug)]
pub(super) struct EncodedRow<T> {
    pub(super) row: Row,
    pub(super) target: T,
    /// Index of the example among those that the source was built from.
    pub(super) number: u32,
}

impl<T: Send> EncodedRows<T> {
    /// Encodes `examples` on all cores. With [`Order::Sorted`], the rows are sorted by length.
    ///
    /// # Errors
    /// If there are no examples (`what` names them), or the first error of `encode`.
    pub(super) fn new<E: Sync>(
        examples: &[E],
        what: &str,
        order: Order,
        pad_id: u32,
        encode: impl Fn(&E) -> Result<(Encoding, T), DataError> + Sync,
    ) -> Result<Self, DataError> {
        let encoded = parallel::map(examples, |example| {
            let (encoding, target) = encode(example)?;
            let truncated = encoding.truncated;
            Ok((Row::from(encoding), target, truncated))
        })?;
        if encoded.is_empty() {
            return Err(DataError::config(what, "there are none"));
        }
        let mut truncated = Truncated::default();
        let mut rows = Vec::with_capacity(encoded.len());
        for ((row, target, cut), number) in encoded.into_iter().zip(0..) {
            truncated.texts += usize::from(cut > 0);
            truncated.tokens += cut;
            rows.push(EncodedRow {
                row,
                target,
                number,
            });
        }
        if matches!(order, Order::Sorted) {
            rows.sort_by_key(|row| row.row.len());
        }
        Ok(Self {
            rows,
            order,
            pad_id,
            truncated,
        })
    }
}

impl<T> EncodedRows<T> {
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn batching(&self) -> Batching {
        self.order.batching()
    }

    pub(super) fn order(&self, seed: u64, epoch: u64) -> Vec<usize> {
        let lengths = self.rows.iter().map(|row| row.row.len());
        self.order.of(lengths, seed, epoch)
    }

    /// Adds the rows; `target` adds a target.
    pub(super) fn identify(
        &self,
        fingerprint: &mut Fingerprint,
        target: impl Fn(&T, &mut Fingerprint),
    ) {
        fingerprint.number(self.len());
        for row in &self.rows {
            row.row.identify(fingerprint);
            target(&row.target, fingerprint);
        }
    }

    /// The name of the row at `index`: `kind` and the number of its example.
    pub(super) fn name(&self, index: usize, kind: &str) -> String {
        match self.rows.get(index) {
            Some(row) => format!("{kind} {}", row.number),
            None => format!("item {index}"),
        }
    }

    pub(super) fn targets(&self) -> impl Iterator<Item = &T> {
        self.rows.iter().map(|row| &row.target)
    }

    /// The rows at `indices`.
    pub(super) fn select(&self, indices: &[usize]) -> Vec<&EncodedRow<T>> {
        let rows = indices.iter().filter_map(|&index| self.rows.get(index));
        rows.collect()
    }

    /// The padded batch of `rows`.
    pub(super) fn batch(&self, rows: &[&EncodedRow<T>]) -> EncoderBatch {
        EncoderBatch::stack(rows.iter().map(|row| &row.row), self.pad_id)
    }

    pub(super) fn truncated(&self) -> Truncated {
        self.truncated
    }
}
