//! One epoch as an iterator: the consumer's side of the loader.

use super::Source;
use super::batch::{self, Outcome, Plan};
use super::skip::Skips;
use super::workers::Workers;
use crate::error::DataError;
use std::sync::{Arc, Mutex, PoisonError};

/// The batches of one epoch, in order. Ends after an error. Dropping it stops and joins its
/// threads.
pub struct Epoch<S: Source> {
    source: Arc<S>,
    plan: Arc<Plan>,
    /// The next batch to return; `plan.batches.end` at the end.
    next: usize,
    /// `None` decodes on this thread.
    workers: Option<Workers<S>>,
    /// Error from starting the workers.
    failed: Option<DataError>,
    skips: Arc<Mutex<Skips>>,
}

impl<S: Source> Epoch<S> {
    pub(super) fn new(
        source: Arc<S>,
        plan: Plan,
        workers: usize,
        skips: Arc<Mutex<Skips>>,
    ) -> Self {
        let plan = Arc::new(plan);
        let next = plan.batches.start;
        // Threads beyond the number of batches would have nothing to do.
        let workers = workers.min(plan.batches.len());
        let (workers, failed) = match workers {
            0 => (None, None),
            _ => match Workers::start(&source, &plan, workers) {
                Ok(workers) => (Some(workers), None),
                Err(error) => (None, Some(error)),
            },
        };
        Self {
            source,
            plan,
            next,
            workers,
            failed,
            skips,
        }
    }

    fn load(&mut self) -> Result<S::Batch, DataError> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        let outcome = match &self.workers {
            Some(workers) => workers.take(self.next),
            None => batch::load(&*self.source, &self.plan, self.next, || false),
        };
        match outcome {
            Some(Outcome::Whole(batch)) => Ok(batch),
            Some(Outcome::Partial { good, bad }) => self.skip_bad(good, bad),
            Some(Outcome::Failed(error)) => Err(error),
            None => Err(DataError::Panic {
                name: format!("batch {} of epoch {}", self.next, self.plan.epoch),
                message: "every loader thread has ended".to_owned(),
            }),
        }
    }

    /// Collates the good items of a batch, if the bad ones may be skipped.
    fn skip_bad(
        &self,
        good: Vec<S::Item>,
        bad: Vec<batch::BadItem>,
    ) -> Result<S::Batch, DataError> {
        let size = good.len() + bad.len();
        let first = bad.first().map(|item| item.name.clone());
        let mut skips = self.skips.lock().unwrap_or_else(PoisonError::into_inner);
        bad.into_iter().try_for_each(|item| skips.skip(item))?;
        drop(skips);
        if good.is_empty() {
            return Err(DataError::EmptyBatch {
                epoch: self.plan.epoch,
                batch: self.next,
                size,
                first: first.unwrap_or_default(),
            });
        }
        batch::collate(&*self.source, &self.plan, self.next, good)
    }
}

impl<S: Source> Iterator for Epoch<S> {
    type Item = Result<S::Batch, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next >= self.plan.batches.end {
            self.workers = None;
            return None;
        }
        let result = self.load();
        self.next = match result {
            Ok(_) => self.next + 1,
            Err(_) => self.plan.batches.end,
        };
        Some(result)
    }

    /// Exact unless an error ends the epoch early.
    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.plan.batches.end.saturating_sub(self.next);
        (left.min(1), Some(left))
    }
}

impl<S: Source> std::iter::FusedIterator for Epoch<S> {}
