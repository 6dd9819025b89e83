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

use super::split_files;
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

/// Keeps a fraction of each class for validation.
///
/// # Errors
/// As [`split_files::divide`].
fn divide(
    texts: Vec<LabelledText>,
    fraction: f64,
    path: &Path,
) -> Result<[Vec<LabelledText>; 2], DataError> {
    split_files::divide(texts, |text| text.label as usize, fraction, path)
}
