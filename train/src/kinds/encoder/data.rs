//! Data of an encoder's recipe: parts that its tasks share.

use std::sync::Arc;

use tinderbox_data::Split;
use tinderbox_data::loader::{Loader, LoaderConfig, Source};
use tinderbox_data::text::encoder::Truncated;

use super::bundle::EncoderBundle;
use super::recipe::{EncoderDataRecipe, EncoderRecipe};
use crate::TrainError;
use crate::task::Task;

/// Task and data of a run, checked against each other.
pub struct EncoderRun<T: Task> {
    /// Model, tokenizer and labels.
    pub encoder: EncoderBundle,
    /// Task.
    pub task: T,
    /// Training batches.
    pub train: Loader<T::Source>,
    /// Validation batches, in order.
    pub validation: Loader<T::Source>,
    /// The row of a published head for each label, see `load_encoder_rows`; `None`
    /// if the head's labels are not known.
    pub output_rows: Option<Vec<Option<usize>>>,
    /// Notes for the user about the data.
    pub notes: Vec<String>,
}

/// Part of the data to evaluate on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// A split.
    Split(Split),
    /// All of a single file, which is otherwise divided into training and validation data.
    Whole,
}

/// Returns the data of `part`.
pub(super) fn pick<T>(
    part: Part,
    mut train: Vec<T>,
    validation: Vec<T>,
    test: Option<Vec<T>>,
) -> Result<Vec<T>, TrainError> {
    match part {
        Part::Split(Split::Train) => Ok(train),
        Part::Split(Split::Validation) => Ok(validation),
        Part::Split(Split::Test) => test
            .ok_or_else(|| TrainError::Mismatch("these data have no labelled test split".into())),
        Part::Whole => {
            train.extend(validation);
            Ok(train)
        }
    }
}

/// Takes a fraction of the items, evenly spread over all of them: always the same ones.
pub(super) fn subset<T>(items: Vec<T>, fraction: Option<f64>) -> Vec<T> {
    let Some(fraction) = fraction else {
        return items;
    };
    let before = |count: usize| (count as f64 * fraction).ceil() as usize;
    let chosen = |(place, item)| (before(place + 1) > before(place)).then_some(item);
    items.into_iter().enumerate().filter_map(chosen).collect()
}

/// Note about truncated texts.
pub(super) fn truncated(truncated: Truncated, data: &EncoderDataRecipe) -> Option<String> {
    let Truncated { texts, tokens } = truncated;
    (texts > 0).then(|| {
        format!(
            "{texts} training texts are longer than data.max_length = {} tokens; {tokens} tokens are cut off",
            data.max_length
        )
    })
}

/// Shuffled batches to train on.
pub(super) fn training<S: Source>(
    recipe: &EncoderRecipe,
    source: S,
) -> Result<Loader<S>, TrainError> {
    let config = LoaderConfig::new(recipe.train.batch_size)
        .with_workers(recipe.train.workers)
        .with_shuffle(recipe.seed)
        .with_drop_last(recipe.train.drop_last);
    Ok(Loader::new(Arc::new(source), config)?)
}

/// All batches, in order.
pub(super) fn evaluation<S: Source>(
    recipe: &EncoderRecipe,
    source: S,
) -> Result<Loader<S>, TrainError> {
    let config = LoaderConfig::new(recipe.train.batch_size).with_workers(recipe.train.workers);
    Ok(Loader::new(Arc::new(source), config)?)
}
