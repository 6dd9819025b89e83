//! Training of a text encoder: the task follows from the source of the data.

use tinderbox_model_transformer::TextEncoder;

use super::data::{self, EncoderRun};
use super::{EncoderBundle, EncoderDataSource, pretrained};
use crate::TrainError;
use crate::params::adaptation;
use crate::recipe::Recipe;
use crate::run::{Bundle, RunDir};
use crate::session::{Prepared, SessionContext, StartMode, begins_anew, init_model};
use crate::task::Task;
use crate::trainer::Outcome;

/// Trains an encoder as `recipe` says.
///
/// # Errors
/// As [`crate::kinds::train`].
pub fn train(
    recipe: &Recipe,
    start: &StartMode,
    context: SessionContext,
) -> Result<Outcome, TrainError> {
    let source = recipe.sequences()?.source;
    let known = known_encoder(start)?;
    match source {
        EncoderDataSource::Sentiment
        | EncoderDataSource::Labelled
        | EncoderDataSource::TextFolder => {
            let opened = data::classified(recipe, known)?;
            run_encoder(recipe, start, context, opened)
        }
        EncoderDataSource::Tagged => {
            let opened = data::tagged(recipe, known)?;
            run_encoder(recipe, start, context, opened)
        }
        EncoderDataSource::Squad => {
            let opened = data::squad(recipe, known)?;
            run_encoder(recipe, start, context, opened)
        }
        EncoderDataSource::Masked => {
            let opened = data::masked(recipe, known)?;
            run_encoder(recipe, start, context, opened)
        }
    }
}

/// What a run that goes on has recorded: its data may by then be cut differently, and the folder that its weights came
/// from may be gone.
fn known_encoder(start: &StartMode) -> Result<Option<EncoderBundle>, TrainError> {
    match start {
        StartMode::Resume { path, .. } => Ok(Some(EncoderBundle::read(&RunDir::open(path)?)?)),
        StartMode::New { .. } | StartMode::DryRun => Ok(None),
    }
}

fn run_encoder<T: Task<Model = TextEncoder>>(
    recipe: &Recipe,
    start: &StartMode,
    context: SessionContext,
    opened: EncoderRun<T>,
) -> Result<Outcome, TrainError> {
    let device = context.device.clone().autodiff();
    let EncoderRun {
        encoder,
        task,
        train,
        validation,
        notes,
    } = opened;
    for note in &notes {
        (context.note)(note);
    }
    let config = &encoder.config;
    let mut model = init_model(recipe.seed, &device, || Ok(config.init(&device)?))?;
    if begins_anew(start)? {
        model = pretrained::begin_with(model, &recipe.model, &mut *context.note)?;
    }
    let model = adaptation::adapt(model, &recipe.model, recipe.seed, &device)?;
    let prepared = Prepared {
        task,
        rate_scales: adaptation::rate_scales(&model, recipe.optimizer.layer_decay),
        model,
        train,
        validation,
        bundle: encoder,
    };
    prepared.run(recipe, start, context)
}
