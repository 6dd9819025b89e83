//! What is to be explained of a text: the row that the model reads, and what it says of it.

use anyhow::{Context, ensure};
use burn::tensor::Device;
use tinderbox_data::text::encoder::{EncoderBatch, Encoding};
use tinderbox_model_transformer::Head;
use tinderbox_train::TrainError;
use tinderbox_train::kinds::encoder::{LoadedEncoder, input};
use tinderbox_train::kinds::image_classification::ranked;

use super::{Args, class_index};
use crate::texts;
use crate::verbs::predict::{ClassProbability, Question, ask};

/// A row that the model reads, the texts that it is of, and what is to be explained of it.
pub(super) struct TextQuestion {
    pub(super) texts: Vec<String>,
    pub(super) row: Encoding,
    pub(super) target: Target,
    /// What the model says, as a line: "positive 98.20 %".
    pub(super) said: String,
    pub(super) classes: Vec<ClassProbability>,
}

/// Which output is explained.
pub(super) enum Target {
    /// The logit of a class, and what it is called.
    Class(usize, String),
    /// The logits of the first and the last token of an answer.
    Span([usize; 2]),
    /// The model says nothing of a text as a whole.
    None,
}

impl TextQuestion {
    pub(super) fn new(
        args: &Args,
        loaded: &LoadedEncoder,
        device: &Device,
    ) -> anyhow::Result<Self> {
        let head = loaded.config.head();
        let name = args.run.display();
        ensure!(
            args.question.is_none() || head == Head::QuestionAnswering,
            "--question is for models that answer questions, and {name} is none"
        );
        ensure!(
            args.class.is_none() || head == Head::SequenceClassification,
            "--class is for models that put texts into classes, and {name} is none"
        );
        if head == Head::QuestionAnswering {
            ensure!(
                args.pair.is_none(),
                "--pair is for models that put texts into classes"
            );
            return Self::answer(args, loaded, device);
        }
        let text = args.texts.read_whole()?;
        let row = loaded.sequences.encode(&text, args.pair.as_deref())?;
        texts::warn_of_cuts(std::slice::from_ref(&row), loaded.sequences.max_length());
        let texts = [text].into_iter().chain(args.pair.clone()).collect();
        if head == Head::SequenceClassification {
            return Self::class(args, loaded, texts, row, device);
        }
        Ok(Self {
            texts,
            row,
            target: Target::None,
            said: String::new(),
            classes: Vec::new(),
        })
    }

    fn class(
        args: &Args,
        loaded: &LoadedEncoder,
        texts: Vec<String>,
        row: Encoding,
        device: &Device,
    ) -> anyhow::Result<Self> {
        let batch = EncoderBatch::new(&[&row], loaded.sequences.pad_id());
        let logits =
            loaded
                .model
                .forward_sequence_classification(&input(&batch, &loaded.config, device))?;
        let logits = logits
            .try_into_vec_as::<f32>()
            .map_err(|e| TrainError::Execution(e.to_string()))?;
        let ranked = ranked(&logits);
        let (probable, probability) = ranked
            .first()
            .copied()
            .context("the model has no classes")?;
        let class = match &args.class {
            Some(given) => class_index(&loaded.labels, logits.len(), given)?,
            None => probable,
        };
        let listed = ranked
            .into_iter()
            .take(args.top_k)
            .map(|(class, probability)| ClassProbability {
                class: loaded.label(class),
                probability,
            });
        Ok(Self {
            texts,
            row,
            target: Target::Class(class, loaded.label(class)),
            said: format!("{} {:.2} %", loaded.label(probable), probability * 100.0),
            classes: listed.collect(),
        })
    }

    fn answer(args: &Args, loaded: &LoadedEncoder, device: &Device) -> anyhow::Result<Self> {
        let question = args.question.as_ref();
        let asked = Question::new(&args.run, loaded, question, &args.texts, None)?;
        let (windows, found) = ask(&asked, loaded, device)?;
        let mut places = windows.windows.into_iter().filter_map(|row| {
            let at = |is_end: bool| place_of(&row, &found.range, is_end);
            let span = [at(false)?, at(true)?];
            Some((span, row))
        });
        // Of the windows that have the answer the first; no answer is in none.
        let (span, row) = places
            .next()
            .context("the model finds no answer in the text")?;
        Ok(Self {
            said: format!("{} (score {:.3})", found.text, found.score),
            texts: vec![asked.question, asked.context],
            row,
            target: Target::Span(span),
            classes: Vec::new(),
        })
    }
}

/// Which token of the second text begins, or ends, where the answer does.
fn place_of(row: &Encoding, answer: &std::ops::Range<usize>, is_end: bool) -> Option<usize> {
    row.origins.iter().position(|piece| {
        piece.as_ref().is_some_and(|piece| {
            let is_there = match is_end {
                true => piece.range.end == answer.end,
                false => piece.range.start == answer.start,
            };
            piece.text == 1 && is_there && !answer.is_empty()
        })
    })
}
