//! Truncated back-propagation through time: a corpus as parallel streams, of which a recurrent model reads one segment
//! after the other, carrying its hidden state along.
//!
//! ```text
//! corpus      a b c d e f g h i j k l m        batch = 2, time = 2
//! stream 0    a b|c d|e  -> targets  b c|d e|f
//! stream 1    g h|i j|k  -> targets  h i|j k|l
//! ```
//!
//! Row `r` of every batch continues row `r` of the batch before, so that the hidden state after one segment belongs in
//! front of the next. An item is such a batch ([`Batching::Prebatched`]), and an epoch begins with a fresh state.

use super::TokenBatch;
use super::sequence::{self, Predictions, Sequence};
use super::{Tokens, segments};
use crate::error::DataError;
use crate::loader::{Batching, Source};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

/// A corpus as contiguous streams, cut into segments.
#[derive(Debug)]
pub struct Streams {
    predictions: Predictions,
    /// How many streams there are.
    batch: usize,
    /// From the beginning of a stream to the beginning of the next one, in tokens.
    stride: usize,
    /// Predictions of a stream.
    length: usize,
    cut: Cut,
}

/// Where segments end.
#[derive(Debug)]
enum Cut {
    /// After every `time` steps, and at the end.
    Even { time: usize },
    /// Elsewhere in each epoch.
    Varied {
        seed: u64,
        time: usize,
        /// Those of the epoch that was asked for last: to draw them all for each segment would be slow.
        last: Mutex<Option<(u64, Arc<[usize]>)>>,
    },
}

impl Streams {
    /// For training: `batch` streams of `tokens.len() / batch` consecutive tokens each, cut into segments of `time`
    /// steps (the last one of what is left). What remains at the end of the corpus is left out, as in Zaremba's and
    /// Merity's programs; the last token of a stream is only a target.
    ///
    /// With the seed `vary`, the segments of an epoch have the lengths of the AWD-LSTM (Merity et al., "Regularizing and
    /// Optimizing LSTM Language Models", 2017, section 5.1): around `time` with probability 0.95, else around
    /// `time / 2`, normally distributed with a standard deviation of 5, at least 5. So that all epochs have the same
    /// number of segments and each goes through the streams exactly once, that many lengths are drawn as are needed on
    /// average, and then stretched or squeezed together (by a few percent, in a long corpus) to fit the stream.
    ///
    /// # Errors
    /// If there is no stream or no step, or a stream would have no token to predict.
    pub fn training(
        tokens: Tokens,
        batch: usize,
        time: usize,
        vary: Option<u64>,
    ) -> Result<Self, DataError> {
        check_shape(batch, time)?;
        let len = tokens.len();
        let predictions = Predictions::new(tokens, None)?;
        let stride = len / batch;
        if stride < 2 {
            let reason = format!(
                "{batch} streams need at least {} tokens, two each, and the corpus has {len}; use a smaller batch",
                batch.saturating_mul(2)
            );
            return Err(DataError::config("batch", reason));
        }
        let cut = match vary {
            None => Cut::Even { time },
            Some(seed) => Cut::Varied {
                seed,
                time,
                last: Mutex::default(),
            },
        };
        Ok(Self {
            predictions,
            batch,
            stride,
            length: stride - 1,
            cut,
        })
    }

    /// For evaluation: every token is a target that counts exactly once, in order within its stream. With `start`, the
    /// token that ends a text, the first token is predicted from it; without, the first token is only an input. The
    /// corpus is shared out evenly, and where a stream has fewer tokens its end is filled up with targets that do not
    /// count.
    ///
    /// Every stream begins with a fresh hidden state, so that of what comes before, its first token sees only the one
    /// token that is its input. A `batch` of 1 gives the exact perplexity of the whole text; more streams are faster,
    /// and give one that is higher by a trace.
    ///
    /// # Errors
    /// If there is no stream or no step, or nothing to predict.
    pub fn evaluation(
        tokens: Tokens,
        batch: usize,
        time: usize,
        start: Option<u32>,
    ) -> Result<Self, DataError> {
        check_shape(batch, time)?;
        let predictions = Predictions::new(tokens, start)?;
        let length = predictions.len().div_ceil(batch);
        Ok(Self {
            predictions,
            batch,
            stride: length,
            length,
            cut: Cut::Even { time },
        })
    }

    /// How many targets of an epoch count.
    pub fn tokens(&self) -> usize {
        // An evaluation's last streams are filled up.
        (self.batch * self.length).min(self.predictions.len())
    }

    /// The predictions of each stream that segment `index` makes.
    fn segment(&self, epoch: u64, index: usize) -> Range<usize> {
        match &self.cut {
            Cut::Even { time } => {
                let begin = index * time;
                begin..begin.saturating_add(*time).min(self.length)
            }
            Cut::Varied { seed, time, last } => {
                let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
                let ends = match last.take() {
                    Some((of, ends)) if of == epoch => ends,
                    _ => segments::varied(*seed, epoch, self.length, *time).into(),
                };
                let segment = ends[index]..ends[index + 1];
                *last = Some((epoch, ends));
                segment
            }
        }
    }

    /// The part of stream `row` that lies in `segment`: shorter, or nothing, at the end of an evaluation.
    fn row(&self, row: usize, segment: &Range<usize>) -> Result<Sequence, DataError> {
        let total = self.predictions.len();
        let place = |step: usize| {
            row.saturating_mul(self.stride)
                .saturating_add(step)
                .min(total)
        };
        self.predictions
            .read(place(segment.start)..place(segment.end))
    }
}

fn check_shape(batch: usize, time: usize) -> Result<(), DataError> {
    for (what, number) in [("batch", batch), ("time", time)] {
        if number == 0 {
            return Err(DataError::config(what, "must be at least 1"));
        }
    }
    Ok(())
}

impl Source for Streams {
    type Item = TokenBatch;
    type Batch = TokenBatch;

    fn len(&self) -> usize {
        match self.cut {
            Cut::Even { time } => self.length.div_ceil(time),
            Cut::Varied { time, .. } => segments::count(self.length, time),
        }
    }

    fn batching(&self) -> Batching {
        Batching::Prebatched
    }

    fn name(&self, index: usize) -> String {
        format!("segment {index} of the streams")
    }

    fn item(&self, epoch: u64, index: usize) -> Result<TokenBatch, DataError> {
        let segment = self.segment(epoch, index);
        let rows = (0..self.batch).map(|row| {
            let mut sequence = self.row(row, &segment)?;
            sequence.pad(segment.len());
            Ok(sequence)
        });
        let rows: Result<Vec<Sequence>, DataError> = rows.collect();
        rows.map(sequence::stack)
    }

    /// Of several segments, a longer one.
    fn collate(&self, _epoch: u64, _batch: usize, items: Vec<TokenBatch>) -> TokenBatch {
        let mut rows = Vec::with_capacity(self.batch);
        for row in 0..self.batch {
            let mut joined = Sequence::default();
            for item in &items {
                joined.extend(item, row);
            }
            rows.push(joined);
        }
        sequence::stack(rows)
    }
}
