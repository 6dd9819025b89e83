//! The passage of a text that answers a question.

use std::io::Write;
use std::ops::Range;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, ensure};
use burn::tensor::Device;
use serde::Serialize;
use tinderbox_data::text::encoder::question_answering::{
    self, Prediction, QuestionBatch, QuestionWindows,
};
use tinderbox_train::TrainError;
use tinderbox_train::kinds::encoder::LoadedEncoder;
use tinderbox_train::kinds::encoder::{Answering, span_logits};

use super::Args;
use super::text::data_recipe;
use crate::Done;
use crate::texts::TextArgs;

/// Windows that go through the network at once.
const AT_ONCE: usize = 8;

/// What is asked, of which text, and how the answer is chosen.
pub(crate) struct Question {
    pub(crate) question: String,
    pub(crate) context: String,
    stride: usize,
    answering: Answering,
}

impl Question {
    /// The question and text that are given, to be answered as the run's recipe says. With a `null_threshold` there may be
    /// no answer, even if the model is not known to have learnt that.
    pub(crate) fn new(
        run: &Path,
        loaded: &LoadedEncoder,
        question: Option<&String>,
        texts: &TextArgs,
        null_threshold: Option<f64>,
    ) -> anyhow::Result<Self> {
        let question = question.context("this model answers questions: ask one with --question")?;
        let data = data_recipe(run)?;
        let can_be_impossible = loaded.can_be_impossible || null_threshold.is_some();
        let mut answering = Answering::new(&data, can_be_impossible);
        answering.null_threshold = null_threshold.unwrap_or(answering.null_threshold);
        Ok(Self {
            question: question.clone(),
            context: texts.read_whole()?,
            stride: data.stride,
            answering,
        })
    }
}

#[derive(Serialize)]
struct Answer<'a> {
    question: &'a str,
    /// Empty if there is none.
    answer: &'a str,
    score: f32,
    probability: f32,
    /// Where it stands in the text, in bytes of UTF-8 and in characters (as Python counts).
    bytes: Range<usize>,
    characters: Range<usize>,
    /// The score of "no answer".
    null_score: f32,
}

pub(super) fn run(args: &Args, loaded: &LoadedEncoder, device: &Device) -> Done {
    let asked = Question::new(
        &args.run,
        loaded,
        args.question.as_ref(),
        &args.texts,
        args.null_threshold,
    )?;
    let (_, found) = ask(&asked, loaded, device)?;
    let context = &asked.context;
    let count = |end: usize| context.get(..end).map_or(0, |text| text.chars().count());
    let answer = Answer {
        question: &asked.question,
        answer: &found.text,
        score: found.score,
        probability: found.probability,
        characters: count(found.range.start)..count(found.range.end),
        bytes: found.range.clone(),
        null_score: found.null_score,
    };
    let mut out = std::io::stdout().lock();
    if args.json {
        writeln!(out, "{}", serde_json::to_string(&answer)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    if answer.answer.is_empty() {
        writeln!(out, "(no answer) score {:.3}", answer.score)?;
        return Ok(ExitCode::SUCCESS);
    }
    writeln!(
        out,
        "{}\n\nscore {:.3}, probability {:.2} %, characters {} to {} of the text",
        answer.answer,
        answer.score,
        answer.probability * 100.0,
        answer.characters.start,
        answer.characters.end
    )?;
    Ok(ExitCode::SUCCESS)
}

/// The answer, and the windows of the text that it was looked for in.
pub(crate) fn ask(
    asked: &Question,
    loaded: &LoadedEncoder,
    device: &Device,
) -> anyhow::Result<(QuestionWindows, Prediction)> {
    ensure!(!asked.question.trim().is_empty(), "the question is empty");
    let sequences = &loaded.sequences;
    let question = question_answering::Question::asked(&asked.question, &asked.context);
    // A third of a row at most, so that windows of a small model get on.
    let stride = asked.stride.min(sequences.max_length() / 3);
    let windows = QuestionWindows::new(Arc::new(question), sequences, stride)?;
    let cut = windows.windows.first().map_or(0, |row| row.truncated);
    if cut > 0 {
        eprintln!(
            "warning: the question is too long for the model; {cut} tokens of it are left out"
        );
    }
    let batch = QuestionBatch::new(vec![windows], sequences.pad_id());
    let logits = span_logits(&loaded.model, &loaded.config, &batch.input, AT_ONCE, device)?;
    let mut read = Vec::new();
    for logits in logits {
        let logits = logits.try_into_vec_as::<f32>();
        read.push(logits.map_err(|e| TrainError::Execution(e.to_string()))?);
    }
    let ([start, end], Some(windows)) = (read.as_slice(), batch.questions.into_iter().next())
    else {
        anyhow::bail!("no logits for the question");
    };
    let found = asked.answering.best(&windows, start, end);
    Ok((windows, found))
}
