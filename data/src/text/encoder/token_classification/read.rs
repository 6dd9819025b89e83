//! CoNLL's column formats.

mod layout;

use super::TagColumns;
use crate::error::DataError;
use crate::text::lines::{LineReader, MAX_ENTRY};
use layout::{Layout, cells};
use std::collections::HashSet;
use std::path::Path;

/// Line between documents in CoNLL 2003.
const DOCUMENT: &str = "-DOCSTART-";
/// Lines read before the columns are known.
const SAMPLE: usize = 1000;
/// First character of a comment.
const COMMENT: char = '#';

/// Sentences of a file; at least one.
pub(super) struct TaggedFile {
    pub(super) sentences: Vec<Sentence>,
    /// Number of columns per line.
    pub(super) width: usize,
}

/// Words up to an empty line; at least one.
pub(super) struct Sentence {
    pub(super) words: Vec<Word>,
}

pub(super) struct Word {
    pub(super) word: String,
    /// Empty if it is missing.
    pub(super) tag: String,
    /// Counted from 1.
    pub(super) line: usize,
    /// True if the line may be a comment: it begins with `#` and has as many columns as the others.
    may_be_comment: bool,
}

/// Reads the sentences of a file, line by line. A tag column that [`TagColumns`] names may be
/// missing unless it `needs_tags`.
///
/// # Errors
/// As [`open`](super::open), except for missing tags, and if there are none.
pub(super) fn sentences(
    path: &Path,
    columns: &TagColumns,
    needs_tags: bool,
) -> Result<TaggedFile, DataError> {
    let mut lines = LineReader::open(path, MAX_ENTRY)?;
    let mut sample = Vec::new();
    while sample.len() < SAMPLE {
        let line = lines.read()?;
        if line.is_empty() {
            break;
        }
        sample.push(line);
    }
    let wrong =
        |(line, reason): (usize, String)| DataError::file(path, format!("line {line}: {reason}"));
    let is_conll_u = path.extension().is_some_and(|end| end == "conllu");
    let mut layout = Layout::of(&sample, columns, is_conll_u);
    if !needs_tags && layout.is_err() && columns.word.is_some() {
        let words_only = TagColumns {
            word: columns.word.clone(),
            tag: columns.word.clone(),
        };
        layout = Layout::of(&sample, &words_only, is_conll_u);
        layout = layout.map(|layout| layout.map(Layout::without_tags));
    }
    let layout = layout.map_err(wrong)?;
    let layout = layout.ok_or_else(|| DataError::file(path, "has no words"))?;
    let mut reader = Reader::new(&layout);
    for (number, line) in (1..).zip(&sample) {
        reader
            .line(line, number)
            .map_err(|reason| wrong((number, reason)))?;
    }
    drop(sample);
    loop {
        let line = lines.read()?;
        if line.is_empty() {
            break;
        }
        let number = lines.number();
        reader
            .line(&line, number)
            .map_err(|reason| wrong((number, reason)))?;
    }
    let sentences = reader.finish();
    if sentences.is_empty() {
        return Err(DataError::file(path, "has no words"));
    }
    Ok(TaggedFile {
        sentences,
        width: layout.width,
    })
}

struct Reader<'a> {
    layout: &'a Layout,
    words: Vec<Word>,
    sentences: Vec<Sentence>,
}

impl<'a> Reader<'a> {
    fn new(layout: &'a Layout) -> Self {
        Self {
            layout,
            words: Vec::new(),
            sentences: Vec::new(),
        }
    }

    fn line(&mut self, line: &str, number: usize) -> Result<(), String> {
        if line.trim_ascii().is_empty() {
            self.end_sentence();
            return Ok(());
        }
        let cells = cells(line);
        let layout = self.layout;
        if cells.first() == Some(&DOCUMENT) {
            self.end_sentence();
            return Ok(());
        }
        let may_be_comment = line.starts_with(COMMENT);
        if (may_be_comment && !layout.could_be_word(line, &cells))
            || layout.header_line == Some(number)
            || (layout.is_numbered && !cells.first().is_some_and(|id| layout::is_word_id(id)))
        {
            return Ok(());
        }
        if cells.len() != layout.width {
            return Err(format!(
                "{} columns, but the lines before have {}",
                cells.len(),
                layout.width
            ));
        }
        let cell = |place: usize| cells.get(place).copied().unwrap_or_default().to_owned();
        let word = cell(layout.word);
        if word.is_empty() {
            return Err("the word is missing".to_owned());
        }
        self.words.push(Word {
            word,
            tag: layout.tag.map(cell).unwrap_or_default(),
            line: number,
            may_be_comment,
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

    /// All sentences, without comments: a line that begins with `#` is a word if other words have
    /// its tag, or its tag is `#` too, as in the Penn Treebank.
    fn finish(mut self) -> Vec<Sentence> {
        self.end_sentence();
        let words = self.sentences.iter().flat_map(|sentence| &sentence.words);
        let others = words.filter(|word| !word.may_be_comment);
        let tags: HashSet<String> = others.map(|word| word.tag.clone()).collect();
        for sentence in &mut self.sentences {
            sentence.words.retain(|word| {
                !word.may_be_comment || tags.contains(&word.tag) || word.tag == word.word
            });
        }
        self.sentences.retain(|sentence| !sentence.words.is_empty());
        self.sentences
    }
}
