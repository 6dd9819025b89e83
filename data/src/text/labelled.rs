//! Texts with a label each, or pairs of texts: what a classifier learns from.
//!
//! * [`open_table`]: TSV, CSV or JSONL with named columns, such as GLUE's files;
//! * [`open_folders`]: a folder of text files for each class, such as IMDB's;
//! * [`read_table`]: one file of texts, with or without labels, for a trained model.
//!
//! Labels are what stands in the file, as text. Those of the training texts, in order (numbers by value, everything else by
//! code point), are the classes 0, 1, ...; another label elsewhere is an error.

mod columns;
mod delimited;
mod folders;
mod jsonl;
pub(super) mod labels;
mod table;

pub use columns::Columns;
pub use folders::open_folders;
pub use table::{TableRow, open_table, read_labelled, read_table};

use super::split_files::{check_fraction, is_kept};
use crate::error::DataError;
use std::path::Path;

/// A text, or two that belong together, and its class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelledText {
    /// The text. It may be empty.
    pub text: String,
    /// The second text of a pair.
    pub pair: Option<String>,
    /// The number of its class.
    pub label: u32,
}

/// A data set of labelled texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelledSplits {
    /// The names of the classes by number.
    pub labels: Vec<String>,
    /// What is learnt from.
    pub train: Vec<LabelledText>,
    /// What is measured with while learning.
    pub validation: Vec<LabelledText>,
    /// What is measured with at the end.
    pub test: Option<Vec<LabelledText>>,
}

/// Keeps a fraction of each class for validation, evenly from all over `texts`: always the same ones, in whatever order
/// the classes come.
///
/// # Errors
/// If the fraction is not between 0 and 1, or too small for one text.
fn divide(
    texts: Vec<LabelledText>,
    fraction: f64,
    path: &Path,
) -> Result<[Vec<LabelledText>; 2], DataError> {
    check_fraction(fraction)?;
    let mut seen: Vec<usize> = Vec::new();
    let (mut train, mut validation) = (Vec::new(), Vec::new());
    for text in texts {
        let label = text.label as usize;
        seen.resize(seen.len().max(label + 1), 0);
        let number = seen.get_mut(label).map_or(0, |seen| {
            *seen += 1;
            *seen - 1
        });
        if is_kept(number, fraction) {
            validation.push(text);
        } else {
            train.push(text);
        }
    }
    if validation.is_empty() {
        let reason = format!(
            "a fraction of {fraction} leaves none of its {} texts for validation",
            train.len()
        );
        return Err(DataError::file(path, reason));
    }
    Ok([train, validation])
}
