//! The texts of a recipe, opened, and an encoder fitted to them.

use std::sync::Arc;

use tinderbox_data::loader::{Loader, LoaderConfig, Source};
use tinderbox_data::text::Truncated;

use super::bundle::EncoderBundle;
use super::recipe::{EncoderDataRecipe, EncoderRecipe};
use crate::TrainError;
use crate::task::Task;

/// Everything that a run of an encoder needs, opened and checked against each other.
pub struct EncoderRun<T: Task> {
    /// The model, its tokenizer and its labels.
    pub encoder: EncoderBundle,
    /// The work.
    pub task: T,
    /// Training batches.
    pub train: Loader<T::Source>,
    /// Validation batches in order.
    pub validation: Loader<T::Source>,
    /// What a person should know about the data.
    pub notes: Vec<String>,
}

/// A part of the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// What is learnt from.
    Train,
    /// What is measured with while learning.
    Validation,
    /// What is measured with at the end.
    Test,
}

/// What `part` of the data has.
pub(super) fn pick<T>(
    part: Part,
    train: T,
    validation: T,
    test: Option<T>,
) -> Result<T, TrainError> {
    match part {
        Part::Train => Ok(train),
        Part::Validation => Ok(validation),
        Part::Test => test
            .ok_or_else(|| TrainError::Mismatch("these data have no test part with labels".into())),
    }
}

/// The share `fraction` of the items, evenly from all over them: always the same ones.
pub(super) fn part_of<T>(items: Vec<T>, fraction: Option<f64>) -> Vec<T> {
    let Some(fraction) = fraction else {
        return items;
    };
    let before = |count: usize| (count as f64 * fraction).ceil() as usize;
    let chosen = |(place, item)| (before(place + 1) > before(place)).then_some(item);
    items.into_iter().enumerate().filter_map(chosen).collect()
}

/// What is said about texts that are longer than the model may see.
pub(super) fn truncated(truncated: Truncated, data: &EncoderDataRecipe) -> Option<String> {
    let Truncated { texts, tokens } = truncated;
    (texts > 0).then(|| {
        format!(
            "{texts} training texts have more than data.max_length = {} tokens; the {tokens} tokens beyond it are left out",
            data.max_length
        )
    })
}

pub(super) fn training<S: Source>(
    recipe: &EncoderRecipe,
    source: S,
) -> Result<Loader<S>, TrainError> {
    loader(recipe, source, true, recipe.train.drop_last)
}

pub(super) fn evaluation<S: Source>(
    recipe: &EncoderRecipe,
    source: S,
) -> Result<Loader<S>, TrainError> {
    loader(recipe, source, false, false)
}

fn loader<S: Source>(
    recipe: &EncoderRecipe,
    source: S,
    shuffle: bool,
    drop_last: bool,
) -> Result<Loader<S>, TrainError> {
    let config = LoaderConfig {
        batch_size: recipe.train.batch_size,
        workers: recipe.train.workers,
        shuffle,
        drop_last,
        seed: recipe.seed,
        skip_bad: 0,
    };
    Ok(Loader::new(Arc::new(source), config)?)
}
