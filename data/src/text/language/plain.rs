//! Plain text: one file to be divided, or a folder with one file per split; by word, by character
//! or by any tokenizer.
//!
//! Text is UTF-8. Windows line endings are read as newlines, and a byte order mark is dropped.

use super::Corpus;
use super::text_splits::{SplitText, TextSplits};
use crate::error::DataError;
use crate::text::Tokenizer;
use crate::text::chunks::read_text;
use std::fs;
use std::path::{Path, PathBuf};

/// How plain text is tokenized.
#[derive(Clone, Debug)]
pub enum By {
    /// By whitespace-separated words, with `<eos>` at the end of each line.
    Words {
        /// Maximum vocabulary size, `<eos>` and `<unk>` included; other words become `<unk>`.
        /// Without a limit the vocabulary is every word of the training text, and an unseen word in
        /// another split is an error unless the training text contains `<unk>`.
        vocabulary: Option<usize>,
    },
    /// By character. The vocabulary is the characters of all splits, as in nanoGPT.
    Characters,
    /// By a given tokenizer.
    Tokenizer(Tokenizer),
}

/// File names of each split in a folder.
const TRAIN: [&str; 1] = ["train.txt"];
const VALIDATION: [&str; 4] = ["valid.txt", "validation.txt", "val.txt", "dev.txt"];
const TEST: [&str; 1] = ["test.txt"];

/// Reads a plain text corpus.
///
/// `path` is a folder with `train.txt`, one of `valid.txt`, `validation.txt`, `val.txt` and
/// `dev.txt`, and optionally `test.txt`; or a file; or a folder with a single `.txt` file. Of a
/// single file, the first `train` (a fraction such as 0.9) is for training and the rest for
/// validation, as in nanoGPT: the cut is after that fraction of the characters, or, by words, at
/// the next end of a line.
///
/// # Errors
/// If files are missing, empty or not UTF-8 (with line and byte), if a word is not in a closed
/// vocabulary (with line and column), or if `train` leaves one side empty.
pub fn open(path: &Path, by: &By, train: f64) -> Result<Corpus, DataError> {
    let splits = match files(path)? {
        Files::One(file) => divide(&file, by, train)?,
        Files::Each {
            train,
            validation,
            test,
        } => TextSplits {
            train: SplitText::new(&train, read_text(&train)?),
            validation: SplitText::new(&validation, read_text(&validation)?),
            test: test
                .map(|test| Ok(SplitText::new(&test, read_text(&test)?)))
                .transpose()?,
        },
    };
    match by {
        By::Words { vocabulary } => splits.by_words(*vocabulary),
        By::Characters => {
            if let Some(empty) = splits.texts().find(|text| text.text.is_empty()) {
                return Err(DataError::file(&empty.path, "has no text"));
            }
            let texts: Vec<&str> = splits.texts().map(|text| text.text.as_str()).collect();
            splits.encode(Tokenizer::characters(&texts)?)
        }
        By::Tokenizer(tokenizer) => splits.encode(tokenizer.clone()),
    }
}

enum Files {
    One(PathBuf),
    Each {
        train: PathBuf,
        validation: PathBuf,
        test: Option<PathBuf>,
    },
}

fn files(path: &Path) -> Result<Files, DataError> {
    if path.is_file() {
        return Ok(Files::One(path.to_path_buf()));
    }
    if !path.is_dir() {
        return Err(DataError::file(path, "no such file or folder"));
    }
    let find = |names: &[&str]| {
        let mut paths = names.iter().map(|name| path.join(name));
        paths.find(|path| path.is_file())
    };
    match (find(&TRAIN), find(&VALIDATION)) {
        (Some(train), Some(validation)) => Ok(Files::Each {
            train,
            validation,
            test: find(&TEST),
        }),
        (Some(_), None) => {
            let reason = format!("has train.txt but none of {}", VALIDATION.join(", "));
            Err(DataError::file(path, reason))
        }
        (None, _) => only_file(path).map(Files::One),
    }
}

/// Returns the only `.txt` file of a folder.
fn only_file(folder: &Path) -> Result<PathBuf, DataError> {
    let entries = fs::read_dir(folder).map_err(DataError::io("list", folder))?;
    let mut texts = Vec::new();
    for entry in entries {
        let path = entry.map_err(DataError::io("list", folder))?.path();
        if path.extension().is_some_and(|extension| extension == "txt") && path.is_file() {
            texts.push(path);
        }
    }
    match <[PathBuf; 1]>::try_from(texts) {
        Ok([text]) => Ok(text),
        Err(texts) => {
            let reason = format!(
                "has no train.txt, and {} .txt files instead of one; pass one of the files, or rename them train.txt and valid.txt",
                texts.len()
            );
            Err(DataError::file(folder, reason))
        }
    }
}

fn divide(path: &Path, by: &By, train: f64) -> Result<TextSplits, DataError> {
    if !(train > 0.0 && train < 1.0) {
        let reason = format!("{train} is not between 0 and 1");
        return Err(DataError::config("fraction for training", reason));
    }
    let mut text = read_text(path)?;
    if text.is_empty() {
        return Err(DataError::file(path, "has no text"));
    }
    let at = cut(&text, by, train);
    let rest = text.split_off(at);
    if text.is_empty() || rest.is_empty() {
        let reason = format!(
            "is too short to be divided: {} characters for training and {} for validation",
            text.chars().count(),
            rest.chars().count()
        );
        return Err(DataError::file(path, reason));
    }
    let line = 1 + text.matches('\n').count();
    Ok(TextSplits {
        train: SplitText::new(path, text),
        validation: SplitText {
            path: path.to_path_buf(),
            text: rest,
            line,
        },
        test: None,
    })
}

/// Returns the byte at which the training text ends.
fn cut(text: &str, by: &By, train: f64) -> usize {
    let characters = (text.chars().count() as f64 * train) as usize;
    let at = text
        .char_indices()
        .nth(characters)
        .map_or(text.len(), |(at, _)| at);
    let by_words = matches!(by, By::Words { .. });
    // A cut inside a line would split a word, or end a sentence early.
    let inside = by_words && !text[..at].ends_with('\n');
    match text[at..].find('\n') {
        Some(newline) if inside => at + newline + 1,
        None if inside => text.len(),
        _ => at,
    }
}
