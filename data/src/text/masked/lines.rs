//! The lines of plain text, by split.

use crate::error::DataError;
use crate::text::pieces::read_text;
use crate::text::split_files::{SplitFiles, check_fraction, split_files};
use std::path::Path;

/// Plain text as lines. An empty one ends a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextLines {
    /// What is learnt from.
    pub train: Vec<String>,
    /// What is measured with while learning.
    pub validation: Vec<String>,
    /// What is measured with at the end.
    pub test: Option<Vec<String>>,
}

impl TextLines {
    /// Opens the text file `path`, whose last `validation_fraction` of lines is kept for validation; or the folder `path` with
    /// `train.txt`, perhaps `validation.txt` (or `valid`, `val`, `dev`), and perhaps `test.txt`.
    ///
    /// # Errors
    /// If there is no such file, it is not UTF-8, the fraction is asked for and not between 0 and 1, or nothing is left to
    /// learn from.
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
            let reason = "has too few lines to keep some for validation";
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
