//! Extractive question answering: the passage of a text that answers a question.

use std::ops::Range;
use std::sync::Arc;

use tinderbox_data::text::encoder::question_answering::{
    self, Prediction, QuestionBatch, QuestionWindows,
};

use super::open::LoadedEncoder;
use super::question_answering::{Answering, span_logits};
use crate::TrainError;
use crate::kinds::classes::read_logits;

/// Windows per forward pass.
const WINDOWS_AT_ONCE: usize = 8;

/// Answer to a question.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The passage; empty if the model finds no answer.
    pub text: String,
    /// Sum of the start and end logits.
    pub score: f32,
    /// Probability among the candidates.
    pub probability: f32,
    /// Bytes of the text.
    pub bytes: Range<usize>,
    /// Characters of the text, as Python counts them.
    pub characters: Range<usize>,
    /// Score of "no answer".
    pub null_score: f32,
    /// Number of tokens cut off at the end of the question, beyond what the model reads.
    pub truncated: usize,
}

impl LoadedEncoder {
    /// Answers `question` with a passage of `text`, which may have any length: it is read in
    /// overlapping windows. Needs a question answering head.
    ///
    /// A `null_threshold` allows "no answer", if that scores more than this above the best passage.
    /// Without one, models trained on unanswerable questions use their recipe's, and others always
    /// answer.
    ///
    /// ```no_run
    /// use burn::tensor::Device;
    /// use tinderbox_train::kinds::encoder;
    ///
    /// let model = encoder::open("runs/squad", &Device::flex())?;
    /// let text = std::fs::read_to_string("book.txt").expect("a text");
    /// let answer = model.answer("Who wrote it?", &text, None)?;
    /// println!("{} ({:.2})", answer.text, answer.probability);
    /// # Ok::<(), tinderbox_train::TrainError>(())
    /// ```
    ///
    /// # Errors
    /// The model has another head, the question is empty, or the device failed.
    pub fn answer(
        &self,
        question: &str,
        text: &str,
        null_threshold: Option<f64>,
    ) -> Result<Answer, TrainError> {
        let (windows, prediction) = self.answer_windows(question, text, null_threshold)?;
        let characters = |end: usize| text.get(..end).map_or(0, |text| text.chars().count());
        let range = prediction.range.clone();
        Ok(Answer {
            characters: characters(range.start)..characters(range.end),
            bytes: range,
            text: prediction.text,
            score: prediction.score,
            probability: prediction.probability,
            null_score: prediction.null_score,
            truncated: windows.windows.first().map_or(0, |row| row.truncated),
        })
    }

    /// The answer with the windows in which it was looked for.
    pub(super) fn answer_windows(
        &self,
        question: &str,
        text: &str,
        null_threshold: Option<f64>,
    ) -> Result<(QuestionWindows, Prediction), TrainError> {
        if question.trim().is_empty() {
            return Err(TrainError::Usage("the question is empty".into()));
        }
        let can_be_impossible = self.can_be_impossible || null_threshold.is_some();
        let mut answering = Answering::new(&self.data, can_be_impossible);
        answering.null_threshold = null_threshold.unwrap_or(answering.null_threshold);
        // A third of a row at most: the windows of a model with a short context must advance.
        let stride = self.data.stride.min(self.inputs.max_length() / 3);
        let question = question_answering::Question::asked(question, text);
        let windows = QuestionWindows::new(Arc::new(question), &self.inputs, stride)?;
        let batch = QuestionBatch::new(vec![windows], self.inputs.pad_id());
        let [start, end] = span_logits(
            &self.model,
            &self.config,
            &batch.input,
            WINDOWS_AT_ONCE,
            &self.device,
        )?;
        let (start, end) = (read_logits(start)?, read_logits(end)?);
        let windows = batch.questions.into_iter().next();
        let windows =
            windows.ok_or_else(|| TrainError::Execution("no logits for the question".into()))?;
        let prediction = answering.best(&windows, &start, &end);
        Ok((windows, prediction))
    }
}
