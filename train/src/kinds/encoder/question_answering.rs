//! Question answering: where in a text the answer lies.

use std::ops::Range;

use burn::tensor::{Device, Int, Tensor, Transaction};
use tinderbox_data::DataError;
use tinderbox_data::loader::{Batching, Source};
use tinderbox_data::text::encoder::EncoderBatch;
use tinderbox_data::text::encoder::question_answering::metrics::Version;
use tinderbox_data::text::encoder::question_answering::{
    Prediction, QaEvaluationSource, QaTrainingBatch, QaTrainingSource, QuestionBatch,
    QuestionWindows, best_answer,
};
use tinderbox_kernels::loss::cross_entropy;
use tinderbox_model_transformer::{EncoderInput, MissingHead, TextEncoder, TextEncoderConfig};

use super::EncoderDataRecipe;
use super::input;
use super::outputs::{indices, read_all};
use crate::TrainError;
use crate::metrics::{MetricInfo, Tally};
use crate::task::{Carry, Task};

/// Cross-entropy on the first and last token of the answer, the mean of both; of an evaluation also exact match and F1 of
/// the answers' words, by SQuAD's official rules (Rajpurkar et al. 2016, <https://arxiv.org/abs/1606.05250>).
pub struct QuestionAnsweringTask {
    config: TextEncoderConfig,
    answering: Answering,
    version: Version,
    metrics: [MetricInfo; 3],
}

/// How an answer is chosen.
#[derive(Clone, Copy, Debug)]
pub struct Answering {
    /// The longest that is given, in tokens.
    pub max_answer_tokens: usize,
    /// Whether "there is no answer" is an answer.
    pub can_be_impossible: bool,
    /// How much more "no answer" must score than the best answer to be given.
    pub null_threshold: f64,
}

impl Answering {
    /// As the recipe says; `can_be_impossible` is what the model has learnt.
    pub fn new(data: &EncoderDataRecipe, can_be_impossible: bool) -> Self {
        Self {
            max_answer_tokens: data.max_answer_tokens,
            can_be_impossible,
            null_threshold: data.null_threshold,
        }
    }

    /// The answer to a question with these start and end logits, `[windows, time]` row by row.
    pub fn best(&self, question: &QuestionWindows, start: &[f32], end: &[f32]) -> Prediction {
        /// How many of the likeliest beginnings and ends are paired, as in Hugging Face's scripts.
        const N_BEST: usize = 20;
        best_answer(
            question,
            start,
            end,
            N_BEST,
            self.max_answer_tokens,
            self.can_be_impossible,
            self.null_threshold as f32,
        )
    }
}

/// Start and end logits of all rows of a batch, `[rows, time]` each. No more than `at_once` rows go through the model at
/// the same time: long texts have many windows.
///
/// # Errors
/// [`MissingHead`] if `model` has no question answering head.
pub fn span_logits(
    model: &TextEncoder,
    config: &TextEncoderConfig,
    batch: &EncoderBatch,
    at_once: usize,
    device: &Device,
) -> Result<[Tensor<2>; 2], MissingHead> {
    let input = input(batch, config, device);
    let mut parts = [Vec::new(), Vec::new()];
    for first in (0..batch.rows()).step_by(at_once.max(1)) {
        let part = rows(&input, first..(first + at_once).min(batch.rows()));
        let [start, end] = model.forward_question_answering(&part)?;
        parts[0].push(start);
        parts[1].push(end);
    }
    Ok(parts.map(|parts| Tensor::cat(parts, 0)))
}

fn rows(input: &EncoderInput, rows: Range<usize>) -> EncoderInput {
    let slice = |x: &Tensor<2, Int>| x.clone().slice([rows.clone()]);
    EncoderInput {
        tokens: slice(&input.tokens),
        token_type_ids: input.token_type_ids.as_ref().map(slice),
        attention_mask: input
            .attention_mask
            .as_ref()
            .map(|real| real.clone().slice([rows.clone()])),
    }
}

/// Where questions come from: windows that are learnt from, or questions with all their windows, to be answered.
#[derive(Debug)]
pub enum SpanSource {
    /// Windows of texts.
    Training(QaTrainingSource),
    /// Whole questions.
    Evaluation(QaEvaluationSource),
}

/// A batch of either.
#[derive(Debug)]
pub enum SpanInput {
    /// Windows of texts.
    Windows(QaTrainingBatch),
    /// Whole questions.
    Questions(QuestionBatch),
}

/// An item of either.
pub enum SpanItem {
    /// A window of a text.
    Window(<QaTrainingSource as Source>::Item),
    /// A whole question.
    Question(<QaEvaluationSource as Source>::Item),
}

impl Source for SpanSource {
    type Item = SpanItem;
    type Batch = SpanInput;

    fn len(&self) -> usize {
        match self {
            Self::Training(source) => source.len(),
            Self::Evaluation(source) => source.len(),
        }
    }

    fn batching(&self) -> Batching {
        match self {
            Self::Training(source) => source.batching(),
            Self::Evaluation(source) => source.batching(),
        }
    }

    fn order(&self, seed: u64, epoch: u64) -> Vec<usize> {
        match self {
            Self::Training(source) => source.order(seed, epoch),
            Self::Evaluation(source) => source.order(seed, epoch),
        }
    }

    fn name(&self, index: usize) -> String {
        match self {
            Self::Training(source) => source.name(index),
            Self::Evaluation(source) => source.name(index),
        }
    }

    fn item(&self, epoch: u64, index: usize) -> Result<SpanItem, DataError> {
        match self {
            Self::Training(source) => source.item(epoch, index).map(SpanItem::Window),
            Self::Evaluation(source) => source.item(epoch, index).map(SpanItem::Question),
        }
    }

    fn collate(&self, epoch: u64, batch: usize, items: Vec<SpanItem>) -> SpanInput {
        let mut windows = Vec::new();
        let mut questions = Vec::new();
        for item in items {
            match item {
                SpanItem::Window(window) => windows.push(window),
                SpanItem::Question(question) => questions.push(question),
            }
        }
        match self {
            Self::Training(source) => SpanInput::Windows(source.collate(epoch, batch, windows)),
            Self::Evaluation(source) => {
                SpanInput::Questions(source.collate(epoch, batch, questions))
            }
        }
    }
}

impl QuestionAnsweringTask {
    /// The task for a model of this configuration, whose answers are measured by the rules of `version`.
    pub fn new(config: TextEncoderConfig, answering: Answering, version: Version) -> Self {
        Self {
            config,
            answering,
            version,
            metrics: [
                MetricInfo::lower("loss"),
                MetricInfo::fraction("exact_match"),
                MetricInfo::fraction("f1"),
            ],
        }
    }

    /// The loss of each window, `[rows]`.
    fn losses(logits: [Tensor<2>; 2], spans: &[[u32; 2]]) -> Tensor<1> {
        let device = logits[0].device();
        let [start, end] = logits;
        let at = |end: usize| -> Tensor<1, Int> {
            let places: Vec<u32> = spans.iter().map(|span| span[end]).collect();
            indices(&places, &device)
        };
        // Nothing is smoothed: padding, too, would get a share of the target.
        let start = cross_entropy(start, at(0), 0.0);
        (start + cross_entropy(end, at(1), 0.0)) / 2.0
    }
}

impl Task for QuestionAnsweringTask {
    type Model = TextEncoder;
    type Source = SpanSource;
    type Output = (Tensor<1>, usize);

    fn metrics(&self) -> &[MetricInfo] {
        &self.metrics
    }

    fn items(&self) -> &'static str {
        "windows"
    }

    fn forward(
        &self,
        model: &TextEncoder,
        batch: SpanInput,
        _carry: &mut Carry,
        device: &Device,
    ) -> Result<(Tensor<1>, Self::Output), TrainError> {
        let SpanInput::Windows(batch) = batch else {
            let reason = "questions to be answered cannot be learnt from";
            return Err(TrainError::Mismatch(reason.into()));
        };
        let input = input(&batch.input, &self.config, device);
        let logits = model.forward_question_answering(&input)?;
        let loss = Self::losses(logits, &batch.spans).mean();
        let output = (loss.clone().inner(), batch.spans.len());
        Ok((loss, output))
    }

    fn tally(&self, (loss, windows): Self::Output) -> Result<Tally, TrainError> {
        let loss = loss
            .try_into_scalar::<f32>()
            .map_err(|e| TrainError::Execution(e.to_string()))?;
        Ok(Tally::new(
            windows,
            [("loss", f64::from(loss) * windows as f64)],
        ))
    }

    /// Counts questions. The loss of one is the mean over its windows.
    fn evaluate(
        &self,
        model: &TextEncoder,
        batch: SpanInput,
        _carry: &mut Carry,
        device: &Device,
    ) -> Result<Tally, TrainError> {
        let SpanInput::Questions(batch) = batch else {
            let reason = "windows without questions cannot be answered";
            return Err(TrainError::Mismatch(reason.into()));
        };
        let questions = &batch.questions;
        let time = batch.input.shape[1];
        let logits = span_logits(model, &self.config, &batch.input, questions.len(), device)?;
        let losses = Self::losses(logits.clone(), &batch.spans());
        let [start, end] = logits;
        let transaction = Transaction::default().register(losses);
        let [losses, start, end] = read_all(transaction.register(start).register(end))?;
        let mut sums = [0.0; 3];
        for question in questions {
            let rows = question.rows.clone();
            let cells = rows.start * time..rows.end * time;
            let answer = self
                .answering
                .best(question, &start[cells.clone()], &end[cells]);
            let score = question.question.score(&answer.text, self.version);
            let windows = rows.len().max(1) as f64;
            let loss: f64 = losses[rows].iter().map(|loss| f64::from(*loss)).sum();
            sums[0] += loss / windows;
            sums[1] += score.exact_match;
            sums[2] += score.f1;
        }
        let [loss, exact_match, f1] = sums;
        let sums = [("loss", loss), ("exact_match", exact_match), ("f1", f1)];
        Ok(Tally::new(questions.len(), sums))
    }
}
