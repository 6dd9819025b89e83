//! What language models are fed with: a stretch of a corpus, and after each of its tokens the one that comes next.

use super::{TokenBatch, Tokens};
use crate::error::DataError;
use std::ops::Range;

/// Consecutive inputs and, for each, the token that comes next: a row of a [`TokenBatch`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sequence {
    pub(super) inputs: Vec<u32>,
    pub(super) targets: Vec<u32>,
    pub(super) counted: Vec<bool>,
}

impl Sequence {
    /// Fills the sequence up to `time` tokens, with targets that do not count. Token 0 is in every vocabulary.
    pub(super) fn pad(&mut self, time: usize) {
        self.inputs.resize(time, 0);
        self.targets.resize(time, 0);
        self.counted.resize(time, false);
    }

    /// Appends row `row` of `batch`.
    pub(super) fn extend(&mut self, batch: &TokenBatch, row: usize) {
        let [_, time] = batch.shape;
        let row = row * time..(row + 1) * time;
        self.inputs.extend(&batch.inputs[row.clone()]);
        self.targets.extend(&batch.targets[row.clone()]);
        self.counted.extend(&batch.counted[row]);
    }
}

/// A batch of `sequences`, one a row; the shorter ones are filled up with targets that do not count.
pub(super) fn stack(sequences: Vec<Sequence>) -> TokenBatch {
    let lengths = sequences.iter().map(|sequence| sequence.inputs.len());
    let time = lengths.max().unwrap_or_default();
    let mut batch = TokenBatch {
        shape: [sequences.len(), time],
        inputs: Vec::with_capacity(sequences.len() * time),
        targets: Vec::with_capacity(sequences.len() * time),
        counted: Vec::with_capacity(sequences.len() * time),
    };
    for mut sequence in sequences {
        sequence.pad(time);
        batch.inputs.append(&mut sequence.inputs);
        batch.targets.append(&mut sequence.targets);
        batch.counted.append(&mut sequence.counted);
    }
    batch
}

/// The predictions that a corpus asks for, in order. With a token to start from, that is every token, the first one
/// from it; without, every token but the first, which then is only ever an input.
#[derive(Clone, Debug)]
pub(super) struct Predictions {
    tokens: Tokens,
    start: Option<u32>,
}

impl Predictions {
    /// # Errors
    /// If nothing is to be predicted.
    pub(super) fn new(tokens: Tokens, start: Option<u32>) -> Result<Self, DataError> {
        let predictions = Self { tokens, start };
        if predictions.len() == 0 {
            let reason = match predictions.tokens.len() {
                0 => "it has no tokens",
                _ => {
                    "it has one token, and nothing that comes before it, so there is nothing to predict"
                }
            };
            return Err(DataError::config("corpus", reason));
        }
        Ok(predictions)
    }

    /// How many targets there are.
    pub(super) fn len(&self) -> usize {
        match self.start {
            Some(_) => self.tokens.len(),
            None => self.tokens.len().saturating_sub(1),
        }
    }

    /// The targets in `range` (within [`len`](Self::len)) with their inputs, all counted.
    ///
    /// # Errors
    /// As [`Tokens::read`].
    pub(super) fn read(&self, range: Range<usize>) -> Result<Sequence, DataError> {
        let time = range.len();
        let mut ids = match self.start {
            _ if time == 0 => Vec::new(),
            None => self.tokens.read(range.start..range.end + 1)?,
            Some(start) if range.start == 0 => {
                let mut ids = vec![start];
                ids.extend(self.tokens.read(range)?);
                ids
            }
            Some(_) => self.tokens.read(range.start - 1..range.end)?,
        };
        let targets = ids.iter().skip(1).copied().collect();
        ids.truncate(time);
        Ok(Sequence {
            inputs: ids,
            targets,
            counted: vec![true; time],
        })
    }
}
