//! One folder of text files per class.

use super::{LabelledSplits, LabelledText, divide};
use crate::error::DataError;
use crate::text::chunks::read_short_text;
use crate::text::encoder::labels::{Labels, names};
use crate::text::parallel;
use crate::text::split_files::{VALIDATION, file_name, list};
use std::path::{Path, PathBuf};

/// IMDB's unlabelled texts, in a folder beside the classes.
const UNLABELLED: &str = "unsup";

/// A class and its files.
struct Class {
    name: String,
    path: PathBuf,
    files: Vec<PathBuf>,
}

/// Opens a data set of text files, one text per file: `train/CLASS/*.txt`, optionally with
/// `validation` (or `valid`, `val`, `dev`) and `test` beside `train`; or `CLASS/*.txt`. Without a
/// validation folder, `validation_fraction` of each class is held out. The class `unsup` (IMDB's
/// unlabelled texts), hidden folders and other files are ignored. A text has at most 64 MiB.
///
/// # Errors
/// If there are fewer than two classes, a class has no text, another split has an unknown class, or
/// a file cannot be read or is not UTF-8.
pub fn open_folders(path: &Path, validation_fraction: f64) -> Result<LabelledSplits, DataError> {
    if !path.is_dir() {
        return Err(DataError::file(path, "no such folder"));
    }
    let split = |name: &str| Some(path.join(name)).filter(|folder| folder.is_dir());
    let (train_path, validation, test) = match split("train") {
        Some(train) => (train, validation_folder(path)?, split("test")),
        None => (path.to_path_buf(), None, None),
    };
    let classes = classes(&train_path)?;
    let labels = names(classes.iter().map(|class| class.name.as_str()));
    if labels.len() < 2 {
        let reason = format!(
            "has {} class folders with text files; at least two are needed",
            labels.len()
        );
        return Err(DataError::file(&train_path, reason));
    }
    let train = read(&classes, &labels)?;
    let read_split = |folder: PathBuf| read(&self::classes(&folder)?, &labels);
    let [train, validation] = match validation {
        Some(folder) => [train, read_split(folder)?],
        None => divide(train, validation_fraction, &train_path)?,
    };
    Ok(LabelledSplits {
        train,
        validation,
        test: test.map(read_split).transpose()?,
        labels,
    })
}

fn validation_folder(path: &Path) -> Result<Option<PathBuf>, DataError> {
    let folders = VALIDATION.iter().filter(|name| path.join(name).is_dir());
    match folders.collect::<Vec<_>>().as_slice() {
        [] => Ok(None),
        [name] => Ok(Some(path.join(name))),
        [a, b, ..] => {
            let reason = format!("{a} and {b} could both be the validation split; remove one");
            Err(DataError::file(path, reason))
        }
    }
}

/// Classes of a split with their files, both sorted by name.
fn classes(split: &Path) -> Result<Vec<Class>, DataError> {
    let mut classes = Vec::new();
    for path in list(split)? {
        if !path.is_dir() {
            continue;
        }
        let Some(name) = file_name(&path) else {
            return Err(DataError::file(&path, "the name of a class must be UTF-8"));
        };
        if name.starts_with('.') || name == UNLABELLED {
            continue;
        }
        let mut files = list(&path)?;
        files.retain(|file| file.extension().is_some_and(|end| end == "txt") && file.is_file());
        if files.is_empty() {
            return Err(DataError::file(
                &path,
                "has no .txt file, so the class is empty",
            ));
        }
        classes.push(Class {
            name: name.to_owned(),
            path,
            files,
        });
    }
    Ok(classes)
}

fn read(classes: &[Class], labels: &[String]) -> Result<Vec<LabelledText>, DataError> {
    let known = Labels::new(labels);
    let mut files: Vec<(&PathBuf, u32)> = Vec::new();
    for class in classes {
        let label = known
            .id(&class.name)
            .ok_or_else(|| DataError::file(&class.path, known.unknown(&class.name)))?;
        files.extend(class.files.iter().map(|file| (file, label)));
    }
    parallel::map(&files, |&(file, label)| {
        Ok(LabelledText {
            text: read_short_text(file)?,
            pair: None,
            label,
        })
    })
}
