//! The data loader: items of a [`Source`] become batches, decoded ahead by worker threads.
//!
//! The batches depend on the source and the configuration alone: they are the same, in the same
//! order, for any number of workers and from whichever batch an epoch is entered. At most two
//! batches per worker are in progress or waiting, even while the next one in order is slow.

mod batch;
mod batching;
mod config;
mod epoch;
mod in_memory;
mod skip;
#[cfg(test)]
mod tests;
mod workers;

pub use batching::Batching;
pub use config::LoaderConfig;
pub use epoch::Epoch;
pub use in_memory::InMemory;

use crate::error::DataError;
use crate::fingerprint::Fingerprint;
use crate::random::permutation;
use skip::Skips;
use std::sync::{Arc, Mutex, PoisonError};

/// A data set for the [`Loader`]: numbered items, and how they are collated into a batch.
pub trait Source: Send + Sync + 'static {
    /// One decoded item.
    type Item: Send + 'static;
    /// Several items, as made by [`collate`](Self::collate).
    type Batch: Send + 'static;

    /// Number of items.
    fn len(&self) -> usize;

    /// True if the source has no items.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The batch sizes and the orders that the source can be loaded with.
    fn batching(&self) -> Batching {
        Batching::Any
    }

    /// The order in which a shuffled epoch visits the items: a permutation of `0..len()` that
    /// depends on `(self, seed, epoch)` and nothing else. Uniform by default; a source whose random
    /// access is slow, or which buckets items by length, overrides it.
    fn order(&self, seed: u64, epoch: u64) -> Vec<usize> {
        permutation(seed, epoch, self.len())
    }

    /// The name of item `index` in error messages: a path, or a file and record.
    fn name(&self, index: usize) -> String;

    /// Decodes and augments one item: a function of `(self, epoch, index)` and nothing else.
    ///
    /// # Errors
    /// If the item is unusable. The loader adds its index and name.
    fn item(&self, epoch: u64, index: usize) -> Result<Self::Item, DataError>;

    /// Collates items, in the order given, into batch number `batch` of `epoch`. A function of its
    /// arguments and nothing else. `items` is never empty.
    fn collate(&self, epoch: u64, batch: usize, items: Vec<Self::Item>) -> Self::Batch;

    /// Adds what identifies the data to `fingerprint`, so that a resumed run notices other data.
    /// By default only the number of items.
    ///
    /// # Errors
    /// If the data cannot be read.
    fn identify(&self, fingerprint: &mut Fingerprint) -> Result<(), DataError> {
        fingerprint.number(self.len());
        Ok(())
    }
}

/// Batches of a [`Source`], epoch by epoch.
pub struct Loader<S: Source> {
    source: Arc<S>,
    config: LoaderConfig,
    skips: Arc<Mutex<Skips>>,
}

impl<S: Source> Loader<S> {
    /// A loader over `source`. Starts no thread and decodes nothing yet.
    ///
    /// # Errors
    /// If `config` contradicts [`Source::batching`], or an epoch would have no batch: the batch
    /// size is 0, the source is empty, or `drop_last` would drop the only batch.
    pub fn new(source: Arc<S>, config: LoaderConfig) -> Result<Self, DataError> {
        let len = source.len();
        if config.batch_size == 0 {
            return Err(DataError::config("batch_size", "must be at least 1"));
        }
        if len == 0 {
            return Err(DataError::config("data set", "it has no items"));
        }
        source.batching().check(&config)?;
        if config.drop_last && len < config.batch_size {
            let reason = format!(
                "the {len} items do not fill one batch of {}, and drop_last drops an incomplete one; \
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

    /// Number of batches in an epoch.
    pub fn batches_per_epoch(&self) -> usize {
        let len = self.source.len();
        if self.config.drop_last {
            len / self.config.batch_size
        } else {
            len.div_ceil(self.config.batch_size)
        }
    }

    /// The source that is loaded from.
    pub fn source(&self) -> &Arc<S> {
        &self.source
    }

    /// Names and errors of the distinct items skipped so far, in the order in which they were met.
    pub fn skipped(&self) -> Vec<String> {
        self.skips
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .reasons()
    }

    /// The batches of one epoch, starting at batch `first_batch`. Workers start at once and stop
    /// when the iterator is dropped.
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
