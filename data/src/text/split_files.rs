//! Finds a data set's files by split: one file per split, or a single file to be divided.

use crate::error::DataError;
use std::fs;
use std::path::{Path, PathBuf};

/// Names of the validation split.
pub(super) const VALIDATION: [&str; 4] = ["validation", "valid", "val", "dev"];
const TRAIN: [&str; 1] = ["train"];
const TEST: [&str; 1] = ["test"];
/// Endings of the parts of MNLI's splits, the preferred one first.
const PARTS: [&str; 3] = ["", "_matched", "_mismatched"];

/// Paths of the splits. A single file is all training data, to be divided by the caller.
#[derive(Debug, PartialEq)]
pub(super) struct SplitFiles {
    pub(super) train: PathBuf,
    pub(super) validation: Option<PathBuf>,
    pub(super) test: Option<PathBuf>,
}

/// Returns the file `path` itself, or the files of the folder `path` named `train`, `validation`
/// (or an alias) and `test` with one of `extensions`. Of MNLI's `validation_matched` and
/// `validation_mismatched`, or `test_matched` and `test_mismatched`, it is the matched one.
///
/// # Errors
/// If `path` does not exist, there is no training file, or two files could be the same split.
pub(super) fn split_files(path: &Path, extensions: &[&str]) -> Result<SplitFiles, DataError> {
    if path.is_file() {
        return Ok(SplitFiles {
            train: path.to_path_buf(),
            validation: None,
            test: None,
        });
    }
    if !path.is_dir() {
        return Err(DataError::file(path, "no such file or folder"));
    }
    let mut files = list(path)?;
    files.retain(|file| file.is_file());
    // A name that is not UTF-8 is none of those searched for.
    let names: Vec<&str> = files.iter().filter_map(|file| file_name(file)).collect();
    let find_part = |stems: &[&str], part: &str| {
        let of_split = |name: &&str| {
            name.rsplit_once('.').is_some_and(|(stem, extension)| {
                let stem = stem.strip_suffix(part);
                stem.is_some_and(|stem| stems.contains(&stem)) && extensions.contains(&extension)
            })
        };
        let found: Vec<&str> = names.iter().copied().filter(of_split).collect();
        match found.as_slice() {
            [] => Ok(None),
            [name] => Ok(Some(path.join(name))),
            [a, b, ..] => {
                let reason =
                    format!("{a} and {b} could both be the same split; remove one of them");
                Err(DataError::file(path, reason))
            }
        }
    };
    let find = |stems: &[&str]| -> Result<Option<PathBuf>, DataError> {
        for part in PARTS {
            if let Some(found) = find_part(stems, part)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    };
    let (train, validation, test) = (find(&TRAIN)?, find(&VALIDATION)?, find(&TEST)?);
    let train = train.ok_or_else(|| {
        let reason = format!(
            "has no training file: none of {}; pass a file, or rename one of them",
            extensions
                .iter()
                .map(|extension| format!("train.{extension}"))
                .collect::<Vec<_>>()
                .join(", ")
        );
        DataError::file(path, reason)
    })?;
    Ok(SplitFiles {
        train,
        validation,
        test,
    })
}

/// Lists a folder in sorted order, so that results are the same on every system.
pub(super) fn list(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let entries = fs::read_dir(folder).map_err(DataError::io("list", folder))?;
    let paths = entries.map(|entry| Ok(entry.map_err(DataError::io("list", folder))?.path()));
    let mut paths: Vec<PathBuf> = paths.collect::<Result<_, DataError>>()?;
    paths.sort();
    Ok(paths)
}

/// Last component of a path, if it is UTF-8.
pub(super) fn file_name(path: &Path) -> Option<&str> {
    path.file_name()?.to_str()
}

/// Splits `items` into training and validation: a fraction of each class, spread evenly over
/// `items`. The choice is deterministic and independent of how classes are interleaved. The first
/// item of a class is never held out.
///
/// # Errors
/// If the fraction is not between 0 and 1, or too small for one item.
pub(super) fn divide<T>(
    items: Vec<T>,
    class: impl Fn(&T) -> usize,
    fraction: f64,
    path: &Path,
) -> Result<[Vec<T>; 2], DataError> {
    check_fraction(fraction)?;
    // Items seen so far, per class.
    let mut seen: Vec<usize> = Vec::new();
    let (mut train, mut validation) = (Vec::new(), Vec::new());
    for item in items {
        let class = class(&item);
        seen.resize(seen.len().max(class + 1), 0);
        let number = seen.get_mut(class).map_or(0, |seen| {
            *seen += 1;
            *seen - 1
        });
        if is_held_out(number, fraction) {
            validation.push(item);
        } else {
            train.push(item);
        }
    }
    if validation.is_empty() {
        let reason = format!(
            "a fraction of {fraction} leaves none of its {} texts for validation",
            train.len()
        );
        return Err(DataError::file(path, reason));
    }
    Ok([train, validation])
}

/// True if item `number`, counted from 0, is held out: the last of each `1 / fraction`.
fn is_held_out(number: usize, fraction: f64) -> bool {
    let kept = |count: usize| (count as f64 * fraction).floor();
    kept(number + 1) > kept(number)
}

/// # Errors
/// If the fraction is not between 0 and 1.
pub(super) fn check_fraction(fraction: f64) -> Result<(), DataError> {
    if fraction > 0.0 && fraction < 1.0 {
        return Ok(());
    }
    let reason = format!("{fraction} is not between 0 and 1");
    Err(DataError::config("validation_fraction", reason))
}
