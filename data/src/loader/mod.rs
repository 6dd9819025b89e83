//! The loader: items of a [`Source`] become batches, decoded ahead by worker threads.
//!
//! What comes out depends on the source and the configuration alone: the same batches in the same order for every
//! number of workers, from whichever batch an epoch is begun. At most two batches per worker are in work or waiting,
//! also while the next one in order is slow.

mod batch;
mod epoch;
mod skip;
mod workers;

use crate::error::DataError;
use crate::random::permutation;
pub use epoch::Epoch;
use skip::Skips;
use std::sync::{Arc, Mutex, PoisonError};

/// Where items come from, and how they become a batch.
pub trait Source: Send + Sync + 'static {
    /// One decoded item.
    type Item: Send + 'static;
    /// What [`collate`](Self::collate) makes of several.
    type Batch: Send + 'static;

    /// How many items there are.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The order in which a shuffled epoch visits the items: a permutation of `0..len()` that depends on `(self, seed,
    /// epoch)` and nothing else. Uniformly drawn unless the source says otherwise, as one does that is slow at reading
    /// here and there.
    fn order(&self, seed: u64, epoch: u64) -> Vec<usize> {
        permutation(seed, epoch, self.len())
    }

    /// What to call item `index` in an error: a path, or a file and record.
    fn name(&self, index: usize) -> String;

    /// Decodes and augments one item: a function of `(self, epoch, index)` and nothing else.
    ///
    /// # Errors
    /// If the item cannot be used. The loader adds its index and name.
    fn item(&self, epoch: u64, index: usize) -> Result<Self::Item, DataError>;

    /// Makes a batch of items, in the order given: batch number `batch` of `epoch`. A function of its arguments and
    /// nothing else. Never called with no item.
    fn collate(&self, epoch: u64, batch: usize, items: Vec<Self::Item>) -> Self::Batch;
}

/// How a [`Loader`] batches.
#[derive(Clone, Debug)]
pub struct LoaderConfig {
    /// Items in a batch; the last batch of an epoch may have fewer.
    pub batch_size: usize,
    /// Threads that decode ahead; 0 decodes on the calling thread.
    pub workers: usize,
    /// Whether each epoch visits the items in its own random order ([`Source::order`]).
    pub shuffle: bool,
    /// Whether a last batch with fewer items is left out.
    pub drop_last: bool,
    /// Of the shuffle.
    pub seed: u64,
    /// How many distinct items that cannot be used may be left out, over all epochs of this loader.
    pub skip_bad: usize,
}

/// Batches of a [`Source`], epoch by epoch.
pub struct Loader<S: Source> {
    source: Arc<S>,
    config: LoaderConfig,
    skips: Arc<Mutex<Skips>>,
}

impl<S: Source> Loader<S> {
    /// A loader over `source`. No thread is started and nothing is decoded yet.
    ///
    /// # Errors
    /// If an epoch would have no batch: the batch size is 0, the source is empty, or it is smaller than the only
    /// batch and `drop_last` is set.
    pub fn new(source: Arc<S>, config: LoaderConfig) -> Result<Self, DataError> {
        let len = source.len();
        if config.batch_size == 0 {
            return Err(DataError::config("batch_size", "must be at least 1"));
        }
        if len == 0 {
            return Err(DataError::config("data set", "it has no items"));
        }
        if config.drop_last && len < config.batch_size {
            let reason = format!(
                "the {len} items do not fill one batch of {}, and drop_last leaves out an unfilled one; \
                 use a smaller batch_size or drop_last = false",
                config.batch_size
            );
            return Err(DataError::config("batch_size", reason));
        }
        let skips = Arc::new(Mutex::new(Skips::new(config.skip_bad)));
        Ok(Self {
            source,
            config,
            skips,
        })
    }

    /// How many batches an epoch has.
    pub fn batches_per_epoch(&self) -> usize {
        let len = self.source.len();
        if self.config.drop_last {
            len / self.config.batch_size
        } else {
            len.div_ceil(self.config.batch_size)
        }
    }

    /// What is loaded from.
    pub fn source(&self) -> &Arc<S> {
        &self.source
    }

    /// Names and reasons of the distinct items left out so far, in the order in which they were met.
    pub fn skipped(&self) -> Vec<String> {
        self.skips
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .reasons()
    }

    /// The batches of one epoch, from batch `first_batch` on. Workers start at once and stop when the iterator is
    /// dropped.
    pub fn epoch(&self, epoch: u64, first_batch: usize) -> Epoch<S> {
        let plan = batch::Plan {
            epoch,
            order: self.order(epoch),
            batch_size: self.config.batch_size,
            batches: first_batch..self.batches_per_epoch(),
        };
        Epoch::new(
            self.source.clone(),
            plan,
            self.config.workers,
            self.skips.clone(),
        )
    }

    fn order(&self, epoch: u64) -> Vec<usize> {
        if self.config.shuffle {
            self.source.order(self.config.seed, epoch)
        } else {
            (0..self.source.len()).collect()
        }
    }
}

#[cfg(test)]
mod tests;
