//! A prepared run: written to its directory, resumed where it stopped, and trained.

use std::collections::BTreeMap;

use burn::module::Module;
use burn::tensor::Device;

use super::{SessionContext, StartMode};
use crate::metrics::MetricInfo;
use crate::params::adapters;
use crate::recipe::{DataSection, Recipe};
use crate::report::history::History;
use crate::report::{Reporter, ViewInfo};
use crate::run::{Bundle, DATA, DataRecord, RunDir};
use crate::task::Task;
use crate::trainer::state::State;
use crate::trainer::{Loaders, Outcome, Trainer};
use crate::{TrainError, memory};

/// Validation batches of a dry run.
const DRY_RUN_BATCHES: usize = 2;

/// Task, data and initial model of a run, checked against each other.
pub(crate) struct Prepared<T: Task, B> {
    pub(crate) task: T,
    pub(crate) model: T::Model,
    pub(crate) loaders: Loaders<T::Source>,
    pub(crate) bundle: B,
    /// Factors of the learning rate by parameter, where they are not 1.
    pub(crate) rate_scales: BTreeMap<String, f64>,
}

impl<T: Task, B: Bundle> Prepared<T, B> {
    /// Runs the session. A run that cannot be resumed is left as it was: everything is read and
    /// compared before the first change.
    pub(crate) fn run<D: DataSection>(
        self,
        recipe: &Recipe<D>,
        start: &StartMode,
        mut context: SessionContext,
    ) -> Result<Outcome, TrainError> {
        check_best_metric(recipe, self.task.metrics())?;
        memory::require_training(&self.model, &recipe.optimizer)?;
        let device = context.device.clone().autodiff();
        let (run, mut state) = match start {
            StartMode::New { path, overwrite } => {
                let data = DataRecord::of(&self.task, &self.loaders)?;
                let run = RunDir::create::<B>(path, *overwrite)?;
                adapters::write_base(run.path(), &self.model)?;
                run.write_json(DATA, &data)?;
                run.write_description(recipe, &self.bundle)?;
                (Some(run), initial(self.model, recipe))
            }
            StartMode::Resume { path, step } => {
                let data = DataRecord::of(&self.task, &self.loaders)?;
                let run = RunDir::resume(path)?;
                let recorded = run.recorded_data()?;
                let state = restore(&run, *step, self.model, recipe, &device)?;
                if let Some(changes) = recorded.and_then(|recorded| recorded.changes(&data)) {
                    context.note(&format!("note: {changes}"));
                }
                run.remove_leftovers()?;
                run.checkpoints().remove_after(state.progress.step)?;
                run.write_json(DATA, &data)?;
                run.write_recipe(recipe)?;
                (Some(run), state)
            }
            StartMode::DryRun => (None, initial(self.model, recipe)),
        };
        let Self {
            task,
            loaders,
            rate_scales,
            ..
        } = self;
        state.optimizer.scale_rates(rate_scales);
        let reporter = reporter(&task, &state, &loaders, recipe, run.as_ref(), &mut context)?;
        let trainer = Trainer::new(&task, state, loaders, &recipe.train, &device)
            .with_schedule(recipe.schedule.clone())
            .with_seed(recipe.seed)
            .with_reporter(reporter)
            .with_interrupter(context.interrupter);
        match &run {
            Some(run) => trainer.with_checkpoints(run.checkpoints()).run(),
            None => trainer.with_validation_batches(DRY_RUN_BATCHES).run(),
        }
    }
}

/// State before the first step.
fn initial<M: Module, D>(model: M, recipe: &Recipe<D>) -> State<M> {
    State::new(model, &recipe.optimizer, &recipe.train)
}

/// Reports to the view of `context`, and to the files of `run`.
fn reporter<T: Task, D>(
    task: &T,
    state: &State<T::Model>,
    loaders: &Loaders<T::Source>,
    recipe: &Recipe<D>,
    run: Option<&RunDir>,
    context: &mut SessionContext,
) -> Result<Reporter, TrainError> {
    let (progress, metrics) = (&state.progress, task.metrics());
    let view = context.view(&ViewInfo {
        name: &recipe.name,
        metrics,
        items: task.items(),
        epochs: recipe.train.epochs,
        epoch: progress.epoch,
        step: progress.step,
        model: &recipe.model.name,
        parameters: tinderbox_model::num_parameters(&state.model),
        sizes: [&loaders.train, &loaders.validation].map(|loader| task.size(loader.source())),
    });
    let Some(run) = run else {
        return Ok(Reporter::without_files(view, metrics));
    };
    let (step, metrics_bytes) = (progress.step, progress.metrics_bytes);
    Reporter::new(view, metrics, run.report_files(), step, metrics_bytes)
}

/// Restores the state at the checkpoint of `step`, by default the newest. A run that was killed
/// before its first checkpoint starts anew, with the frozen weights of `model`: its initial weights
/// may have changed since.
fn restore<M: Module, D>(
    run: &RunDir,
    step: Option<u64>,
    model: M,
    recipe: &Recipe<D>,
    device: &Device,
) -> Result<State<M>, TrainError> {
    let checkpoints = run.checkpoints();
    let Some(step) = step.or(checkpoints.steps()?.last().copied()) else {
        adapters::write_base(run.path(), &model)?;
        return Ok(initial(model, recipe));
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
    History::check(&run.report_files().metrics, state.progress.metrics_bytes)?;
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
