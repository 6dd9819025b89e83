//! Outcome of a run, and timing of its steps.

use std::time::{Duration, Instant};

use crate::metrics::Values;

/// Reason why a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// All steps are done.
    Finished,
    /// `patience` evaluations in a row were not better.
    EarlyStopped,
    /// The interrupter stopped it; a checkpoint was written.
    Interrupted,
}

/// Outcome of a run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Reason of its end.
    pub end: End,
    /// Optimizer steps taken, over all sessions of the run.
    pub steps: u64,
    /// Metrics of this session's last evaluation.
    pub last: Option<Values>,
    /// Best value of the recipe's `best_metric`, and its step.
    pub best: Option<(f64, u64)>,
    /// Timing of this session's steps.
    pub times: StepTimes,
    /// Plural noun for an item, such as "images".
    pub items: &'static str,
    /// Names of unreadable items that were skipped.
    pub skipped: Vec<String>,
}

/// Time spent in training steps, without evaluation and checkpoints.
#[derive(Clone, Copy, Debug, Default)]
pub struct StepTimes {
    /// Number of steps.
    pub steps: u64,
    /// Number of items.
    pub items: u64,
    /// Waiting for the loader.
    pub loading: Duration,
    /// Forward, backward, optimizer.
    pub model: Duration,
    /// Metrics, logging, everything else.
    pub rest: Duration,
}

/// Results of this session only.
#[derive(Default)]
pub(super) struct Session {
    pub(super) times: StepTimes,
    pub(super) last: Option<Values>,
}

/// Stopwatch of consecutive laps.
pub(super) struct Stopwatch(Instant);

impl Stopwatch {
    pub(super) fn start() -> Self {
        Self(Instant::now())
    }

    pub(super) fn lap(&mut self) -> Duration {
        let now = Instant::now();
        now - std::mem::replace(&mut self.0, now)
    }
}
