//! Extractive question answering: the span of a context that answers a question.

use std::ops::Range;

use burn::tensor::{Device, Int, Tensor, Transaction};
use tinderbox_data::loader::{Batching, Loader, Source};
use tinderbox_data::text::encoder::EncoderBatch;
use tinderbox_data::text::encoder::question_answering::metrics::Version;
use tinderbox_data::text::encoder::question_answering::{
    self as squad, Prediction, QaEvaluationSource, QaTrainingBatch, QaTrainingSource,
    QuestionBatch, QuestionWindows, best_answer,
};
use tinderbox_data::{DataError, Fingerprint};
use tinderbox_kernels::loss::cross_entropy;
use tinderbox_model_transformer::Head;
use tinderbox_model_transformer::{EncoderInput, MissingHead, TextEncoder, TextEncoderConfig};

use super::bundle::EncoderBundle;
use super::data::{self, EncoderRun, Part};
use super::fit::{fit, sequences};
use super::inputs::input;
use super::outputs::{indices, read_all};
use super::recipe::{EncoderDataRecipe, EncoderRecipe};
use crate::TrainError;
use crate::metrics::{MetricInfo, Tally};
use crate::task::{HiddenState, Task};

/// Cross-entropy on the first and last token of the answer, averaged over both. An evaluation adds
/// exact match and F1 of the answers' words, by SQuAD's official rules (Rajpurkar et al. 2016,
/// <https://arxiv.org/abs/1606.05250>).
pub struct QuestionAnsweringTask {
    config: TextEncoderConfig,
    answering: Answering,
    version: Version,
    metrics: [MetricInfo; 3],
}

/// Rules for choosing an answer.
#[derive(Clone, Copy, Debug)]
pub struct Answering {
    /// Maximum length of an answer in tokens.
    pub max_answer_tokens: usize,
    /// True if "no answer" is an answer.
    pub can_be_impossible: bool,
    /// Margin by which "no answer" must outscore the best answer.
    pub null_threshold: f64,
}

impl Answering {
    /// The rules of a recipe; `can_be_impossible` is a property of the model.
    pub fn new(data: &EncoderDataRecipe, can_be_impossible: bool) -> Self {
        Self {
            max_answer_tokens: data.max_answer_tokens,
            can_be_impossible,
            null_threshold: data.null_threshold,
        }
    }

    /// Chooses the answer to a question from its start and end logits, `[windows, time]` row by
    /// row.
    pub fn best(&self, question: &QuestionWindows, start: &[f32], end: &[f32]) -> Prediction {
        /// Number of likeliest start and end positions that are paired, as in Hugging Face's
        /// scripts.
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

/// Start and end logits of all rows of a batch, `[rows, time]` each. The model sees at most
/// `at_once` rows at a time, since long texts have many windows.
///
/// # Errors
/// `model` has no question answering head.
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

/// Data set of windows to train on, or of questions with all their windows, to evaluate on.
#[derive(Debug)]
pub enum QaSource {
    /// Context windows.
    Training(QaTrainingSource),
    /// Questions with all their windows.
    Evaluation(QaEvaluationSource),
}

/// Batch of a [`QaSource`].
#[derive(Debug)]
pub enum QaBatch {
    /// Context windows.
    Windows(QaTrainingBatch),
    /// Questions with all their windows.
    Questions(QuestionBatch),
}

/// Item of a [`QaSource`].
pub enum QaItem {
    /// Context window.
    Window(<QaTrainingSource as Source>::Item),
    /// Question with all its windows.
    Question(<QaEvaluationSource as Source>::Item),
}

impl Source for QaSource {
    type Item = QaItem;
    type Batch = QaBatch;

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

    fn identify(&self, fingerprint: &mut Fingerprint) -> Result<(), DataError> {
        match self {
            Self::Training(source) => source.identify(fingerprint),
            Self::Evaluation(source) => source.identify(fingerprint),
        }
    }

    fn item(&self, epoch: u64, index: usize) -> Result<QaItem, DataError> {
        match self {
            Self::Training(source) => source.item(epoch, index).map(QaItem::Window),
            Self::Evaluation(source) => source.item(epoch, index).map(QaItem::Question),
        }
    }

    fn collate(&self, epoch: u64, batch: usize, items: Vec<QaItem>) -> QaBatch {
        let mut windows = Vec::new();
        let mut questions = Vec::new();
        for item in items {
            match item {
                QaItem::Window(window) => windows.push(window),
                QaItem::Question(question) => questions.push(question),
            }
        }
        match self {
            Self::Training(source) => QaBatch::Windows(source.collate(epoch, batch, windows)),
            Self::Evaluation(source) => QaBatch::Questions(source.collate(epoch, batch, questions)),
        }
    }
}

impl QuestionAnsweringTask {
    /// The task for a model of this configuration; answers are scored by the rules of `version`.
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

    /// Loss of each window, `[rows]`.
    fn losses(logits: [Tensor<2>; 2], spans: &[[u32; 2]]) -> Tensor<1> {
        let device = logits[0].device();
        let [start, end] = logits;
        let at = |end: usize| -> Tensor<1, Int> {
            let places: Vec<u32> = spans.iter().map(|span| span[end]).collect();
            indices(&places, &device)
        };
        // No label smoothing: padding would get a share of the target.
        let start = cross_entropy(start, at(0), 0.0);
        (start + cross_entropy(end, at(1), 0.0)) / 2.0
    }
}

impl Task for QuestionAnsweringTask {
    type Model = TextEncoder;
    type Source = QaSource;
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
        batch: QaBatch,
        _hidden_state: &mut HiddenState,
        device: &Device,
    ) -> Result<(Tensor<1>, Self::Output), TrainError> {
        let QaBatch::Windows(batch) = batch else {
            let reason = "questions for evaluation cannot be trained on";
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

    /// Tallies questions. The loss of one is the mean over its windows.
    fn evaluate(
        &self,
        model: &TextEncoder,
        batch: QaBatch,
        _hidden_state: &mut HiddenState,
        device: &Device,
    ) -> Result<Tally, TrainError> {
        let QaBatch::Questions(batch) = batch else {
            let reason = "training windows cannot be evaluated";
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

/// Opens the data of a recipe for question answering and fits a model to them; `recorded` is the
/// model of a run that resumes.
///
/// # Errors
/// As [`prepare`].
pub fn prepare(
    recipe: &EncoderRecipe,
    recorded: Option<EncoderBundle>,
) -> Result<EncoderRun<QuestionAnsweringTask>, TrainError> {
    let section = &recipe.data;
    let splits = squad::open(section.given_path()?, section.validation_fraction)?;
    let has_impossible = splits.has_impossible();
    let reports = [&splits.train_report, &splits.validation_report];
    let mut notes: Vec<String> = reports.iter().filter_map(|r| r.warning()).collect();
    let train = data::subset(splits.train, section.fraction);
    let encoder = match recorded {
        Some(recorded) => recorded,
        None => {
            let texts = train
                .iter()
                .flat_map(|question| [question.question.as_str(), &question.context]);
            EncoderBundle {
                can_be_impossible: has_impossible,
                ..fit(recipe, Head::QuestionAnswering, Vec::new(), texts)?
            }
        }
    };
    let sequences = sequences(section, &encoder)?;
    let train = QaTrainingSource::new(&train, &sequences, section.stride, recipe.train.batch_size)?;
    let validation = QaEvaluationSource::new(splits.validation, &sequences, section.stride)?;
    notes.push(format!(
        "{} training windows, {} of them with the answer",
        train.len(),
        train.answered()
    ));
    Ok(EncoderRun {
        output_rows: None,
        task: span_task(section, &encoder, has_impossible),
        train: data::training(recipe, QaSource::Training(train))?,
        validation: data::evaluation(recipe, QaSource::Evaluation(validation))?,
        notes,
        encoder,
    })
}

/// The task of a run, and a split of its data, to evaluate on.
///
/// # Errors
/// As [`prepare`].
pub fn evaluation_of(
    recipe: &EncoderRecipe,
    recorded: &EncoderBundle,
    part: Part,
) -> Result<(QuestionAnsweringTask, Loader<QaSource>), TrainError> {
    let section = &recipe.data;
    let path = section.given_path()?;
    let (questions, has_impossible) = match part {
        Part::Whole => {
            let (questions, report) = squad::read(path)?;
            (questions, report.unanswerable > 0)
        }
        part => {
            let splits = squad::open(path, section.validation_fraction)?;
            let has_impossible = splits.has_impossible();
            let questions = data::pick(part, splits.train, splits.validation, None)?;
            (questions, has_impossible)
        }
    };
    let task = span_task(section, recorded, has_impossible);
    let source =
        QaEvaluationSource::new(questions, &sequences(section, recorded)?, section.stride)?;
    Ok((
        task,
        data::evaluation(recipe, QaSource::Evaluation(source))?,
    ))
}

/// Questions without an answer are scored by SQuAD 2's rules, even for a model that was not trained
/// on any.
fn span_task(
    section: &EncoderDataRecipe,
    encoder: &EncoderBundle,
    has_impossible: bool,
) -> QuestionAnsweringTask {
    let can_be_impossible = encoder.can_be_impossible;
    let version = if can_be_impossible || has_impossible {
        Version::V2
    } else {
        Version::V1
    };
    let answering = Answering::new(section, can_be_impossible);
    QuestionAnsweringTask::new(encoder.config.clone(), answering, version)
}
