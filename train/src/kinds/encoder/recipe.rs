//! `[data]` of an encoder: text to be understood rather than continued.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tinderbox_data::text::encoder::sequence_classification::Columns;
use tinderbox_data::text::encoder::token_classification::TagColumns;
use tinderbox_model_transformer::{TextEncoderConfig, huggingface, registry};

use crate::TrainError;
use crate::recipe::{DataSection, LoraRecipe, ModelRecipe, Problems, Recipe};

/// A recipe for a text encoder.
pub type EncoderRecipe = Recipe<EncoderDataRecipe>;

/// Name of the model that `model.weights`, a Hugging Face model folder, describes.
const PRETRAINED: &str = "pretrained";

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

impl DataSection for EncoderDataRecipe {
    type Source = EncoderDataSource;

    const KIND: &'static str = "text encoders";

    fn best_metric(&self) -> &'static str {
        match self.source {
            EncoderDataSource::Masked => "perplexity",
            EncoderDataSource::Squad | EncoderDataSource::Tagged => "f1",
            EncoderDataSource::Sentiment
            | EncoderDataSource::Labelled
            | EncoderDataSource::TextFolder => "accuracy",
        }
    }

    fn is_generated(&self) -> bool {
        self.source == EncoderDataSource::Sentiment
    }

    fn paths(&mut self) -> Vec<&mut PathBuf> {
        self.path.iter_mut().chain(&mut self.tokenizer).collect()
    }

    fn check(recipe: &Recipe<Self>, problems: &mut Problems) {
        check_encoder(&recipe.model, problems);
        check_sequences(&recipe.data, problems);
        check_adaptation(&recipe.model, problems);
        problems.require(
            recipe.data.source != EncoderDataSource::Squad || recipe.train.label_smoothing == 0.0,
            "train.label_smoothing",
            "is not for answers: the classes are the places of a text, padding too",
        );
        recipe.refuse_recurrent_options(problems);
    }
}

/// The model of a recipe: its defaults, overridden by the options of the section. The model `pretrained` is read from the
/// folder `model.weights`.
///
/// # Errors
/// A sentence per problem: an unknown name, an unknown option, a value of the wrong type, an unreadable folder.
pub fn model_config(model: &ModelRecipe) -> Result<TextEncoderConfig, Vec<String>> {
    if model.name == PRETRAINED {
        let Some(folder) = &model.weights else {
            let problem =
                "model.weights must be a Hugging Face model folder for model.name = \"pretrained\"";
            return Err(vec![problem.into()]);
        };
        let (config, _) = huggingface::read_encoder_config(Path::new(folder))
            .map_err(|e| vec![format!("model.weights: {e}")])?;
        return model.with_options(&config);
    }
    let encoders = registry::ENCODERS;
    match encoders.iter().find(|info| info.name == model.name) {
        Some(info) => model.with_options(&(info.config)()),
        None => {
            let names = encoders.iter().map(|info| info.name);
            Err(model.unknown(names.chain([PRETRAINED])))
        }
    }
}

fn check_sequences(data: &EncoderDataRecipe, problems: &mut Problems) {
    problems.require(
        data.source == EncoderDataSource::Sentiment || data.path.is_some(),
        "data.path",
        "must be given for this data.source",
    );
    for (key, value) in [
        ("data.vocab_size", data.vocab_size),
        ("data.train_size", data.train_size),
        ("data.val_size", data.val_size),
        ("data.max_answer_tokens", data.max_answer_tokens),
    ] {
        problems.positive(key, value as f64);
    }
    problems.require(
        data.max_length >= 4,
        "data.max_length",
        &format!(
            "must be at least 4, since special tokens take up to three, got {}",
            data.max_length
        ),
    );
    problems.require(
        data.source != EncoderDataSource::Squad || data.stride < data.max_length,
        "data.stride",
        "must be less than data.max_length",
    );
    let fraction = data.fraction.unwrap_or(1.0);
    problems.require(
        fraction > 0.0 && fraction <= 1.0,
        "data.fraction",
        &format!("must be above 0 and at most 1, got {fraction}"),
    );
    problems.fraction("data.validation_fraction", data.validation_fraction);
    problems.fraction("data.mask_probability", data.mask_probability);
    problems.positive("data.mask_probability", data.mask_probability);
}

fn check_encoder(model: &ModelRecipe, problems: &mut Problems) {
    if model.name == PRETRAINED {
        // Its folder is not looked at here: the recipe of a run stays right when the folder is gone.
        let rule = "must be a folder of Hugging Face's for model.name = \"pretrained\"";
        problems.require(model.weights.is_some(), "model.weights", rule);
        return;
    }
    match model_config(model) {
        Ok(config) => problems.take(config.validate()),
        Err(found) => problems.extend(found),
    }
}

/// The ways in which only a part of an encoder learns.
fn check_adaptation(model: &ModelRecipe, problems: &mut Problems) {
    problems.require(
        model.strict,
        "model.strict",
        "is not for encoders: all below the head must fit, and a head that does not is left new",
    );
    let ways = [
        model.freeze_backbone,
        model.freeze_layers.is_some(),
        model.lora.is_some(),
    ];
    problems.require(
        ways.into_iter().filter(|way| *way).count() <= 1,
        "model.freeze_backbone, model.freeze_layers and model.lora",
        "cannot be given together",
    );
    if let Some(LoraRecipe { rank, alpha, .. }) = &model.lora {
        problems.positive("model.lora.rank", *rank as f64);
        problems.positive("model.lora.alpha", *alpha);
    }
}
