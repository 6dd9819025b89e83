//! From a recipe to a language model ready for training.

use std::collections::BTreeMap;

use super::data::LanguageRun;
use super::{LanguageBundle, LanguageModelingTask, pretrained};
use crate::TrainError;
use crate::recipe::Recipe;
use crate::session::{Prepared, SessionContext, StartMode, begins_anew, init_model};
use crate::trainer::Outcome;

/// Trains a model as `recipe` says.
///
/// # Errors
/// As [`crate::kinds::train`].
pub fn train(
    recipe: &Recipe,
    start: &StartMode,
    mut context: SessionContext,
) -> Result<Outcome, TrainError> {
    let prepared = prepare(recipe, start, &mut context)?;
    prepared.run(recipe, start, context)
}

/// Opens the text of `recipe` and builds the model that training begins with.
fn prepare(
    recipe: &Recipe,
    start: &StartMode,
    context: &mut SessionContext,
) -> Result<Prepared<LanguageModelingTask, LanguageBundle>, TrainError> {
    let device = context.device.clone().autodiff();
    let LanguageRun {
        text_model,
        train,
        validation,
    } = LanguageRun::open(recipe)?;
    let config = &text_model.config;
    let mut model = init_model(recipe.seed, &device, || config.init(&device))?;
    if begins_anew(start)? {
        model = pretrained::begin_with(model, &recipe.model, &mut *context.note)?;
    }
    Ok(Prepared {
        task: LanguageModelingTask::new(recipe, &text_model.tokenizer)?,
        model,
        train,
        validation,
        bundle: text_model,
        rate_scales: BTreeMap::new(),
    })
}
