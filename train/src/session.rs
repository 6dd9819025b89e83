//! From a recipe to a trained model: opens the data, builds or restores the state, runs the trainer.

use std::collections::BTreeMap;
use std::path::Path;

use burn::module::Module;
use burn::tensor::Device;
use burn::train::Interrupter;
use data::loader::Loader;
use model_transformer::TextEncoder;

use crate::TrainError;
use crate::adaptation;
use crate::adapters;
use crate::encoder::EncoderModel;
use crate::params;
use crate::recipe::{DataRecipe, Recipe, SequenceDataSource};
use crate::report::{Reporter, View};
use crate::run::{Description, RunDir};
use crate::task::Task;
use crate::task::encoder_data::{self, EncoderRun};
use crate::task::image::ImageTask;
use crate::task::image_data::{DataAccess, ImageRun};
use crate::task::language::LanguageTask;
use crate::task::language_data::LanguageRun;
use crate::trainer::metrics::MetricInfo;
use crate::trainer::state::State;
use crate::trainer::{Outcome, Trainer};
use crate::weights;

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
        DataRecipe::Sequence(data) => match data.source {
            SequenceDataSource::Sentiment
            | SequenceDataSource::Labelled
            | SequenceDataSource::TextFolder => {
                let opened = encoder_data::classified(&recipe, known_encoder(begin)?)?;
                encoder(&recipe, begin, &mut surroundings, opened)?.run(
                    &recipe,
                    begin,
                    surroundings,
                )
            }
            SequenceDataSource::Tagged => {
                let opened = encoder_data::tagged(&recipe, known_encoder(begin)?)?;
                encoder(&recipe, begin, &mut surroundings, opened)?.run(
                    &recipe,
                    begin,
                    surroundings,
                )
            }
            SequenceDataSource::Squad => {
                let opened = encoder_data::squad(&recipe, known_encoder(begin)?)?;
                encoder(&recipe, begin, &mut surroundings, opened)?.run(
                    &recipe,
                    begin,
                    surroundings,
                )
            }
            SequenceDataSource::Masked => {
                let opened = encoder_data::masked(&recipe, known_encoder(begin)?)?;
                encoder(&recipe, begin, &mut surroundings, opened)?.run(
                    &recipe,
                    begin,
                    surroundings,
                )
            }
        },
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

/// One kind of work, opened and checked, with the model that training begins with.
struct Prepared<T: Task> {
    task: T,
    model: T::Model,
    train: Loader<T::Source>,
    validation: Loader<T::Source>,
    description: Description,
    /// What the learning rate of a parameter is multiplied by, where it is not 1.
    rate_scales: BTreeMap<String, f64>,
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
        task: ImageTask::new(config.num_classes(), smoothing, &device),
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

fn encoder<T: Task<Model = TextEncoder>>(
    recipe: &Recipe,
    begin: &Begin,
    surroundings: &mut Surroundings,
    opened: EncoderRun<T>,
) -> Result<Prepared<T>, TrainError> {
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
    Ok(Prepared {
        task,
        rate_scales: adaptation::rate_scales(&model, recipe.optimizer.layer_decay),
        model,
        train,
        validation,
        description: Description::Encoder(encoder),
    })
}

impl<T: Task> Prepared<T> {
    fn run(
        self,
        recipe: &Recipe,
        begin: &Begin,
        surroundings: Surroundings,
    ) -> Result<Outcome, TrainError> {
        let Self {
            task,
            model,
            train,
            validation,
            description,
            rate_scales,
        } = self;
        let device = surroundings.device.clone().autodiff();
        check_best_metric(recipe, task.metrics())?;
        let run = match begin {
            Begin::New { path, overwrite } => {
                let run = RunDir::create(path, *overwrite)?;
                if adapters::learning(&model).is_some() {
                    adapters::write_base(run.path(), &model)?;
                }
                run.write_description(recipe, &description)?;
                Some(run)
            }
            Begin::Resume { path, .. } => Some(RunDir::resume(path)?),
            Begin::DryRun => None,
        };
        let mut state = match (begin, &run) {
            (Begin::Resume { step, .. }, Some(run)) => restore(run, *step, model, recipe, &device)?,
            _ => State::new(model, &recipe.optimizer, &recipe.train),
        };
        state.optimizer.scale_rates(rate_scales);
        if let Some(run) = &run {
            run.checkpoints().clean()?;
            run.write_recipe(recipe)?;
        }
        let view = (surroundings.view)(&ViewInfo {
            name: &recipe.name,
            metrics: task.metrics(),
            items: task.items(),
            epochs: recipe.train.epochs,
            epoch: state.progress.epoch,
            step: state.progress.step,
            model: &recipe.model.name,
            parameters: model_cnn::num_parameters(&state.model),
            sizes: [&train, &validation].map(|loader| task.size(loader.source())),
        });
        let progress = &state.progress;
        let reporter = match &run {
            Some(run) => Reporter::new(
                view,
                task.metrics(),
                run,
                progress.step,
                progress.metrics_bytes,
            )?,
            None => Reporter::without_files(view, task.metrics()),
        };
        let trainer = Trainer {
            task: &task,
            state,
            train,
            validation,
            recipe,
            device,
            checkpoints: run.as_ref().map(RunDir::checkpoints),
            reporter,
            interrupter: surroundings.interrupter,
        };
        trainer.run()
    }
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
    device.seed(data::random::seed(seed, "init", 0));
    let model = init()?;
    // Burn draws a weight when it is first used. Using all of them now, in the order of their names, leaves nothing to
    // be drawn between other random numbers later.
    drop(params::values(&model));
    Ok(model)
}

/// The state at the checkpoint of `step`, by default the newest. A run that was killed before its first one begins anew.
fn restore<M: Module>(
    run: &RunDir,
    step: Option<u64>,
    model: M,
    recipe: &Recipe,
    device: &Device,
) -> Result<State<M>, TrainError> {
    let checkpoints = run.checkpoints();
    let Some(step) = step.or(checkpoints.steps()?.last().copied()) else {
        return Ok(State::new(model, &recipe.optimizer, &recipe.train));
    };
    let files = adapters::complete(checkpoints.load(step)?, run.path())?;
    let state = State::from_files(
        model,
        &recipe.optimizer,
        &recipe.train,
        &files,
        &checkpoints.path(step),
        &device.clone().inner(),
    )?;
    checkpoints.remove_after(step)?;
    Ok(state)
}

fn check_best_metric(recipe: &Recipe, metrics: &[MetricInfo]) -> Result<(), TrainError> {
    let name = &recipe.train.best_metric;
    if metrics.iter().any(|info| info.name == name) {
        return Ok(());
    }
    let names: Vec<&str> = metrics.iter().map(|info| info.name).collect();
    Err(TrainError::Mismatch(format!(
        "train.best_metric is `{name}`, which is not measured; there are: {}",
        names.join(", ")
    )))
}
