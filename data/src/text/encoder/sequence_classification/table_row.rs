//! Rows of a table, whatever its format.

/// A row of a table as it stands there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableRow {
    /// The number of its (first) line, from 1.
    pub line: usize,
    /// The text.
    pub text: String,
    /// The second text, if its column was asked for.
    pub pair: Option<String>,
    /// The label, if there is one.
    pub label: Option<String>,
}

/// What a file has.
pub(super) struct Rows {
    pub(super) rows: Vec<TableRow>,
    /// Whether there is a column of labels.
    pub(super) has_labels: bool,
}
