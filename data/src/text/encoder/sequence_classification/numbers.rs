//! Texts with numbers in place of a class: one for regression, or 0 and 1 for each of several labels
//! that do not exclude each other.

use super::Columns;
use super::table::{EXTENSIONS, read_table};
use super::table_row::TableRow;
use crate::error::DataError;
use crate::fingerprint::Fingerprint;
use crate::loader::{Batching, Source};
use crate::text::encoder::encoded_rows::EncodedRows;
use crate::text::encoder::labels::{Labels, names};
use crate::text::encoder::order::Order;
use crate::text::encoder::{EncoderBatch, InputBuilder, Truncated};
use crate::text::split_files::{self, SplitFiles, split_files};
use std::path::Path;

/// Label of a text without one in the files that `datasets` writes.
const NO_LABEL: f64 = -1.0;

/// A text or a pair of texts, and its numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct NumberedText {
    /// The text. It may be empty.
    pub text: String,
    /// Second text of a pair.
    pub pair: Option<String>,
    /// One number for each of [`NumberedSplits::labels`].
    pub values: Vec<f32>,
}

/// A data set of texts with numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct NumberedSplits {
    /// Names of the numbers.
    pub labels: Vec<String>,
    /// Training split.
    pub train: Vec<NumberedText>,
    /// Validation split, evaluated during training.
    pub validation: Vec<NumberedText>,
    /// Test split, evaluated at the end.
    pub test: Option<Vec<NumberedText>>,
}

/// Meaning of the labels in a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LabelKind {
    /// One class per text.
    Classes,
    /// Numbers, each of which could be a class: all are integers.
    Integers,
    /// Numbers with fractions, as of STS-B.
    Numbers,
    /// Sets of labels.
    Sets,
}

/// Finds the meaning of the labels of the training texts at `path`, which is as for
/// [`open_table`](super::open_table).
///
/// # Errors
/// As [`open_table`](super::open_table).
pub fn label_kind(path: &Path, columns: &Columns) -> Result<LabelKind, DataError> {
    if !columns.labels.is_empty() {
        return Ok(LabelKind::Sets);
    }
    let rows = read_table(&split_files(path, &EXTENSIONS)?.train, columns, None)?;
    if rows.iter().any(|row| row.labels.is_some()) {
        return Ok(LabelKind::Sets);
    }
    let labels = rows.iter().filter_map(|row| row.label.as_deref());
    let numbers: Option<Vec<f64>> = labels.map(|label| number(label).ok()).collect();
    Ok(match numbers {
        Some(numbers) if numbers.iter().any(|number| number.fract() != 0.0) => LabelKind::Numbers,
        Some(_) => LabelKind::Integers,
        None => LabelKind::Classes,
    })
}

/// Opens a data set of texts with a number each, in the column of the label. `path` and
/// `validation_fraction` are as for [`open_table`](super::open_table).
///
/// # Errors
/// If files or columns are missing, a row is malformed, or its label is missing or not a finite
/// number (with file and line).
pub fn open_numbers(
    path: &Path,
    columns: &Columns,
    validation_fraction: f64,
) -> Result<NumberedSplits, DataError> {
    let read = |path: &Path| read_numbers(path, columns);
    let labels = |_: &Path| Ok(vec![columns.label.clone()]);
    open(path, validation_fraction, columns, labels, |path, _| {
        read(path)
    })
}

/// Reads one table of texts with a number each.
///
/// # Errors
/// As [`open_numbers`].
pub fn read_numbers(path: &Path, columns: &Columns) -> Result<Vec<NumberedText>, DataError> {
    numbered(path, columns, |row| {
        let label = row.label.as_deref();
        let label = label.ok_or_else(|| format!("the number ({:?}) is missing", columns.label))?;
        Ok(vec![number(label)? as f32])
    })
}

/// Opens a data set of texts with any number of labels each: a list in the column of the label
/// (JSON), or 0 and 1 in the columns `columns.labels`. `path` and `validation_fraction` are as for
/// [`open_table`](super::open_table).
///
/// # Errors
/// If files or columns are missing, a row is malformed (with file and line), or another split has
/// an unknown label.
pub fn open_label_sets(
    path: &Path,
    columns: &Columns,
    validation_fraction: f64,
) -> Result<NumberedSplits, DataError> {
    open(
        path,
        validation_fraction,
        columns,
        |path| label_set_names(path, columns),
        |path, labels| read_label_sets(path, columns, labels),
    )
}

/// The labels that occur in one table of texts with any number of labels each; with
/// `columns.labels`, those.
///
/// # Errors
/// If the file or a column is missing, a row is malformed, or there are no labels.
pub fn label_set_names(path: &Path, columns: &Columns) -> Result<Vec<String>, DataError> {
    if !columns.labels.is_empty() {
        return Ok(columns.labels.clone());
    }
    let rows = read_table(path, columns, None)?;
    let labels = names(rows.iter().flat_map(|row| row.set()));
    if labels.is_empty() {
        Err(DataError::file(path, "has no labels"))
    } else {
        Ok(labels)
    }
}

/// Reads one table of texts with any number of `labels` each, as [`open_label_sets`].
///
/// # Errors
/// As [`open_label_sets`].
pub fn read_label_sets(
    path: &Path,
    columns: &Columns,
    labels: &[String],
) -> Result<Vec<NumberedText>, DataError> {
    let known = Labels::new(labels);
    numbered(path, columns, |row| {
        if row.label.is_none() && row.labels.is_none() {
            return Err(format!("the labels ({:?}) are missing", columns.label));
        }
        let mut values = vec![0.0; labels.len()];
        for label in row.set() {
            let id = known.id(label).ok_or_else(|| known.unknown(label))?;
            if let Some(value) = values.get_mut(id as usize) {
                *value = 1.0;
            }
        }
        Ok(values)
    })
}

impl TableRow {
    /// All labels of the row.
    fn set(&self) -> Vec<&str> {
        match (&self.labels, &self.label) {
            (Some(labels), _) => labels.iter().map(String::as_str).collect(),
            (None, label) => label.as_deref().into_iter().collect(),
        }
    }
}

fn number(label: &str) -> Result<f64, String> {
    let number = label.trim().parse().ok();
    number
        .filter(|number: &f64| number.is_finite())
        .ok_or_else(|| format!("the label {label:?} is not a number"))
}

fn numbered(
    path: &Path,
    columns: &Columns,
    values: impl Fn(&TableRow) -> Result<Vec<f32>, String>,
) -> Result<Vec<NumberedText>, DataError> {
    let rows = read_table(path, columns, None)?;
    if rows.is_empty() {
        return Err(DataError::file(path, "has no texts"));
    }
    let text = |row: TableRow| {
        let values = values(&row)
            .map_err(|reason| DataError::file(path, format!("line {}: {reason}", row.line)))?;
        Ok(NumberedText {
            text: row.text,
            pair: row.pair,
            values,
        })
    };
    rows.into_iter().map(text).collect()
}

fn open(
    path: &Path,
    validation_fraction: f64,
    columns: &Columns,
    labels: impl Fn(&Path) -> Result<Vec<String>, DataError>,
    read: impl Fn(&Path, &[String]) -> Result<Vec<NumberedText>, DataError>,
) -> Result<NumberedSplits, DataError> {
    let SplitFiles {
        train: train_path,
        validation,
        test,
    } = split_files(path, &EXTENSIONS)?;
    let labels = labels(&train_path)?;
    let train = read(&train_path, &labels)?;
    let [train, validation] = match validation {
        Some(path) => [train, read(&path, &labels)?],
        None => split_files::divide(train, |_| 0, validation_fraction, &train_path)?,
    };
    let test = match test {
        Some(path) if has_labels(&path, columns)? => Some(read(&path, &labels)?),
        _ => None,
    };
    Ok(NumberedSplits {
        labels,
        train,
        validation,
        test,
    })
}

/// A test file without labels is ignored: GLUE's has no such column, and as written by `datasets`
/// every label is -1.
fn has_labels(path: &Path, columns: &Columns) -> Result<bool, DataError> {
    let rows = read_table(path, columns, None)?;
    let is_label = |label: &str| number(label) != Ok(NO_LABEL);
    let has_label = |row: &TableRow| row.label.as_deref().is_some_and(is_label);
    Ok(rows
        .iter()
        .any(|row| has_label(row) || row.labels.is_some()))
}

impl NumberedSplits {
    /// The same texts with other places for their numbers: number `i` becomes that of `ids[i]` of
    /// `labels`.
    #[must_use]
    pub fn renumbered(mut self, ids: &[u32], labels: Vec<String>) -> Self {
        let splits = [&mut self.train, &mut self.validation];
        let splits = splits.into_iter().chain(&mut self.test);
        for text in splits.flat_map(|split| split.iter_mut()) {
            let mut values = vec![0.0; labels.len()];
            for (id, value) in ids.iter().zip(&text.values) {
                if let Some(place) = values.get_mut(*id as usize) {
                    *place = *value;
                }
            }
            text.values = values;
        }
        self.labels = labels;
        self
    }
}

/// A batch of texts and their numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct NumberedBatch {
    /// One row per text.
    pub input: EncoderBatch,
    /// `[rows, labels]`, row by row.
    pub values: Vec<f32>,
    /// Index of each row's text among those that the source was built from.
    pub items: Vec<u32>,
}

/// Texts with numbers, encoded once. Batches hold rows of similar length, padded to the longest.
#[derive(Debug)]
pub struct NumberedSource(EncodedRows<Vec<f32>>);

impl NumberedSource {
    /// For training, as [`LabelledSource::training`](super::LabelledSource::training).
    ///
    /// # Errors
    /// If there are no texts, or as [`InputBuilder::encode`].
    pub fn training(
        texts: &[NumberedText],
        builder: &InputBuilder,
        batch_size: usize,
    ) -> Result<Self, DataError> {
        Self::new(texts, builder, Order::Bucketed { batch_size })
    }

    /// For evaluation, as [`LabelledSource::evaluation`](super::LabelledSource::evaluation).
    ///
    /// # Errors
    /// As [`training`](Self::training).
    pub fn evaluation(texts: &[NumberedText], builder: &InputBuilder) -> Result<Self, DataError> {
        Self::new(texts, builder, Order::Sorted)
    }

    fn new(
        texts: &[NumberedText],
        builder: &InputBuilder,
        order: Order,
    ) -> Result<Self, DataError> {
        let encode = |text: &NumberedText| {
            let encoding = builder.encode(&text.text, text.pair.as_deref())?;
            Ok((encoding, text.values.clone()))
        };
        EncodedRows::new(texts, "texts", order, builder.pad_id(), encode).map(Self)
    }

    /// Texts that were longer than the model allows.
    pub fn truncated(&self) -> Truncated {
        self.0.truncated()
    }
}

impl Source for NumberedSource {
    /// The index of a row; rows are already encoded.
    type Item = usize;
    type Batch = NumberedBatch;

    fn len(&self) -> usize {
        self.0.len()
    }

    fn batching(&self) -> Batching {
        self.0.batching()
    }

    fn order(&self, seed: u64, epoch: u64) -> Vec<usize> {
        self.0.order(seed, epoch)
    }

    fn name(&self, index: usize) -> String {
        self.0.name(index, "text")
    }

    fn identify(&self, fingerprint: &mut Fingerprint) -> Result<(), DataError> {
        let values = |values: &Vec<f32>, fingerprint: &mut Fingerprint| {
            let bits: Vec<u32> = values.iter().map(|value| value.to_bits()).collect();
            fingerprint.ids(&bits);
        };
        self.0.identify(fingerprint, values);
        Ok(())
    }

    fn item(&self, _epoch: u64, index: usize) -> Result<usize, DataError> {
        Ok(index)
    }

    fn collate(&self, _epoch: u64, _batch: usize, indices: Vec<usize>) -> NumberedBatch {
        let rows = self.0.select(&indices);
        NumberedBatch {
            input: self.0.batch(&rows),
            values: rows.iter().flat_map(|row| row.target.clone()).collect(),
            items: rows.iter().map(|row| row.number).collect(),
        }
    }
}
