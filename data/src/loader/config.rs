//! The loader's settings.

/// Settings of a [`Loader`](super::Loader).
///
/// ```
/// use tinderbox_data::loader::LoaderConfig;
///
/// let training = LoaderConfig::new(32).with_workers(4).with_shuffle(42).with_drop_last(true);
/// let evaluation = LoaderConfig::new(32).with_workers(4);
/// assert!(training.shuffle && !evaluation.shuffle);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoaderConfig {
    /// Items in a batch; the last batch of an epoch may have fewer.
    pub batch_size: usize,
    /// Threads that decode ahead; 0 decodes on the calling thread.
    pub workers: usize,
    /// Visit the items of each epoch in a new random order
    /// ([`Source::order`](super::Source::order)).
    pub shuffle: bool,
    /// Drop the last batch of an epoch if it is incomplete.
    pub drop_last: bool,
    /// Seed of the shuffle.
    pub seed: u64,
    /// Maximum number of distinct unusable items to skip, over all epochs of a loader.
    pub skip_bad: usize,
}

impl LoaderConfig {
    /// Batches of `batch_size` items, in order, decoded on the calling thread; an unusable item is
    /// an error.
    pub fn new(batch_size: usize) -> Self {
        Self {
            batch_size,
            workers: 0,
            shuffle: false,
            drop_last: false,
            seed: 0,
            skip_bad: 0,
        }
    }

    /// Decodes ahead on `workers` threads.
    #[must_use]
    pub fn with_workers(self, workers: usize) -> Self {
        Self { workers, ..self }
    }

    /// Shuffles every epoch with `seed`.
    #[must_use]
    pub fn with_shuffle(self, seed: u64) -> Self {
        Self {
            shuffle: true,
            seed,
            ..self
        }
    }

    /// Sets whether an incomplete last batch is dropped.
    #[must_use]
    pub fn with_drop_last(self, drop_last: bool) -> Self {
        Self { drop_last, ..self }
    }

    /// Skips up to `skip_bad` distinct unusable items.
    #[must_use]
    pub fn with_skip_bad(self, skip_bad: usize) -> Self {
        Self { skip_bad, ..self }
    }
}
