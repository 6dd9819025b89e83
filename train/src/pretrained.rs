//! Pretrained weights and downloads: what a run uses from outside of its directory.

use std::path::PathBuf;

use tinderbox_weights::Mismatch;

/// Cache folder of downloads, and progress reporting.
pub struct DataAccess<'a> {
    /// Cache folder, also of the file lists of large data sets.
    pub cache: PathBuf,
    progress: Box<dyn FnMut(u64, Option<u64>) + 'a>,
}

impl<'a> DataAccess<'a> {
    /// Downloads into the folder `cache`, without reporting progress.
    pub fn new(cache: PathBuf) -> Self {
        Self {
            cache,
            progress: Box::new(|_, _| ()),
        }
    }

    /// Calls `progress` with the bytes received so far and the total, if it is known.
    #[must_use]
    pub fn with_progress(mut self, progress: impl FnMut(u64, Option<u64>) + 'a) -> Self {
        self.progress = Box::new(progress);
        self
    }

    pub(crate) fn progress(&mut self) -> &mut dyn FnMut(u64, Option<u64>) {
        &mut *self.progress
    }
}

impl From<PathBuf> for DataAccess<'_> {
    fn from(cache: PathBuf) -> Self {
        Self::new(cache)
    }
}

/// Message about weights that were not loaded.
pub fn not_loaded(mismatch: &Mismatch) -> String {
    format!("some weights do not fit and are not loaded: {mismatch}")
}
