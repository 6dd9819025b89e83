//! The step loop.
//!
//! A run is a [`State`]: weights, optimizer, average, position. A checkpoint is that state written
//! down, and a run resumes by reading it back, because all randomness is a function of the seed and
//! the position. The trainer knows steps, evaluations and checkpoints; a [`Task`] knows batches,
//! losses and metrics.
//!
//! burn-train is used around the loop (dashboard, interrupter) and not for it. Its own loop can be
//! replaced by a custom `SupervisedLearningStrategy`, but:
//!
//! - its `Learner` keeps optimizer and model private, so a strategy can neither save them together
//!   with its position nor restore them in the middle of an epoch, and each `optimizer_step` clones
//!   the model;
//! - its event processor owns the metrics, whose sums cannot be saved, so a resumed epoch would
//!   report other numbers than an uninterrupted one; early stopping reads them back from log files;
//! - gradients are summed rather than averaged, and clipped per tensor.

pub mod ema;
mod evaluation;
pub mod gradients;
mod loaders;
pub mod optimizer;
mod outcome;
pub mod schedule;
pub mod state;

use burn::tensor::Device;
use burn::train::Interrupter;
use tinderbox_data::loader::Source;

use crate::TrainError;
use crate::checkpoint::Checkpoints;
use crate::metrics::Tally;
use crate::params::{self, ByName};
use crate::recipe::{ScheduleRecipe, TrainRecipe};
use crate::report::{Reporter, StepReport, View};
use crate::task::Task;
use gradients::{Accumulator, clip_by_global_norm};

pub use loaders::Loaders;
pub use outcome::{End, Outcome, StepTimes};
use outcome::{Session, Stopwatch};
use schedule::Schedule;
use state::State;

type Batch<T> = <<T as Task>::Source as Source>::Batch;

/// A training run, ready to go.
pub struct Trainer<'a, T: Task> {
    task: &'a T,
    state: State<T::Model>,
    loaders: Loaders<T::Source>,
    items_per_epoch: u64,
    options: &'a TrainRecipe,
    device: Device,
    schedule: ScheduleRecipe,
    seed: u64,
    checkpoints: Option<Checkpoints>,
    validation_batches: usize,
    reporter: Reporter,
    interrupter: Interrupter,
}

impl<'a, T: Task> Trainer<'a, T> {
    /// A run of `task` from `state` on, as long as `options` say. The model of `state` is on
    /// `device`, which has gradients.
    ///
    /// Unless the setters say otherwise, the learning rate is constant, the seed is 0, nothing is
    /// reported and no checkpoint is written.
    pub fn new(
        task: &'a T,
        state: State<T::Model>,
        loaders: Loaders<T::Source>,
        options: &'a TrainRecipe,
        device: &Device,
    ) -> Self {
        Self {
            reporter: Reporter::without_files(View::Quiet, task.metrics()),
            items_per_epoch: task.size(loaders.train.source()) as u64,
            task,
            state,
            loaders,
            options,
            device: device.clone(),
            schedule: ScheduleRecipe::default(),
            seed: 0,
            checkpoints: None,
            validation_batches: usize::MAX,
            interrupter: Interrupter::new(),
        }
    }

    /// Sets the learning rate schedule.
    #[must_use]
    pub fn with_schedule(mut self, schedule: ScheduleRecipe) -> Self {
        self.schedule = schedule;
        self
    }

    /// Sets the seed of dropout and other noise of a step.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets where checkpoints are written.
    #[must_use]
    pub fn with_checkpoints(mut self, checkpoints: Checkpoints) -> Self {
        self.checkpoints = Some(checkpoints);
        self
    }

    /// Limits an evaluation to its first `batches`.
    #[must_use]
    pub fn with_validation_batches(mut self, batches: usize) -> Self {
        self.validation_batches = batches;
        self
    }

    /// Sets who reports progress.
    #[must_use]
    pub fn with_reporter(mut self, reporter: Reporter) -> Self {
        self.reporter = reporter;
        self
    }

    /// Sets the signal that stops the run after a step, with a checkpoint.
    #[must_use]
    pub fn with_interrupter(mut self, interrupter: Interrupter) -> Self {
        self.interrupter = interrupter;
        self
    }

    /// Takes steps until the run is complete or something stops it.
    ///
    /// # Errors
    /// Data that cannot be read, a loss that is not finite, a checkpoint that cannot be
    /// written. Checkpoints written before that are good.
    pub fn run(mut self) -> Result<Outcome, TrainError> {
        if let Some(checkpoints) = &self.checkpoints {
            let best = self.state.progress.best_present(checkpoints)?;
            checkpoints.settle(self.options.keep_last, best)?;
        }
        let schedule = self.schedule();
        let mut session = Session::default();
        // A run that is resumed after its end has nothing left to do.
        let mut end = self.early_stop();
        while end.is_none() && !self.is_done() {
            let epoch = self.state.progress.epoch;
            let first = usize::try_from(self.state.progress.batch).unwrap_or(usize::MAX);
            let in_epoch = self.loaders.train.batches_per_epoch() as u64;
            if self.state.progress.batch >= in_epoch {
                // The data have become fewer in the middle of the epoch.
                self.end_epoch()?;
                continue;
            }
            let mut batches = self.loaders.train.epoch(epoch, first);
            let mut epoch_ended = false;
            while end.is_none() && !epoch_ended && !self.is_done() {
                let mut watch = Stopwatch::start();
                // The batches of one optimizer step; fewer at the end of an epoch.
                let group = batches.by_ref().take(self.options.gradient_accumulation);
                let group = group.collect::<Result<Vec<_>, _>>()?;
                session.times.loading += watch.lap();
                self.step(group, &schedule, &mut session.times, &mut watch)?;
                session.times.rest += watch.lap();

                epoch_ended = self.state.progress.batch >= in_epoch;
                if epoch_ended {
                    self.end_epoch()?;
                }
                let mut is_best = false;
                if self.is_due(self.options.eval_every, epoch_ended) {
                    let values = self.evaluate()?;
                    is_best = self.record_evaluation(&values)?;
                    session.last = Some(values);
                }
                end = match self.early_stop() {
                    None if self.interrupter.should_stop() && !self.is_done() => {
                        Some(End::Interrupted)
                    }
                    end => end,
                };
                // Last, so that the checkpoint holds all of the above.
                let is_due = self.is_due(self.options.checkpoint_every, epoch_ended);
                if is_due || is_best || end.is_some() {
                    self.save(is_best)?;
                }
            }
        }
        self.reporter.finish()?;
        Ok(Outcome {
            end: end.unwrap_or(End::Finished),
            steps: self.state.progress.step,
            last: session.last,
            best: self.state.progress.best.record,
            times: session.times,
            items: self.task.items(),
            skipped: [
                self.loaders.train.skipped(),
                self.loaders.validation.skipped(),
            ]
            .concat(),
        })
    }

    /// One optimizer step on the averaged gradients of `group`.
    fn step(
        &mut self,
        group: Vec<Batch<T>>,
        schedule: &Schedule,
        times: &mut StepTimes,
        watch: &mut Stopwatch,
    ) -> Result<(), TrainError> {
        let step = self.state.progress.step;
        self.device
            .seed(tinderbox_data::random::seed(self.seed, "step", step));
        let batches = group.len() as u64;
        let factor = group.first().map(|batch| self.task.rate_factor(batch));
        let mut accumulator = Accumulator::default();
        let mut tally = Tally::default();
        for batch in group {
            let state = &mut self.state;
            let (loss, output) =
                self.task
                    .forward(&state.model, batch, &mut state.hidden_state, &self.device)?;
            let gradients = params::gradients(&self.state.model, loss.backward());
            // The metrics are about to be read; waiting here keeps the wait out of their time.
            self.device
                .sync()
                .map_err(|e| TrainError::Execution(e.to_string()))?;
            times.model += watch.lap();
            let batch_tally = self.task.tally(output)?;
            self.require_finite(&batch_tally)?;
            tally.add(&batch_tally);
            times.rest += watch.lap();
            accumulator.add(gradients, batch_tally.count as f64);
        }
        let rate = schedule.learning_rate(self.position(), self.state.progress.drops);
        let learning_rate = rate * factor.unwrap_or(1.0);
        let norm = self.update(accumulator.take(), learning_rate)?;
        times.model += watch.lap();

        times.steps += 1;
        times.items += tally.count;
        let progress = &mut self.state.progress;
        progress.step += 1;
        progress.batch += batches;
        progress.items += tally.count;
        progress.window.add(&tally);
        progress.epoch_tally.add(&tally);
        self.report_step(learning_rate, norm)
    }

    /// Clips gradients, updates weights, then the average. Returns the gradients' norm if they are
    /// clipped.
    fn update(
        &mut self,
        mut gradients: ByName,
        learning_rate: f64,
    ) -> Result<Option<f64>, TrainError> {
        let mut norm = None;
        if let Some(max_norm) = self.options.clip_norm {
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
        let values = self.task.values(&self.state.progress.window);
        let total_steps = self.total_steps();
        let progress = &mut self.state.progress;
        let is_record = progress.step.is_multiple_of(self.options.log_every);
        let report = StepReport {
            step: progress.step,
            total_steps,
            epoch: progress.epoch,
            epochs: self.options.epochs,
            items: progress.items,
            epoch_items: progress.epoch_tally.count,
            items_per_epoch: self.items_per_epoch,
            learning_rate,
            norm,
            values,
            is_record,
        };
        if is_record {
            progress.window = Tally::default();
        }
        self.reporter.step(&report)
    }

    fn end_epoch(&mut self) -> Result<(), TrainError> {
        // The next epoch begins at the start of the data, with nothing before it.
        self.state.hidden_state.clear();
        let progress = &mut self.state.progress;
        let values = self.task.values(&std::mem::take(&mut progress.epoch_tally));
        progress.epoch += 1;
        progress.batch = 0;
        self.reporter.epoch(progress.epoch, progress.step, &values)
    }

    /// True for every `every`th step, by default for the last of an epoch, and for the last of the
    /// run.
    fn is_due(&self, every: Option<u64>, epoch_ended: bool) -> bool {
        let is_due = match every {
            Some(every) => self.state.progress.step.is_multiple_of(every),
            None => epoch_ended,
        };
        is_due || self.is_done()
    }

    fn early_stop(&self) -> Option<End> {
        let since = self.state.progress.best.evaluations_since;
        let patience = self.options.patience?;
        (since >= patience).then_some(End::EarlyStopped)
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
        // Records up to here must be on disk before the checkpoint that relies on them.
        self.state.progress.metrics_bytes = self.reporter.sync()?;
        let progress = &self.state.progress;
        checkpoints.save(progress.step, &self.state.to_files()?)?;
        if is_best {
            checkpoints.mark_best(progress.step)?;
        }
        let best = progress.best_present(checkpoints)?;
        checkpoints.prune(self.options.keep_last, best)?;
        Ok(())
    }

    fn require_finite(&self, tally: &Tally) -> Result<(), TrainError> {
        let loss = tally.means().get("loss").copied().unwrap_or_default();
        if loss.is_finite() {
            return Ok(());
        }
        let last_good = match &self.checkpoints {
            Some(checkpoints) => checkpoints.last_good(),
            None => "this run writes no checkpoints".into(),
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

    fn steps_per_epoch(&self) -> u64 {
        let batches = self.loaders.train.batches_per_epoch();
        batches.div_ceil(self.options.gradient_accumulation) as u64
    }

    /// Place in the run, in steps of epochs as long as the present data make them. It is the number
    /// of steps taken, unless epochs were shorter or longer before: the run resumed with other data.
    fn position(&self) -> u64 {
        let (progress, per_epoch) = (&self.state.progress, self.steps_per_epoch());
        let in_epoch = progress
            .batch
            .div_ceil(self.options.gradient_accumulation as u64);
        let epochs = progress.epoch.saturating_mul(per_epoch);
        epochs.saturating_add(in_epoch.min(per_epoch))
    }

    /// Number of steps at the end of the run: those taken, and those of the epochs that are left.
    fn total_steps(&self) -> u64 {
        let epochs = self.options.epochs.saturating_mul(self.steps_per_epoch());
        let left = epochs.saturating_sub(self.position());
        let steps = self.state.progress.step.saturating_add(left);
        self.options.max_steps.unwrap_or(steps)
    }

    fn schedule(&self) -> Schedule {
        let left = self.total_steps().saturating_sub(self.state.progress.step);
        Schedule::new(
            &self.schedule,
            self.state.optimizer.base_rate(),
            self.position().saturating_add(left),
            self.steps_per_epoch(),
        )
    }
}
