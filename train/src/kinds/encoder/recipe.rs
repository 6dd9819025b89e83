//! `[data]` of an encoder: text to be understood rather than continued.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tinderbox_data::text::encoder::sequence_classification::Columns;
use tinderbox_data::text::encoder::token_classification::TagColumns;

use crate::TrainError;

/// Where the texts come from, and with that what is learnt about them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EncoderDataSource {
    /// Generated sentences, each positive or negative; needs no file. The class of each is learnt.
    Sentiment,
    /// Tables (TSV, CSV, JSONL) of texts or pairs of texts with a label each. The class of each is learnt.
    Labelled,
    /// Text files in one folder a class. The class of each is learnt.
    TextFolder,
    /// CoNLL's columns: a word a line with its tag, an empty line between sentences. The tag of each word is learnt.
    Tagged,
    /// SQuAD's JSON, version 1.1 or 2. Where the answer to a question lies in a text is learnt.
    Squad,
    /// Plain text. Words are hidden, and learnt to be told from those around them.
    Masked,
}

/// Texts, and how an encoder is fed with them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EncoderDataRecipe {
    /// Where the texts come from.
    pub source: EncoderDataSource,
    /// The file or folder they lie in.
    pub path: Option<PathBuf>,
    /// What cuts them into tokens: a file or folder with a `tokenizer.json`, `vocab.txt` or the like. Without it, that of
    /// the folder `model.weights`; without that either, one is made from the training texts.
    pub tokenizer: Option<PathBuf>,
    /// How many tokens one has that is made here.
    pub vocab_size: usize,
    /// The longest sequence in tokens, special tokens included. What is longer is cut off, or cut into windows where an
    /// answer is looked for.
    pub max_length: usize,
    /// Tokens that two windows of a text share.
    pub stride: usize,
    /// Tables: what the columns are called.
    pub columns: Columns,
    /// Tagged words: likewise.
    pub tag_columns: TagColumns,
    /// Use only this share of the training texts: always the same ones.
    pub fraction: Option<f64>,
    /// Of data without a validation part, the share that is kept for it.
    pub validation_fraction: f64,
    /// Number of training sentences that `sentiment` generates.
    pub train_size: usize,
    /// Number of validation sentences that `sentiment` generates.
    pub val_size: usize,
    /// Masked text: share of the tokens that is hidden.
    pub mask_probability: f64,
    /// Masked text: hide all pieces of a word, or none.
    pub whole_word: bool,
    /// Answers: the longest that is given, in tokens.
    pub max_answer_tokens: usize,
    /// Answers: how much more "no answer" must score than the best answer to be given (SQuAD 2).
    pub null_threshold: f64,
}

impl Default for EncoderDataRecipe {
    fn default() -> Self {
        Self {
            source: EncoderDataSource::Sentiment,
            path: None,
            tokenizer: None,
            vocab_size: 8000,
            max_length: 128,
            stride: 64,
            columns: Columns::default(),
            tag_columns: TagColumns::default(),
            fraction: None,
            validation_fraction: 0.1,
            train_size: 8000,
            val_size: 1000,
            mask_probability: 0.15,
            whole_word: true,
            max_answer_tokens: 30,
            null_threshold: 0.0,
        }
    }
}

impl EncoderDataRecipe {
    /// Where the data lie.
    ///
    /// # Errors
    /// The recipe does not say.
    pub fn given_path(&self) -> Result<&Path, TrainError> {
        let missing = || TrainError::Mismatch("data.path is not given".into());
        self.path.as_deref().ok_or_else(missing)
    }
}
