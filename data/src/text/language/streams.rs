//! Truncated back-propagation through time (BPTT): a corpus as parallel streams, which a recurrent
//! model reads segment by segment, carrying its hidden state along.
//!
//! ```text
//! corpus      a b c d e f g h i j k l m        batch = 2, time = 2
//! stream 0    a b|c d|e  -> targets  b c|d e|f
//! stream 1    g h|i j|k  -> targets  h i|j k|l
//! ```
//!
//! Row `r` of every batch continues row `r` of the previous batch, so the hidden state after one
//! segment is the initial state of the next. An item is such a batch
//! ([`Batching::Prebatched`]), and an epoch begins with a fresh state.

use super::LmBatch;
use super::example::{self, LmExample, NextTokens};
use super::{Tokens, segment_lengths};
use crate::error::DataError;
use crate::fingerprint::Fingerprint;
use crate::loader::{Batching, Source};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

/// A corpus as contiguous streams, cut into segments.
#[derive(Debug)]
pub struct Streams {
    targets: NextTokens,
    /// Number of streams.
    batch: usize,
    /// Distance between the starts of consecutive streams, in tokens.
    stride: usize,
    /// Targets per stream.
    length: usize,
    cut: Cut,
}

/// Segment boundaries.
#[derive(Debug)]
enum Cut {
    /// Every `time` steps, and at the end.
    Even { time: usize },
    /// At different places in each epoch.
    Varied {
        seed: u64,
        time: usize,
        /// Boundaries of the last epoch asked for; drawing them anew for each segment would be
        /// slow.
        last: Mutex<Option<(u64, Arc<[usize]>)>>,
    },
}

impl Streams {
    /// For training: `batch` streams of `tokens.len() / batch` consecutive tokens each, cut into
    /// segments of `time` steps (the last one may be shorter). The remainder of the corpus is
    /// dropped, as in Zaremba's and Merity's programs; the last token of a stream is only a target.
    ///
    /// With the seed `vary`, segment lengths are those of the AWD-LSTM (Merity et al.,
    /// "Regularizing and Optimizing LSTM Language Models", 2017, section 5.1): around `time` with
    /// probability 0.95, else around `time / 2`, normally distributed with a standard deviation of
    /// 5, at least 5. For all epochs to have the same number of segments and to go through the
    /// streams exactly once, the average number of lengths is drawn and then scaled (by a few
    /// percent, for a long corpus) to fit the stream.
    ///
    /// # Errors
    /// If `batch` or `time` is 0, or a stream would have no token to predict.
    pub fn training(
        tokens: Tokens,
        batch: usize,
        time: usize,
        vary: Option<u64>,
    ) -> Result<Self, DataError> {
        check_shape(batch, time)?;
        let len = tokens.len();
        let targets = NextTokens::new(tokens, None)?;
        let stride = len / batch;
        if stride < 2 {
            let reason = format!(
                "{batch} streams need at least {} tokens, two each, but the corpus has {len}; use a smaller batch",
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
            targets,
            batch,
            stride,
            length: stride - 1,
            cut,
        })
    }

    /// For evaluation: every token is a target that counts exactly once, in order within its
    /// stream. With `start`, the end-of-text token, the first token is predicted from it; without,
    /// the first token is only an input. The corpus is divided evenly, and shorter streams are
    /// padded with targets that do not count.
    ///
    /// Every stream begins with a fresh hidden state, so its first token is predicted from a single
    /// token of context. A `batch` of 1 gives the exact perplexity of the whole text; more streams
    /// are faster, with a very slightly higher perplexity.
    ///
    /// # Errors
    /// If `batch` or `time` is 0, or there is nothing to predict.
    pub fn evaluation(
        tokens: Tokens,
        batch: usize,
        time: usize,
        start: Option<u32>,
    ) -> Result<Self, DataError> {
        check_shape(batch, time)?;
        let targets = NextTokens::new(tokens, start)?;
        let length = targets.len().div_ceil(batch);
        Ok(Self {
            targets,
            batch,
            stride: length,
            length,
            cut: Cut::Even { time },
        })
    }

    /// Number of targets per epoch that count.
    pub fn tokens(&self) -> usize {
        // The last streams of an evaluation may be padded.
        (self.batch * self.length).min(self.targets.len())
    }

    /// The targets of each stream that belong to segment `index`.
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
                    _ => segment_lengths::varied(*seed, epoch, self.length, *time).into(),
                };
                let segment = ends[index]..ends[index + 1];
                *last = Some((epoch, ends));
                segment
            }
        }
    }

    /// The part of stream `row` within `segment`: shorter or empty at the end of an evaluation.
    fn row(&self, row: usize, segment: &Range<usize>) -> Result<LmExample, DataError> {
        let total = self.targets.len();
        let place = |step: usize| {
            row.saturating_mul(self.stride)
                .saturating_add(step)
                .min(total)
        };
        self.targets.read(place(segment.start)..place(segment.end))
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
    type Item = LmBatch;
    type Batch = LmBatch;

    fn len(&self) -> usize {
        match self.cut {
            Cut::Even { time } => self.length.div_ceil(time),
            Cut::Varied { time, .. } => segment_lengths::count(self.length, time),
        }
    }

    fn batching(&self) -> Batching {
        Batching::Prebatched
    }

    fn name(&self, index: usize) -> String {
        format!("segment {index} of the streams")
    }

    fn identify(&self, fingerprint: &mut Fingerprint) -> Result<(), DataError> {
        self.targets.identify(fingerprint);
        Ok(())
    }

    fn item(&self, epoch: u64, index: usize) -> Result<LmBatch, DataError> {
        let segment = self.segment(epoch, index);
        let rows = (0..self.batch).map(|row| {
            let mut example = self.row(row, &segment)?;
            example.pad(segment.len());
            Ok(example)
        });
        let rows: Result<Vec<LmExample>, DataError> = rows.collect();
        rows.map(example::stack)
    }

    /// Concatenates segments in time.
    fn collate(&self, _epoch: u64, _batch: usize, items: Vec<LmBatch>) -> LmBatch {
        let mut rows = Vec::with_capacity(self.batch);
        for row in 0..self.batch {
            let mut joined = LmExample::default();
            for item in &items {
                joined.extend(item, row);
            }
            rows.push(joined);
        }
        example::stack(rows)
    }
}
