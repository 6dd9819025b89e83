//! `[data]` of language modelling: where text comes from and how a model is fed with it.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tinderbox_data::text::language::treebank::Options as TreebankOptions;

/// Where text comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LanguageDataSource {
    /// Sentences of a probabilistic grammar, generated from the seed; needs no file.
    Grammar,
    /// The word-level files `ptb.{train,valid,test}.txt`, or `{train,valid,test}.txt` in the same layout.
    PennTreebank,
    /// The bracketed treebank, as `.mrg` files.
    Treebank,
    /// Plain text: a file, or a folder with `train.txt`, `valid.txt` and perhaps `test.txt`.
    Text,
    /// Token shards, as `tinderbox data tokens` writes them.
    Tokens,
}

/// What a token of plain text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextUnit {
    /// A word between blanks; every line ends with `<eos>`. The vocabulary is that of the training text.
    Words,
    /// A character. The vocabulary is that of the whole text.
    Characters,
    /// Whatever the `tokenizer` makes of it.
    Tokenizer,
}

/// Text, and how a language model is fed with it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LanguageDataRecipe {
    /// Where text comes from.
    pub source: LanguageDataSource,
    /// The file or folder it lies in.
    pub path: Option<PathBuf>,
    /// What a token of plain text is.
    pub unit: TextUnit,
    /// For unit `tokenizer`: its file or folder (`tokenizer.json`, GPT-2's `vocab.json` and `merges.txt`, BERT's
    /// `vocab.txt`, llama2.c's `tokenizer.bin`).
    pub tokenizer: Option<PathBuf>,
    /// Share of a single text file, at its end, that is kept for validation.
    pub validation_fraction: f64,
    /// Number of training tokens that `grammar` generates.
    pub train_size: usize,
    /// Number of validation tokens that `grammar` generates.
    pub val_size: usize,
    /// Treebank: which sections, and what is done to words.
    pub treebank: TreebankOptions,
    /// Plain text by word: keep only so many entries, the most frequent words, and write `<unk>` for the others. Without it all words
    /// of the training text are known.
    pub vocab_size: Option<usize>,
    /// Tokens that the model sees before it takes a step: the length of a window, or how far gradients flow back through
    /// time.
    pub sequence_length: usize,
    /// Recurrent models: vary this length at random, and the learning rate with it (Merity et al. 2018,
    /// <https://arxiv.org/abs/1708.02182>).
    pub vary_length: bool,
    /// Recurrent models: how many streams an evaluation cuts the text into. Each begins without memory, so that 1 is
    /// exact and more are faster.
    pub eval_streams: usize,
    /// Attention models: tokens between the beginnings of two windows of an evaluation; less than `sequence_length` gives
    /// every token more context, and takes longer.
    pub eval_stride: Option<usize>,
}

impl Default for LanguageDataRecipe {
    fn default() -> Self {
        Self {
            source: LanguageDataSource::Grammar,
            path: None,
            unit: TextUnit::Words,
            tokenizer: None,
            validation_fraction: 0.1,
            train_size: 400_000,
            val_size: 40_000,
            treebank: TreebankOptions::default(),
            vocab_size: None,
            sequence_length: 64,
            vary_length: false,
            eval_streams: 10,
            eval_stride: None,
        }
    }
}
