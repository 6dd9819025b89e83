//! Tables of texts. File extensions give the format, file names the split.

use super::table_row::{Rows, TableRow};
use super::{Columns, LabelledSplits, LabelledText, delimited, divide, json};
use crate::error::DataError;
use crate::text::encoder::labels::{Labels, different_values};
use crate::text::split_files::{SplitFiles, split_files};
use std::path::Path;

pub(super) const EXTENSIONS: [&str; 5] = ["tsv", "csv", "json", "jsonl", "ndjson"];
/// Label of a text without one in the files that `datasets` writes.
const NO_LABEL: &str = "-1";

/// Opens a data set of tables.
///
/// `path` is a folder with a file `train`, optionally one called `validation`, `valid`, `val` or
/// `dev`, and optionally `test`, each `.tsv`, `.csv`, `.json`, `.jsonl` or `.ndjson`; or one such
/// file. MNLI's `validation_matched` and `test_matched` count as such. Without a validation file,
/// `validation_fraction` of each class is held out, spread evenly over the training texts. A test
/// file without labels is ignored: GLUE's has no such column, and as written by `datasets` every
/// label is -1.
///
/// Files are read row by row; a row has at most 64 MiB.
///
/// # Errors
/// If files or columns are missing, a row is malformed or has no label (with file and line),
/// another split has an unknown label, or there is only one class.
pub fn open_table(
    path: &Path,
    columns: &Columns,
    validation_fraction: f64,
) -> Result<LabelledSplits, DataError> {
    let SplitFiles {
        train: train_path,
        validation,
        test,
    } = split_files(path, &EXTENSIONS)?;
    let train = read(&train_path, columns)?;
    check_labels(&train, columns, &train_path)?;
    let found = train.rows.iter().filter_map(|row| row.label.as_deref());
    let labels = different_values(found);
    let train = with_ids(train, &labels, columns, &train_path)?;
    if let [only] = labels.as_slice() {
        let reason = format!("all texts have the label {only:?}; there is nothing to learn");
        return Err(DataError::file(&train_path, reason));
    }
    let [train, validation] = match validation {
        Some(path) => [train, read_labelled(&path, columns, &labels)?],
        None => divide(train, validation_fraction, &train_path)?,
    };
    Ok(LabelledSplits {
        train,
        validation,
        test: match test {
            Some(path) => read_test(&path, columns, &labels)?,
            None => None,
        },
        labels,
    })
}

/// Returns `None` if the file has no labels.
fn read_test(
    path: &Path,
    columns: &Columns,
    labels: &[String],
) -> Result<Option<Vec<LabelledText>>, DataError> {
    let rows = read(path, columns)?;
    let known = Labels::by_value(labels);
    let is_unlabelled = |row: &TableRow| match row.label.as_deref() {
        None => true,
        Some(label) => label == NO_LABEL && known.id(label).is_none(),
    };
    if !rows.rows.is_empty() && rows.rows.iter().all(is_unlabelled) {
        return Ok(None);
    }
    check_labels(&rows, columns, path)?;
    with_ids(rows, labels, columns, path).map(Some)
}

/// Reads one table of texts, with or without labels. If a model's `labels` are given, every label
/// in the table must be among them.
///
/// # Errors
/// As [`open_table`], but labels may be missing.
pub fn read_table(
    path: &Path,
    columns: &Columns,
    labels: Option<&[String]>,
) -> Result<Vec<TableRow>, DataError> {
    let Rows { rows, .. } = read(path, columns)?;
    if let Some(known) = labels.map(Labels::by_value) {
        for row in &rows {
            if let Some(label) = &row.label
                && known.id(label).is_none()
            {
                let reason = format!("line {}: {}", row.line, known.unknown(label));
                return Err(DataError::file(path, reason));
            }
        }
    }
    Ok(rows)
}

/// Reads one table of texts, each labelled with one of `labels`.
///
/// # Errors
/// As [`open_table`].
pub fn read_labelled(
    path: &Path,
    columns: &Columns,
    labels: &[String],
) -> Result<Vec<LabelledText>, DataError> {
    let rows = read(path, columns)?;
    check_labels(&rows, columns, path)?;
    with_ids(rows, labels, columns, path)
}

fn read(path: &Path, columns: &Columns) -> Result<Rows, DataError> {
    let extension = path.extension().and_then(|extension| extension.to_str());
    let format = match extension {
        Some("tsv") => delimited::tsv,
        Some("csv") => delimited::csv,
        Some("json" | "jsonl" | "ndjson") => json::json,
        _ => {
            let reason = format!(
                "unknown table format: expected one of .{}",
                EXTENSIONS.join(", .")
            );
            return Err(DataError::file(path, reason));
        }
    };
    format(columns, path)
}

fn check_labels(rows: &Rows, columns: &Columns, path: &Path) -> Result<(), DataError> {
    let reason = if rows.rows.is_empty() {
        "has no texts".to_owned()
    } else if !rows.has_label_column {
        format!("has no label column {:?}", columns.label)
    } else if !rows.has_labels() {
        format!("the label column {:?} is empty", columns.label)
    } else {
        return Ok(());
    };
    Err(DataError::file(path, reason))
}

/// Converts labels to class ids.
fn with_ids(
    rows: Rows,
    labels: &[String],
    columns: &Columns,
    path: &Path,
) -> Result<Vec<LabelledText>, DataError> {
    let known = Labels::by_value(labels);
    let rows = rows.rows.into_iter().map(|row| {
        let wrong = |reason: String| DataError::file(path, format!("line {}: {reason}", row.line));
        let label = row.label.ok_or_else(|| match row.labels {
            Some(_) => wrong(format!(
                "{:?} is a list, and other texts have one label",
                columns.label
            )),
            None => wrong(format!("the label ({:?}) is missing", columns.label)),
        })?;
        let label = known
            .id(&label)
            .ok_or_else(|| wrong(known.unknown(&label)))?;
        Ok(LabelledText {
            text: row.text,
            pair: row.pair,
            label,
        })
    });
    rows.collect()
}
