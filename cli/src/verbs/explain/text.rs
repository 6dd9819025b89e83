//! Which words of a text count, and what attention looks at.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};
use burn::tensor::{Device, Int, Tensor, TensorData};
use clap::ValueEnum;
use serde::Serialize;
use tinderbox_data::text::encoder::EncoderBatch;
use tinderbox_model_transformer::EncoderInput;
use tinderbox_model_transformer::explain::{
    Attribution, IntegratedGradients, attention_of, attention_rollout, explain_answer,
    explain_class,
};
use tinderbox_train::TrainError;
use tinderbox_train::kinds::encoder::{LoadedEncoder, input};
use tinderbox_train::report::tokens::{Labelled, Scored, ScoredText};

use super::text_output::{Format, write};
use super::text_question::{Target, TextQuestion};
use super::{Args, refuse_others};
use crate::{Done, encoder};

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
    /// As it is written on the command line.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::IntegratedGradients => "integrated-gradients",
            Self::Attention => "attention",
            Self::Rollout => "rollout",
        }
    }
}

/// What was found out about a text.
pub(super) struct Explained {
    pub(super) question: TextQuestion,
    pub(super) method: TextMethod,
    /// What the scores are, in a line.
    pub(super) meaning: String,
    /// Of each token of the row.
    pub(super) scores: Vec<f32>,
    pub(super) attribution: Option<Attribution>,
    /// What each token of the row is called.
    pub(super) tokens: Vec<String>,
    /// Maps of attention, and how many stand side by side.
    pub(super) maps: Vec<Labelled>,
    pub(super) columns: usize,
}

pub(super) fn run(args: &Args) -> Done {
    let method = args.text_method()?;
    let format = Format::of(args.output.as_deref())?;
    let of_others = |given: bool, option: &str, owner: TextMethod| {
        refuse_others(given, option, owner.name(), method.name())
    };
    of_others(args.layer.is_some(), "layer", TextMethod::Attention)?;
    of_others(args.head.is_some(), "head", TextMethod::Attention)?;
    of_others(
        args.steps.is_some(),
        "steps",
        TextMethod::IntegratedGradients,
    )?;
    of_others(
        args.class.is_some(),
        "class",
        TextMethod::IntegratedGradients,
    )?;
    let device = args.device.open()?;
    let loaded = encoder::open(&args.run, &args.weights, &device)?;
    let question = TextQuestion::new(args, &loaded, &device)?;
    let batch = EncoderBatch::new(&[&question.row], loaded.sequences.pad_id());
    let input = input(&batch, &loaded.config, &device);
    let explained = match method {
        TextMethod::IntegratedGradients => {
            integrated_gradients(args, &loaded, question, &input, &device)?
        }
        TextMethod::Attention => attention(args, &loaded, question, &input)?,
        TextMethod::Rollout => rollout(&loaded, question, &input)?,
    };
    write(args, format, &explained)?;
    Ok(ExitCode::SUCCESS)
}

fn integrated_gradients(
    args: &Args,
    loaded: &LoadedEncoder,
    question: TextQuestion,
    input: &EncoderInput,
    device: &Device,
) -> anyhow::Result<Explained> {
    let mut settings = IntegratedGradients::default();
    if let Some(steps) = args.steps {
        settings.steps = steps;
    }
    settings.validate().map_err(|e| anyhow::anyhow!("--{e}"))?;
    let baseline = baseline(&question, loaded.sequences.pad_id(), device);
    let model = &loaded.model;
    let (meaning, attribution) = match &question.target {
        Target::Class(class, name) => (
            format!("what speaks for {name}, by its logit"),
            explain_class(model, input, &baseline, *class, &settings)?,
        ),
        Target::Span(span) => (
            "what speaks for this answer, by the logits of its first and last token".to_string(),
            explain_answer(model, input, &baseline, *span, &settings)?,
        ),
        Target::None => bail!(
            "{} says nothing of a text as a whole that could be explained; --method attention and rollout work",
            args.run.display()
        ),
    };
    Ok(Explained {
        method: TextMethod::IntegratedGradients,
        meaning,
        scores: attribution.scores.clone(),
        attribution: Some(attribution),
        tokens: tokens(&question, loaded),
        maps: Vec::new(),
        columns: 1,
        question,
    })
}

/// The row with padding in place of everything that is of a text, `[1, time]`.
fn baseline(question: &TextQuestion, pad_id: u32, device: &Device) -> Tensor<2, Int> {
    let row = &question.row;
    let token = |(&id, piece): (&u32, &Option<_>)| match piece {
        Some(_) => pad_id as i32,
        None => id as i32,
    };
    let ids: Vec<i32> = row.ids.iter().zip(&row.origins).map(token).collect();
    Tensor::from_data(TensorData::new(ids, [1, row.len()]), device)
}

fn attention(
    args: &Args,
    loaded: &LoadedEncoder,
    question: TextQuestion,
    input: &EncoderInput,
) -> anyhow::Result<Explained> {
    let layer = args.layer.as_ref().map(|layer| {
        let number = layer.parse::<usize>();
        number.with_context(|| format!("--layer {layer}: layers of attention have numbers, from 0"))
    });
    let (layer, head) = (layer.transpose()?, args.head);
    let attentions = loaded.model.attentions(input);
    let map = read(attention_of(&attentions, layer, head)?)?;
    let heads = attentions.first().map_or(0, |layer| layer.dims()[1]);
    let layers = layer.map_or(0..attentions.len(), |layer| layer..layer + 1);
    let chosen = head.map_or(0..heads, |head| head..head + 1);
    let mut maps = Vec::new();
    for layer in layers {
        for head in chosen.clone() {
            maps.push(Labelled {
                name: format!("layer {layer}, head {head}"),
                values: read(attention_of(&attentions, Some(layer), Some(head))?)?,
            });
        }
    }
    let where_ = match (layer, head) {
        (Some(layer), Some(head)) => format!("in layer {layer}, head {head}"),
        (Some(layer), None) => format!("in layer {layer}, in the mean over its heads"),
        (None, Some(head)) => format!("in head {head}, in the mean over the layers"),
        (None, None) => "in the mean over layers and heads".into(),
    };
    Ok(looked_at(
        TextMethod::Attention,
        &where_,
        &map,
        maps,
        chosen.len(),
        loaded,
        question,
    ))
}

fn rollout(
    loaded: &LoadedEncoder,
    question: TextQuestion,
    input: &EncoderInput,
) -> anyhow::Result<Explained> {
    let map = read(attention_rollout(&loaded.model.attentions(input))?)?;
    let maps = vec![Labelled {
        name: "through all layers".into(),
        values: map.clone(),
    }];
    Ok(looked_at(
        TextMethod::Rollout,
        "through all layers",
        &map,
        maps,
        1,
        loaded,
        question,
    ))
}

/// What the token looks at that the answer is made of: the first of the answer, or `[CLS]`.
fn looked_at(
    method: TextMethod,
    place: &str,
    map: &[f32],
    maps: Vec<Labelled>,
    columns: usize,
    loaded: &LoadedEncoder,
    question: TextQuestion,
) -> Explained {
    let tokens = tokens(&question, loaded);
    let from = match question.target {
        Target::Span([start, _]) => start,
        Target::Class(..) | Target::None => 0,
    };
    let rows = map.chunks(tokens.len().max(1));
    let scores = rows.skip(from).take(1).flatten().copied().collect();
    let name = tokens.get(from).cloned().unwrap_or_default();
    Explained {
        method,
        meaning: format!("what {name} looks at {place}"),
        scores,
        attribution: None,
        tokens,
        maps,
        columns,
        question,
    }
}

/// What each token of the row is called: its part of the text, or the name of a special token.
fn tokens(question: &TextQuestion, loaded: &LoadedEncoder) -> Vec<String> {
    let row = &question.row;
    let name =
        |(&id, piece): (&u32, &Option<tinderbox_data::text::encoder::TokenOrigin>)| match piece {
            Some(piece) => {
                let text = question.texts.get(usize::from(piece.text));
                let part = text.and_then(|text| text.get(piece.range.clone()));
                part.unwrap_or_default().to_string()
            }
            None => loaded.sequences.tokenizer().token(id).unwrap_or_default(),
        };
    row.ids.iter().zip(&row.origins).map(name).collect()
}

fn read(map: Tensor<3>) -> Result<Vec<f32>, TrainError> {
    map.try_into_vec_as::<f32>()
        .map_err(|e| TrainError::Execution(e.to_string()))
}

impl Explained {
    /// The texts with the scores of their tokens.
    pub(super) fn scored(&self) -> Vec<ScoredText> {
        let row = &self.question.row;
        let of = |number: usize| {
            let pieces = row.origins.iter().zip(&self.scores);
            let parts = pieces.filter_map(|(piece, score)| {
                let piece = piece
                    .as_ref()
                    .filter(|piece| usize::from(piece.text) == number)?;
                Some(Scored {
                    range: piece.range.clone(),
                    word: piece.word,
                    score: *score,
                })
            });
            parts.collect()
        };
        let texts = self.question.texts.iter().enumerate();
        texts
            .map(|(number, text)| ScoredText {
                text: text.clone(),
                parts: of(number),
            })
            .collect()
    }

    /// What the page or picture is called.
    pub(super) fn title(&self, run: &Path) -> String {
        let said = &self.question.said;
        match said.is_empty() {
            true => run.display().to_string(),
            false => format!("{}: {said}", run.display()),
        }
    }
}
