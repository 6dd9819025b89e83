//! Examples for next-token prediction.

use super::{LmBatch, Tokens};
use crate::error::DataError;
use crate::fingerprint::Fingerprint;
use std::ops::Range;

/// Consecutive inputs and the next token for each: one row of an [`LmBatch`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LmExample {
    pub(super) inputs: Vec<u32>,
    pub(super) targets: Vec<u32>,
    pub(super) counted: Vec<bool>,
}

impl LmExample {
    /// Pads the example to `time` tokens with targets that do not count. Token 0 is in every
    /// vocabulary.
    pub(super) fn pad(&mut self, time: usize) {
        self.inputs.resize(time, 0);
        self.targets.resize(time, 0);
        self.counted.resize(time, false);
    }

    /// Appends row `row` of `batch`.
    pub(super) fn extend(&mut self, batch: &LmBatch, row: usize) {
        let [_, time] = batch.shape;
        let row = row * time..(row + 1) * time;
        self.inputs.extend(&batch.inputs[row.clone()]);
        self.targets.extend(&batch.targets[row.clone()]);
        self.counted.extend(&batch.counted[row]);
    }
}

/// Stacks `examples` into a batch, one per row; shorter ones are padded with targets that do not
/// count.
pub(super) fn stack(examples: Vec<LmExample>) -> LmBatch {
    let lengths = examples.iter().map(|example| example.inputs.len());
    let time = lengths.max().unwrap_or_default();
    let mut batch = LmBatch {
        shape: [examples.len(), time],
        inputs: Vec::with_capacity(examples.len() * time),
        targets: Vec::with_capacity(examples.len() * time),
        counted: Vec::with_capacity(examples.len() * time),
    };
    for mut example in examples {
        example.pad(time);
        batch.inputs.append(&mut example.inputs);
        batch.targets.append(&mut example.targets);
        batch.counted.append(&mut example.counted);
    }
    batch
}

/// The targets of a corpus, in order, with their inputs. With a start token, every token is a
/// target, the first predicted from the start token; without, every token but the first, which is
/// then only an input.
#[derive(Clone, Debug)]
pub(super) struct NextTokens {
    tokens: Tokens,
    start: Option<u32>,
}

impl NextTokens {
    /// # Errors
    /// If there are no targets.
    pub(super) fn new(tokens: Tokens, start: Option<u32>) -> Result<Self, DataError> {
        let targets = Self { tokens, start };
        if targets.len() == 0 {
            let reason = match targets.tokens.len() {
                0 => "it has no tokens",
                _ => "it has a single token and no start token, so there is nothing to predict",
            };
            return Err(DataError::config("corpus", reason));
        }
        Ok(targets)
    }

    /// Adds the tokens.
    pub(super) fn identify(&self, fingerprint: &mut Fingerprint) {
        self.tokens.identify(fingerprint);
    }

    /// Number of targets.
    pub(super) fn len(&self) -> usize {
        match self.start {
            Some(_) => self.tokens.len(),
            None => self.tokens.len().saturating_sub(1),
        }
    }

    /// Reads the targets in `range` (within [`len`](Self::len)) with their inputs, all counted.
    ///
    /// # Errors
    /// As [`Tokens::read`].
    pub(super) fn read(&self, range: Range<usize>) -> Result<LmExample, DataError> {
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
        Ok(LmExample {
            inputs: ids,
            targets,
            counted: vec![true; time],
        })
    }
}
