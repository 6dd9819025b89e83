//! What the pictures have in common.

use std::path::{Path, PathBuf};

use crate::files::write_atomically;

/// A picture that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}: {reason}", path.display())]
pub struct SvgError {
    /// The picture.
    pub path: PathBuf,
    /// What was in the way.
    pub reason: String,
}

impl SvgError {
    /// `reason` is what the drawing library or the system said.
    pub fn new(path: &Path, reason: impl std::fmt::Display) -> Self {
        Self {
            path: path.to_path_buf(),
            reason: reason.to_string(),
        }
    }
}

/// Writes a picture whole or not at all.
///
/// # Errors
/// The folder cannot be written to.
pub fn write(path: &Path, svg: &str) -> Result<(), SvgError> {
    write_atomically(path, svg.as_bytes()).map_err(|e| SvgError::new(path, e))
}
