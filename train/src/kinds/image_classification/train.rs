//! From a recipe to a classifier ready for training.

use std::collections::BTreeMap;

use super::data::ImageRun;
use super::{ImageBundle, ImageClassificationTask, pretrained};
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

/// Opens the data of `recipe` and builds the model that training begins with.
fn prepare(
    recipe: &Recipe,
    start: &StartMode,
    context: &mut SessionContext,
) -> Result<Prepared<ImageClassificationTask, ImageBundle>, TrainError> {
    let device = context.device.clone().autodiff();
    let ImageRun {
        classifier,
        train,
        validation,
    } = ImageRun::open(recipe, &mut context.access)?;
    let smoothing = recipe.train.label_smoothing;
    let config = &classifier.config;
    let mut model = init_model(recipe.seed, &device, || Ok(config.init(&device)?))?;
    if begins_anew(start)? {
        let (access, note) = (&mut context.access, &mut *context.note);
        model = pretrained::begin_with(model, &recipe.model, access, note)?;
    }
    if recipe.model.freeze_backbone {
        model = model.freeze_backbone();
    }
    Ok(Prepared {
        task: ImageClassificationTask::new(config.num_classes(), smoothing),
        model,
        train,
        validation,
        bundle: classifier,
        rate_scales: BTreeMap::new(),
    })
}
