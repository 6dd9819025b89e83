//! Windows: stretches of a corpus that stand alone, as attention models read them.

use super::sequence::{self, Predictions, Sequence};
use super::{TokenBatch, Tokens};
use crate::error::DataError;
use crate::loader::Source;
use crate::random;
use rand::RngExt;

/// A corpus as windows of at most `time` inputs each.
#[derive(Debug)]
pub struct Windows {
    predictions: Predictions,
    time: usize,
    place: Place,
}

/// Where windows begin.
#[derive(Debug)]
enum Place {
    /// Anywhere.
    Random { seed: u64 },
    /// Every so many tokens.
    Every { stride: usize },
}

impl Windows {
    /// For training: `time` consecutive tokens from a random place, as nanoGPT draws them: each window of each epoch
    /// from any place, so that some tokens are seen more than once in an epoch and others not at all. An epoch has as
    /// many windows as would fit into the corpus side by side.
    ///
    /// # Errors
    /// If a window has no token, or the corpus not enough for one.
    pub fn training(tokens: Tokens, time: usize, seed: u64) -> Result<Self, DataError> {
        check_time(time)?;
        let len = tokens.len();
        let predictions = Predictions::new(tokens, None)?;
        if predictions.len() < time {
            let reason = format!(
                "a window of {time} tokens and the one after it needs {} tokens, and the corpus has {len}; \
                 use shorter windows or a longer corpus",
                time.saturating_add(1),
            );
            return Err(DataError::config("time", reason));
        }
        Ok(Self {
            predictions,
            time,
            place: Place::Random { seed },
        })
    }

    /// For evaluation: every token is a target that counts exactly once, in order. With `start`, the token that ends a
    /// text, the first token is predicted from it; without, the first token is only an input.
    ///
    /// Each window begins `stride` tokens after the one before (`time` if not given) and counts only the targets that
    /// the one before did not have: so with a smaller stride, every counted target but those of the first window has at
    /// least `time - stride` tokens before it in its window, at the cost of `time / stride` times the work.
    ///
    /// # Errors
    /// If the stride is not one of 1 to `time`, or there is nothing to predict.
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
                "{stride} is not one of 1 to {time}, the length of a window: tokens would be left out"
            );
            return Err(DataError::config("stride", reason));
        }
        Ok(Self {
            predictions: Predictions::new(tokens, start)?,
            time,
            place: Place::Every { stride },
        })
    }

    /// How many targets of an epoch count.
    pub fn tokens(&self) -> usize {
        match self.place {
            Place::Random { .. } => self.len() * self.time,
            Place::Every { .. } => self.predictions.len(),
        }
    }

    /// The first prediction of a window, and how many at its beginning do not count.
    fn place(&self, epoch: u64, index: usize) -> (usize, usize) {
        match self.place {
            Place::Random { seed } => {
                let mut rng = random::rng(seed, "window", epoch, index as u64);
                (rng.random_range(0..=self.predictions.len() - self.time), 0)
            }
            Place::Every { stride } => {
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
    type Item = Sequence;
    type Batch = TokenBatch;

    fn len(&self) -> usize {
        let len = self.predictions.len();
        match self.place {
            Place::Random { .. } => len / self.time,
            Place::Every { stride } => 1 + len.saturating_sub(self.time).div_ceil(stride),
        }
    }

    fn name(&self, index: usize) -> String {
        format!("window {index}")
    }

    fn item(&self, epoch: u64, index: usize) -> Result<Sequence, DataError> {
        let (begin, repeated) = self.place(epoch, index);
        let end = begin.saturating_add(self.time).min(self.predictions.len());
        let mut sequence = self.predictions.read(begin..end)?;
        sequence
            .counted
            .iter_mut()
            .take(repeated)
            .for_each(|counted| *counted = false);
        Ok(sequence)
    }

    /// Fills up the last window of an evaluation, if it is shorter, with targets that do not count.
    fn collate(&self, _epoch: u64, _batch: usize, items: Vec<Sequence>) -> TokenBatch {
        sequence::stack(items)
    }
}
