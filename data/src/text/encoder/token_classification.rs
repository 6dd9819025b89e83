//! Token classification: sentences with one tag per word (named entities, parts of speech), in the
//! column format of the CoNLL shared tasks.
//!
//! ```text
//! EU      NNP  B-NP  B-ORG
//! rejects VBZ  B-VP  O
//! German  JJ   B-NP  B-MISC
//! call    NN   I-NP  O
//!
//! Peter   NNP  B-NP  B-PER
//! ```
//!
//! One word per line, with columns separated by tabs if the line has one and by spaces otherwise.
//! The word is the first column and the tag the last, unless the first line names the columns and
//! [`TagColumns`] selects them. An empty line ends a sentence; CoNLL 2003's `-DOCSTART-` is
//! skipped.

mod read;
mod source;

pub use source::{TokenClassificationBatch, TokenClassificationSource};

use super::labels::{Labels, names};
use crate::error::DataError;
use crate::text::chunks::read_text;
use crate::text::split_files::{SplitFiles, divide, split_files};
use read::Sentence;
use serde::{Deserialize, Serialize};
use std::path::Path;

const EXTENSIONS: [&str; 5] = ["txt", "conll", "tsv", "iob", "bio"];
/// Tag of a word outside every entity.
const OUTSIDE: &str = "O";

/// Columns to read. If one is named, the first line of a file is a header.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TagColumns {
    /// Column of the word (default: the first).
    pub word: Option<String>,
    /// Column of the tag (default: the last).
    pub tag: Option<String>,
}

/// Words with one tag each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaggedSentence {
    /// The words.
    pub words: Vec<String>,
    /// Tag id of each word.
    pub tags: Vec<u32>,
}

/// A data set of tagged sentences.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaggedSplits {
    /// Tag names by id: `O` first if present, then the others by code point.
    pub labels: Vec<String>,
    /// Training split.
    pub train: Vec<TaggedSentence>,
    /// Validation split, evaluated during training.
    pub validation: Vec<TaggedSentence>,
    /// Test split, evaluated at the end.
    pub test: Option<Vec<TaggedSentence>>,
}

/// Opens a data set of tagged sentences.
///
/// `path` is a folder with a file `train`, optionally one called `validation`, `valid`, `val` or
/// `dev`, and optionally `test`, each `.txt`, `.conll`, `.tsv`, `.iob` or `.bio`; or one such file.
/// Without a validation file, `validation_fraction` of the sentences is held out, spread evenly
/// over the training sentences.
///
/// # Errors
/// If files or columns are missing, a line has a different number of columns (with file and line),
/// or another split has a tag that the training sentences lack.
pub fn open(
    path: &Path,
    columns: &TagColumns,
    validation_fraction: f64,
) -> Result<TaggedSplits, DataError> {
    let SplitFiles {
        train: train_path,
        validation,
        test,
    } = split_files(path, &EXTENSIONS)?;
    let train = read::sentences(&read_text(&train_path)?, columns, &train_path)?;
    let tags = train.iter().flat_map(|sentence| &sentence.words);
    let mut labels = names(tags.map(|word| word.tag.as_str()));
    // The sort is stable, so the others stay sorted.
    labels.sort_by_key(|label| label != OUTSIDE);
    let train = number(train, &labels, &train_path)?;
    let read_split = |path: &Path| read(path, columns, &labels);
    let [train, validation] = match validation {
        Some(path) => [train, read_split(&path)?],
        None => divide(train, |_| 0, validation_fraction, &train_path)?,
    };
    Ok(TaggedSplits {
        train,
        validation,
        test: test.as_deref().map(read_split).transpose()?,
        labels,
    })
}

/// Reads one file of sentences with these tags.
///
/// # Errors
/// As [`open`].
pub fn read(
    path: &Path,
    columns: &TagColumns,
    labels: &[String],
) -> Result<Vec<TaggedSentence>, DataError> {
    let sentences = read::sentences(&read_text(path)?, columns, path)?;
    number(sentences, labels, path)
}

fn number(
    sentences: Vec<Sentence>,
    labels: &[String],
    path: &Path,
) -> Result<Vec<TaggedSentence>, DataError> {
    let known = Labels::new(labels);
    let mut numbered = Vec::with_capacity(sentences.len());
    for sentence in sentences {
        let mut words = Vec::with_capacity(sentence.words.len());
        let mut tags = Vec::with_capacity(sentence.words.len());
        for word in sentence.words {
            tags.push(known.id(&word.tag).ok_or_else(|| {
                let reason = format!("line {}: {}", word.line, known.unknown(&word.tag));
                DataError::file(path, reason)
            })?);
            words.push(word.word);
        }
        numbered.push(TaggedSentence { words, tags });
    }
    Ok(numbered)
}
