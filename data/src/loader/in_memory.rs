use super::Source;
use crate::error::DataError;

/// A data set whose items are in memory. A batch is the items themselves.
///
/// ```
/// use std::sync::Arc;
/// use tinderbox_data::loader::{InMemory, Loader, LoaderConfig};
///
/// let source = InMemory::new(vec![1, 2, 3, 4, 5]);
/// let loader = Loader::new(Arc::new(source), LoaderConfig::new(2))?;
/// let batches = loader.epoch(0, 0).collect::<Result<Vec<_>, _>>()?;
/// assert_eq!(batches, [vec![1, 2], vec![3, 4], vec![5]]);
/// # Ok::<(), tinderbox_data::DataError>(())
/// ```
#[derive(Clone, Debug)]
pub struct InMemory<T>(Vec<T>);

impl<T> InMemory<T> {
    /// A data set of these items.
    pub fn new(items: Vec<T>) -> Self {
        Self(items)
    }
}

impl<T: Clone + Send + Sync + 'static> Source for InMemory<T> {
    type Item = T;
    type Batch = Vec<T>;

    fn len(&self) -> usize {
        self.0.len()
    }

    fn name(&self, index: usize) -> String {
        format!("item {index}")
    }

    fn item(&self, _epoch: u64, index: usize) -> Result<T, DataError> {
        let missing = || DataError::config("item", format!("there is no item {index}"));
        self.0.get(index).cloned().ok_or_else(missing)
    }

    fn collate(&self, _epoch: u64, _batch: usize, items: Vec<T>) -> Vec<T> {
        items
    }
}
