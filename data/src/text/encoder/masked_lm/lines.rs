//! Plain text by line and split.

use crate::error::DataError;
use crate::text::chunks::read_text;
use crate::text::split_files::{SplitFiles, check_fraction, split_files};
use std::path::Path;

/// Plain text as lines. An empty line ends a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextLines {
    /// Training split.
    pub train: Vec<String>,
    /// Validation split, evaluated during training.
    pub validation: Vec<String>,
    /// Test split, evaluated at the end.
    pub test: Option<Vec<String>>,
}

impl TextLines {
    /// Opens the text file `path`, whose last `validation_fraction` of lines is held out for
    /// validation; or the folder `path` with `train.txt`, optionally `validation.txt` (or `valid`,
    /// `val`, `dev`), and optionally `test.txt`.
    ///
    /// # Errors
    /// If a file is missing or not UTF-8, the fraction is needed and not between 0 and 1, or
    /// nothing is left to train on.
    pub fn open(path: &Path, validation_fraction: f64) -> Result<Self, DataError> {
        let SplitFiles {
            train,
            validation,
            test,
        } = split_files(path, &["txt"])?;
        let mut lines = read(&train)?;
        let validation = match validation {
            Some(path) => read(&path)?,
            None => {
                check_fraction(validation_fraction)?;
                let kept = (lines.len() as f64 * validation_fraction).round().max(1.0);
                lines.split_off(lines.len().saturating_sub(kept as usize))
            }
        };
        if lines.is_empty() {
            let reason = "has too few lines to hold some out for validation";
            return Err(DataError::file(&train, reason));
        }
        Ok(Self {
            train: lines,
            validation,
            test: test.as_deref().map(read).transpose()?,
        })
    }
}

fn read(path: &Path) -> Result<Vec<String>, DataError> {
    Ok(read_text(path)?.lines().map(str::to_owned).collect())
}
