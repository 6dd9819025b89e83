//! Training of an image classifier.

use std::collections::BTreeMap;

use super::bundle::ImageBundle;
use super::data::ImageRun;
use super::pretrained;
use super::recipe::{ImageDataRecipe, ImageRecipe};
use super::task::ImageClassificationTask;
use crate::TrainError;
use crate::params::init_model;
use crate::session::prepared::Prepared;
use crate::session::{SessionContext, StartMode, Work, begins_anew, recorded};
use crate::trainer::{Loaders, Outcome};

/// Image classification.
pub struct ImageClassification;

impl Work for ImageClassification {
    type Data = ImageDataRecipe;

    fn train(
        recipe: &ImageRecipe,
        start: &StartMode,
        mut context: SessionContext,
    ) -> Result<Outcome, TrainError> {
        let prepared = prepare(recipe, start, &mut context)?;
        prepared.run(recipe, start, context)
    }
}

/// Opens the data of `recipe` and builds the initial model.
fn prepare(
    recipe: &ImageRecipe,
    start: &StartMode,
    context: &mut SessionContext,
) -> Result<Prepared<ImageClassificationTask, ImageBundle>, TrainError> {
    let device = context.device.clone().autodiff();
    let ImageRun {
        classifier,
        train,
        validation,
    } = ImageRun::open(recipe, recorded(start)?, &mut context.access)?;
    let mut passed_over = train.source().dataset().passed_over();
    passed_over.merge(&validation.source().dataset().passed_over());
    if !passed_over.is_empty() {
        context.note(&format!("passed over {passed_over}"));
    }
    let smoothing = recipe.train.label_smoothing;
    let config = &classifier.config;
    let class_weights = match &recipe.data.class_weights {
        Some(weights) => {
            let counts = train.source().dataset().class_counts();
            Some(weights.resolve(&classifier.labels, &counts, config.num_classes())?)
        }
        None => None,
    };
    let mut model = init_model(recipe.seed, &device, || Ok(config.init(&device)?))?;
    if begins_anew(start)? {
        model = pretrained::load(model, &recipe.model, context)?;
    }
    if recipe.model.freeze_backbone {
        model = model.freeze_backbone();
    }
    Ok(Prepared {
        task: ImageClassificationTask::new(config.num_classes(), smoothing)
            .with_class_weights(class_weights),
        model,
        loaders: Loaders { train, validation },
        bundle: classifier,
        rate_scales: BTreeMap::new(),
    })
}
