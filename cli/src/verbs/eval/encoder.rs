//! `tinderbox eval` of a text encoder.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail, ensure};
use tinderbox_data::Split;
use tinderbox_model_transformer::{Head, ProblemType};
use tinderbox_train::kinds::encoder::data::Part;
use tinderbox_train::kinds::encoder::{EncoderEvaluation, EncoderRecipe, LoadedEncoder, resolved};
use tinderbox_train::recipe::Recipe;
use tinderbox_train::report::plain::thousands;
use tinderbox_train::run::RunDir;

use super::{Args, to_json};
use crate::args::quoted;
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

/// Measures the model folder of an encoder on `--data`.
pub(super) fn published(args: &Args) -> CliResult {
    let name = args.run.display();
    let data = args
        .data
        .as_ref()
        .with_context(|| format!("{name} is not a run: give data with --data"))?;
    let device = args.device.open()?;
    let model = args.checkpoint.encoder().open(&args.run, &device)?;
    let (path, is_whole) = part_of(data, args.split.into())?;
    let recipe = recipe(args, &model, &path, is_whole)?;
    let part = if is_whole {
        Part::Whole
    } else {
        Part::Split(args.split.into())
    };
    let report = model.evaluate_part(&recipe, part)?;
    if args.json {
        println!("{}", to_json(&report)?);
    } else {
        print(args, &report);
    }
    Ok(ExitCode::SUCCESS)
}

/// The data to measure on: a file, all of it; or a folder with a file for the `split`, or one that
/// is divided as for training.
fn part_of(data: &Path, split: Split) -> anyhow::Result<(PathBuf, bool)> {
    if data.is_file() {
        return Ok((data.to_path_buf(), true));
    }
    let names: &[&str] = match split {
        Split::Train => &["train"],
        Split::Validation => &["validation", "valid", "val", "dev"],
        Split::Test => &["test"],
    };
    let entries = std::fs::read_dir(data).with_context(|| data.display().to_string())?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        // `dev.tsv`, `dev-v1.1.json`.
        let is_of_split = names.iter().any(|name| {
            let rest = file.strip_prefix(name);
            rest.is_some_and(|rest| rest.starts_with(['.', '-']))
        });
        if is_of_split && path.is_file() {
            files.push(path);
        }
    }
    Ok(match files.as_slice() {
        [only] => (only.clone(), true),
        _ => (data.to_path_buf(), false),
    })
}

/// A recipe for the task of the model's head, with the settings of the command line.
fn recipe(
    args: &Args,
    model: &LoadedEncoder,
    path: &Path,
    is_whole: bool,
) -> anyhow::Result<EncoderRecipe> {
    let name = args.run.display();
    let source = match model.config.head() {
        Head::SequenceClassification if path.is_dir() && !has_files(path)? => "text_folder",
        Head::SequenceClassification => "labelled",
        Head::TokenClassification => "tagged",
        Head::QuestionAnswering => "squad",
        Head::MaskedLm => "masked",
        Head::None => bail!("{name} is an encoder without a head: there is nothing to measure"),
    };
    let length = model.inputs.max_length();
    let mut sets = vec![
        format!("data.path={}", quoted(&path.to_string_lossy())),
        format!("data.max_length={length}"),
        format!("data.stride={}", 64.min(length / 4)),
    ];
    if is_whole {
        // The parts are put together again.
        sets.push("data.validation_fraction=0.5".into());
    }
    if source == "labelled" {
        let problem = serde_json::to_value(model.config.problem_type())?;
        sets.push(format!("data.problem_type={problem}"));
    }
    sets.extend(args.sets.iter().cloned());
    let text = format!(
        "name = \"eval\"\n[model]\nname = \"pretrained\"\nweights = {}\n[data]\nsource = \"{source}\"\n",
        quoted(&args.run.to_string_lossy())
    );
    let recipe = Recipe::parse(&text, &name.to_string(), &sets)?;
    let mut recipe: EncoderRecipe = recipe.typed()?;
    if model.config.problem_type() == ProblemType::SingleLabel && model.config.num_labels() == 1 {
        // A single output without a `problem_type` is for regression where the data have numbers.
        recipe.data.problem_type = None;
        recipe = resolved(&recipe)?;
    }
    Ok(recipe)
}

fn has_files(folder: &Path) -> anyhow::Result<bool> {
    let entries = std::fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    for entry in entries {
        if entry?.path().is_file() {
            return Ok(true);
        }
    }
    Ok(false)
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
