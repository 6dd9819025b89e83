//! `tinderbox eval` of a language model.

use std::process::ExitCode;

use tinderbox_train::kinds::language_modeling::LanguageRecipe;
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
    if args.json {
        println!("{json}");
        return Ok(ExitCode::SUCCESS);
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
    Ok(ExitCode::SUCCESS)
}
