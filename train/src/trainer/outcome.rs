//! What a run came to, and where its time went.

use std::time::{Duration, Instant};

use crate::metrics::Values;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// All steps were taken.
    Finished,
    /// `patience` evaluations brought nothing better.
    EarlyStopped,
    /// The interrupter asked for it; a checkpoint was written.
    Interrupted,
}

/// What a run came to.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// How it ended.
    pub end: End,
    /// Optimizer steps taken, over all sessions of the run.
    pub steps: u64,
    /// The metrics of the last evaluation of this session.
    pub last: Option<Values>,
    /// The best value of the recipe's `best_metric`, and its step.
    pub best: Option<(f64, u64)>,
    /// Where this session's time went.
    pub times: StepTimes,
    /// What an item is called, as in "images".
    pub items: &'static str,
    /// Names of the items that were left out as unreadable.
    pub skipped: Vec<String>,
}

/// Where the time of the training steps went; evaluation and checkpoints are not counted.
#[derive(Clone, Copy, Debug, Default)]
pub struct StepTimes {
    /// Steps timed.
    pub steps: u64,
    /// Items in them.
    pub items: u64,
    /// Waiting for the loader.
    pub loading: Duration,
    /// Forward, backward, optimizer.
    pub model: Duration,
    /// Metrics, logging, everything else.
    pub rest: Duration,
}

/// What is known of this session only, not of the run.
#[derive(Default)]
pub(super) struct Session {
    pub(super) times: StepTimes,
    pub(super) last: Option<Values>,
}

/// Time between two laps.
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
