//! Raw text by split, and its encoding into a corpus. Shared by all word-level and plain corpora.

use super::{Corpus, Tokens};
use crate::error::DataError;
use crate::text::Tokenizer;
use std::path::{Path, PathBuf};

/// The text of one split, and the file or folder it was read from.
pub(super) struct SplitText {
    pub(super) path: PathBuf,
    pub(super) text: String,
    /// Number of the text's first line in that file, counted from 1.
    pub(super) line: usize,
}

impl SplitText {
    pub(super) fn new(path: &Path, text: String) -> Self {
        Self {
            path: path.to_path_buf(),
            text,
            line: 1,
        }
    }

    /// Terminates the last line with a newline. By words a line end is a token, and a file may lack
    /// the last one.
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

/// The splits of a corpus as text.
pub(super) struct TextSplits {
    pub(super) train: SplitText,
    pub(super) validation: SplitText,
    pub(super) test: Option<SplitText>,
}

impl TextSplits {
    pub(super) fn texts(&self) -> impl Iterator<Item = &SplitText> {
        [&self.train, &self.validation]
            .into_iter()
            .chain(&self.test)
    }

    pub(super) fn texts_mut(&mut self) -> impl Iterator<Item = &mut SplitText> {
        [&mut self.train, &mut self.validation]
            .into_iter()
            .chain(&mut self.test)
    }

    /// Encodes by the words of the training text: all of them, or the most frequent with `<unk>`
    /// for the rest.
    pub(super) fn by_words(mut self, limit: Option<usize>) -> Result<Corpus, DataError> {
        self.texts_mut().for_each(SplitText::end_last_line);
        let tokenizer = Tokenizer::words(&[&self.train.text], limit)?;
        self.encode(tokenizer)
    }

    /// Encodes the splits.
    ///
    /// # Errors
    /// If a split is empty, or has a word or character that the tokenizer cannot encode (with file,
    /// line and column).
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
                self.test.as_ref().map_or(0, SplitText::characters),
            ],
            tokenizer,
        })
    }
}
