//! `[data]` of a text encoder: texts, and the task that they are for.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tinderbox_data::text::encoder::sequence_classification::Columns;
use tinderbox_data::text::encoder::token_classification::TagColumns;
use tinderbox_model_transformer::{ProblemType, TextEncoderConfig, huggingface, registry};

use crate::TrainError;
use crate::recipe::{DataSection, LoraRecipe, ModelRecipe, Problems, Recipe};

/// A recipe for a text encoder.
pub type EncoderRecipe = Recipe<EncoderDataRecipe>;

/// Name of the model that `model.weights`, a Hugging Face model folder, describes.
const PRETRAINED: &str = "pretrained";

/// Upper limit on the number of generated sentences, which are held in memory.
const MAX_SENTENCES: usize = 1_000_000;
/// Upper limit on the vocabulary of a tokenizer trained here.
const MAX_VOCABULARY: usize = 1 << 24;
/// Upper limit on tokens in a sequence.
const MAX_LENGTH: usize = 1 << 20;
/// Upper limit on the rank of adapters, beyond which they are larger than what they adapt.
const MAX_RANK: usize = 1 << 16;

/// Source of the texts, which decides the task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EncoderDataSource {
    /// Sequence classification of generated sentences, positive or negative.
    Sentiment,
    /// Sequence classification of tables (TSV, CSV, JSONL) of labelled texts or pairs of texts.
    Labelled,
    /// Sequence classification of text files in one folder per class.
    TextFolder,
    /// Token classification of CoNLL's columns: a word per line with its tag, an empty line between
    /// sentences.
    Tagged,
    /// Question answering on SQuAD's JSON, version 1.1 or 2.
    Squad,
    /// Masked language modelling on plain text.
    Masked,
}

/// Texts, and how an encoder is trained on them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EncoderDataRecipe {
    /// Source of the texts.
    pub source: EncoderDataSource,
    /// File or folder of the texts.
    pub path: Option<PathBuf>,
    /// Tokenizer: a file or folder with a `tokenizer.json`, `vocab.txt` or the like (default: that
    /// of the folder `model.weights`, else one trained on the training texts).
    pub tokenizer: Option<PathBuf>,
    /// Vocabulary size of a tokenizer trained here.
    pub vocab_size: usize,
    /// Maximum sequence length in tokens, special tokens included. Longer texts are truncated;
    /// contexts of questions are split into windows.
    pub max_length: usize,
    /// Question answering: tokens that consecutive windows share.
    pub stride: usize,
    /// Tables: names of the columns.
    pub columns: Columns,
    /// Tables: meaning of the labels. By default numbers with fractions are for regression, lists of
    /// labels for multi-label classification, all else are classes.
    pub problem_type: Option<ProblemType>,
    /// Tagged words: numbers of the columns.
    pub tag_columns: TagColumns,
    /// Use this fraction of the training texts: always the same ones.
    pub fraction: Option<f64>,
    /// Fraction held out for validation, of data without a validation split.
    pub validation_fraction: f64,
    /// Number of training sentences that `sentiment` generates.
    pub train_size: usize,
    /// Number of validation sentences that `sentiment` generates.
    pub val_size: usize,
    /// Masked language modelling: fraction of the tokens that is masked.
    pub mask_probability: f64,
    /// Masked language modelling: mask all pieces of a word or none.
    pub whole_word: bool,
    /// Question answering: maximum length of an answer in tokens.
    pub max_answer_tokens: usize,
    /// Question answering: margin by which "no answer" must outscore the best answer (SQuAD 2).
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
            problem_type: None,
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
    /// True if texts have numbers or sets of labels instead of a class.
    pub(super) fn has_numbers(&self) -> bool {
        matches!(
            self.problem_type,
            Some(ProblemType::Regression | ProblemType::MultiLabel)
        )
    }

    /// Path of the data.
    ///
    /// # Errors
    /// The recipe has none.
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
            | EncoderDataSource::TextFolder => match self.problem_type {
                Some(ProblemType::Regression) => "spearman",
                Some(ProblemType::MultiLabel) => "f1",
                Some(ProblemType::SingleLabel) | None => "accuracy",
            },
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
            "is not for question answering: its classes are the positions of a text, padding included",
        );
        recipe.refuse_recurrent_options(problems);
    }
}

/// The model of a recipe: its defaults, overridden by the options of the section. The model
/// `pretrained` is read from the folder `model.weights`.
///
/// # Errors
/// A sentence per problem: an unknown name, an unknown option, a value of the wrong type,
/// an unreadable folder.
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
    let has_numbers = data
        .problem_type
        .is_some_and(|problem| problem != ProblemType::SingleLabel);
    problems.require(
        data.source == EncoderDataSource::Labelled || !has_numbers,
        "data.problem_type",
        "is for tables of labelled texts",
    );
    for (key, value) in [
        ("data.vocab_size", data.vocab_size),
        ("data.train_size", data.train_size),
        ("data.val_size", data.val_size),
        ("data.max_answer_tokens", data.max_answer_tokens),
    ] {
        problems.positive(key, value as f64);
    }
    for (key, value) in [
        ("data.train_size", data.train_size),
        ("data.val_size", data.val_size),
    ] {
        problems.at_most(key, value, MAX_SENTENCES);
    }
    problems.at_most("data.vocab_size", data.vocab_size, MAX_VOCABULARY);
    problems.at_most("data.max_length", data.max_length, MAX_LENGTH);
    problems.at_most("data.max_answer_tokens", data.max_answer_tokens, MAX_LENGTH);
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
    problems.require(
        model.weights_key.is_none(),
        "model.weights_key",
        "is for image classifiers and language models",
    );
    if model.name == PRETRAINED {
        // The folder is not opened here, so that the recipe of a run stays valid when it is gone.
        let rule = "must be a Hugging Face model folder for model.name = \"pretrained\"";
        problems.require(model.weights.is_some(), "model.weights", rule);
        return;
    }
    match model_config(model) {
        Ok(config) => problems.take(config.validate()),
        Err(found) => problems.extend(found),
    }
}

/// Checks freezing and LoRA.
fn check_adaptation(model: &ModelRecipe, problems: &mut Problems) {
    problems.require(
        model.strict,
        "model.strict",
        "is not for encoders: everything below the head must fit, and a head that does not is newly initialised",
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
        problems.at_most("model.lora.rank", *rank, MAX_RANK);
        problems.positive("model.lora.alpha", *alpha);
    }
}
