//! Evaluation, and what follows from its result: the best checkpoint, drops of the learning rate,
//! averaging.

use burn::module::Module;

use super::Trainer;
use super::ema::Ema;
use crate::TrainError;
use crate::metrics::{Tally, Values};
use crate::report::EvaluationReport;
use crate::task::{HiddenState, Task};

impl<T: Task> Trainer<'_, T> {
    /// Metrics of the model, or of its average if there is one, over the validation data.
    pub(super) fn evaluate(&self) -> Result<Values, TrainError> {
        let model = match &self.state.ema {
            Some(ema) => ema.apply(&self.state.model),
            None => self.state.model.valid(),
        };
        let device = self.device.clone().inner();
        let mut tally = Tally::default();
        let mut hidden_state = HiddenState::new();
        let batches = self.loaders.validation.epoch(0, 0);
        for batch in batches.take(self.validation_batches) {
            let batch = self
                .task
                .evaluate(&model, batch?, &mut hidden_state, &device)?;
            tally.add(&batch);
        }
        Ok(self.task.values(&tally))
    }

    /// Ranks an evaluation, applies its consequences, and reports it. Returns true if it is the
    /// best so far.
    pub(super) fn record_evaluation(&mut self, values: &Values) -> Result<bool, TrainError> {
        let metric = &self.options.best_metric;
        let value = values.get(metric).copied().unwrap_or(f64::NAN);
        let mut metrics = self.task.metrics().iter();
        let higher_is_better = metrics.any(|m| m.name == metric && m.higher_is_better);
        let progress = &mut self.state.progress;
        let is_best = progress.best.update(value, progress.step, higher_is_better);
        self.drop_rate_on_plateau(is_best);
        self.start_averaging_if_worse(value, higher_is_better);
        let progress = &self.state.progress;
        self.reporter.evaluation(&EvaluationReport {
            step: progress.step,
            epoch: progress.epoch,
            values,
            is_best,
        })?;
        Ok(is_best)
    }

    /// Counts evaluations without improvement, and a drop after `plateau_patience` of them.
    fn drop_rate_on_plateau(&mut self, is_best: bool) {
        let progress = &mut self.state.progress;
        progress.since_drop = if is_best { 0 } else { progress.since_drop + 1 };
        if progress.since_drop >= self.schedule.plateau_patience {
            progress.since_drop = 0;
            progress.drops += 1;
        }
    }

    /// NT-ASGD: averages weights from here on if `value` is worse than the best of the evaluations
    /// before the last `nt_asgd_window` ones (Merity et al. 2017,
    /// <https://arxiv.org/abs/1708.02182>, algorithm 1).
    fn start_averaging_if_worse(&mut self, value: f64, higher_is_better: bool) {
        let Some(window) = self.options.nt_asgd_window else {
            return;
        };
        let state = &mut self.state;
        let sign = if higher_is_better { -1.0 } else { 1.0 };
        let before = &state.progress.evaluations;
        let old = &before[..before.len().saturating_sub(window)];
        let is_worse = old.iter().any(|old| sign * value > sign * old);
        state.progress.evaluations.push(value);
        if is_worse && state.ema.is_none() {
            let since = state.progress.step;
            state.progress.average_since = Some(since);
            state.ema = Some(Ema::uniform(since, &state.model));
        }
    }
}
