//! Skipping of unusable items, up to a limit.

use super::batch::BadItem;
use crate::error::{self, DataError};
use std::collections::HashSet;

/// The distinct bad items met so far. Only the consumer asks, in batch order, so that the item that
/// exceeds the limit does not depend on the workers.
pub(super) struct Skips {
    limit: usize,
    indices: HashSet<usize>,
    reasons: Vec<String>,
}

impl Skips {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            indices: HashSet::new(),
            reasons: Vec::new(),
        }
    }

    pub(super) fn reasons(&self) -> Vec<String> {
        self.reasons.clone()
    }

    /// Skips `item`.
    ///
    /// # Errors
    /// If the limit is exceeded.
    pub(super) fn skip(&mut self, item: BadItem) -> Result<(), DataError> {
        let BadItem { index, name, error } = item;
        if self.indices.contains(&index) {
            return Ok(());
        }
        let count = self.indices.len() + 1;
        let source = Box::new(error);
        if self.limit == 0 {
            return Err(DataError::BadItem {
                index,
                name,
                source,
            });
        }
        if count > self.limit {
            return Err(DataError::TooManyBadItems {
                count,
                limit: self.limit,
                index,
                name,
                source,
            });
        }
        self.indices.insert(index);
        let item = error::item(index, &name, &source);
        self.reasons.push(format!("{item}: {source}"));
        Ok(())
    }
}
