//! SVG pictures on disk.

use std::path::Path;

use crate::TrainError;
use crate::files::write_atomically;

/// Writes a picture whole or not at all.
///
/// # Errors
/// The folder cannot be written to.
pub fn write(path: &Path, svg: &str) -> Result<(), TrainError> {
    write_atomically(path, svg.as_bytes()).map_err(|e| TrainError::picture(path, e))
}
