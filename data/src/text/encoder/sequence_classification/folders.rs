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
/// unlabelled texts), hidden files and folders and other files are ignored. A class may be empty
/// outside of the training split. A text has at most 64 MiB.
///
/// # Errors
/// If there are fewer than two classes, a training class has no text, another split has texts of an
/// unknown class, or a file cannot be read or is not UTF-8.
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
    if let Some(empty) = classes.iter().find(|class| class.files.is_empty()) {
        let reason = "has no .txt file, so the class is empty";
        return Err(DataError::file(&empty.path, reason));
    }
    let labels = names(classes.iter().map(|class| class.name.as_str()));
    if labels.len() < 2 {
        let reason = format!(
            "has {} class folders with text files; at least two are needed",
            labels.len()
        );
        return Err(DataError::file(&train_path, reason));
    }
    let train = read(&classes, &labels)?;
    let read_split = |folder: PathBuf| {
        let texts = read(&self::classes(&folder)?, &labels)?;
        if texts.is_empty() {
            let reason = "has no .txt files in class folders";
            return Err(DataError::file(&folder, reason));
        }
        Ok(texts)
    };
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
        files.retain(|file| is_text(file) && !file.is_dir());
        classes.push(Class {
            name: name.to_owned(),
            path,
            files,
        });
    }
    Ok(classes)
}

/// True for files called `.txt`, in any case. macOS writes files like "._a.txt" to foreign disks.
fn is_text(path: &Path) -> bool {
    let is_hidden = file_name(path).is_some_and(|name| name.starts_with('.'));
    let extension = path.extension();
    !is_hidden && extension.is_some_and(|end| end.eq_ignore_ascii_case("txt"))
}

fn read(classes: &[Class], labels: &[String]) -> Result<Vec<LabelledText>, DataError> {
    let known = Labels::new(labels);
    let mut files: Vec<(&PathBuf, u32)> = Vec::new();
    // Outside of the training split a class may be empty, known or not.
    for class in classes.iter().filter(|class| !class.files.is_empty()) {
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn hidden_files_are_no_texts_and_other_parts_may_have_empty_classes() {
        let dir = tempfile::tempdir().unwrap();
        let put = |name: &str| {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, name).unwrap();
        };
        let texts = |part: &[LabelledText]| -> Vec<String> {
            part.iter().map(|text| text.text.clone()).collect()
        };
        for name in [
            "train/neg/._a.txt",
            "train/neg/a.TXT",
            "train/pos/b.txt",
            "test/pos/c.txt",
        ] {
            put(name);
        }
        for empty in ["validation/neg", "test/neg", "test/other"] {
            fs::create_dir_all(dir.path().join(empty)).unwrap();
        }
        let open = || open_folders(dir.path(), 0.5);
        let error = open().unwrap_err().to_string();
        assert!(
            error.ends_with("validation: has no .txt files in class folders"),
            "{error}"
        );
        put("validation/neg/d.txt");
        let splits = open().unwrap();
        assert_eq!(texts(&splits.train), ["train/neg/a.TXT", "train/pos/b.txt"]);
        assert_eq!(texts(&splits.test.unwrap()), ["test/pos/c.txt"]);
        put("test/other/e.txt");
        assert!(open().unwrap_err().to_string().contains("other"));
        #[cfg(unix)]
        {
            fs::remove_file(dir.path().join("test/other/e.txt")).unwrap();
            std::os::unix::fs::symlink("nowhere", dir.path().join("train/pos/z.txt")).unwrap();
            assert!(open().unwrap_err().to_string().contains("z.txt"));
        }
    }
}
