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
use tinderbox_model_transformer::huggingface;

use super::bundle::LanguageBundle;
use super::fit::{check_corpus, check_kind, fitted, folder};
use super::model::LanguageModelConfig;
use super::recipe::{LanguageDataRecipe, LanguageDataSource, LanguageRecipe, TextUnit};
use super::token_source::TokenSource;
use crate::TrainError;

/// Opens the text of a recipe, as tokens.
///
/// # Errors
/// The text is missing or invalid.
pub fn open_corpus(data: &LanguageDataRecipe, seed: u64) -> Result<Corpus, TrainError> {
    open_corpus_with(data, seed, None)
}

/// As [`open_corpus`], with the tokenizer of a run in place of the file that it was read from.
///
/// # Errors
/// As [`open_corpus`].
pub fn open_corpus_with(
    data: &LanguageDataRecipe,
    seed: u64,
    own: Option<&Tokenizer>,
) -> Result<Corpus, TrainError> {
    Ok(match data.source {
        LanguageDataSource::Grammar => grammar::corpus(seed, data.train_size, data.val_size)?,
        LanguageDataSource::PennTreebank => penn_treebank::open(given_path(data)?)?,
        LanguageDataSource::Treebank => treebank::open(given_path(data)?, &data.treebank)?,
        LanguageDataSource::Text => {
            let by = match (data.unit, own, &data.tokenizer) {
                (TextUnit::Words, ..) => By::Words {
                    vocabulary: data.vocab_size,
                },
                (TextUnit::Characters, ..) => By::Characters,
                (TextUnit::Tokenizer, Some(own), _) => By::Tokenizer(own.clone()),
                (TextUnit::Tokenizer, None, Some(path)) => By::Tokenizer(Tokenizer::open(path)?),
                (TextUnit::Tokenizer, None, None) => {
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
        // A run has its tokenizer. The file that it came from need not be there any more; if it is,
        // it must still be the same.
        let is_gone = data.tokenizer.as_ref().is_some_and(|path| !path.exists());
        let own = recorded.as_ref().filter(|_| is_gone);
        let corpus = open_corpus_with(data, recipe.seed, own.map(|own| &own.tokenizer))?;
        let text_model = match recorded {
            Some(recorded) => recorded.with_same_tokens(&corpus.tokenizer)?,
            None => LanguageBundle {
                config: fitted(recipe, &corpus)?,
                ends: folder(&recipe.model)
                    .map(|folder| ends(&folder))
                    .transpose()?,
                tokenizer: corpus.tokenizer.clone(),
            },
        };
        let config = &text_model.config;
        check_corpus(&corpus, config.vocab_size())?;
        check_kind(recipe, data, config)?;
        let train = training_loader(recipe, data, config, corpus.train)?;
        let start = text_model.tokenizer.end_of_text();
        let shape = EvaluationShape::from(recipe);
        let validation = evaluation_loader(&shape, config, corpus.validation, start)?;
        Ok(Self {
            text_model,
            train,
            validation,
        })
    }
}

/// Tokens that end a text, as a model folder says.
fn ends(folder: &Path) -> Result<Vec<u32>, TrainError> {
    Ok(huggingface::read_generation_defaults(folder)?.ends)
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
    loader(
        recipe.train.workers,
        source,
        batch_size,
        recipe.train.drop_last,
    )
}

/// Lengths and numbers of an evaluation.
#[derive(Clone, Copy, Debug)]
pub struct EvaluationShape {
    /// Sequence length in tokens.
    pub sequence_length: usize,
    /// Rows of a batch.
    pub batch_size: usize,
    /// Loader threads.
    pub workers: usize,
    /// Streams of a recurrent model.
    pub streams: usize,
    /// Stride of an attention model's windows.
    pub stride: Option<usize>,
}

impl From<&LanguageRecipe> for EvaluationShape {
    fn from(recipe: &LanguageRecipe) -> Self {
        Self {
            sequence_length: recipe.data.sequence_length,
            batch_size: recipe.train.batch_size,
            workers: recipe.train.workers,
            streams: recipe.data.eval_streams,
            stride: recipe.data.eval_stride,
        }
    }
}

/// Loads `tokens` in order, with every token as a target once. `start` is the end-of-text token,
/// left out if the model has no row for it.
///
/// # Errors
/// `tokens` is empty.
pub fn evaluation_loader(
    shape: &EvaluationShape,
    config: &LanguageModelConfig,
    tokens: Tokens,
    start: Option<u32>,
) -> Result<Loader<TokenSource>, TrainError> {
    let time = shape.sequence_length;
    let start = start.filter(|start| (*start as usize) < config.vocab_size());
    let (source, batch_size) = match config {
        LanguageModelConfig::Recurrent(_) => {
            let streams = shape.streams.min(tokens.len().max(1));
            let streams = Streams::evaluation(tokens, streams, time, start)?;
            (TokenSource::Streams(streams), 1)
        }
        LanguageModelConfig::Attention(_) => {
            let windows = Windows::evaluation(tokens, time, shape.stride, start)?;
            (TokenSource::Windows(windows), shape.batch_size)
        }
    };
    loader(shape.workers, source, batch_size, false)
}

fn loader(
    workers: usize,
    source: TokenSource,
    batch_size: usize,
    drop_last: bool,
) -> Result<Loader<TokenSource>, TrainError> {
    // Not shuffled: streams are ordered, and training windows have random positions anyway.
    let config = LoaderConfig::new(batch_size)
        .with_workers(workers)
        .with_drop_last(drop_last);
    Ok(Loader::new(Arc::new(source), config)?)
}
