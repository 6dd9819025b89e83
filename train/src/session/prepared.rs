//! A run that is ready: written down, taken up where it stopped, and trained.

use std::collections::BTreeMap;

use burn::module::Module;
use burn::tensor::Device;
use tinderbox_data::loader::Loader;

use super::{Begin, Surroundings, ViewInfo};
use crate::TrainError;
use crate::adapters;
use crate::recipe::Recipe;
use crate::report::Reporter;
use crate::run::{Description, RunDir};
use crate::task::Task;
use crate::trainer::metrics::MetricInfo;
use crate::trainer::state::State;
use crate::trainer::{Outcome, Trainer};

/// One kind of work, opened and checked, with the model that training begins with.
pub(super) struct Prepared<T: Task> {
    pub(super) task: T,
    pub(super) model: T::Model,
    pub(super) train: Loader<T::Source>,
    pub(super) validation: Loader<T::Source>,
    pub(super) description: Description,
    /// What the learning rate of a parameter is multiplied by, where it is not 1.
    pub(super) rate_scales: BTreeMap<String, f64>,
}

impl<T: Task> Prepared<T> {
    pub(super) fn run(
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
                adapters::write_base(run.path(), &model)?;
                run.write_description(recipe, &description)?;
                Some(run)
            }
            Begin::Resume { path, .. } => {
                let run = RunDir::resume(path)?;
                // It begins anew, and the weights that it begins with may have changed since.
                if run.checkpoints().steps()?.is_empty() {
                    adapters::write_base(run.path(), &model)?;
                }
                Some(run)
            }
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
        let sizes = [&train, &validation].map(|loader| task.size(loader.source()));
        let view = (surroundings.view)(&ViewInfo {
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
            items_per_epoch: sizes[0] as u64,
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
