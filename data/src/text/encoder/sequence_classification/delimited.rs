//! Delimited tables: TSV and CSV.

use super::columns::{ColumnIndices, Columns};
use super::table_row::{Rows, TableRow};
use crate::error::DataError;
use std::path::Path;

/// Reads GLUE's TSV: tabs separate columns, and nothing else is special, quotes included. Empty
/// lines are skipped, except in a table with a single column, where they are empty texts.
pub(super) fn tsv(text: &str, columns: &Columns, path: &Path) -> Result<Rows, DataError> {
    let text = text.strip_suffix('\n').unwrap_or(text);
    let mut lines = (1..).zip(text.split('\n'));
    let header = lines.next().map_or("", |(_, header)| header);
    if header.is_empty() {
        return Err(nameless(path));
    }
    let header: Vec<&str> = header.split('\t').map(str::trim).collect();
    let places = columns.find(&header, path)?;
    let lines = lines.filter(|(_, line)| places.width == 1 || !line.is_empty());
    let rows = lines.map(|(number, line)| {
        let cells: Vec<&str> = line.split('\t').collect();
        row(&cells, places, number, path)
    });
    Ok(Rows {
        rows: rows.collect::<Result<_, _>>()?,
        has_labels: places.label.is_some(),
    })
}

/// Reads CSV as in RFC 4180: fields with commas, newlines or (doubled) quotes are quoted. Empty
/// lines are skipped.
pub(super) fn csv(text: &str, columns: &Columns, path: &Path) -> Result<Rows, DataError> {
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .has_headers(false)
        .from_reader(text.as_bytes());
    let mut places = None;
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| DataError::file(path, error.to_string()))?;
        let line = record.position().map_or(0, |at| first_line(text, at));
        match places {
            None => {
                let header: Vec<&str> = record.iter().map(str::trim).collect();
                places = Some(columns.find(&header, path)?);
            }
            Some(places) => {
                let cells: Vec<&str> = record.iter().collect();
                rows.push(row(&cells, places, line, path)?);
            }
        }
    }
    let places = places.ok_or_else(|| nameless(path))?;
    Ok(Rows {
        rows,
        has_labels: places.label.is_some(),
    })
}

/// Line number at which a record begins, from 1. The reader's position is before the empty lines
/// above the record.
fn first_line(text: &str, at: &csv::Position) -> usize {
    let rest = text.as_bytes().get(at.byte() as usize..);
    let rest = rest.unwrap_or_default().iter();
    at.line() as usize + rest.take_while(|&&byte| byte == b'\n').count()
}

fn nameless(path: &Path) -> DataError {
    DataError::file(path, "is empty: its first line should name the columns")
}

fn row(
    cells: &[&str],
    places: ColumnIndices,
    line: usize,
    path: &Path,
) -> Result<TableRow, DataError> {
    if cells.len() != places.width {
        let reason = format!(
            "line {line}: {} columns, but the header has {}",
            cells.len(),
            places.width
        );
        return Err(DataError::file(path, reason));
    }
    let cell = |place: usize| cells.get(place).copied().unwrap_or_default();
    let label = places.label.map(|place| cell(place).trim());
    Ok(TableRow {
        line,
        text: cell(places.text).to_owned(),
        pair: places.pair.map(|place| cell(place).to_owned()),
        label: label.filter(|label| !label.is_empty()).map(str::to_owned),
    })
}
