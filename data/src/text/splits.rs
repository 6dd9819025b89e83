//! Texts that have been read, and the corpus that they become: what all word-level and plain corpora share.

use super::{Corpus, Tokenizer, Tokens};
use crate::error::DataError;
use std::path::{Path, PathBuf};

/// The text of one split, and the file or folder that it comes from.
pub(super) struct Text {
    pub(super) path: PathBuf,
    pub(super) text: String,
    /// The number of its first line in that file, counted from 1.
    pub(super) line: usize,
}

impl Text {
    pub(super) fn new(path: &Path, text: String) -> Self {
        Self {
            path: path.to_path_buf(),
            text,
            line: 1,
        }
    }

    /// Makes the last line end as the others do. By words an end is a token, and a file may lack the last one.
    pub(super) fn end_last_line(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with('\n') {
            self.text.push('\n');
        }
    }

    fn tokens(&self, tokenizer: &Tokenizer) -> Result<Tokens, DataError> {
        let ids = tokenizer.encode_part(&self.text, &self.path, self.line)?;
        if ids.is_empty() {
            return Err(DataError::file(&self.path, "has no text"));
        }
        Ok(ids.into())
    }

    fn characters(&self) -> u64 {
        self.text.chars().count() as u64
    }
}

/// The three texts of a corpus.
pub(super) struct Splits {
    pub(super) train: Text,
    pub(super) validation: Text,
    pub(super) test: Option<Text>,
}

impl Splits {
    pub(super) fn texts(&self) -> impl Iterator<Item = &Text> {
        [&self.train, &self.validation]
            .into_iter()
            .chain(&self.test)
    }

    pub(super) fn texts_mut(&mut self) -> impl Iterator<Item = &mut Text> {
        [&mut self.train, &mut self.validation]
            .into_iter()
            .chain(&mut self.test)
    }

    /// Encodes them by words of the training text: all of them, or the most frequent with `<unk>` for the rest.
    pub(super) fn by_words(mut self, limit: Option<usize>) -> Result<Corpus, DataError> {
        self.texts_mut().for_each(Text::end_last_line);
        let tokenizer = Tokenizer::words(&[&self.train.text], limit)?;
        self.encode(tokenizer)
    }

    /// Encodes them.
    ///
    /// # Errors
    /// If one is empty, or has a word or character that the tokenizer cannot encode: named with file, line and column.
    pub(super) fn encode(&self, tokenizer: Tokenizer) -> Result<Corpus, DataError> {
        Ok(Corpus {
            train: self.train.tokens(&tokenizer)?,
            validation: self.validation.tokens(&tokenizer)?,
            test: self
                .test
                .as_ref()
                .map(|text| text.tokens(&tokenizer))
                .transpose()?,
            characters: [
                self.train.characters(),
                self.validation.characters(),
                self.test.as_ref().map_or(0, Text::characters),
            ],
            tokenizer,
        })
    }
}
