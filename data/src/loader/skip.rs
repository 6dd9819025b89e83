//! Leaving out bad items: how many, and which.

use super::batch::BadItem;
use crate::error::{self, DataError};
use std::collections::HashSet;

/// The distinct bad items met so far. Asked by the consumer of batches alone, in order, so that which item is the one
/// too many does not depend on the workers.
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

    /// Leaves `item` out, or says why it may not be.
    pub(super) fn leave_out(&mut self, item: BadItem) -> Result<(), DataError> {
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
