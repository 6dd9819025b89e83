//! `tinderbox eval` of an encoder.

use std::process::ExitCode;

use anyhow::{Context, ensure};
use burn::tensor::Device;
use serde::Serialize;
use tinderbox_data::loader::Loader;
use tinderbox_model_transformer::TextEncoder;
use tinderbox_train::kinds::encoder::EncoderDataSource;
use tinderbox_train::kinds::encoder::data;
use tinderbox_train::kinds::encoder::score;
use tinderbox_train::kinds::encoder::{EncoderBundle, LoadedEncoder};
use tinderbox_train::metrics::{Tally, Values};
use tinderbox_train::recipe::Recipe;
use tinderbox_train::report::plain::thousands;
use tinderbox_train::run::{Bundle, RunDir};
use tinderbox_train::task::{Carry, Task};

use super::{Args, Part};
use crate::Done;
use crate::shared::{percent, table};

/// What is measured, as written to `eval-SPLIT.json`.
#[derive(Serialize)]
struct Report {
    weights: String,
    /// How many texts, words, hidden tokens or questions.
    count: u64,
    metrics: Values,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    classes: Vec<score::ClassScore>,
}

pub(super) fn run(args: &Args, run: &RunDir) -> Done {
    ensure!(
        args.text.is_none(),
        "--text is for language models; give labelled texts with --data"
    );
    let device = args.device.open()?;
    let mut recipe = run.recipe(&[])?;
    if args.data.is_some() {
        recipe.data.path_mut().clone_from(&args.data);
    }
    let (which, live) = args.weights.which();
    let loaded = LoadedEncoder::of_run(run, which, live, &device)?;
    let labels = loaded.labels.clone();
    let (tally, metrics) = measure(
        &recipe,
        EncoderBundle::read(run)?,
        &loaded.model,
        args.split,
        &device,
    )?;
    let report = Report {
        weights: loaded.origin,
        count: tally.count,
        metrics,
        classes: score::per_class(&tally, &labels),
    };
    let json = serde_json::to_string_pretty(&report)?;
    let path = run.path().join(format!("eval-{}.json", args.split.name()));
    tinderbox_train::files::write_atomically(&path, json.as_bytes())
        .with_context(|| format!("cannot write {}", path.display()))?;
    if args.json {
        println!("{json}");
        return Ok(ExitCode::SUCCESS);
    }
    print(args, &report);
    Ok(ExitCode::SUCCESS)
}

fn print(args: &Args, report: &Report) {
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

fn measure(
    recipe: &Recipe,
    known: EncoderBundle,
    model: &TextEncoder,
    part: Part,
    device: &Device,
) -> anyhow::Result<(Tally, Values)> {
    let part = part.into();
    match recipe.sequences()?.source {
        EncoderDataSource::Sentiment
        | EncoderDataSource::Labelled
        | EncoderDataSource::TextFolder => {
            let (task, loader) = data::evaluate_classified(recipe, known, part)?;
            tally(&task, &loader, model, device)
        }
        EncoderDataSource::Tagged => {
            let (task, loader) = data::evaluate_tagged(recipe, known, part)?;
            tally(&task, &loader, model, device)
        }
        EncoderDataSource::Squad => {
            let (task, loader) = data::evaluate_squad(recipe, &known, part)?;
            tally(&task, &loader, model, device)
        }
        EncoderDataSource::Masked => {
            let (task, loader) = data::evaluate_masked(recipe, known, part)?;
            tally(&task, &loader, model, device)
        }
    }
}

fn tally<T: Task<Model = TextEncoder>>(
    task: &T,
    loader: &Loader<T::Source>,
    model: &TextEncoder,
    device: &Device,
) -> anyhow::Result<(Tally, Values)> {
    let mut tally = Tally::default();
    let mut carry = Carry::new();
    for batch in loader.epoch(0, 0) {
        tally.add(&task.evaluate(model, batch?, &mut carry, device)?);
    }
    let values = task.values(&tally);
    Ok((tally, values))
}
