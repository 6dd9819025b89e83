//! Training data: windows with their answer spans.

use super::{Question, span};
use crate::error::DataError;
use crate::fingerprint::Fingerprint;
use crate::loader::{Batching, Source};
use crate::text::encoder::batch::Row;
use crate::text::encoder::order::Order;
use crate::text::encoder::{EncoderBatch, Encoding, InputBuilder};
use crate::text::parallel;
use std::sync::Arc;

/// Windows of question and context, for training a model that predicts answer spans. An item is one
/// window; a long context gives several, most of them without the answer.
#[derive(Debug)]
pub struct QaTrainingSource {
    windows: Vec<Window>,
    order: Order,
    pad_id: u32,
    unusable: usize,
}

#[derive(Debug)]
struct Window {
    /// The question, for messages.
    question: Arc<Question>,
    row: Row,
    span: [u32; 2],
}

/// A batch of windows with their answer spans.
#[derive(Clone, Debug, PartialEq)]
pub struct QaTrainingBatch {
    /// One row per window.
    pub input: EncoderBatch,
    /// First and last token of the answer (inclusive); `[0, 0]`, the position of `[CLS]`, if the
    /// window lacks the whole answer.
    pub spans: Vec<[u32; 2]>,
}

impl QaTrainingSource {
    /// Encodes `questions` on all cores; neighbouring windows share `stride` tokens. A question is
    /// left out if none of its answers is at the offset given in the file. An epoch has batches of
    /// `batch_size` windows of similar length ([`Batching::Bucketed`]).
    ///
    /// # Errors
    /// If no question is left, or one leaves no room in a window for its context.
    pub fn new(
        questions: &[Arc<Question>],
        builder: &InputBuilder,
        stride: usize,
        batch_size: usize,
    ) -> Result<Self, DataError> {
        let usable: Vec<&Arc<Question>> = questions.iter().filter(|q| q.is_trainable()).collect();
        if usable.is_empty() {
            let reason = "none has an answer at the offset given in the file";
            return Err(DataError::config("questions", reason));
        }
        let windows = parallel::map(&usable, |question| encode(question, builder, stride))?;
        let windows: Vec<Window> = windows.into_iter().flatten().collect();
        Ok(Self {
            windows,
            order: Order::Bucketed { batch_size },
            pad_id: builder.pad_id(),
            unusable: questions.len() - usable.len(),
        })
    }

    /// Number of questions left out.
    pub fn unusable(&self) -> usize {
        self.unusable
    }

    /// Number of windows that contain the answer.
    pub fn answered(&self) -> usize {
        let answered = |window: &&Window| window.span != [0, 0];
        self.windows.iter().filter(answered).count()
    }
}

fn encode(
    question: &Arc<Question>,
    builder: &InputBuilder,
    stride: usize,
) -> Result<Vec<Window>, DataError> {
    let window = |input: Encoding| Window {
        question: question.clone(),
        span: span::of(&input, &question.context, question.answer_range()),
        row: input.into(),
    };
    let windows = question.windows(builder, stride)?;
    Ok(windows.into_iter().map(window).collect())
}

impl Source for QaTrainingSource {
    /// The index of a window; windows are already encoded.
    type Item = usize;
    type Batch = QaTrainingBatch;

    fn len(&self) -> usize {
        self.windows.len()
    }

    fn batching(&self) -> Batching {
        self.order.batching()
    }

    fn order(&self, seed: u64, epoch: u64) -> Vec<usize> {
        let lengths = self.windows.iter().map(|window| window.row.len());
        self.order.of(lengths, seed, epoch)
    }

    fn name(&self, index: usize) -> String {
        let id = self
            .windows
            .get(index)
            .map_or("?", |window| &window.question.id);
        format!("a window of question {id}")
    }

    fn identify(&self, fingerprint: &mut Fingerprint) -> Result<(), DataError> {
        fingerprint.number(self.len());
        for window in &self.windows {
            window.row.identify(fingerprint);
            fingerprint.ids(&window.span);
        }
        Ok(())
    }

    fn item(&self, _epoch: u64, index: usize) -> Result<usize, DataError> {
        Ok(index)
    }

    fn collate(&self, _epoch: u64, _batch: usize, indices: Vec<usize>) -> QaTrainingBatch {
        let windows = indices.iter().filter_map(|&index| self.windows.get(index));
        let windows: Vec<&Window> = windows.collect();
        QaTrainingBatch {
            input: EncoderBatch::stack(windows.iter().map(|window| &window.row), self.pad_id),
            spans: windows.iter().map(|window| window.span).collect(),
        }
    }
}
