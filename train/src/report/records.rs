//! Facts that a run reports, and its speed.

use std::time::{Duration, Instant};

use crate::metrics::{MetricInfo, Values};

/// Report of an optimizer step.
pub struct StepReport {
    /// Steps taken so far.
    pub step: u64,
    /// Steps in the whole run.
    pub total_steps: u64,
    /// Epochs completed.
    pub epoch: u64,
    /// Epochs in the recipe.
    pub epochs: u64,
    /// Items seen in the whole run.
    pub items: u64,
    /// Items seen in this epoch.
    pub epoch_items: u64,
    /// Items in an epoch.
    pub items_per_epoch: u64,
    /// Learning rate of the step.
    pub learning_rate: f64,
    /// Global norm of the gradients before clipping, if they are clipped.
    pub norm: Option<f64>,
    /// Metrics since the last record.
    pub values: Values,
    /// True if this step is recorded in `metrics.jsonl`.
    pub is_record: bool,
}

/// Report of an evaluation.
pub struct EvaluationReport<'a> {
    /// Steps taken so far.
    pub step: u64,
    /// Epochs completed.
    pub epoch: u64,
    /// Metrics.
    pub values: &'a Values,
    /// True if it is the best so far.
    pub is_best: bool,
}

/// Facts about a run that a view shows from the start.
pub struct ViewInfo<'a> {
    /// Name of the run.
    pub name: &'a str,
    /// Reported metrics.
    pub metrics: &'a [MetricInfo],
    /// Plural noun for an item, such as "images".
    pub items: &'static str,
    /// Epochs in the run.
    pub epochs: u64,
    /// Epochs completed before this session.
    pub epoch: u64,
    /// Optimizer steps taken before this session.
    pub step: u64,
    /// Name of the model.
    pub model: &'a str,
    /// Number of parameters.
    pub parameters: usize,
    /// Number of training and validation items.
    pub sizes: [usize; 2],
}

/// Training speed in items per second over the last few seconds.
pub struct Speed {
    since: Instant,
    from: Option<u64>,
    now: u64,
    last: f64,
}

impl Default for Speed {
    fn default() -> Self {
        Self {
            since: Instant::now(),
            from: None,
            now: 0,
            last: 0.0,
        }
    }
}

impl Speed {
    /// Long enough to be steady, short enough to follow a change.
    const WINDOW: Duration = Duration::from_secs(10);

    pub(super) fn add(&mut self, items: u64) {
        self.now = items;
        let elapsed = self.since.elapsed();
        let Some(from) = self.from else {
            // The first step after a pause only starts the clock, since its own start is unknown.
            self.from = Some(items);
            self.since = Instant::now();
            return;
        };
        self.last = (items - from) as f64 / elapsed.as_secs_f64().max(1e-9);
        if elapsed > Self::WINDOW {
            self.from = Some(items);
            self.since = Instant::now();
        }
    }

    /// Stops the clock until the next step: for an evaluation or a checkpoint.
    pub(super) fn pause(&mut self) {
        self.from = None;
    }

    /// Latest measurement; 0 before the first.
    pub fn items_per_second(&self) -> f64 {
        self.last
    }
}
