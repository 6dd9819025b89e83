//! Pretrained weights and downloads: what a run uses from outside of its directory.

use std::path::PathBuf;

use tinderbox_weights::Mismatch;

/// Where downloaded data sets and lists of large folders are kept, and what to tell about a download.
pub struct DataAccess<'a> {
    /// The cache folder.
    pub cache: PathBuf,
    /// Called with the bytes received so far and the total, if it is known.
    pub progress: &'a mut dyn FnMut(u64, Option<u64>),
}

/// What is said about weights that are not loaded.
pub fn not_loaded(mismatch: &Mismatch) -> String {
    format!("not everything fits, and what does not is left out: {mismatch}")
}
