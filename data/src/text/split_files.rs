//! The files of a data set by the names that they go by: one for each split, or one for all.

use crate::error::DataError;
use std::fs;
use std::path::{Path, PathBuf};

/// What the validation split may be called.
pub(super) const VALIDATION: [&str; 4] = ["validation", "valid", "val", "dev"];
const TRAIN: [&str; 1] = ["train"];
const TEST: [&str; 1] = ["test"];

/// Where the splits are.
#[derive(Debug, PartialEq)]
pub(super) enum Files {
    /// In one file, which is to be divided.
    One(PathBuf),
    /// In a file each.
    Each {
        train: PathBuf,
        validation: Option<PathBuf>,
        test: Option<PathBuf>,
    },
}

/// The file `path`, or those of the folder `path` that are called `train`, `validation` (or one of its other names) and
/// `test`, with one of these extensions.
///
/// # Errors
/// If there is neither, if there is no training file, or if two files could be the same split.
pub(super) fn split_files(path: &Path, extensions: &[&str]) -> Result<Files, DataError> {
    if path.is_file() {
        return Ok(Files::One(path.to_path_buf()));
    }
    if !path.is_dir() {
        return Err(DataError::file(path, "no such file or folder"));
    }
    let names = list(path)?;
    let find = |stems: &[&str]| {
        let of_split = |name: &&String| {
            name.rsplit_once('.').is_some_and(|(stem, extension)| {
                stems.contains(&stem) && extensions.contains(&extension)
            })
        };
        let found: Vec<&String> = names.iter().filter(of_split).collect();
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
    let (train, validation, test) = (find(&TRAIN)?, find(&VALIDATION)?, find(&TEST)?);
    let train = train.ok_or_else(|| {
        let reason = format!(
            "has no training file: none of {}; name a file, or call them so",
            extensions
                .iter()
                .map(|extension| format!("train.{extension}"))
                .collect::<Vec<_>>()
                .join(", ")
        );
        DataError::file(path, reason)
    })?;
    Ok(Files::Each {
        train,
        validation,
        test,
    })
}

/// The names of the files in a folder, sorted. One that is not UTF-8 is none that we look for.
fn list(folder: &Path) -> Result<Vec<String>, DataError> {
    let entries = fs::read_dir(folder).map_err(DataError::io("list", folder))?;
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(DataError::io("list", folder))?;
        if entry.path().is_file() {
            names.extend(entry.file_name().into_string());
        }
    }
    names.sort();
    Ok(names)
}

/// Which of `count` things of a kind are kept for validation: the last of each `1 / fraction`, and so never the first.
pub(super) fn is_kept(number: usize, fraction: f64) -> bool {
    let kept = |count: usize| (count as f64 * fraction).floor();
    kept(number + 1) > kept(number)
}

/// # Errors
/// If it is not between 0 and 1.
pub(super) fn check_fraction(fraction: f64) -> Result<(), DataError> {
    if fraction > 0.0 && fraction < 1.0 {
        return Ok(());
    }
    let reason = format!("{fraction} is not between 0 and 1");
    Err(DataError::config("validation_fraction", reason))
}
