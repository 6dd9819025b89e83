//! Evaluation data: questions with all windows of their contexts.

use super::{Question, span};
use crate::error::DataError;
use crate::fingerprint::Fingerprint;
use crate::loader::{Batching, Source};
use crate::text::encoder::{EncoderBatch, Encoding, InputBuilder};
use std::ops::Range;
use std::sync::Arc;

/// Questions sorted by length, so that batches have little padding. An item is a question, encoded
/// on access.
#[derive(Debug)]
pub struct QaEvaluationSource {
    questions: Vec<Arc<Question>>,
    builder: InputBuilder,
    stride: usize,
}

/// A question and its windows.
#[derive(Clone, Debug)]
pub struct QuestionWindows {
    /// The question: text 0 of each window.
    pub question: Arc<Question>,
    /// Rows of the batch that hold its windows.
    pub rows: Range<usize>,
    /// The windows; text 1 is the context.
    pub windows: Vec<Encoding>,
    /// First and last token of the answer in each window, for the loss; `[0, 0]` if the window
    /// lacks the whole answer or its position is unknown.
    pub spans: Vec<[u32; 2]>,
}

/// A batch of questions with their context windows.
#[derive(Clone, Debug)]
pub struct QuestionBatch {
    /// One row per window, question by question.
    pub input: EncoderBatch,
    /// The questions.
    pub questions: Vec<QuestionWindows>,
}

impl Question {
    /// Pairs the question with each window of its context; neighbouring windows share `stride`
    /// tokens.
    pub(super) fn windows(
        &self,
        builder: &InputBuilder,
        stride: usize,
    ) -> Result<Vec<Encoding>, DataError> {
        builder
            .pair_windows(&self.question, &self.context, stride)
            .map_err(|error| DataError::config(format!("question {}", self.id), error.to_string()))
    }
}

impl QuestionWindows {
    /// Builds the windows of one question, as rows of a batch of its own.
    ///
    /// # Errors
    /// As [`InputBuilder::pair_windows`].
    pub fn new(
        question: Arc<Question>,
        builder: &InputBuilder,
        stride: usize,
    ) -> Result<Self, DataError> {
        let windows = question.windows(builder, stride)?;
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
    /// Stacks the windows of all questions.
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

    /// Answer spans of all rows.
    pub fn spans(&self) -> Vec<[u32; 2]> {
        self.questions
            .iter()
            .flat_map(|q| q.spans.iter().copied())
            .collect()
    }
}

impl QaEvaluationSource {
    /// Uses all of `questions`, including those that cannot be trained on; neighbouring windows
    /// share `stride` tokens.
    ///
    /// # Errors
    /// If there are no questions.
    pub fn new(
        mut questions: Vec<Arc<Question>>,
        builder: &InputBuilder,
        stride: usize,
    ) -> Result<Self, DataError> {
        if questions.is_empty() {
            return Err(DataError::config("questions", "there are none"));
        }
        questions.sort_by_key(|question| question.context.len() + question.question.len());
        Ok(Self {
            questions,
            builder: builder.clone(),
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

    fn identify(&self, fingerprint: &mut Fingerprint) -> Result<(), DataError> {
        fingerprint.number(self.len());
        for question in &self.questions {
            fingerprint.text(&question.id);
            fingerprint.text(&question.question);
            fingerprint.text(&question.context);
            fingerprint.number(question.answers.len());
            for answer in &question.answers {
                fingerprint.text(&answer.text);
            }
        }
        Ok(())
    }

    fn item(&self, _epoch: u64, index: usize) -> Result<QuestionWindows, DataError> {
        let question = self.questions.get(index).ok_or_else(|| {
            DataError::config("index", format!("{index} of {}", self.questions.len()))
        })?;
        QuestionWindows::new(question.clone(), &self.builder, self.stride)
    }

    fn collate(&self, _epoch: u64, _batch: usize, items: Vec<QuestionWindows>) -> QuestionBatch {
        QuestionBatch::new(items, self.builder.pad_id())
    }
}
