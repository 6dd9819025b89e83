//! JSON tables: one object per line, or a list of objects.

use super::columns::Columns;
use super::table_row::{Rows, TableRow, holds};
use crate::error::DataError;
use crate::text::encoder::labels::quoted;
use crate::text::json_entries::{JsonEntries, JsonEntry};
use serde_json::{Map, Value};
use std::path::Path;

/// Reads the objects of a file; other keys are ignored.
pub(super) fn json(columns: &Columns, path: &Path) -> Result<Rows, DataError> {
    let wrong =
        |(line, reason): (usize, String)| DataError::file(path, format!("line {line}: {reason}"));
    let mut rows = Vec::new();
    for entry in JsonEntries::open(path)? {
        rows.push(row(&entry?, columns).map_err(wrong)?);
    }
    if rows.is_empty() {
        let reason = "is empty: expected one JSON object per line, or a list of them";
        return Err(DataError::file(path, reason));
    }
    Ok(Rows {
        has_label_column: rows.iter().any(|row| row.label.is_some()),
        rows,
    })
}

fn row(entry: &JsonEntry, columns: &Columns) -> Result<TableRow, (usize, String)> {
    let object: Map<String, Value> = serde_json::from_slice(&entry.json).map_err(|error| {
        let (line, reason) = entry.problem(&error);
        (line, format!("is not a JSON object: {reason}"))
    })?;
    fields(&object, columns, entry.line).map_err(|reason| (entry.line, reason))
}

fn fields(object: &Map<String, Value>, columns: &Columns, line: usize) -> Result<TableRow, String> {
    let missing = |wanted: &str| {
        let there = quoted(object.keys().map(String::as_str));
        format!("has no key {wanted}; its keys are {there}")
    };
    let text = columns.text.iter().find(|name| object.contains_key(*name));
    let text = text.ok_or_else(|| missing(&columns.wanted_text()))?;
    let pair = columns.pair.as_ref().map(|name| {
        let there = object.contains_key(name);
        let value = there.then(|| string(object, name));
        value.unwrap_or_else(|| Err(missing(&format!("{name:?}"))))
    });
    Ok(TableRow {
        line,
        text: string(object, text)?,
        pair: pair.transpose()?,
        label: label(object, &columns.label)?,
        labels: labels(object, columns)?,
    })
}

fn string(object: &Map<String, Value>, name: &str) -> Result<String, String> {
    match object.get(name) {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(other) => Err(format!("{name:?} is {}, not a string", short(other))),
        None => Err(format!("has no key {name:?}")),
    }
}

/// Reads a label: a string, a number, `true` or `false`; absent or `null` means no label.
fn label(object: &Map<String, Value>, name: &str) -> Result<Option<String>, String> {
    match object.get(name) {
        // A list is a set of labels.
        None | Some(Value::Null | Value::Array(_)) => Ok(None),
        Some(Value::String(text)) => {
            Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty()))
        }
        Some(Value::Number(number)) => Ok(Some(number.to_string())),
        Some(Value::Bool(value)) => Ok(Some(value.to_string())),
        Some(other) => Err(format!(
            "{name:?} is {}, not a string, a number, true or false",
            short(other)
        )),
    }
}

/// Reads a set of labels: a list, or those whose keys are 1.
fn labels(object: &Map<String, Value>, columns: &Columns) -> Result<Option<Vec<String>>, String> {
    if columns.labels.is_empty() {
        let Some(Value::Array(list)) = object.get(&columns.label) else {
            return Ok(None);
        };
        let name = |value: &Value| match value {
            Value::String(name) => Ok(name.clone()),
            Value::Number(number) => Ok(number.to_string()),
            other => Err(format!(
                "{:?} has {}, not a label",
                columns.label,
                short(other)
            )),
        };
        return list.iter().map(name).collect::<Result<_, _>>().map(Some);
    }
    let mut labels = Vec::new();
    for name in &columns.labels {
        let value = object
            .get(name)
            .ok_or_else(|| format!("has no key {name:?}"))?;
        let cell = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        if holds(&cell).map_err(|reason| format!("{name:?} is {reason}"))? {
            labels.push(name.clone());
        }
    }
    Ok(Some(labels))
}

/// Shortens a value for a message.
fn short(value: &Value) -> String {
    match value {
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        other => other.to_string(),
    }
}
