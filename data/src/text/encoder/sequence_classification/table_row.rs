//! Rows of a table of any format.

/// A row of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableRow {
    /// Number of its (first) line, from 1.
    pub line: usize,
    /// The text.
    pub text: String,
    /// Second text, if its column was requested.
    pub pair: Option<String>,
    /// The label, if there is one.
    pub label: Option<String>,
    /// Labels of a row that has a list of them, or a column for each.
    pub labels: Option<Vec<String>>,
}

/// Reads a cell that says whether a label holds: 0 and 1, or false and true.
pub(super) fn holds(cell: &str) -> Result<bool, String> {
    match cell.trim() {
        "1" | "1.0" | "true" | "True" | "TRUE" => Ok(true),
        "0" | "0.0" | "false" | "False" | "FALSE" => Ok(false),
        other => Err(format!("{other:?}, neither 0 nor 1")),
    }
}

/// Contents of a file.
pub(super) struct Rows {
    pub(super) rows: Vec<TableRow>,
    /// True if there is a label column.
    pub(super) has_label_column: bool,
}

impl Rows {
    /// True if any row has a label.
    pub(super) fn has_labels(&self) -> bool {
        self.rows.iter().any(|row| row.label.is_some())
    }
}
