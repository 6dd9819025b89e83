//! Independent windows of a corpus, as attention models read them.

use super::example::{self, LmExample, NextTokens};
use super::{LmBatch, Tokens};
use crate::error::DataError;
use crate::fingerprint::Fingerprint;
use crate::loader::Source;
use crate::random;
use rand::RngExt;

/// A corpus as windows of at most `time` inputs each.
#[derive(Debug)]
pub struct Windows {
    targets: NextTokens,
    time: usize,
    starts: Starts,
}

/// Start positions of the windows.
#[derive(Debug)]
enum Starts {
    /// Random positions.
    Random { seed: u64 },
    /// Every `stride` tokens.
    Every { stride: usize },
}

impl Windows {
    /// For training: `time` consecutive tokens from a random position, drawn anew for each window
    /// of each epoch, as in nanoGPT; some tokens are seen more than once in an epoch and others not
    /// at all. An epoch has as many windows as fit into the corpus side by side.
    ///
    /// # Errors
    /// If `time` is 0 or the corpus is shorter than one window.
    pub fn training(tokens: Tokens, time: usize, seed: u64) -> Result<Self, DataError> {
        check_time(time)?;
        let len = tokens.len();
        let targets = NextTokens::new(tokens, None)?;
        if targets.len() < time {
            let reason = format!(
                "a window of {time} tokens and its last target need {} tokens, but the corpus has {len}; \
                 use shorter windows or a longer corpus",
                time.saturating_add(1),
            );
            return Err(DataError::config("time", reason));
        }
        Ok(Self {
            targets,
            time,
            starts: Starts::Random { seed },
        })
    }

    /// For evaluation: every token is a target that counts exactly once, in order. With `start`,
    /// the end-of-text token, the first token is predicted from it; without, the first token is
    /// only an input.
    ///
    /// Each window begins `stride` tokens after the previous one (`time` by default) and counts
    /// only the targets that the previous one did not have. With a smaller stride, every counted
    /// target beyond the first window has at least `time - stride` tokens of context, at `time /
    /// stride` times the work.
    ///
    /// # Errors
    /// If the stride is not in 1 to `time`, or there is nothing to predict.
    pub fn evaluation(
        tokens: Tokens,
        time: usize,
        stride: Option<usize>,
        start: Option<u32>,
    ) -> Result<Self, DataError> {
        check_time(time)?;
        let stride = stride.unwrap_or(time);
        if !(1..=time).contains(&stride) {
            let reason = format!(
                "{stride} is not in 1 to {time}, the length of a window: tokens would be skipped"
            );
            return Err(DataError::config("stride", reason));
        }
        Ok(Self {
            targets: NextTokens::new(tokens, start)?,
            time,
            starts: Starts::Every { stride },
        })
    }

    /// Number of targets per epoch that count.
    pub fn tokens(&self) -> usize {
        match self.starts {
            Starts::Random { .. } => self.len() * self.time,
            Starts::Every { .. } => self.targets.len(),
        }
    }

    /// First target of a window, and the number of leading targets that do not count.
    fn place(&self, epoch: u64, index: usize) -> (usize, usize) {
        match self.starts {
            Starts::Random { seed } => {
                let mut rng = random::rng(seed, "window", epoch, index as u64);
                (rng.random_range(0..=self.targets.len() - self.time), 0)
            }
            Starts::Every { stride } => {
                let repeated = if index == 0 { 0 } else { self.time - stride };
                (index * stride, repeated)
            }
        }
    }
}

fn check_time(time: usize) -> Result<(), DataError> {
    match time {
        0 => Err(DataError::config("time", "must be at least 1")),
        _ => Ok(()),
    }
}

impl Source for Windows {
    type Item = LmExample;
    type Batch = LmBatch;

    fn len(&self) -> usize {
        let len = self.targets.len();
        match self.starts {
            Starts::Random { .. } => len / self.time,
            Starts::Every { stride } => 1 + len.saturating_sub(self.time).div_ceil(stride),
        }
    }

    fn name(&self, index: usize) -> String {
        format!("window {index}")
    }

    fn identify(&self, fingerprint: &mut Fingerprint) -> Result<(), DataError> {
        self.targets.identify(fingerprint);
        Ok(())
    }

    fn item(&self, epoch: u64, index: usize) -> Result<LmExample, DataError> {
        let (begin, repeated) = self.place(epoch, index);
        let end = begin.saturating_add(self.time).min(self.targets.len());
        let mut example = self.targets.read(begin..end)?;
        example
            .counted
            .iter_mut()
            .take(repeated)
            .for_each(|counted| *counted = false);
        Ok(example)
    }

    /// Pads the last window of an evaluation, if it is shorter, with targets that do not count.
    fn collate(&self, _epoch: u64, _batch: usize, items: Vec<LmExample>) -> LmBatch {
        example::stack(items)
    }
}
