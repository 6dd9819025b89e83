//! Verdict on the outcome of a run.

use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use crate::execute::Outcome;

/// Verdict on one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    /// The command succeeded: the damage did not matter.
    Accepted,
    /// The command said what is wrong, and with which file.
    Refused,
    Panic,
    Signal,
    Slow,
    Large,
    /// An error that names no file.
    Unnamed,
}

impl Verdict {
    pub(crate) fn is_failure(self) -> bool {
        !matches!(self, Self::Accepted | Self::Refused)
    }
}

/// Limits beyond which a run fails.
pub(crate) struct Limits<'a> {
    /// Processor time.
    pub(crate) time: Duration,
    /// Peak resident memory in bytes.
    pub(crate) memory: u64,
    /// Names of files, one of which an error must contain.
    pub(crate) names: &'a [String],
}

/// Exit code of a Rust program that panics.
const PANIC: i32 = 101;

pub(crate) fn judge(outcome: &Outcome, limits: &Limits<'_>) -> Verdict {
    if outcome.is_killed || outcome.time >= limits.time {
        return Verdict::Slow;
    }
    if outcome.status.signal().is_some() {
        return Verdict::Signal;
    }
    if outcome.status.code() == Some(PANIC) || outcome.stderr.contains("panicked at") {
        return Verdict::Panic;
    }
    if outcome.memory > limits.memory {
        return Verdict::Large;
    }
    if outcome.status.success() {
        return Verdict::Accepted;
    }
    let error = outcome.stderr.lines();
    let mut error = error.filter(|line| line.starts_with("error") || line.contains(": "));
    if error.any(|line| limits.names.iter().any(|name| line.contains(name.as_str()))) {
        return Verdict::Refused;
    }
    Verdict::Unnamed
}
