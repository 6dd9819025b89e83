//! Training and validation batches of a run.

use std::sync::Arc;

use tinderbox_data::loader::{InMemory, Loader, LoaderConfig, Source};

use crate::TrainError;

/// Training and validation batches.
pub struct Loaders<S: Source> {
    /// Training batches.
    pub train: Loader<S>,
    /// Validation batches, in order.
    pub validation: Loader<S>,
}

impl<T: Clone + Send + Sync + 'static> Loaders<InMemory<T>> {
    /// Loads items from memory, in batches of `batch_size`; training items are shuffled.
    ///
    /// # Errors
    /// There are no items, or `batch_size` is 0.
    pub fn in_memory(
        train: Vec<T>,
        validation: Vec<T>,
        batch_size: usize,
        seed: u64,
    ) -> Result<Self, TrainError> {
        let config = LoaderConfig::new(batch_size);
        let loader = |items, config| Loader::new(Arc::new(InMemory::new(items)), config);
        Ok(Self {
            train: loader(train, config.clone().with_shuffle(seed))?,
            validation: loader(validation, config)?,
        })
    }
}
