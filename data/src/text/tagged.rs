//! Sentences whose words have a tag each, as CoNLL's shared tasks write them: names, parts of speech.
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
//! A word a line with its columns, separated by tabs if the line has one and by spaces otherwise; the word is the first
//! and the tag the last column, unless the first line names them and [`TagColumns`] says which; an empty line ends a sentence;
//! CoNLL 2003's `-DOCSTART-` is left out.

mod read;
mod source;

pub use source::{TaggedBatch, TaggedSource};

use super::labelled::labels::{Labels, names};
use super::pieces::read_text;
use super::split_files::{SplitFiles, divide, split_files};
use crate::error::DataError;
use read::Sentence;
use serde::{Deserialize, Serialize};
use std::path::Path;

const EXTENSIONS: [&str; 5] = ["txt", "conll", "tsv", "iob", "bio"];
/// The tag of a word that is part of nothing.
const OUTSIDE: &str = "O";

/// Which columns are read. With a name, the first line of a file names its columns.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TagColumns {
    /// The word; by default the first column.
    pub word: Option<String>,
    /// The tag; by default the last column.
    pub tag: Option<String>,
}

/// Words with a tag each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaggedSentence {
    /// The words.
    pub words: Vec<String>,
    /// The number of each word's tag.
    pub tags: Vec<u32>,
}

/// A data set of tagged sentences.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaggedSplits {
    /// The names of the tags by number: `O`, if there is one, before all others by code point.
    pub labels: Vec<String>,
    /// What is learnt from.
    pub train: Vec<TaggedSentence>,
    /// What is measured with while learning.
    pub validation: Vec<TaggedSentence>,
    /// What is measured with at the end.
    pub test: Option<Vec<TaggedSentence>>,
}

/// Opens a data set of tagged sentences.
///
/// `path` is a folder with a file `train`, perhaps one called `validation`, `valid`, `val` or `dev`, and perhaps `test`, each
/// `.txt`, `.conll`, `.tsv`, `.iob` or `.bio`; or one such file. Without a validation file `validation_fraction` of the sentences is
/// kept for it, evenly from all over the training sentences.
///
/// # Errors
/// If files or columns are missing, a line has not as many columns as the others (with file and line), or a tag elsewhere
/// is none of the training sentences'.
pub fn open_tagged(
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
    // Stable, so that the others stay sorted.
    labels.sort_by_key(|label| label != OUTSIDE);
    let train = number(train, &labels, &train_path)?;
    let read_split = |path: &Path| read_tagged(path, columns, &labels);
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
/// As [`open_tagged`].
pub fn read_tagged(
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
            tags.push(known.number(&word.tag).ok_or_else(|| {
                let reason = format!("line {}: {}", word.line, known.unknown(&word.tag));
                DataError::file(path, reason)
            })?);
            words.push(word.word);
        }
        numbered.push(TaggedSentence { words, tags });
    }
    Ok(numbered)
}
