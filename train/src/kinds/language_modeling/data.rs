//! Text of a language modelling recipe, and a model fitted to it.

use std::path::Path;
use std::sync::Arc;

use tinderbox_data::loader::{Loader, LoaderConfig};
use tinderbox_data::text::Tokenizer;
use tinderbox_data::text::generated::grammar;
use tinderbox_data::text::language::plain::{self, By};
use tinderbox_data::text::language::{
    Corpus, Streams, TokenShards, Tokens, Windows, penn_treebank, treebank,
};

use super::bundle::LanguageBundle;
use super::model::LanguageModelConfig;
use super::recipe::{
    LanguageDataRecipe, LanguageDataSource, LanguageRecipe, TextUnit, model_config,
};
use super::token_source::TokenSource;
use crate::TrainError;

/// Opens the text of a recipe, as tokens.
///
/// # Errors
/// The text is missing or invalid.
pub fn open_corpus(data: &LanguageDataRecipe, seed: u64) -> Result<Corpus, TrainError> {
    Ok(match data.source {
        LanguageDataSource::Grammar => grammar::corpus(seed, data.train_size, data.val_size)?,
        LanguageDataSource::PennTreebank => penn_treebank::open(given_path(data)?)?,
        LanguageDataSource::Treebank => treebank::open(given_path(data)?, &data.treebank)?,
        LanguageDataSource::Text => {
            let by = match (data.unit, &data.tokenizer) {
                (TextUnit::Words, _) => By::Words {
                    vocabulary: data.vocab_size,
                },
                (TextUnit::Characters, _) => By::Characters,
                (TextUnit::Tokenizer, Some(path)) => By::Tokenizer(Tokenizer::open(path)?),
                (TextUnit::Tokenizer, None) => {
                    return Err(TrainError::Mismatch("data.tokenizer is not given".into()));
                }
            };
            plain::open(given_path(data)?, &by, 1.0 - data.validation_fraction)?
        }
        LanguageDataSource::Tokens => TokenShards::corpus(given_path(data)?)?,
    })
}

fn given_path(data: &LanguageDataRecipe) -> Result<&Path, TrainError> {
    let missing = || TrainError::Mismatch("data.path is not given".into());
    data.path.as_deref().ok_or_else(missing)
}

/// Model and data of a run, checked against each other.
pub struct LanguageRun {
    /// Model and tokenizer.
    pub text_model: LanguageBundle,
    /// Training batches.
    pub train: Loader<TokenSource>,
    /// Validation batches, in order.
    pub validation: Loader<TokenSource>,
}

impl LanguageRun {
    /// Opens the text of `recipe` and fits the model to it; `recorded` is the model of a run that
    /// resumes.
    ///
    /// # Errors
    /// The text is missing or invalid, the model does not fit it, or it has other tokens than the
    /// recorded one.
    pub fn open(
        recipe: &LanguageRecipe,
        recorded: Option<LanguageBundle>,
    ) -> Result<Self, TrainError> {
        let data = &recipe.data;
        let corpus = open_corpus(data, recipe.seed)?;
        let text_model = match recorded {
            Some(recorded) => recorded.with_same_tokens(&corpus.tokenizer)?,
            None => LanguageBundle {
                config: fitted(recipe, &corpus.tokenizer)?,
                tokenizer: corpus.tokenizer,
            },
        };
        let config = &text_model.config;
        check_kind(recipe, data, config)?;
        let train = training_loader(recipe, data, config, corpus.train)?;
        let start = text_model.tokenizer.end_of_text();
        let validation = evaluation_loader(recipe, config, corpus.validation, start)?;
        Ok(Self {
            text_model,
            train,
            validation,
        })
    }
}

/// Configuration of the model, with the vocabulary size of the tokenizer unless given.
fn fitted(
    recipe: &LanguageRecipe,
    tokenizer: &Tokenizer,
) -> Result<LanguageModelConfig, TrainError> {
    let mut model = recipe.model.clone();
    let tokens = tokenizer.vocab_size();
    let size = i64::try_from(tokens).unwrap_or(i64::MAX);
    model
        .options
        .entry("vocab_size")
        .or_insert(toml::Value::Integer(size));
    let config =
        model_config(&model).map_err(|problems| TrainError::Mismatch(problems.join("; ")))?;
    config.validate()?;
    if config.vocab_size() < tokens {
        return Err(TrainError::Mismatch(format!(
            "the text has {tokens} distinct tokens, but model.vocab_size is {}",
            config.vocab_size()
        )));
    }
    Ok(config)
}

/// Refuses options of the other kind of model, rather than ignore them.
fn check_kind(
    recipe: &LanguageRecipe,
    data: &LanguageDataRecipe,
    config: &LanguageModelConfig,
) -> Result<(), TrainError> {
    let Some(length) = config.context_length() else {
        return match data.eval_stride {
            Some(_) => Err(only("data.eval_stride", "attention")),
            None => Ok(()),
        };
    };
    if data.sequence_length > length {
        return Err(TrainError::Mismatch(format!(
            "data.sequence_length is {} and the model sees {length} tokens at once; shorten it, or lengthen the model's \
             context",
            data.sequence_length
        )));
    }
    for (key, is_asked_for) in [
        ("data.vary_length", data.vary_length),
        ("train.ar_alpha", recipe.train.ar_alpha > 0.0),
        ("train.tar_beta", recipe.train.tar_beta > 0.0),
    ] {
        if is_asked_for {
            return Err(only(key, "recurrent"));
        }
    }
    Ok(())
}

fn only(key: &str, kind: &str) -> TrainError {
    TrainError::Mismatch(format!("{key} is for {kind} models"))
}

fn training_loader(
    recipe: &LanguageRecipe,
    data: &LanguageDataRecipe,
    config: &LanguageModelConfig,
    tokens: Tokens,
) -> Result<Loader<TokenSource>, TrainError> {
    let (time, rows) = (data.sequence_length, recipe.train.batch_size);
    let (source, batch_size) = match config {
        LanguageModelConfig::Recurrent(_) => {
            let vary = data.vary_length.then_some(recipe.seed);
            let streams = Streams::training(tokens, rows, time, vary)?;
            (TokenSource::Streams(streams), 1)
        }
        LanguageModelConfig::Attention(_) => {
            let windows = Windows::training(tokens, time, recipe.seed)?;
            (TokenSource::Windows(windows), rows)
        }
    };
    loader(recipe, source, batch_size, recipe.train.drop_last)
}

/// Loads `tokens` in order, with every token as a target once. `start` is the end-of-text token.
///
/// # Errors
/// `tokens` is empty.
pub fn evaluation_loader(
    recipe: &LanguageRecipe,
    config: &LanguageModelConfig,
    tokens: Tokens,
    start: Option<u32>,
) -> Result<Loader<TokenSource>, TrainError> {
    let data = &recipe.data;
    let time = data.sequence_length;
    let (source, batch_size) = match config {
        LanguageModelConfig::Recurrent(_) => {
            let streams = data.eval_streams.min(tokens.len().max(1));
            let streams = Streams::evaluation(tokens, streams, time, start)?;
            (TokenSource::Streams(streams), 1)
        }
        LanguageModelConfig::Attention(_) => {
            let windows = Windows::evaluation(tokens, time, data.eval_stride, start)?;
            (TokenSource::Windows(windows), recipe.train.batch_size)
        }
    };
    loader(recipe, source, batch_size, false)
}

fn loader(
    recipe: &LanguageRecipe,
    source: TokenSource,
    batch_size: usize,
    drop_last: bool,
) -> Result<Loader<TokenSource>, TrainError> {
    // Not shuffled: streams are ordered, and training windows have random positions anyway.
    let config = LoaderConfig::new(batch_size)
        .with_workers(recipe.train.workers)
        .with_drop_last(drop_last);
    Ok(Loader::new(Arc::new(source), config)?)
}
