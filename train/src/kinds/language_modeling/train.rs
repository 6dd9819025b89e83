//! Training of a language model.

use std::collections::BTreeMap;

use super::bundle::LanguageBundle;
use super::data::LanguageRun;
use super::fit;
use super::pretrained;
use super::recipe::{LanguageDataRecipe, LanguageRecipe};
use super::task::LanguageModelingTask;
use crate::TrainError;
use crate::params::init_model;
use crate::session::prepared::Prepared;
use crate::session::{SessionContext, StartMode, Work, begins_anew, recorded};
use crate::trainer::{Loaders, Outcome};

/// Language modelling: the next token.
pub struct LanguageModeling;

impl Work for LanguageModeling {
    type Data = LanguageDataRecipe;

    fn train(
        recipe: &LanguageRecipe,
        start: &StartMode,
        mut context: SessionContext,
    ) -> Result<Outcome, TrainError> {
        let prepared = prepare(recipe, start, &mut context)?;
        prepared.run(recipe, start, context)
    }
}

/// Opens the text of `recipe` and builds the initial model.
fn prepare(
    recipe: &LanguageRecipe,
    start: &StartMode,
    context: &mut SessionContext,
) -> Result<Prepared<LanguageModelingTask, LanguageBundle>, TrainError> {
    let device = context.device.clone().autodiff();
    let LanguageRun {
        text_model,
        train,
        validation,
    } = LanguageRun::open(recipe, recorded(start)?)?;
    let config = &text_model.config;
    let mut model = init_model(recipe.seed, &device, || config.init(&device))?;
    if begins_anew(start)? {
        if let Some(folder) = fit::folder(&recipe.model) {
            context.note(&format!(
                "network and tokenizer are those of {}",
                folder.display()
            ));
        }
        model = pretrained::load(model, &recipe.model, &mut |note| context.note(note))?;
    }
    Ok(Prepared {
        task: LanguageModelingTask::new(recipe, &text_model.tokenizer),
        model,
        loaders: Loaders { train, validation },
        bundle: text_model,
        rate_scales: BTreeMap::new(),
    })
}
