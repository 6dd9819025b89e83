//! A run that is ready: written down, taken up where it stopped, and trained.

use std::collections::BTreeMap;

use burn::module::Module;
use burn::tensor::Device;
use tinderbox_data::loader::Loader;

use super::{SessionContext, StartMode};
use crate::TrainError;
use crate::metrics::MetricInfo;
use crate::params::adapters;
use crate::recipe::Recipe;
use crate::report::{Reporter, ViewInfo};
use crate::run::{Bundle, RunDir};
use crate::task::Task;
use crate::trainer::state::State;
use crate::trainer::{Outcome, Trainer};

/// One kind of work, opened and checked, with the model that training begins with.
pub(crate) struct Prepared<T: Task, B> {
    pub(crate) task: T,
    pub(crate) model: T::Model,
    pub(crate) train: Loader<T::Source>,
    pub(crate) validation: Loader<T::Source>,
    pub(crate) bundle: B,
    /// What the learning rate of a parameter is multiplied by, where it is not 1.
    pub(crate) rate_scales: BTreeMap<String, f64>,
}

impl<T: Task, B: Bundle> Prepared<T, B> {
    pub(crate) fn run(
        self,
        recipe: &Recipe,
        start: &StartMode,
        context: SessionContext,
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
                // It begins anew, and the weights that it begins with may have changed since.
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
        let view = (context.view)(&ViewInfo {
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
        let trainer = Trainer {
            task: &task,
            state,
            train,
            items_per_epoch: sizes[0] as u64,
            validation,
            recipe,
            device,
            checkpoints: run.as_ref().map(RunDir::checkpoints),
            reporter,
            interrupter: context.interrupter,
        };
        trainer.run()
    }
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
