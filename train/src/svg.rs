//! SVG pictures on disk.

use std::path::Path;

use crate::TrainError;
use crate::files::write_atomically;

/// Writes a picture atomically.
///
/// # Errors
/// The folder is not writable.
pub fn write(path: &Path, svg: &str) -> Result<(), TrainError> {
    write_atomically(path, svg.as_bytes()).map_err(|e| TrainError::picture(path, e))
}
