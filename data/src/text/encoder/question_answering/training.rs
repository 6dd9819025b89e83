//! Windows for training: each with the place of the answer in it.

use super::{Question, span};
use crate::error::DataError;
use crate::loader::{Batching, Source};
use crate::text::encoder::batch::Row;
use crate::text::encoder::order::Order;
use crate::text::encoder::{EncoderBatch, Encoding, InputBuilder};
use crate::text::parallel;
use std::sync::Arc;

/// Questions with windows of their contexts, for a model that learns where answers begin and end. An item is one window;
/// a long context is as many items as it has windows, most of them without the answer.
#[derive(Debug)]
pub struct QaTrainingSource {
    windows: Vec<Window>,
    order: Order,
    pad_id: u32,
    unusable: usize,
}

#[derive(Debug)]
struct Window {
    /// For messages.
    question: Arc<Question>,
    row: Row,
    span: [u32; 2],
}

/// Windows and where the answers lie in them.
#[derive(Clone, Debug, PartialEq)]
pub struct QaTrainingBatch {
    /// A row for each window.
    pub input: EncoderBatch,
    /// The token at which the answer begins and the one at which it ends, both of it; twice 0, the place of `[CLS]`, where
    /// the window does not have the whole answer.
    pub spans: Vec<[u32; 2]>,
}

impl QaTrainingSource {
    /// Encodes `questions`, on all processors; neighbouring windows share `stride` tokens. A question with answers of which
    /// none stands where the file says is left out. An epoch has batches of `batch_size` windows of similar
    /// length ([`Batching::Bucketed`]).
    ///
    /// # Errors
    /// If no question is left, or one does not fit into a window together with some of its context.
    pub fn new(
        questions: &[Arc<Question>],
        encoder: &InputBuilder,
        stride: usize,
        batch_size: usize,
    ) -> Result<Self, DataError> {
        let usable: Vec<&Arc<Question>> = questions.iter().filter(|q| q.is_trainable()).collect();
        if usable.is_empty() {
            let reason = "none has an answer that stands where the file says";
            return Err(DataError::config("questions", reason));
        }
        let windows = parallel::map(&usable, |question| encode(question, encoder, stride))?;
        let windows: Vec<Window> = windows.into_iter().flatten().collect();
        Ok(Self {
            windows,
            order: Order::Bucketed { batch_size },
            pad_id: encoder.pad_id(),
            unusable: questions.len() - usable.len(),
        })
    }

    /// How many questions were left out.
    pub fn unusable(&self) -> usize {
        self.unusable
    }

    /// How many windows have the answer.
    pub fn answered(&self) -> usize {
        let answered = |window: &&Window| window.span != [0, 0];
        self.windows.iter().filter(answered).count()
    }
}

fn encode(
    question: &Arc<Question>,
    encoder: &InputBuilder,
    stride: usize,
) -> Result<Vec<Window>, DataError> {
    let window = |input: Encoding| Window {
        question: question.clone(),
        span: span::of(&input, &question.context, question.answer_range()),
        row: input.into(),
    };
    let windows = question.windows(encoder, stride)?;
    Ok(windows.into_iter().map(window).collect())
}

impl Source for QaTrainingSource {
    /// The index; what it stands for lies ready.
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
