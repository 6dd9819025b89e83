//! `tinderbox eval` of a language model.

use std::process::ExitCode;

use anyhow::{Context, ensure};
use serde::Serialize;
use tinderbox_data::text::language::{Corpus, Tokens};
use tinderbox_train::TrainError;
use tinderbox_train::kinds::language_modeling::LanguageBundle;
use tinderbox_train::kinds::language_modeling::LanguageModel;
use tinderbox_train::kinds::language_modeling::LanguageModelingTask;
use tinderbox_train::kinds::language_modeling::data::{evaluation_loader, open_corpus};
use tinderbox_train::metrics::Tally;
use tinderbox_train::recipe::Recipe;
use tinderbox_train::report::plain::thousands;
use tinderbox_train::run::RunDir;
use tinderbox_train::task::{Carry, Task};

use super::{Args, Part};
use crate::Done;
use crate::language::open_run;

/// What is measured, as written to `eval-SPLIT.json`.
#[derive(Serialize)]
struct Report {
    weights: String,
    /// How many tokens were predicted.
    tokens: u64,
    /// Mean negative log-probability of a token, in nats.
    loss: f64,
    perplexity: f64,
    /// The same information per character (Unicode scalar value) of the text, where its length is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    bits_per_character: Option<f64>,
}

/// A text to measure on.
struct Text {
    tokens: Tokens,
    /// 0 where unknown.
    characters: u64,
    /// What it is called.
    name: String,
}

pub(super) fn run(args: &Args, run: &RunDir) -> Done {
    let device = args.device.open()?;
    let mut recipe = run.recipe(&[])?;
    if args.data.is_some() {
        recipe.data.path_mut().clone_from(&args.data);
    }
    let (text_model, model, origin) = open_run(run, &args.weights, &device)?;
    let text = match &args.text {
        Some(path) => {
            let mut ids = Vec::new();
            let characters = text_model.tokenizer.encode_file(path, |part| {
                ids.extend_from_slice(part);
                Ok(())
            });
            Text {
                characters: characters.map_err(TrainError::from)?,
                tokens: ids.into(),
                name: path.display().to_string(),
            }
        }
        None => of_run(args, &recipe, &text_model)?,
    };
    let tally = measure(&recipe, &text_model, &model, &text, &device)?;
    let loss = tally.means().get("loss").copied().unwrap_or(f64::NAN);
    let bits = loss * tally.count as f64 / std::f64::consts::LN_2;
    let report = Report {
        weights: origin,
        tokens: tally.count,
        loss,
        perplexity: loss.exp(),
        bits_per_character: (text.characters > 0).then(|| bits / text.characters as f64),
    };
    let json = serde_json::to_string_pretty(&report)?;
    if args.text.is_none() {
        let path = run.path().join(format!("eval-{}.json", args.split.name()));
        tinderbox_train::files::write_atomically(&path, json.as_bytes())
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    if args.json {
        println!("{json}");
        return Ok(ExitCode::SUCCESS);
    }
    let bits = match report.bits_per_character {
        Some(bits) => format!(", {bits:.4} bits per character"),
        None => String::new(),
    };
    println!(
        "{} on {} tokens of {}, weights of {}: perplexity {:.3}, loss {:.4}{bits}",
        args.run.display(),
        thousands(report.tokens),
        text.name,
        report.weights,
        report.perplexity,
        report.loss,
    );
    Ok(ExitCode::SUCCESS)
}

/// The part of the run's own data, which must be of the same tokens.
fn of_run(args: &Args, recipe: &Recipe, text_model: &LanguageBundle) -> anyhow::Result<Text> {
    let Corpus {
        tokenizer,
        train,
        validation,
        test,
        characters,
    } = open_corpus(recipe.text()?, recipe.seed)?;
    ensure!(
        tokenizer.hash() == text_model.tokenizer.hash(),
        "the data have other tokens than the run was trained with ({} and {}): they are not the same data",
        tokenizer.vocab_size(),
        text_model.tokenizer.vocab_size()
    );
    let (tokens, place) = match args.split {
        Part::Train => (Some(train), 0),
        Part::Validation => (Some(validation), 1),
        Part::Test => (test, 2),
    };
    Ok(Text {
        tokens: tokens.context("these data have no test part")?,
        characters: characters[place],
        name: format!("{} data", args.split.name()),
    })
}

fn measure(
    recipe: &Recipe,
    text_model: &LanguageBundle,
    model: &LanguageModel,
    text: &Text,
    device: &burn::tensor::Device,
) -> Result<Tally, TrainError> {
    let task = LanguageModelingTask::new(recipe, &text_model.tokenizer)?;
    let start = text_model.tokenizer.end_of_text();
    let loader = evaluation_loader(recipe, &text_model.config, text.tokens.clone(), start)?;
    let mut tally = Tally::default();
    let mut carry = Carry::new();
    for batch in loader.epoch(0, 0) {
        tally.add(&task.evaluate(model, batch?, &mut carry, device)?);
    }
    Ok(tally)
}
