//! `tinderbox eval` of a text encoder.

use std::process::ExitCode;

use anyhow::ensure;
use tinderbox_train::kinds::encoder::{EncoderEvaluation, EncoderRecipe};
use tinderbox_train::report::plain::thousands;
use tinderbox_train::run::RunDir;

use super::{Args, to_json};
use crate::exit::CliResult;
use crate::table::{percent, table};

pub(super) fn run(args: &Args, run: &RunDir) -> CliResult {
    ensure!(
        args.text.is_none(),
        "--text is for language models; give labelled texts with --data"
    );
    let device = args.device.open()?;
    let mut recipe: EncoderRecipe = run.recipe_as()?;
    if args.data.is_some() {
        recipe.data.path.clone_from(&args.data);
    }
    let model = args.checkpoint.encoder().open_run(run, &device)?;
    let report = model.evaluate(&recipe, args.split.into())?;
    let json = to_json(&report)?;
    args.write(run.path(), &json)?;
    if args.json {
        println!("{json}");
        return Ok(ExitCode::SUCCESS);
    }
    print(args, &report);
    Ok(ExitCode::SUCCESS)
}

fn print(args: &Args, report: &EncoderEvaluation) {
    if !report.classes.is_empty() {
        let mut table = table(
            ["class", "texts", "precision", "recall", "F1"],
            &[1, 2, 3, 4],
        );
        for class in &report.classes {
            table.add_row([
                class.class.clone(),
                thousands(class.count),
                percent(class.precision),
                percent(class.recall),
                percent(class.f1),
            ]);
        }
        println!("{table}\n");
    }
    let metrics: Vec<String> = report
        .metrics
        .iter()
        .map(|(name, value)| format!("{} {value:.4}", name.replace('_', " ")))
        .collect();
    println!(
        "{} on {} of the {} data, weights of {}: {}",
        args.run.display(),
        thousands(report.count),
        args.split.name(),
        report.weights,
        metrics.join(", ")
    );
}
