//! `tinderbox eval` of a language model.

use std::process::ExitCode;

use anyhow::Context;
use tinderbox_train::kinds::language_modeling::{LanguageEvaluation, LanguageRecipe};
use tinderbox_train::report::plain::thousands;
use tinderbox_train::run::RunDir;

use super::{Args, to_json};
use crate::exit::CliResult;

pub(super) fn run(args: &Args, run: &RunDir) -> CliResult {
    let device = args.device.open()?;
    let mut recipe: LanguageRecipe = run.recipe_as()?;
    if args.data.is_some() {
        recipe.data.path.clone_from(&args.data);
    }
    let model = args.checkpoint.language_model().open_run(run, &device)?;
    let (report, text) = match &args.text {
        Some(path) => {
            let report = model.evaluate_file(&recipe, path)?;
            (report, path.display().to_string())
        }
        None => {
            let report = model.evaluate(&recipe, args.split.into())?;
            (report, format!("{} data", args.split.name()))
        }
    };
    let json = to_json(&report)?;
    if args.text.is_none() {
        args.write(run.path(), &json)?;
    }
    print(args, &report, &json, &text);
    Ok(ExitCode::SUCCESS)
}

/// Measures a model folder or a checkpoint of another program on `--text`.
pub(super) fn published(args: &Args) -> CliResult {
    let text = args.text.as_ref().with_context(|| {
        format!(
            "{} is a language model without a run: give a text with --text FILE",
            args.run.display()
        )
    })?;
    let device = args.device.open()?;
    let mut options = args.checkpoint.language_model();
    options.tokenizer.clone_from(&args.tokenizer);
    let model = options.open(&args.run, &device)?;
    let report = model.evaluate_text(args.sequence_length, text)?;
    let json = to_json(&report)?;
    print(args, &report, &json, &text.display().to_string());
    Ok(ExitCode::SUCCESS)
}

fn print(args: &Args, report: &LanguageEvaluation, json: &str, text: &str) {
    if args.json {
        println!("{json}");
        return;
    }
    let bits = match report.bits_per_character {
        Some(bits) => format!(", {bits:.4} bits per character"),
        None => String::new(),
    };
    println!(
        "{} on {} tokens of {text}, weights of {}: perplexity {:.3}, loss {:.4}{bits}",
        args.run.display(),
        thousands(report.tokens),
        report.weights,
        report.perplexity,
        report.loss,
    );
}
