//! Locates SQuAD's files, and divides a single file.

use super::Question;
use super::read::{SquadReport, articles, joined, read};
use crate::error::DataError;
use crate::text::split_files::{check_fraction, list};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// File name prefixes in a folder (`train-v1.1.json`, `dev-v2.0.json`).
const TRAIN: &[&str] = &["train"];
const VALIDATION: &[&str] = &["dev", "val"];
/// Extensions of files with a question per line, for a folder without `.json`.
const BY_LINE: [&str; 2] = ["jsonl", "ndjson"];

/// Training and validation questions.
#[derive(Clone, Debug)]
pub struct SquadSplits {
    /// Training questions, in the order of the file.
    pub train: Vec<Arc<Question>>,
    /// Validation questions, in the order of the file.
    pub validation: Vec<Arc<Question>>,
    /// Report on the training questions.
    pub train_report: SquadReport,
    /// Report on the validation questions.
    pub validation_report: SquadReport,
}

impl SquadSplits {
    /// True if some questions have no answer, so that a model may answer "none" (version 2).
    pub fn has_impossible(&self) -> bool {
        self.train_report.unanswerable + self.validation_report.unanswerable > 0
    }
}

/// Opens SQuAD's JSON of either version, or one question per entry as `datasets` writes them, in
/// `.json` or `.jsonl`.
///
/// `path` is a folder with one `train*.json` and one `dev*.json` or `val*.json`; or a file; or a
/// folder with a single `.json` file. Of a single file, the last articles are for validation, up to
/// `validation_fraction` of the questions. Articles stay whole, since questions about the same text
/// help to answer each other.
///
/// # Errors
/// As [`read`]; if files are missing or ambiguous; if the fraction is not between 0 and 1, or the
/// single file has only one article.
pub fn open(path: &Path, validation_fraction: f64) -> Result<SquadSplits, DataError> {
    match files(path)? {
        Files::One(file) => divide(&file, validation_fraction),
        Files::Each(train, validation) => {
            let (train, train_report) = read(&train)?;
            let (validation, validation_report) = read(&validation)?;
            Ok(SquadSplits {
                train,
                validation,
                train_report,
                validation_report,
            })
        }
    }
}

enum Files {
    One(PathBuf),
    Each(PathBuf, PathBuf),
}

fn files(path: &Path) -> Result<Files, DataError> {
    if path.is_file() {
        return Ok(Files::One(path.to_path_buf()));
    }
    if !path.is_dir() {
        return Err(DataError::file(path, "no such file or folder"));
    }
    let mut files = list(path)?;
    files.retain(|file| file.is_file());
    let ends = |extensions: &[&str]| -> Vec<PathBuf> {
        let end = |file: &PathBuf| {
            file.extension()
                .and_then(|end| end.to_str().map(str::to_owned))
        };
        let fits = |file: &&PathBuf| end(file).is_some_and(|end| extensions.contains(&&*end));
        files.iter().filter(fits).cloned().collect()
    };
    let mut all = ends(&["json"]);
    if all.is_empty() {
        all = ends(&BY_LINE);
    }
    let named = |prefixes: &[&str]| -> Vec<PathBuf> {
        let fits = |path: &&PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            prefixes.iter().any(|prefix| name.starts_with(prefix))
        };
        all.iter().filter(fits).cloned().collect()
    };
    match (&*named(TRAIN), &*named(VALIDATION), &*all) {
        ([train], [validation], _) => Ok(Files::Each(train.clone(), validation.clone())),
        ([], [], [only]) => Ok(Files::One(only.clone())),
        _ => {
            let found: Vec<_> = all.iter().filter_map(|path| path.file_name()).collect();
            let found: Vec<_> = found.iter().map(|name| name.to_string_lossy()).collect();
            let reason = format!(
                "must have one train*.json and one dev*.json, or a single .json file; it has {}",
                if found.is_empty() {
                    "no .json file".to_owned()
                } else {
                    found.join(", ")
                }
            );
            Err(DataError::file(path, reason))
        }
    }
}

fn divide(path: &Path, validation_fraction: f64) -> Result<SquadSplits, DataError> {
    check_fraction(validation_fraction)?;
    let mut train = articles(path)?;
    train.retain(|article| !article.questions.is_empty());
    let total: usize = train.iter().map(|article| article.questions.len()).sum();
    let goal = (total as f64 * validation_fraction).round().max(1.0) as usize;
    let mut validation = Vec::new();
    let mut taken = 0;
    while taken < goal
        && train.len() > 1
        && let Some(article) = train.pop()
    {
        taken += article.questions.len();
        validation.push(article);
    }
    if validation.is_empty() {
        let reason = "has a single article, which cannot be divided; put train.json and dev.json into a folder";
        return Err(DataError::file(path, reason));
    }
    validation.reverse();
    let (train, train_report) = joined(train);
    let (validation, validation_report) = joined(validation);
    Ok(SquadSplits {
        train,
        validation,
        train_report,
        validation_report,
    })
}
