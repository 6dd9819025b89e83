//! Delimited tables: TSV and CSV.

mod records;

use super::columns::{ColumnIndices, Columns};
use super::table_row::{Rows, TableRow, holds};
use crate::error::DataError;
use crate::text::lines::{LineReader, MAX_ENTRY};
use records::Records;
use std::path::Path;

/// Reads GLUE's TSV: tabs separate columns, and nothing else is special, quotes included. Empty
/// lines are skipped, except in a table with a single column, where they are empty texts.
pub(super) fn tsv(columns: &Columns, path: &Path) -> Result<Rows, DataError> {
    let mut lines = LineReader::open(path, MAX_ENTRY)?;
    let mut table = Table::new(columns, path);
    loop {
        let line = lines.read()?;
        if line.is_empty() {
            return table.finish();
        }
        let line = line.strip_suffix('\n').unwrap_or(&line);
        if !line.is_empty() || table.has_one_column() {
            let cells: Vec<&str> = line.split('\t').collect();
            table.line(&cells, lines.number())?;
        } else if lines.number() == 1 {
            return Err(nameless(path));
        }
    }
}

/// Reads CSV as in RFC 4180: fields with commas, newlines or (doubled) quotes are quoted. Empty
/// lines are skipped.
pub(super) fn csv(columns: &Columns, path: &Path) -> Result<Rows, DataError> {
    let mut records = Records::open(path)?;
    let mut table = Table::new(columns, path);
    while let Some((line, record)) = records.read()? {
        let cells: Vec<&str> = record.iter().collect();
        table.line(&cells, line)?;
    }
    table.finish()
}

fn nameless(path: &Path) -> DataError {
    DataError::file(path, "is empty: its first line should name the columns")
}

/// A table that is being read.
struct Table<'a> {
    columns: &'a Columns,
    path: &'a Path,
    /// Known from the first line.
    places: Option<ColumnIndices>,
    rows: Vec<TableRow>,
}

impl<'a> Table<'a> {
    fn new(columns: &'a Columns, path: &'a Path) -> Self {
        Self {
            columns,
            path,
            places: None,
            rows: Vec::new(),
        }
    }

    fn has_one_column(&self) -> bool {
        self.places.as_ref().is_some_and(|places| places.width == 1)
    }

    fn line(&mut self, cells: &[&str], line: usize) -> Result<(), DataError> {
        let places = match &self.places {
            Some(places) => places,
            None => {
                let places = self.columns.find(cells, self.path)?;
                let has_header = places.has_header;
                self.places = Some(places);
                return if has_header {
                    Ok(())
                } else {
                    self.line(cells, line)
                };
            }
        };
        let row = row(cells, places, line)
            .map_err(|reason| DataError::file(self.path, format!("line {line}: {reason}")))?;
        self.rows.push(row);
        Ok(())
    }

    fn finish(self) -> Result<Rows, DataError> {
        let places = self.places.ok_or_else(|| nameless(self.path))?;
        Ok(Rows {
            rows: self.rows,
            has_label_column: places.label.is_some(),
        })
    }
}

fn row(cells: &[&str], places: &ColumnIndices, line: usize) -> Result<TableRow, String> {
    if !(places.named..=places.width).contains(&cells.len()) {
        let first = if places.has_header {
            "header"
        } else {
            "first line"
        };
        return Err(format!(
            "{} columns, but the {first} has {}",
            cells.len(),
            places.width
        ));
    }
    let cell = |place: usize| cells.get(place).copied().unwrap_or_default();
    let label = places.label.map(|place| cell(place).trim());
    let mut labels = Vec::new();
    for (place, name) in &places.labels {
        if holds(cell(*place)).map_err(|reason| format!("{name:?} is {reason}"))? {
            labels.push(name.clone());
        }
    }
    Ok(TableRow {
        line,
        text: cell(places.text).to_owned(),
        pair: places.pair.map(|place| cell(place).to_owned()),
        label: label.filter(|label| !label.is_empty()).map(str::to_owned),
        labels: (!places.labels.is_empty()).then_some(labels),
    })
}
