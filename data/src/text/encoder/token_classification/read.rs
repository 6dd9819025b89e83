//! CoNLL's column format.

use super::TagColumns;
use crate::error::DataError;
use std::path::Path;

/// Line between documents in CoNLL 2003.
const DOCUMENT: &str = "-DOCSTART-";

/// Words up to an empty line; at least one.
pub(super) struct Sentence {
    pub(super) words: Vec<Word>,
}

pub(super) struct Word {
    pub(super) word: String,
    pub(super) tag: String,
    /// Counted from 1.
    pub(super) line: usize,
}

/// Column indices in a line.
struct ColumnIndices {
    word: usize,
    tag: usize,
    /// Number of columns per line.
    width: usize,
}

/// Reads the sentences of a file.
///
/// # Errors
/// As [`open`](super::open), and if there are none.
pub(super) fn sentences(
    text: &str,
    columns: &TagColumns,
    path: &Path,
) -> Result<Vec<Sentence>, DataError> {
    let mut reader = Reader::default();
    for (number, line) in (1..).zip(text.split('\n')) {
        reader
            .line(line, number, columns)
            .map_err(|reason| DataError::file(path, format!("line {number}: {reason}")))?;
    }
    reader.end_sentence();
    if reader.sentences.is_empty() {
        return Err(DataError::file(path, "has no words"));
    }
    Ok(reader.sentences)
}

#[derive(Default)]
struct Reader {
    /// Known from the first non-empty line.
    places: Option<ColumnIndices>,
    words: Vec<Word>,
    sentences: Vec<Sentence>,
}

impl Reader {
    fn line(&mut self, line: &str, number: usize, columns: &TagColumns) -> Result<(), String> {
        if line.trim_ascii().is_empty() {
            self.end_sentence();
            return Ok(());
        }
        let cells: Vec<&str> = if line.contains('\t') {
            line.split('\t').map(str::trim_ascii).collect()
        } else {
            // ASCII whitespace only: a word may contain, or be, a non-breaking space.
            line.split_ascii_whitespace().collect()
        };
        if cells.first() == Some(&DOCUMENT) {
            self.end_sentence();
            return Ok(());
        }
        let named = columns.word.is_some() || columns.tag.is_some();
        let Some(places) = &self.places else {
            self.places = Some(find(&cells, columns)?);
            return if named {
                Ok(())
            } else {
                self.word(&cells, number)
            };
        };
        if cells.len() != places.width {
            let (found, width) = (cells.len(), places.width);
            return Err(format!(
                "{found} columns, but the lines before have {width}"
            ));
        }
        self.word(&cells, number)
    }

    fn word(&mut self, cells: &[&str], line: usize) -> Result<(), String> {
        let cell = |place: Option<usize>| place.and_then(|place| cells.get(place)).copied();
        let places = self.places.as_ref();
        let word = cell(places.map(|places| places.word)).unwrap_or_default();
        let tag = cell(places.map(|places| places.tag)).unwrap_or_default();
        if word.is_empty() || tag.is_empty() {
            return Err("the word or its tag is missing".to_owned());
        }
        self.words.push(Word {
            word: word.to_owned(),
            tag: tag.to_owned(),
            line,
        });
        Ok(())
    }

    fn end_sentence(&mut self) {
        if !self.words.is_empty() {
            self.sentences.push(Sentence {
                words: std::mem::take(&mut self.words),
            });
        }
    }
}

/// Finds the columns in the first line.
fn find(cells: &[&str], columns: &TagColumns) -> Result<ColumnIndices, String> {
    let last = cells.len() - 1;
    if last == 0 {
        return Err(format!("only one column ({:?}), so no tag", cells.concat()));
    }
    let find = |name: &Option<String>, otherwise: usize| match name {
        None => Ok(otherwise),
        Some(name) => {
            let place = cells.iter().position(|cell| cell == name);
            place.ok_or_else(|| {
                let there = cells.join(", ");
                format!("no column is called {name:?}; the columns are {there}")
            })
        }
    };
    Ok(ColumnIndices {
        word: find(&columns.word, 0)?,
        tag: find(&columns.tag, last)?,
        width: cells.len(),
    })
}
