//! One batch: which items it has, and decoding them without letting a panic out.

use super::Source;
use crate::error::DataError;
use std::any::Any;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Which items the batches of one epoch have.
pub(super) struct Plan {
    pub(super) epoch: u64,
    /// The epoch's order of all items.
    pub(super) order: Vec<usize>,
    pub(super) batch_size: usize,
    /// The batches still to be made.
    pub(super) batches: Range<usize>,
}

impl Plan {
    /// The dataset indices of batch `batch`.
    pub(super) fn items(&self, batch: usize) -> &[usize] {
        let start = batch * self.batch_size;
        let end = (start + self.batch_size).min(self.order.len());
        &self.order[start..end]
    }
}

/// An item that could not be used.
pub(super) struct BadItem {
    pub(super) index: usize,
    pub(super) name: String,
    pub(super) error: DataError,
}

/// What became of a batch.
pub(super) enum Outcome<S: Source> {
    /// Every item was good.
    Whole(S::Batch),
    /// Some were bad: whether they may be left out is decided by the consumer, who sees batches in order.
    Partial {
        good: Vec<S::Item>,
        bad: Vec<BadItem>,
    },
    /// Collating failed.
    Failed(DataError),
}

/// Decodes and collates one batch; `None` if `stop` said so between two items.
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
            message: panic_message(panic.as_ref()),
        }
    })
}

fn item<S: Source>(source: &S, epoch: u64, index: usize) -> Result<S::Item, DataError> {
    catch_unwind(AssertUnwindSafe(|| source.item(epoch, index))).unwrap_or_else(|panic| {
        Err(DataError::Panic {
            name: name(source, index),
            message: panic_message(panic.as_ref()),
        })
    })
}

/// [`Source::name`] is foreign code too.
fn name<S: Source>(source: &S, index: usize) -> String {
    catch_unwind(AssertUnwindSafe(|| source.name(index)))
        .unwrap_or_else(|_| format!("item {index}, whose name() panicked"))
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}
