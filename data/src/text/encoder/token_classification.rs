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
//! The word is the first column and the tag the last, unless [`TagColumns`] selects others. In a
//! file whose first column numbers the words of a sentence, the word is the second; of GermEval
//! 2014's four columns the tag is the third (the outer names), of CoNLL-U's ten the fourth (`UPOS`).
//! CoNLL-U's ranges (`1-2`) and empty nodes (`1.1`) are not words.
//!
//! An empty line ends a sentence. Comments, which begin with `#` and have other columns than the
//! words or a tag that no word has, and CoNLL 2003's `-DOCSTART-` are skipped. Tags are not changed:
//! IOB1, IOB2 and IOBES are the owner's choice.

mod read;
mod source;
mod word_cut;

pub use source::{TokenClassificationBatch, TokenClassificationSource};
pub use word_cut::WordCut;

use super::column_name;
use super::labels::{Labels, names};
use crate::error::DataError;
use crate::text::split_files::{SplitFiles, divide, split_files};
use read::{Sentence, TaggedFile};
use serde::{Deserialize, Serialize};
use std::path::Path;

const EXTENSIONS: [&str; 6] = ["txt", "conll", "conllu", "tsv", "iob", "bio"];
/// Tag of a word outside every entity.
const OUTSIDE: &str = "O";
/// CoNLL-U's mark of a missing value.
const MISSING: &str = "_";

/// Columns to read, each by its name or its number, counted from 0. The names are those of the first
/// line, of CoNLL-U (`FORM`, `UPOS`, ...), or of a comment `# global.columns =`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TagColumns {
    /// Column of the word (default: the first, or the second of numbered words).
    #[serde(deserialize_with = "column_name::optional")]
    pub word: Option<String>,
    /// Column of the tag (default: the last; see the module for GermEval and CoNLL-U).
    #[serde(deserialize_with = "column_name::optional")]
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

impl TaggedSplits {
    /// The words of all sentences, test split included.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        let test = self.test.as_deref().unwrap_or_default();
        let sentences = self.train.iter().chain(&self.validation).chain(test);
        sentences.flat_map(|sentence| sentence.words.iter().map(String::as_str))
    }

    /// The same sentences with other tag ids: tag `i` becomes `ids[i]` of `labels`.
    #[must_use]
    pub fn renumbered(mut self, ids: &[u32], labels: Vec<String>) -> Self {
        let splits = [&mut self.train, &mut self.validation];
        for sentence in splits
            .into_iter()
            .chain(&mut self.test)
            .flat_map(|split| split.iter_mut())
        {
            for tag in &mut sentence.tags {
                if let Some(id) = ids.get(*tag as usize) {
                    *tag = *id;
                }
            }
        }
        self.labels = labels;
        self
    }
}

/// Opens a data set of tagged sentences.
///
/// `path` is a folder with a file `train`, optionally one called `validation`, `valid`, `val` or
/// `dev`, and optionally `test`, each `.txt`, `.conll`, `.conllu`, `.tsv`, `.iob` or `.bio`; or one
/// such file. Without a validation file, `validation_fraction` of the sentences is held out, spread
/// evenly over the training sentences. A test file without tags is ignored.
///
/// Files are read line by line; a line has at most 64 MiB.
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
    let TaggedFile {
        sentences: train,
        width,
    } = read::sentences(&train_path, columns, true)?;
    let words = train.iter().flat_map(|sentence| &sentence.words);
    let tags = words.map(|word| word.tag.as_str());
    let mut labels = names(tags.filter(|tag| !tag.is_empty()));
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
        test: match test {
            Some(path) => read_test(&path, columns, &labels, width)?,
            None => None,
        },
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
    let TaggedFile { sentences, .. } = read::sentences(path, columns, true)?;
    number(sentences, labels, path)
}

/// Returns `None` if the file has no tags: no such column, none in it, or fewer columns than the
/// training file, of `width`, and in the last one nothing that is a tag.
fn read_test(
    path: &Path,
    columns: &TagColumns,
    labels: &[String],
    width: usize,
) -> Result<Option<Vec<TaggedSentence>>, DataError> {
    let file = read::sentences(path, columns, false)?;
    let known = Labels::new(labels);
    let mut words = file.sentences.iter().flat_map(|sentence| &sentence.words);
    let is_narrower = columns.tag.is_none() && file.width < width;
    let is_untagged = words.all(|word| {
        let is_missing = word.tag.is_empty() || word.tag == MISSING || is_narrower;
        is_missing && known.id(&word.tag).is_none()
    });
    if is_untagged {
        return Ok(None);
    }
    number(file.sentences, labels, path).map(Some)
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
                let reason = match word.tag.as_str() {
                    "" => format!("{:?} has no tag: its column is missing or empty", word.word),
                    tag => known.unknown(tag),
                };
                DataError::file(path, format!("line {}: {reason}", word.line))
            })?);
            words.push(word.word);
        }
        numbered.push(TaggedSentence { words, tags });
    }
    Ok(numbered)
}
