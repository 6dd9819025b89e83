//! Questions for evaluation: each with all windows of its context, between which its answer is chosen.

use super::{Question, span};
use crate::error::DataError;
use crate::loader::{Batching, Source};
use crate::text::encoder::{EncoderBatch, Encoding, InputBuilder};
use std::ops::Range;
use std::sync::Arc;

/// Questions, shortest contexts first, so that a batch has little padding. An item is a question, which is encoded when
/// it is asked for.
#[derive(Debug)]
pub struct QaEvaluationSource {
    questions: Vec<Arc<Question>>,
    encoder: InputBuilder,
    stride: usize,
}

/// One question and what a model reads to answer it.
#[derive(Clone, Debug)]
pub struct QuestionWindows {
    /// Text 0 of each window.
    pub question: Arc<Question>,
    /// Which rows of the batch are its windows.
    pub rows: Range<usize>,
    /// The windows; text 1 is the context.
    pub windows: Vec<Encoding>,
    /// For each window the first and the last token of the answer, for the loss; twice 0 where the window does not have
    /// all of it, and also where the answer's place is not known.
    pub spans: Vec<[u32; 2]>,
}

/// Questions and all windows of all of them.
#[derive(Clone, Debug)]
pub struct QuestionBatch {
    /// A row for each window, question by question.
    pub input: EncoderBatch,
    /// The questions.
    pub questions: Vec<QuestionWindows>,
}

impl Question {
    /// The question before each window of its context; neighbours share `stride` tokens.
    pub(super) fn windows(
        &self,
        encoder: &InputBuilder,
        stride: usize,
    ) -> Result<Vec<Encoding>, DataError> {
        encoder
            .pair_windows(&self.question, &self.context, stride)
            .map_err(|error| DataError::config(format!("question {}", self.id), error.to_string()))
    }
}

impl QuestionWindows {
    /// The windows of one question, as if it were the first of a batch.
    ///
    /// # Errors
    /// As [`InputBuilder::pair_windows`].
    pub fn new(
        question: Arc<Question>,
        encoder: &InputBuilder,
        stride: usize,
    ) -> Result<Self, DataError> {
        let windows = question.windows(encoder, stride)?;
        let span = |window| span::of(window, &question.context, question.answer_range());
        Ok(Self {
            rows: 0..windows.len(),
            spans: windows.iter().map(span).collect(),
            windows,
            question,
        })
    }
}

impl QuestionBatch {
    /// Puts the windows of all questions below each other.
    pub fn new(mut questions: Vec<QuestionWindows>, pad_id: u32) -> Self {
        let mut row = 0;
        for question in &mut questions {
            question.rows = row..row + question.windows.len();
            row = question.rows.end;
        }
        let rows: Vec<&Encoding> = questions.iter().flat_map(|q| &q.windows).collect();
        Self {
            input: EncoderBatch::new(&rows, pad_id),
            questions,
        }
    }

    /// The targets of all rows.
    pub fn spans(&self) -> Vec<[u32; 2]> {
        self.questions
            .iter()
            .flat_map(|q| q.spans.iter().copied())
            .collect()
    }
}

impl QaEvaluationSource {
    /// All of `questions`, also those that nothing can be learnt from; neighbouring windows share `stride` tokens.
    ///
    /// # Errors
    /// If there is no question.
    pub fn new(
        mut questions: Vec<Arc<Question>>,
        encoder: &InputBuilder,
        stride: usize,
    ) -> Result<Self, DataError> {
        if questions.is_empty() {
            return Err(DataError::config("questions", "there are none"));
        }
        questions.sort_by_key(|question| question.context.len() + question.question.len());
        Ok(Self {
            questions,
            encoder: encoder.clone(),
            stride,
        })
    }

    /// The questions, in the order of the items.
    pub fn questions(&self) -> &[Arc<Question>] {
        &self.questions
    }
}

impl Source for QaEvaluationSource {
    type Item = QuestionWindows;
    type Batch = QuestionBatch;

    fn len(&self) -> usize {
        self.questions.len()
    }

    fn batching(&self) -> Batching {
        Batching::InOrder
    }

    fn name(&self, index: usize) -> String {
        let id = self
            .questions
            .get(index)
            .map_or("?", |question| &question.id);
        format!("question {id}")
    }

    fn item(&self, _epoch: u64, index: usize) -> Result<QuestionWindows, DataError> {
        let question = self.questions.get(index).ok_or_else(|| {
            DataError::config("index", format!("{index} of {}", self.questions.len()))
        })?;
        QuestionWindows::new(question.clone(), &self.encoder, self.stride)
    }

    fn collate(&self, _epoch: u64, _batch: usize, items: Vec<QuestionWindows>) -> QuestionBatch {
        QuestionBatch::new(items, self.encoder.pad_id())
    }
}
