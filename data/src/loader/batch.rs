//! One batch: its items, decoded and collated with panics caught.

use super::Source;
use crate::error::DataError;
use crate::guard;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The assignment of items to the batches of one epoch.
pub(super) struct Plan {
    pub(super) epoch: u64,
    /// All items, in the epoch's order.
    pub(super) order: Vec<usize>,
    pub(super) batch_size: usize,
    /// The batches still to be loaded.
    pub(super) batches: Range<usize>,
}

impl Plan {
    /// Indices of the items in batch `batch`.
    pub(super) fn items(&self, batch: usize) -> &[usize] {
        let start = batch * self.batch_size;
        let end = (start + self.batch_size).min(self.order.len());
        &self.order[start..end]
    }
}

/// An unusable item.
pub(super) struct BadItem {
    pub(super) index: usize,
    pub(super) name: String,
    pub(super) error: DataError,
}

/// Result of loading a batch.
pub(super) enum Outcome<S: Source> {
    /// All items were usable.
    Whole(S::Batch),
    /// Some items were not. The consumer decides if they may be skipped, since it sees batches in
    /// order.
    Partial {
        good: Vec<S::Item>,
        bad: Vec<BadItem>,
    },
    /// Collating failed.
    Failed(DataError),
}

/// Decodes and collates one batch; `None` if `stop` returned true between two items.
pub(super) fn load<S: Source>(
    source: &S,
    plan: &Plan,
    batch: usize,
    stop: impl Fn() -> bool,
) -> Option<Outcome<S>> {
    let indices = plan.items(batch);
    let mut good = Vec::with_capacity(indices.len());
    let mut bad = Vec::new();
    for &index in indices {
        if stop() {
            return None;
        }
        match item(source, plan.epoch, index) {
            Ok(item) => good.push(item),
            Err(error) => bad.push(BadItem {
                index,
                name: name(source, index),
                error,
            }),
        }
    }
    Some(if bad.is_empty() {
        collate(source, plan, batch, good).map_or_else(Outcome::Failed, Outcome::Whole)
    } else {
        Outcome::Partial { good, bad }
    })
}

/// [`Source::collate`], with a panic turned into an error that names the batch.
pub(super) fn collate<S: Source>(
    source: &S,
    plan: &Plan,
    batch: usize,
    items: Vec<S::Item>,
) -> Result<S::Batch, DataError> {
    let epoch = plan.epoch;
    catch_unwind(AssertUnwindSafe(|| source.collate(epoch, batch, items))).map_err(|panic| {
        DataError::Panic {
            name: format!("batch {batch} of epoch {epoch}"),
            message: guard::message(&*panic),
        }
    })
}

fn item<S: Source>(source: &S, epoch: u64, index: usize) -> Result<S::Item, DataError> {
    catch_unwind(AssertUnwindSafe(|| source.item(epoch, index))).unwrap_or_else(|panic| {
        Err(DataError::Panic {
            name: name(source, index),
            message: guard::message(&*panic),
        })
    })
}

/// [`Source::name`], with a panic caught: it is foreign code too.
fn name<S: Source>(source: &S, index: usize) -> String {
    catch_unwind(AssertUnwindSafe(|| source.name(index)))
        .unwrap_or_else(|_| format!("item {index}, whose name() panicked"))
}
