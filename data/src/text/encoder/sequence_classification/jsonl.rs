//! JSON Lines tables.

use super::columns::Columns;
use super::table_row::{Rows, TableRow};
use crate::error::DataError;
use crate::text::encoder::labels::quoted;
use serde_json::{Map, Value};
use std::path::Path;

/// Reads one object per line; other keys are ignored. Empty lines are skipped.
pub(super) fn jsonl(text: &str, columns: &Columns, path: &Path) -> Result<Rows, DataError> {
    let lines = (1..).zip(text.split('\n'));
    let lines = lines.filter(|(_, line)| !line.trim().is_empty());
    let rows: Vec<TableRow> = lines
        .map(|(number, line)| {
            row(line, columns, number)
                .map_err(|reason| DataError::file(path, format!("line {number}: {reason}")))
        })
        .collect::<Result<_, _>>()?;
    if rows.is_empty() {
        return Err(DataError::file(
            path,
            "is empty: expected one JSON object per line",
        ));
    }
    Ok(Rows {
        has_labels: rows.iter().any(|row| row.label.is_some()),
        rows,
    })
}

fn row(line: &str, columns: &Columns, number: usize) -> Result<TableRow, String> {
    let object: Map<String, Value> = serde_json::from_str(line).map_err(|error| {
        // serde_json's message always says line 1, since each line is parsed on its own.
        let reason = error.to_string();
        let reason = reason.split(" at line ").next().unwrap_or_default();
        format!("is not a JSON object: {reason} (column {})", error.column())
    })?;
    let missing = |wanted: &str| {
        let there = quoted(object.keys().map(String::as_str));
        format!("has no key {wanted}; its keys are {there}")
    };
    let text = columns.text.iter().find(|name| object.contains_key(*name));
    let text = text.ok_or_else(|| missing(&columns.wanted_text()))?;
    let pair = columns.pair.as_ref().map(|name| {
        let there = object.contains_key(name);
        let value = there.then(|| string(&object, name));
        value.unwrap_or_else(|| Err(missing(&format!("{name:?}"))))
    });
    Ok(TableRow {
        line: number,
        text: string(&object, text)?,
        pair: pair.transpose()?,
        label: label(&object, &columns.label)?,
    })
}

fn string(object: &Map<String, Value>, name: &str) -> Result<String, String> {
    match object.get(name) {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(other) => Err(format!("{name:?} is {}, not a string", short(other))),
        None => Err(format!("has no key {name:?}")),
    }
}

/// Reads a label: a string or a number; absent or `null` means no label.
fn label(object: &Map<String, Value>, name: &str) -> Result<Option<String>, String> {
    match object.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => {
            Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty()))
        }
        Some(Value::Number(number)) => Ok(Some(number.to_string())),
        Some(other) => Err(format!(
            "{name:?} is {}, not a string or a number",
            short(other)
        )),
    }
}

/// Shortens a value for a message.
fn short(value: &Value) -> String {
    match value {
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        other => other.to_string(),
    }
}
