//! `[data]` of language modelling: where text comes from and how a model is fed with it.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tinderbox_data::text::language::treebank::Options as TreebankOptions;

use super::model::{LanguageModelConfig, LanguageModelInfo};
use crate::recipe::{DataSection, ModelRecipe, Problems, Recipe};

/// A recipe for language modelling.
pub type LanguageRecipe = Recipe<LanguageDataRecipe>;

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

impl DataSection for LanguageDataRecipe {
    type Source = LanguageDataSource;

    const KIND: &'static str = "language modelling";

    fn best_metric(&self) -> &'static str {
        "perplexity"
    }

    fn is_generated(&self) -> bool {
        self.source == LanguageDataSource::Grammar
    }

    fn paths(&mut self) -> Vec<&mut PathBuf> {
        self.path.iter_mut().chain(&mut self.tokenizer).collect()
    }

    fn check(recipe: &Recipe<Self>, problems: &mut Problems) {
        match model_config(&recipe.model) {
            Ok(config) => problems.take(config.validate()),
            Err(found) => problems.extend(found),
        }
        check_text(&recipe.data, problems);
        problems.require(
            !recipe.model.freeze_backbone,
            "model.freeze_backbone",
            "is for image classifiers and encoders",
        );
        recipe.refuse_encoder_options(problems);
    }
}

/// The model of a recipe: its defaults, overridden by the options of the section.
///
/// # Errors
/// A sentence per problem: an unknown name, an unknown option, a value of the wrong type.
pub fn model_config(model: &ModelRecipe) -> Result<LanguageModelConfig, Vec<String>> {
    let models = LanguageModelInfo::all();
    match models.iter().find(|info| info.name == model.name) {
        Some(info) => model.with_options(&info.config),
        None => Err(model.unknown(models.iter().map(|info| info.name))),
    }
}

fn check_text(data: &LanguageDataRecipe, problems: &mut Problems) {
    problems.require(
        data.source == LanguageDataSource::Grammar || data.path.is_some(),
        "data.path",
        "must be given for this data.source",
    );
    let is_plain = data.source == LanguageDataSource::Text;
    problems.require(
        !is_plain || (data.unit == TextUnit::Tokenizer) == data.tokenizer.is_some(),
        "data.tokenizer",
        "must be given for data.unit = \"tokenizer\", and only for it",
    );
    problems.fraction("data.validation_fraction", data.validation_fraction);
    for (key, value) in [
        ("data.train_size", data.train_size),
        ("data.val_size", data.val_size),
        ("data.sequence_length", data.sequence_length),
        ("data.eval_streams", data.eval_streams),
        ("data.eval_stride", data.eval_stride.unwrap_or(1)),
        ("data.vocab_size", data.vocab_size.unwrap_or(1)),
    ] {
        problems.positive(key, value as f64);
    }
    problems.require(
        data.eval_stride.unwrap_or(1) <= data.sequence_length,
        "data.eval_stride",
        "must be at most data.sequence_length, or tokens would be left out",
    );
}
