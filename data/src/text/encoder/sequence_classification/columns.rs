//! Column names of a table.

use crate::error::DataError;
use crate::text::encoder::labels::quoted;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::path::Path;

/// Names of the columns to read. The defaults fit GLUE's single-sentence tasks: `sentence` (or
/// `text`, or `content`) and `label`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Columns {
    /// Column of the text: the first of these names that a file has.
    pub text: Vec<String>,
    /// Column of the second text of a pair.
    pub pair: Option<String>,
    /// Column of the label.
    pub label: String,
}

impl Default for Columns {
    fn default() -> Self {
        Self {
            text: ["sentence", "text", "content"].map(str::to_owned).into(),
            pair: None,
            label: "label".to_owned(),
        }
    }
}

/// Column indices in a row.
#[derive(Clone, Copy, Debug)]
pub(super) struct ColumnIndices {
    pub(super) text: usize,
    pub(super) pair: Option<usize>,
    pub(super) label: Option<usize>,
    /// Number of columns per row.
    pub(super) width: usize,
}

impl Columns {
    /// Finds the columns in the header of the file at `path`.
    ///
    /// # Errors
    /// If a column is missing (except the label), or two have the same name.
    pub(super) fn find(&self, header: &[&str], path: &Path) -> Result<ColumnIndices, DataError> {
        let wrong = |reason: String| DataError::file(path, format!("line 1: {reason}"));
        let mut names = HashSet::new();
        if let Some(twice) = header.iter().find(|name| !names.insert(**name)) {
            return Err(wrong(format!("two columns are called {twice:?}")));
        }
        let place = |name: &String| header.iter().position(|column| column == name);
        let missing = |wanted: &str| {
            let there = quoted(header.iter().copied());
            wrong(format!("has no column {wanted}; its columns are {there}"))
        };
        let text = self.text.iter().find_map(place);
        let pair = self.pair.as_ref().map(|name| {
            let wanted = || format!("{name:?}");
            place(name).ok_or_else(|| missing(&wanted()))
        });
        Ok(ColumnIndices {
            text: text.ok_or_else(|| missing(&self.wanted_text()))?,
            pair: pair.transpose()?,
            label: place(&self.label),
            width: header.len(),
        })
    }

    /// Accepted names of the text column, for messages.
    pub(super) fn wanted_text(&self) -> String {
        let names: Vec<String> = self.text.iter().map(|name| format!("{name:?}")).collect();
        names.join(" or ")
    }
}
