//! Pretrained weights and downloads: what a run uses from outside of its directory.

use std::path::PathBuf;

use tinderbox_weights::Mismatch;

/// Cache folder of downloads, and progress reporting.
pub struct DataAccess<'a> {
    /// Cache folder, also of the file lists of large data sets.
    pub cache: PathBuf,
    /// Called with the bytes received so far and the total, if it is known.
    pub progress: &'a mut dyn FnMut(u64, Option<u64>),
}

/// Message about weights that were not loaded.
pub fn not_loaded(mismatch: &Mismatch) -> String {
    format!("some weights do not fit and are not loaded: {mismatch}")
}
