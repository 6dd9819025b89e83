//! Tables with a JSON object a line.

use super::columns::Columns;
use super::table_row::{Rows, TableRow};
use crate::error::DataError;
use crate::text::encoder::labels::quoted;
use serde_json::{Map, Value};
use std::path::Path;

/// An object a line; what it has besides the columns does not matter. Empty lines are left out.
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
            "is empty: it should have a JSON object a line",
        ));
    }
    Ok(Rows {
        has_labels: rows.iter().any(|row| row.label.is_some()),
        rows,
    })
}

fn row(line: &str, columns: &Columns, number: usize) -> Result<TableRow, String> {
    let object: Map<String, Value> = serde_json::from_str(line).map_err(|error| {
        // Its own message says line 1, which is this one.
        let reason = error.to_string();
        let reason = reason.split(" at line ").next().unwrap_or_default();
        format!("is no JSON object: {reason} (column {})", error.column())
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
        Some(other) => Err(format!("{name:?} is {}, not a text", short(other))),
        None => Err(format!("has no key {name:?}")),
    }
}

/// A text or a number; nothing, or `null`, is no label.
fn label(object: &Map<String, Value>, name: &str) -> Result<Option<String>, String> {
    match object.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => {
            Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty()))
        }
        Some(Value::Number(number)) => Ok(Some(number.to_string())),
        Some(other) => Err(format!(
            "{name:?} is {}, not a text or a number",
            short(other)
        )),
    }
}

/// A value for a message.
fn short(value: &Value) -> String {
    match value {
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        other => other.to_string(),
    }
}
