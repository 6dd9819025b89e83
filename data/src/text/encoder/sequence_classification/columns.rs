//! Which columns of a table are read.

use crate::error::DataError;
use crate::text::encoder::labels::quoted;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::path::Path;

/// What the columns are called. By default those of GLUE's single texts: `sentence` (or `text`, or `content`) and `label`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Columns {
    /// The text: the first of these names that a file has.
    pub text: Vec<String>,
    /// The second text of a pair.
    pub pair: Option<String>,
    /// The label.
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

/// Where in a row they are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Places {
    pub(super) text: usize,
    pub(super) pair: Option<usize>,
    pub(super) label: Option<usize>,
    /// How many columns a row has.
    pub(super) width: usize,
}

impl Columns {
    /// Finds the columns in the first row of the file at `path`.
    ///
    /// # Errors
    /// If one is missing (the label may be), or two have the same name.
    pub(super) fn find(&self, header: &[&str], path: &Path) -> Result<Places, DataError> {
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
        Ok(Places {
            text: text.ok_or_else(|| missing(&self.wanted_text()))?,
            pair: pair.transpose()?,
            label: place(&self.label),
            width: header.len(),
        })
    }

    /// The names that the text could have, for messages.
    pub(super) fn wanted_text(&self) -> String {
        let names: Vec<String> = self.text.iter().map(|name| format!("{name:?}")).collect();
        names.join(" or ")
    }
}
