//! The contract between a source and the loader.

use super::LoaderConfig;
use crate::error::DataError;

/// How the items of a [`Source`](super::Source) may be put into batches. The
/// [`Loader`](super::Loader) refuses a configuration that contradicts it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Batching {
    /// Independent items: any batch size, shuffled or in order.
    #[default]
    Any,
    /// Items in their final order, such as rows sorted by length for evaluation: any batch size,
    /// not shuffled.
    InOrder,
    /// [`Source::order`](super::Source::order) composes the batches itself, such as rows bucketed
    /// by length: this batch size, shuffled.
    Bucketed {
        /// Items in a batch.
        batch_size: usize,
    },
    /// Every item is a batch already and continues the one before, as in truncated back-propagation
    /// through time: batch size 1, not shuffled.
    Prebatched,
}

impl Batching {
    /// # Errors
    /// If the source cannot be loaded with `config`.
    pub(super) fn check(self, config: &LoaderConfig) -> Result<(), DataError> {
        let (batch_size, shuffle, reason) = match self {
            Self::Any => return Ok(()),
            Self::InOrder => (None, false, "its items are in their final order"),
            Self::Bucketed { batch_size } => (
                Some(batch_size),
                true,
                "its order puts items of similar length into batches of that size",
            ),
            Self::Prebatched => (
                Some(1),
                false,
                "each of its items is a batch and continues the one before",
            ),
        };
        if let Some(needed) = batch_size.filter(|&needed| needed != config.batch_size) {
            return Err(DataError::Batching {
                setting: "batch_size",
                found: config.batch_size.to_string(),
                needed: needed.to_string(),
                reason,
            });
        }
        if config.shuffle != shuffle {
            return Err(DataError::Batching {
                setting: "shuffle",
                found: config.shuffle.to_string(),
                needed: shuffle.to_string(),
                reason,
            });
        }
        Ok(())
    }
}
