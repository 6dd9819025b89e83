//! `[data]` of language modelling: text, and how a model is trained on it.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tinderbox_data::text::language::treebank::Options as TreebankOptions;
use tinderbox_model_transformer::huggingface;

use super::fit;
use super::model::{LanguageModelConfig, LanguageModelInfo};
use crate::TrainError;
use crate::recipe::{DataSection, ModelRecipe, Problems, Recipe};

/// A recipe for language modelling.
pub type LanguageRecipe = Recipe<LanguageDataRecipe>;

/// Upper limit on the number of generated tokens, which are held in memory.
const MAX_TOKENS: usize = 100_000_000;
/// Upper limit on tokens in a sequence, and on streams of text.
const MAX_LENGTH: usize = 1 << 20;
/// Upper limit on the words of a vocabulary.
const MAX_VOCABULARY: usize = 1 << 24;

/// Source of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LanguageDataSource {
    /// Sentences of a probabilistic grammar, generated from the seed.
    Grammar,
    /// Penn Treebank's word-level files `ptb.{train,valid,test}.txt`, or `{train,valid,test}.txt`
    /// in the same layout.
    PennTreebank,
    /// Penn Treebank's bracketed `.mrg` files.
    Treebank,
    /// Plain text: a file, or a folder with `train.txt`, `valid.txt` and optionally `test.txt`.
    Text,
    /// Token shards of `tinderbox data tokens`.
    Tokens,
}

/// Token unit of plain text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextUnit {
    /// Words between blanks; every line ends with `<eos>`. The vocabulary is that of the training
    /// text.
    Words,
    /// Characters. The vocabulary is that of the whole text.
    Characters,
    /// Tokens of the `tokenizer`.
    Tokenizer,
}

/// Text data, and how a language model is trained on them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LanguageDataRecipe {
    /// Source of the text.
    pub source: LanguageDataSource,
    /// File or folder of the text.
    pub path: Option<PathBuf>,
    /// Token unit of plain text.
    pub unit: TextUnit,
    /// Unit `tokenizer`: its file or folder (`tokenizer.json`, GPT-2's `vocab.json` and
    /// `merges.txt`, BERT's `vocab.txt`, llama2.c's `tokenizer.bin`).
    pub tokenizer: Option<PathBuf>,
    /// Fraction at the end of a single text file that is held out for validation.
    pub validation_fraction: f64,
    /// Number of training tokens that `grammar` generates.
    pub train_size: usize,
    /// Number of validation tokens that `grammar` generates.
    pub val_size: usize,
    /// Treebank: sections, and normalisation of words.
    pub treebank: TreebankOptions,
    /// Words: vocabulary size; words beyond the most frequent ones become `<unk>` (default: all
    /// words of the training text).
    pub vocab_size: Option<usize>,
    /// Sequence length in tokens: of a window, or of truncated backpropagation through time.
    pub sequence_length: usize,
    /// Recurrent models: vary the sequence length at random, and the learning rate with it (Merity
    /// et al. 2017, <https://arxiv.org/abs/1708.02182>).
    pub vary_length: bool,
    /// Recurrent models: number of streams that evaluation text is cut into. Each starts without a
    /// hidden state, so 1 is exact and more are faster.
    pub eval_streams: usize,
    /// Attention models: stride of evaluation windows in tokens. Less than `sequence_length` gives
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

    fn settle(recipe: &mut Recipe<Self>) -> Result<(), TrainError> {
        fit::settle(recipe)
    }

    fn check(recipe: &Recipe<Self>, problems: &mut Problems) {
        check_model(&recipe.model, problems);
        check_text(&recipe.data, &recipe.model, problems);
        problems.require(
            !recipe.model.freeze_backbone,
            "model.freeze_backbone",
            "is for image classifiers and encoders",
        );
        recipe.refuse_encoder_options(problems);
    }
}

/// The model of a recipe: its defaults, overridden by the options of the section. If the weights are
/// a model folder, the network is that folder's, whatever the name.
///
/// # Errors
/// A sentence per problem: an unknown name, an unknown option, a value of the wrong type,
/// an unreadable folder.
pub fn model_config(model: &ModelRecipe) -> Result<LanguageModelConfig, Vec<String>> {
    if let Some(folder) = fit::folder(model) {
        let config = huggingface::read_config(&folder);
        let config = config.map_err(|e| vec![format!("model.weights: {e}")])?;
        return model.with_options(&LanguageModelConfig::Attention(config));
    }
    if model.name == PRETRAINED {
        return Err(vec![match &model.weights {
            Some(weights) => format!("model.weights: there is no folder {weights}"),
            None => NO_FOLDER.into(),
        }]);
    }
    let models = LanguageModelInfo::all();
    match models.iter().find(|info| info.name == model.name) {
        Some(info) => model.with_options(&info.config),
        None => {
            let names = models.iter().map(|info| info.name);
            Err(model.unknown(names.chain([PRETRAINED])))
        }
    }
}

/// Name of the network of a model folder.
pub(super) const PRETRAINED: &str = "pretrained";
const NO_FOLDER: &str =
    "model.weights must be a Hugging Face model folder for model.name = \"pretrained\"";

fn check_model(model: &ModelRecipe, problems: &mut Problems) {
    // The folder is not opened here, so that the recipe of a run stays valid when it is gone.
    if model.name == PRETRAINED || fit::folder(model).is_some() {
        problems.require(
            model.weights.is_some(),
            "model.weights",
            "must be a Hugging Face model folder for model.name = \"pretrained\"",
        );
        return;
    }
    match model_config(model) {
        Ok(config) => problems.take(config.validate()),
        Err(found) => problems.extend(found),
    }
}

fn check_text(data: &LanguageDataRecipe, model: &ModelRecipe, problems: &mut Problems) {
    problems.require(
        data.source == LanguageDataSource::Grammar || data.path.is_some(),
        "data.path",
        "must be given for this data.source",
    );
    let is_plain = data.source == LanguageDataSource::Text;
    let has_own = data.unit == TextUnit::Tokenizer && model.weights.is_some();
    problems.require(
        !is_plain || has_own || (data.unit == TextUnit::Tokenizer) == data.tokenizer.is_some(),
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
    for (key, value, most) in [
        ("data.train_size", data.train_size, MAX_TOKENS),
        ("data.val_size", data.val_size, MAX_TOKENS),
        ("data.sequence_length", data.sequence_length, MAX_LENGTH),
        ("data.eval_streams", data.eval_streams, MAX_LENGTH),
        (
            "data.vocab_size",
            data.vocab_size.unwrap_or(1),
            MAX_VOCABULARY,
        ),
    ] {
        problems.at_most(key, value, most);
    }
    problems.require(
        data.eval_stride.unwrap_or(1) <= data.sequence_length,
        "data.eval_stride",
        "must be at most data.sequence_length, or tokens would be skipped",
    );
}
