//! `tinderbox explain` of a text: contributions of words, and attention.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, ensure};
use clap::ValueEnum;
use serde::Serialize;
use tinderbox_model_transformer::Head;
use tinderbox_model_transformer::explain::IntegratedGradients;
use tinderbox_train::kinds::ClassProbability;
use tinderbox_train::kinds::encoder::{
    ExplainInput, ExplainTarget, LoadedEncoder, TextExplainMethod, TextExplanation, TextInput,
};

use super::encoder_output::{Format, write};
use super::{Args, class_index, refuse_others};
use crate::args::text::{warn_of_long_question, warn_of_truncation};
use crate::exit::CliResult;
use crate::pictures::tokens::{Scored, ScoredText};

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum TextMethod {
    /// Text: contribution of each word to the class's logit.
    IntegratedGradients,
    /// Text: attention weights between tokens, per layer and head.
    Attention,
    /// Text: attention rollout through all layers.
    Rollout,
}

impl TextMethod {
    /// Name on the command line.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::IntegratedGradients => "integrated-gradients",
            Self::Attention => "attention",
            Self::Rollout => "rollout",
        }
    }
}

/// An explanation with what its output says about it.
pub(super) struct Explained {
    pub(super) explanation: TextExplanation,
    pub(super) method: TextMethod,
    /// The prediction on a line, as in "positive 98.20 %".
    pub(super) said: String,
    /// Meaning of the scores, on a line.
    pub(super) meaning: String,
    /// The most probable classes.
    pub(super) classes: Vec<ClassProbability>,
}

pub(super) fn run(args: &Args) -> CliResult {
    let method = args.text_method()?;
    let format = Format::of(args.output.as_deref())?;
    let of_others = |given: bool, option: &str, owner: TextMethod| {
        refuse_others(given, option, owner.name(), method.name())
    };
    let integrated = TextMethod::IntegratedGradients;
    of_others(args.layer.is_some(), "layer", TextMethod::Attention)?;
    of_others(args.head.is_some(), "head", TextMethod::Attention)?;
    of_others(args.steps.is_some(), "steps", integrated)?;
    of_others(args.class.is_some(), "class", integrated)?;
    let device = args.device.open()?;
    let model = args.checkpoint.encoder().open(&args.run, &device)?;
    let input = input(args, &model)?;
    let settings = settings(args, &model, method)?;
    let explanation = model.explain(&input, &settings)?;
    let truncated = explanation.row.truncated;
    match input {
        ExplainInput::Question { .. } => warn_of_long_question(truncated),
        ExplainInput::Text(_) => warn_of_truncation(&[truncated], model.inputs.max_length()),
    }
    let mut classes = explanation.classes.clone();
    classes.truncate(args.top_k);
    let explained = Explained {
        classes,
        said: said(&explanation),
        meaning: meaning(&explanation, &settings),
        explanation,
        method,
    };
    write(args, format, &explained)?;
    Ok(ExitCode::SUCCESS)
}

/// Text or question of the command line, for the model's head.
fn input(args: &Args, model: &LoadedEncoder) -> anyhow::Result<ExplainInput> {
    let head = model.config.head();
    let name = args.run.display();
    ensure!(
        args.question.is_none() || head == Head::QuestionAnswering,
        "--question is for models that answer questions, which {name} does not"
    );
    ensure!(
        args.class.is_none() || head == Head::SequenceClassification,
        "--class is for models that classify texts, which {name} does not"
    );
    if head != Head::QuestionAnswering {
        return Ok(ExplainInput::Text(TextInput {
            text: args.texts.read_whole()?,
            pair: args.pair.clone(),
        }));
    }
    ensure!(
        args.pair.is_none(),
        "--pair is for models that classify texts, which {name} does not"
    );
    let question = args.question.clone();
    Ok(ExplainInput::Question {
        question: question.context("this model answers questions: ask one with --question")?,
        context: args.texts.read_whole()?,
    })
}

fn settings(
    args: &Args,
    model: &LoadedEncoder,
    method: TextMethod,
) -> anyhow::Result<TextExplainMethod> {
    Ok(match method {
        TextMethod::IntegratedGradients => {
            let mut settings = IntegratedGradients::default();
            settings.steps = args.steps.unwrap_or(settings.steps);
            settings.validate().map_err(|e| anyhow::anyhow!("--{e}"))?;
            let class = args.class.as_ref().map(|class| {
                let classes = model.config.num_labels();
                class_index(&model.labels, classes, class)
            });
            TextExplainMethod::IntegratedGradients {
                class: class.transpose()?,
                settings,
            }
        }
        TextMethod::Attention => {
            let layer = args.layer.as_ref().map(|layer| {
                layer.parse::<usize>().with_context(|| {
                    format!("--layer {layer}: layers of attention are numbers, from 0")
                })
            });
            TextExplainMethod::Attention {
                layer: layer.transpose()?,
                head: args.head,
            }
        }
        TextMethod::Rollout => TextExplainMethod::Rollout,
    })
}

fn said(explanation: &TextExplanation) -> String {
    match (&explanation.target, explanation.classes.first()) {
        (ExplainTarget::Answer { text, score, .. }, _) => format!("{text} (score {score:.3})"),
        (_, Some(class)) => format!("{} {}", class.class, score(explanation, class)),
        (_, None) => String::new(),
    }
}

/// Score of a class, as a percentage if it is a probability.
pub(super) fn score(explanation: &TextExplanation, class: &ClassProbability) -> String {
    if explanation.are_probabilities {
        format!("{:.2} %", class.probability * 100.0)
    } else {
        format!("{:.4}", class.probability)
    }
}

fn meaning(explanation: &TextExplanation, method: &TextExplainMethod) -> String {
    let looking = explanation.tokens.get(explanation.looking_token());
    let looking = looking.map_or("", String::as_str);
    match (method, &explanation.target) {
        (TextExplainMethod::IntegratedGradients { .. }, ExplainTarget::Class { name, .. }) => {
            format!("evidence for {name}, by its logit")
        }
        (TextExplainMethod::IntegratedGradients { .. }, _) => {
            "evidence for this answer, by the logits of its first and last token".into()
        }
        (TextExplainMethod::Attention { layer, head }, _) => {
            let place = match (layer, head) {
                (Some(layer), Some(head)) => format!("in layer {layer}, head {head}"),
                (Some(layer), None) => format!("in layer {layer}, mean over its heads"),
                (None, Some(head)) => format!("in head {head}, mean over the layers"),
                (None, None) => "in the mean over layers and heads".into(),
            };
            format!("attention of {looking} {place}")
        }
        (TextExplainMethod::Rollout, _) => format!("attention of {looking} through all layers"),
    }
}

impl Explained {
    /// The texts with the scores of their tokens.
    pub(super) fn scored(&self) -> Vec<ScoredText> {
        let explanation = &self.explanation;
        let of = |number: usize| {
            let scores = explanation.row.origins.iter().zip(&explanation.scores);
            let parts = scores.filter_map(|(origin, score)| {
                let origin = origin
                    .as_ref()
                    .filter(|origin| usize::from(origin.text) == number)?;
                Some(Scored {
                    range: origin.range.clone(),
                    word: origin.word,
                    score: *score,
                })
            });
            parts.collect()
        };
        let texts = explanation.texts.iter().enumerate();
        texts
            .map(|(number, text)| ScoredText {
                text: text.clone(),
                parts: of(number),
            })
            .collect()
    }

    /// Title of the page or picture.
    pub(super) fn title(&self, run: &Path) -> String {
        if self.said.is_empty() {
            run.display().to_string()
        } else {
            format!("{}: {}", run.display(), self.said)
        }
    }
}
