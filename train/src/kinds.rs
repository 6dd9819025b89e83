//! Kinds of work, one folder each: its `[data]` section and checks, its data, its task, its files in a run, and the use of
//! a trained model.

pub mod encoder;
pub mod image_classification;
pub mod language_modeling;

use std::path::Path;

use crate::TrainError;
use crate::recipe::{DataRecipe, Recipe};
use crate::run::RunDir;
use crate::session::{SessionContext, StartMode};
use crate::trainer::Outcome;

/// The kind of work that a run is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Images are put into classes.
    ImageClassification,
    /// Text is continued.
    LanguageModeling,
    /// Text is understood: sequence and token classification, question answering, masked language modelling.
    Encoder,
}

impl Kind {
    /// The kind of work of a recipe.
    pub fn of(recipe: &Recipe) -> Self {
        match recipe.data {
            DataRecipe::Image(_) => Self::ImageClassification,
            DataRecipe::Text(_) => Self::LanguageModeling,
            DataRecipe::Sequence(_) => Self::Encoder,
        }
    }

    /// The kind of work of a run.
    ///
    /// # Errors
    /// The recipe is missing or damaged.
    pub fn of_run(run: &RunDir) -> Result<Self, TrainError> {
        Ok(Self::of(&run.recipe(&[])?))
    }
}

/// Trains a model as `recipe` says.
///
/// # Errors
/// Whatever keeps the run from starting or ends it early; data and recipe are checked before anything is written.
pub fn train(
    recipe: &Recipe,
    start: &StartMode,
    context: SessionContext,
) -> Result<Outcome, TrainError> {
    let recipe = resolved(recipe, start)?;
    match &recipe.data {
        DataRecipe::Image(_) => image_classification::train(&recipe, start, context),
        DataRecipe::Text(_) => language_modeling::train(&recipe, start, context),
        DataRecipe::Sequence(_) => encoder::train(&recipe, start, context),
    }
}

/// The recipe with a dry run's length and with absolute paths: it is used again from wherever the next command is run.
fn resolved(recipe: &Recipe, start: &StartMode) -> Result<Recipe, TrainError> {
    let absolute = |path: &Path| std::path::absolute(path).map_err(|e| TrainError::io(path, e));
    let mut recipe = recipe.clone();
    if matches!(start, StartMode::DryRun) {
        recipe.train.max_steps = Some(2);
    }
    if let Some(path) = recipe.data.path_mut() {
        *path = absolute(path)?;
    }
    let tokenizer = match &mut recipe.data {
        DataRecipe::Image(_) => None,
        DataRecipe::Text(data) => data.tokenizer.as_mut(),
        DataRecipe::Sequence(data) => data.tokenizer.as_mut(),
    };
    if let Some(path) = tokenizer {
        *path = absolute(path)?;
    }
    if let Some(weights) = &mut recipe.model.weights
        && Path::new(weights).exists()
    {
        *weights = absolute(weights.as_ref())?.display().to_string();
    }
    Ok(recipe)
}
