//! From a recipe to a trained model: opens the data, builds or restores the state, runs the trainer.

mod prepared;

use std::collections::BTreeMap;
use std::path::Path;

use burn::module::Module;
use burn::tensor::Device;
use burn::train::Interrupter;
use tinderbox_model_transformer::TextEncoder;

use crate::TrainError;
use crate::adaptation;
use crate::encoder::EncoderModel;
use crate::params;
use crate::recipe::{DataRecipe, Recipe, SequenceDataSource};
use crate::report::View;
use crate::run::{Description, RunDir};
use crate::task::Task;
use crate::task::encoder_data::{self, EncoderRun};
use crate::task::image::ImageTask;
use crate::task::image_data::{DataAccess, ImageRun};
use crate::task::language::LanguageTask;
use crate::task::language_data::LanguageRun;
use crate::trainer::Outcome;
use crate::trainer::metrics::MetricInfo;
use crate::weights;
use prepared::Prepared;

/// Where a session of a run begins and where it is written.
pub enum Begin<'a> {
    /// A new run in this folder, in place of the run that is there if `overwrite` is set.
    New {
        /// The run directory.
        path: &'a Path,
        /// Replace a run.
        overwrite: bool,
    },
    /// The run in this folder goes on, from its newest checkpoint or from the one at a step.
    Resume {
        /// The run directory.
        path: &'a Path,
        /// The step of the checkpoint; later ones are removed.
        step: Option<u64>,
    },
    /// Two steps and a short evaluation; nothing is written.
    DryRun,
}

/// What a session needs besides its recipe.
pub struct Surroundings<'a, 'v> {
    /// The device, without gradients.
    pub device: Device,
    /// Where downloaded data are kept.
    pub access: DataAccess<'a>,
    /// What shows the run, made once it is known what it reports.
    pub view: &'v mut dyn FnMut(&ViewInfo) -> View,
    /// Is told, before the view is made, what a person should know about how the run begins.
    pub note: &'v mut dyn FnMut(&str),
    /// What can stop the run.
    pub interrupter: Interrupter,
}

/// What a view needs to know beforehand.
pub struct ViewInfo<'a> {
    /// The run's name.
    pub name: &'a str,
    /// The metrics that are reported.
    pub metrics: &'a [MetricInfo],
    /// What an item is called, as in "images".
    pub items: &'static str,
    /// Epochs in the run.
    pub epochs: u64,
    /// Epochs completed before this session.
    pub epoch: u64,
    /// Optimizer steps taken before this session.
    pub step: u64,
    /// The model's name.
    pub model: &'a str,
    /// Its number of parameters.
    pub parameters: usize,
    /// Training and validation items.
    pub sizes: [usize; 2],
}

/// Trains a model as `recipe` says.
///
/// # Errors
/// Whatever keeps the run from starting or ends it early; data and recipe are checked before anything is written.
pub fn train(
    recipe: &Recipe,
    begin: &Begin,
    mut surroundings: Surroundings,
) -> Result<Outcome, TrainError> {
    let recipe = settled(recipe, begin)?;
    match &recipe.data {
        DataRecipe::Image(_) => {
            let prepared = image_classifier(&recipe, begin, &mut surroundings)?;
            prepared.run(&recipe, begin, surroundings)
        }
        DataRecipe::Text(_) => {
            let prepared = language_model(&recipe, begin, &mut surroundings)?;
            prepared.run(&recipe, begin, surroundings)
        }
        DataRecipe::Sequence(data) => {
            let known = known_encoder(begin)?;
            match data.source {
                SequenceDataSource::Sentiment
                | SequenceDataSource::Labelled
                | SequenceDataSource::TextFolder => {
                    let opened = encoder_data::classified(&recipe, known)?;
                    run_encoder(&recipe, begin, surroundings, opened)
                }
                SequenceDataSource::Tagged => {
                    let opened = encoder_data::tagged(&recipe, known)?;
                    run_encoder(&recipe, begin, surroundings, opened)
                }
                SequenceDataSource::Squad => {
                    let opened = encoder_data::squad(&recipe, known)?;
                    run_encoder(&recipe, begin, surroundings, opened)
                }
                SequenceDataSource::Masked => {
                    let opened = encoder_data::masked(&recipe, known)?;
                    run_encoder(&recipe, begin, surroundings, opened)
                }
            }
        }
    }
}

/// What a run that goes on has recorded: its data may by then be cut differently, and the folder that its weights came
/// from may be gone.
fn known_encoder(begin: &Begin) -> Result<Option<EncoderModel>, TrainError> {
    match begin {
        Begin::Resume { path, .. } => Ok(Some(RunDir::open(path)?.encoder()?)),
        Begin::New { .. } | Begin::DryRun => Ok(None),
    }
}

/// The recipe with a dry run's length and with absolute paths: it is used again from wherever the next command is run.
fn settled(recipe: &Recipe, begin: &Begin) -> Result<Recipe, TrainError> {
    let absolute = |path: &Path| std::path::absolute(path).map_err(|e| TrainError::io(path, e));
    let mut recipe = recipe.clone();
    if matches!(begin, Begin::DryRun) {
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

fn image_classifier(
    recipe: &Recipe,
    begin: &Begin,
    surroundings: &mut Surroundings,
) -> Result<Prepared<ImageTask>, TrainError> {
    let device = surroundings.device.clone().autodiff();
    let ImageRun {
        classifier,
        train,
        validation,
    } = ImageRun::open(recipe, &mut surroundings.access)?;
    let smoothing = recipe.train.label_smoothing;
    let config = &classifier.config;
    let mut model = init_model(recipe.seed, &device, || Ok(config.init(&device)?))?;
    if begins_anew(begin)? {
        let (access, note) = (&mut surroundings.access, &mut *surroundings.note);
        model = weights::begin_with(model, &recipe.model, access, note)?;
    }
    if recipe.model.freeze_backbone {
        model = model.freeze_backbone();
    }
    Ok(Prepared {
        task: ImageTask::new(config.num_classes(), smoothing),
        model,
        train,
        validation,
        description: Description::Classifier(classifier),
        rate_scales: BTreeMap::new(),
    })
}

fn language_model(
    recipe: &Recipe,
    begin: &Begin,
    surroundings: &mut Surroundings,
) -> Result<Prepared<LanguageTask>, TrainError> {
    let device = surroundings.device.clone().autodiff();
    let LanguageRun {
        text_model,
        train,
        validation,
    } = LanguageRun::open(recipe)?;
    let config = &text_model.config;
    let mut model = init_model(recipe.seed, &device, || config.init(&device))?;
    if begins_anew(begin)? {
        model = weights::begin_language_with(model, &recipe.model, &mut *surroundings.note)?;
    }
    Ok(Prepared {
        task: LanguageTask::new(recipe, &text_model.tokenizer)?,
        model,
        train,
        validation,
        description: Description::TextModel(text_model),
        rate_scales: BTreeMap::new(),
    })
}

fn run_encoder<T: Task<Model = TextEncoder>>(
    recipe: &Recipe,
    begin: &Begin,
    surroundings: Surroundings,
    opened: EncoderRun<T>,
) -> Result<Outcome, TrainError> {
    let device = surroundings.device.clone().autodiff();
    let EncoderRun {
        encoder,
        task,
        train,
        validation,
        notes,
    } = opened;
    for note in &notes {
        (surroundings.note)(note);
    }
    let config = &encoder.config;
    let mut model = init_model(recipe.seed, &device, || Ok(config.init(&device)?))?;
    if begins_anew(begin)? {
        model = weights::begin_encoder_with(model, &recipe.model, &mut *surroundings.note)?;
    }
    let model = adaptation::adapt(model, &recipe.model, recipe.seed, &device)?;
    let prepared = Prepared {
        task,
        rate_scales: adaptation::rate_scales(&model, recipe.optimizer.layer_decay),
        model,
        train,
        validation,
        description: Description::Encoder(encoder),
    };
    prepared.run(recipe, begin, surroundings)
}

/// Whether there is no checkpoint yet to go on from.
fn begins_anew(begin: &Begin) -> Result<bool, TrainError> {
    match begin {
        Begin::New { .. } | Begin::DryRun => Ok(true),
        Begin::Resume { path, .. } => Ok(RunDir::open(path)?.checkpoints().steps()?.is_empty()),
    }
}

/// A network whose weights are a function of `seed` alone. `init` makes it on `device`.
///
/// # Errors
/// The configuration describes no network.
pub fn init_model<M: Module>(
    seed: u64,
    device: &Device,
    init: impl FnOnce() -> Result<M, TrainError>,
) -> Result<M, TrainError> {
    device.seed(tinderbox_data::random::seed(seed, "init", 0));
    let model = init()?;
    // Burn draws a weight when it is first used. Using all of them now, in the order of their names, leaves nothing to
    // be drawn between other random numbers later.
    drop(params::values(&model));
    Ok(model)
}
