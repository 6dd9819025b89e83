//! Column names of a table.

use crate::error::DataError;
use crate::text::encoder::column_name;
use crate::text::encoder::labels::quoted;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Names of the columns to read. The defaults fit GLUE's single-sentence tasks: `sentence` (or
/// `text`, or `content`) and `label`. A column without a name is called by its number, counted from
/// 0: `Unnamed: 2`, as in pandas.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Columns {
    /// Column of the text: the first of these names that a file has.
    #[serde(deserialize_with = "column_name::several")]
    pub text: Vec<String>,
    /// Column of the second text of a pair.
    #[serde(deserialize_with = "column_name::optional")]
    pub pair: Option<String>,
    /// Column of the label.
    #[serde(deserialize_with = "column_name::one")]
    pub label: String,
    /// TSV and CSV: true if the first line names the columns. If not, columns are given by their
    /// numbers, counted from 0.
    pub header: bool,
    /// Columns of labels that do not exclude each other, with 0 and 1 in each.
    pub labels: Vec<String>,
}

impl Default for Columns {
    fn default() -> Self {
        Self {
            text: ["sentence", "text", "content"].map(str::to_owned).into(),
            pair: None,
            label: "label".to_owned(),
            header: true,
            labels: Vec::new(),
        }
    }
}

/// Column indices in a row.
#[derive(Clone, Debug)]
pub(super) struct ColumnIndices {
    pub(super) text: usize,
    pub(super) pair: Option<usize>,
    pub(super) label: Option<usize>,
    /// Places and names of the columns of labels that do not exclude each other.
    pub(super) labels: Vec<(usize, String)>,
    /// Number of columns per row.
    pub(super) width: usize,
    /// Minimum number of columns per row: those at the end without a name may be missing.
    pub(super) named: usize,
    /// True if the first line is a header.
    pub(super) has_header: bool,
}

impl Columns {
    /// Finds the columns in the first line of the file at `path`.
    ///
    /// # Errors
    /// If a column is missing (except the label), or a requested one is there twice.
    pub(super) fn find(&self, first: &[&str], path: &Path) -> Result<ColumnIndices, DataError> {
        if let Some(cola) = self.cola(first) {
            return Ok(cola);
        }
        let wrong = |reason: String| DataError::file(path, format!("line 1: {reason}"));
        let name = |(number, cell): (usize, &&str)| match (self.header, cell.trim()) {
            (false, _) => number.to_string(),
            (true, "") => format!("Unnamed: {number}"),
            (true, name) => name.to_owned(),
        };
        let names: Vec<String> = first.iter().enumerate().map(name).collect();
        let place = |wanted: &String| -> Result<Option<usize>, DataError> {
            let mut places = (0..).zip(&names).filter(|(_, name)| *name == wanted);
            match (places.next(), places.next()) {
                (_, Some(_)) => Err(wrong(format!("two columns are called {wanted:?}"))),
                (found, None) => Ok(found.map(|(place, _)| place)),
            }
        };
        let missing = |wanted: &str| {
            let there = quoted(names.iter().map(String::as_str));
            let remedy = match (
                self.header,
                wanted.bytes().any(|byte| byte.is_ascii_digit()),
            ) {
                (false, _) => " (numbers from 0, since data.columns.header is false)",
                (true, true) => "; for a file without a header set data.columns.header to false",
                (true, false) => "",
            };
            wrong(format!(
                "has no column {wanted}; its columns are {there}{remedy}"
            ))
        };
        let mut text = None;
        for name in &self.text {
            text = text.or(place(name)?);
        }
        let pair = |name: &String| place(name)?.ok_or_else(|| missing(&format!("{name:?}")));
        let labels = self.labels.iter().map(|name| {
            let place = place(name)?.ok_or_else(|| missing(&format!("{name:?}")))?;
            Ok((place, name.clone()))
        });
        let named = names.iter().zip(first);
        let unnamed = named.rev().take_while(|(_, cell)| cell.trim().is_empty());
        Ok(ColumnIndices {
            text: text.ok_or_else(|| missing(&self.wanted_text()))?,
            pair: self.pair.as_ref().map(pair).transpose()?,
            label: place(&self.label)?,
            labels: labels.collect::<Result<_, _>>()?,
            width: names.len(),
            named: if self.header {
                names.len() - unnamed.count()
            } else {
                names.len()
            },
            has_header: self.header,
        })
    }

    /// The columns of CoLA's own files, which have no header: source, acceptability, the author's
    /// mark, sentence. Its test part has a header, and no labels.
    fn cola(&self, first: &[&str]) -> Option<ColumnIndices> {
        let [source, label, mark, _] = first else {
            return None;
        };
        let is_cola = matches!(*label, "0" | "1") && matches!(*mark, "" | "*");
        (is_cola && self.header && *self == Self::default() && !source.is_empty()).then_some(
            ColumnIndices {
                text: 3,
                pair: None,
                label: Some(1),
                labels: Vec::new(),
                width: 4,
                named: 4,
                has_header: false,
            },
        )
    }

    /// Accepted names of the text column, for messages.
    pub(super) fn wanted_text(&self) -> String {
        let names: Vec<String> = self.text.iter().map(|name| format!("{name:?}")).collect();
        names.join(" or ")
    }
}
