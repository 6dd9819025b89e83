//! Sequence classification: texts or pairs of texts with one label each.
//!
//! * [`open_table`]: TSV, CSV or JSON with named columns, such as GLUE's files;
//! * [`open_folders`]: one folder of text files per class, such as IMDB's;
//! * [`read_table`]: one file of texts, with or without labels, for inference;
//! * [`LabelledSource`]: labelled texts as padded batches.
//!
//! The distinct labels of the training texts, in order (by value if all are numbers, otherwise by
//! code point), are the classes 0, 1, ...; any other label in another split is an error. In tables,
//! numbers of the same value are the same label (`1` and `1.0`), and so are `true` and `True`.

mod columns;
mod delimited;
mod folders;
mod json;
mod numbers;
mod source;
mod table;
mod table_row;

pub use columns::Columns;
pub use folders::open_folders;
pub use numbers::{
    LabelKind, NumberedBatch, NumberedSource, NumberedSplits, NumberedText, label_kind,
    label_set_names, open_label_sets, open_numbers, read_label_sets, read_numbers,
};
pub use source::{LabelledBatch, LabelledSource};
pub use table::{open_table, read_labelled, read_table};
pub use table_row::TableRow;

use crate::error::DataError;
use crate::text::split_files;
use std::path::Path;

/// A text or a pair of texts, and its class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelledText {
    /// The text. It may be empty.
    pub text: String,
    /// Second text of a pair.
    pub pair: Option<String>,
    /// Class id.
    pub label: u32,
}

/// A data set of labelled texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelledSplits {
    /// Class names by id.
    pub labels: Vec<String>,
    /// Training split.
    pub train: Vec<LabelledText>,
    /// Validation split, evaluated during training.
    pub validation: Vec<LabelledText>,
    /// Test split, evaluated at the end.
    pub test: Option<Vec<LabelledText>>,
}

impl LabelledSplits {
    /// The same texts with other class ids: class `i` becomes `ids[i]` of `labels`.
    #[must_use]
    pub fn renumbered(mut self, ids: &[u32], labels: Vec<String>) -> Self {
        let splits = [&mut self.train, &mut self.validation];
        for text in splits
            .into_iter()
            .chain(&mut self.test)
            .flat_map(|split| split.iter_mut())
        {
            if let Some(id) = ids.get(text.label as usize) {
                text.label = *id;
            }
        }
        self.labels = labels;
        self
    }
}

/// Holds out a fraction of each class for validation.
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
