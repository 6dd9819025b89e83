//! The step loop.
//!
//! It is ours, and burn-train is used around it: its terminal dashboard, its interrupter. Its own loop has a door, a custom
//! `SupervisedLearningStrategy`, but what is behind it cannot do what is asked here:
//!
//! - its `Learner` keeps optimizer and model private, so a strategy can neither save them together with its position nor
//!   restore them in the middle of an epoch, and each `optimizer_step` clones the model;
//! - its event processor owns the metrics, whose sums cannot be saved, so a resumed epoch would report other numbers than
//!   an uninterrupted one; early stopping reads them back from log files;
//! - gradients are summed rather than averaged, and clipped per tensor.
//!
//! What is here instead is short because of one law: all randomness is a function of the seed and the position. A run is
//! its [`State`], a checkpoint is that state written down, and resuming is going on from it.

pub mod ema;
pub mod gradients;
pub mod optimizer;
mod outcome;
pub mod schedule;
pub mod state;

use burn::module::Module;
use burn::tensor::Device;
use burn::train::Interrupter;
use tinderbox_data::loader::{Epoch, Loader, Source};

use crate::TrainError;
use crate::checkpoint::Checkpoints;
use crate::metrics::Tally;
use crate::params;
use crate::recipe::{Recipe, TrainRecipe};
use crate::report::{EvaluationReport, Reporter, StepReport};
use crate::task::{Carry, Task};
use gradients::{Accumulator, clip_by_global_norm};
pub use outcome::{End, Outcome, StepTimes};
use outcome::{Session, Stopwatch};
use schedule::Schedule;
use state::State;

type Batch<T> = <<T as Task>::Source as Source>::Batch;

/// How many validation batches a dry run looks at.
const DRY_RUN_BATCHES: usize = 2;

/// A training run, ready to go.
pub struct Trainer<'a, T: Task> {
    /// The work.
    pub task: &'a T,
    /// Model, optimizer, average, position.
    pub state: State<T::Model>,
    /// Training batches.
    pub train: Loader<T::Source>,
    /// How many items ([`Task::size`]) an epoch has.
    pub items_per_epoch: u64,
    /// Validation batches.
    pub validation: Loader<T::Source>,
    /// What is to be done.
    pub recipe: &'a Recipe,
    /// The device with gradients, which the model is on.
    pub device: Device,
    /// Where checkpoints go; a dry run has none.
    pub checkpoints: Option<Checkpoints>,
    /// What tells people about it.
    pub reporter: Reporter,
    /// What can stop it.
    pub interrupter: Interrupter,
}

impl<T: Task> Trainer<'_, T> {
    /// Takes steps until the recipe is done or something stops it.
    ///
    /// # Errors
    /// Data that cannot be read, a loss that is not finite, a checkpoint that cannot be written. The checkpoints before
    /// that are good.
    pub fn run(mut self) -> Result<Outcome, TrainError> {
        let schedule = self.schedule();
        let mut session = Session::default();
        let end = self.train(&schedule, &mut session)?;
        self.reporter.finish()?;
        Ok(Outcome {
            end,
            steps: self.state.progress.step,
            last: session.last,
            best: self.state.progress.best.record,
            times: session.times,
            items: self.task.items(),
            skipped: [self.train.skipped(), self.validation.skipped()].concat(),
        })
    }

    fn train(&mut self, schedule: &Schedule, session: &mut Session) -> Result<End, TrainError> {
        // A run that is resumed after its end has nothing left to do.
        let mut end = self.early_stop();
        while end.is_none() && !self.is_done() {
            end = self.epoch(schedule, session)?;
        }
        Ok(end.unwrap_or(End::Finished))
    }

    /// The rest of the current epoch. An early end is returned.
    fn epoch(
        &mut self,
        schedule: &Schedule,
        session: &mut Session,
    ) -> Result<Option<End>, TrainError> {
        let epoch = self.state.progress.epoch;
        let first = usize::try_from(self.state.progress.batch).unwrap_or(usize::MAX);
        let mut batches = self.train.epoch(epoch, first);
        while self.state.progress.epoch == epoch && !self.is_done() {
            let mut watch = Stopwatch::start();
            let group = self.next_group(&mut batches)?;
            session.times.loading += watch.lap();
            self.step(group, schedule, session, &mut watch)?;
            session.times.rest += watch.lap();
            if let Some(end) = self.after_step(session)? {
                return Ok(Some(end));
            }
        }
        Ok(None)
    }

    /// The batches of one optimizer step; fewer at the end of an epoch.
    fn next_group(&self, batches: &mut Epoch<T::Source>) -> Result<Vec<Batch<T>>, TrainError> {
        let batches = batches.by_ref().take(self.options().accumulate);
        Ok(batches.collect::<Result<_, _>>()?)
    }

    fn step(
        &mut self,
        group: Vec<Batch<T>>,
        schedule: &Schedule,
        session: &mut Session,
        watch: &mut Stopwatch,
    ) -> Result<(), TrainError> {
        let step = self.state.progress.step;
        self.device
            .seed(tinderbox_data::random::seed(self.recipe.seed, "step", step));
        let batches = group.len() as u64;
        let factor = group.first().map(|batch| self.task.rate_factor(batch));
        let mut accumulator = Accumulator::default();
        let mut tally = Tally::default();
        for batch in group {
            let state = &mut self.state;
            let (loss, output) =
                self.task
                    .forward(&state.model, batch, &mut state.carry, &self.device)?;
            let gradients = params::gradients(&self.state.model, loss.backward());
            // Waits for what the metrics are about to read, so that the wait is not taken for their time.
            self.device
                .sync()
                .map_err(|e| TrainError::Execution(e.to_string()))?;
            session.times.model += watch.lap();
            let batch_tally = self.task.tally(output)?;
            self.require_finite(&batch_tally)?;
            tally.add(&batch_tally);
            session.times.rest += watch.lap();
            accumulator.add(gradients, batch_tally.count as f64);
        }
        let learning_rate =
            schedule.learning_rate(step, self.state.progress.drops) * factor.unwrap_or(1.0);
        let norm = self.update(accumulator.take(), learning_rate)?;
        session.times.model += watch.lap();

        session.times.steps += 1;
        session.times.items += tally.count;
        let progress = &mut self.state.progress;
        progress.step += 1;
        progress.batch += batches;
        progress.items += tally.count;
        progress.window.add(&tally);
        progress.epoch_tally.add(&tally);
        self.report_step(learning_rate, norm)
    }

    /// Clips, takes the optimizer step, moves the average; returns the gradients' norm if they are clipped.
    fn update(
        &mut self,
        mut gradients: params::ByName,
        learning_rate: f64,
    ) -> Result<Option<f64>, TrainError> {
        let mut norm = None;
        if let Some(max_norm) = self.options().clip_norm {
            let (clipped, before) = clip_by_global_norm(gradients, max_norm)?;
            gradients = clipped;
            norm = Some(before);
        }
        let state = &mut self.state;
        // A clone would share its tensors with this one, and the optimizer would have to copy them.
        let model = params::take(&mut state.model);
        state.model = state.optimizer.step(model, &mut gradients, learning_rate);
        if let Some(ema) = &mut state.ema {
            ema.update(&state.model, state.progress.step + 1);
        }
        Ok(norm)
    }

    fn report_step(&mut self, learning_rate: f64, norm: Option<f64>) -> Result<(), TrainError> {
        let total_steps = self.total_steps();
        let log_every = self.options().log_every;
        let values = self.task.values(&self.state.progress.window);
        let progress = &mut self.state.progress;
        let is_due = progress.step.is_multiple_of(log_every);
        let report = StepReport {
            step: progress.step,
            total_steps,
            epoch: progress.epoch,
            epochs: self.recipe.train.epochs,
            items: progress.items,
            epoch_items: progress.epoch_tally.count,
            items_per_epoch: self.items_per_epoch,
            learning_rate,
            norm,
            values,
            is_record: is_due,
        };
        if is_due {
            progress.window = Tally::default();
        }
        self.reporter.step(&report)
    }

    /// What is due between two steps: the end of an epoch, an evaluation, and, last so that it holds all of that, a
    /// checkpoint.
    fn after_step(&mut self, session: &mut Session) -> Result<Option<End>, TrainError> {
        let epoch_ended = self.state.progress.batch >= self.train.batches_per_epoch() as u64;
        if epoch_ended {
            self.end_of_epoch()?;
        }
        let step = self.state.progress.step;
        let is_done = self.is_done();
        let is_due = |every: Option<u64>| match every {
            Some(every) => is_done || step.is_multiple_of(every),
            None => is_done || epoch_ended,
        };
        let evaluate = is_due(self.options().eval_every);
        let save = is_due(self.options().checkpoint_every);
        let is_best = evaluate && self.evaluate(session)?;
        let end = match self.early_stop() {
            None if self.interrupter.should_stop() && !is_done => Some(End::Interrupted),
            end => end,
        };
        if save || is_best || end.is_some() {
            self.save(is_best)?;
        }
        Ok(end)
    }

    fn end_of_epoch(&mut self) -> Result<(), TrainError> {
        // The next epoch begins at the beginning of the data, where nothing precedes.
        self.state.carry.clear();
        let progress = &mut self.state.progress;
        let values = self.task.values(&std::mem::take(&mut progress.epoch_tally));
        progress.epoch += 1;
        progress.batch = 0;
        self.reporter.epoch(progress.epoch, progress.step, &values)
    }

    fn early_stop(&self) -> Option<End> {
        let since = self.state.progress.best.evaluations_since;
        let patience = self.options().patience?;
        (since >= patience).then_some(End::EarlyStopped)
    }

    /// Measures the model, or its average if there is one, on every validation item once. Says whether it is the best yet.
    fn evaluate(&mut self, session: &mut Session) -> Result<bool, TrainError> {
        let model = match &self.state.ema {
            Some(ema) => ema.apply(&self.state.model),
            None => self.state.model.valid(),
        };
        let device = self.device.clone().inner();
        let limit = if self.checkpoints.is_some() {
            usize::MAX
        } else {
            DRY_RUN_BATCHES
        };
        let mut tally = Tally::default();
        let mut carry = Carry::new();
        for batch in self.validation.epoch(0, 0).take(limit) {
            tally.add(&self.task.evaluate(&model, batch?, &mut carry, &device)?);
        }
        let values = self.task.values(&tally);
        let progress = &mut self.state.progress;
        let metric = &self.recipe.train.best_metric;
        let higher_is_better = self
            .task
            .metrics()
            .iter()
            .any(|info| info.name == metric && info.higher_is_better);
        let value = values.get(metric).copied().unwrap_or(f64::NAN);
        let is_best = progress.best.update(value, progress.step, higher_is_better);
        if is_best {
            progress.since_drop = 0;
        } else {
            progress.since_drop += 1;
        }
        if progress.since_drop >= self.recipe.schedule.plateau_patience {
            progress.since_drop = 0;
            progress.drops += 1;
        }
        self.state
            .average_if_worse(value, higher_is_better, &self.recipe.train);
        let progress = &self.state.progress;
        self.reporter.evaluation(&EvaluationReport {
            step: progress.step,
            epoch: progress.epoch,
            values: &values,
            is_best,
        })?;
        session.last = Some(values);
        Ok(is_best)
    }

    fn save(&mut self, is_best: bool) -> Result<(), TrainError> {
        let Some(checkpoints) = &self.checkpoints else {
            return Ok(());
        };
        // A loss can still be finite in the step that breaks the weights.
        if !params::are_finite(&self.state.model)? {
            return Err(TrainError::WeightsNotFinite {
                step: self.state.progress.step,
                last_good: checkpoints.last_good(),
            });
        }
        // The records up to here must be on disk before the checkpoint that counts on them.
        self.state.progress.metrics_bytes = self.reporter.sync()?;
        let progress = &self.state.progress;
        checkpoints.save(progress.step, &self.state.to_files()?)?;
        if is_best {
            checkpoints.mark_best(progress.step)?;
        }
        checkpoints.prune(self.recipe.train.keep_last, progress.best.step())?;
        Ok(())
    }

    fn require_finite(&self, tally: &Tally) -> Result<(), TrainError> {
        let loss = tally.means().get("loss").copied().unwrap_or_default();
        if loss.is_finite() {
            return Ok(());
        }
        let last_good = match &self.checkpoints {
            Some(checkpoints) => checkpoints.last_good(),
            None => "a dry run writes no checkpoints".into(),
        };
        Err(TrainError::NotFinite {
            loss,
            step: self.state.progress.step + 1,
            epoch: self.state.progress.epoch + 1,
            last_good,
        })
    }

    fn is_done(&self) -> bool {
        self.state.progress.step >= self.total_steps()
    }

    fn options(&self) -> &TrainRecipe {
        &self.recipe.train
    }

    fn steps_per_epoch(&self) -> u64 {
        self.train
            .batches_per_epoch()
            .div_ceil(self.options().accumulate) as u64
    }

    fn total_steps(&self) -> u64 {
        let epochs = self.options().epochs * self.steps_per_epoch();
        self.options().max_steps.unwrap_or(epochs)
    }

    fn schedule(&self) -> Schedule {
        Schedule::new(
            &self.recipe.schedule,
            self.recipe.optimizer.learning_rate,
            self.total_steps(),
            self.steps_per_epoch(),
        )
    }
}
