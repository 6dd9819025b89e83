//! A prepared run: written to its directory, resumed where it stopped, and trained.

use std::collections::BTreeMap;

use burn::module::Module;
use burn::tensor::Device;
use tinderbox_data::loader::Loader;

use super::{SessionContext, StartMode};
use crate::TrainError;
use crate::metrics::MetricInfo;
use crate::params::adapters;
use crate::recipe::{DataSection, Recipe};
use crate::report::{Reporter, ViewInfo};
use crate::run::{Bundle, RunDir};
use crate::task::Task;
use crate::trainer::state::State;
use crate::trainer::{Loaders, Outcome, Trainer};

/// Validation batches of a dry run.
const DRY_RUN_BATCHES: usize = 2;

/// Task, data and initial model of a run, checked against each other.
pub(crate) struct Prepared<T: Task, B> {
    pub(crate) task: T,
    pub(crate) model: T::Model,
    pub(crate) train: Loader<T::Source>,
    pub(crate) validation: Loader<T::Source>,
    pub(crate) bundle: B,
    /// Factors of the learning rate by parameter, where they are not 1.
    pub(crate) rate_scales: BTreeMap<String, f64>,
}

impl<T: Task, B: Bundle> Prepared<T, B> {
    pub(crate) fn run<D: DataSection>(
        self,
        recipe: &Recipe<D>,
        start: &StartMode,
        mut context: SessionContext,
    ) -> Result<Outcome, TrainError> {
        let Self {
            task,
            model,
            train,
            validation,
            bundle,
            rate_scales,
        } = self;
        let device = context.device.clone().autodiff();
        check_best_metric(recipe, task.metrics())?;
        let run = match start {
            StartMode::New { path, overwrite } => {
                let run = RunDir::create::<B>(path, *overwrite)?;
                adapters::write_base(run.path(), &model)?;
                run.write_description(recipe, &bundle)?;
                Some(run)
            }
            StartMode::Resume { path, .. } => {
                let run = RunDir::resume(path)?;
                // It starts anew, and its initial weights may have changed since.
                if run.checkpoints().steps()?.is_empty() {
                    adapters::write_base(run.path(), &model)?;
                }
                Some(run)
            }
            StartMode::DryRun => None,
        };
        let mut state = match (start, &run) {
            (StartMode::Resume { step, .. }, Some(run)) => {
                restore(run, *step, model, recipe, &device)?
            }
            _ => State::new(model, &recipe.optimizer, &recipe.train),
        };
        state.optimizer.scale_rates(rate_scales);
        if let Some(run) = &run {
            run.checkpoints().clean()?;
            run.write_recipe(recipe)?;
        }
        let sizes = [&train, &validation].map(|loader| task.size(loader.source()));
        let view = context.view(&ViewInfo {
            name: &recipe.name,
            metrics: task.metrics(),
            items: task.items(),
            epochs: recipe.train.epochs,
            epoch: state.progress.epoch,
            step: state.progress.step,
            model: &recipe.model.name,
            parameters: tinderbox_model::num_parameters(&state.model),
            sizes,
        });
        let progress = &state.progress;
        let reporter = match &run {
            Some(run) => Reporter::new(
                view,
                task.metrics(),
                run.report_files(),
                progress.step,
                progress.metrics_bytes,
            )?,
            None => Reporter::without_files(view, task.metrics()),
        };
        let loaders = Loaders { train, validation };
        let mut trainer = Trainer::new(&task, state, loaders, &recipe.train, &device)
            .with_schedule(recipe.schedule.clone())
            .with_seed(recipe.seed)
            .with_reporter(reporter)
            .with_interrupter(context.interrupter);
        trainer = match &run {
            Some(run) => trainer.with_checkpoints(run.checkpoints()),
            None => trainer.with_validation_batches(DRY_RUN_BATCHES),
        };
        trainer.run()
    }
}

/// Restores the state at the checkpoint of `step`, by default the newest. A run that was killed
/// before its first checkpoint starts anew.
fn restore<M: Module, D>(
    run: &RunDir,
    step: Option<u64>,
    model: M,
    recipe: &Recipe<D>,
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

fn check_best_metric<D>(recipe: &Recipe<D>, metrics: &[MetricInfo]) -> Result<(), TrainError> {
    let name = &recipe.train.best_metric;
    if metrics.iter().any(|info| info.name == name) {
        return Ok(());
    }
    let names: Vec<&str> = metrics.iter().map(|info| info.name).collect();
    Err(TrainError::Mismatch(format!(
        "train.best_metric is `{name}`, which is not a metric of this task; the metrics are: {}",
        names.join(", ")
    )))
}
