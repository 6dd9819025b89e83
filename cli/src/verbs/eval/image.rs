//! `tinderbox eval` of an image classifier.

use std::process::ExitCode;

use anyhow::{Context, ensure};
use tinderbox_train::kinds::image_classification::data::has_validation;
use tinderbox_train::kinds::image_classification::{
    ImageDataSource, ImageEvaluation, ImageRecipe, LoadedImageClassifier,
};

use super::{Args, Part, to_json};
use crate::download::with_data;
use crate::exit::CliResult;
use crate::pictures::confusion;
use crate::table::{percent, table};

pub(super) fn run(args: &Args) -> CliResult {
    ensure!(args.text.is_none(), "--text is for language models");
    let device = args.device.open()?;
    let model = args
        .weights_file
        .open(&args.run, &args.checkpoint, &device)?;
    let Some(run) = model.run() else {
        return published(args, &model);
    };
    let mut recipe: ImageRecipe = run.recipe_as()?;
    if args.data.is_some() {
        recipe.data.path.clone_from(&args.data);
        // Other data may have validation images where the run's had none.
        if has_validation(&recipe.data) {
            recipe.data.validation_fraction = None;
        }
    }
    let split = args.split.into();
    let report = with_data(|mut access| Ok(model.evaluate(&recipe, split, &mut access)?))?;
    for name in &report.skipped {
        eprintln!("left out: {name}");
    }
    if !report.passed_over.is_empty() {
        eprintln!("passed over {}", report.passed_over);
    }
    let json = to_json(&report)?;
    let json_path = args.write(run.path(), &json)?;
    let name = format!("confusion-{}.svg", args.split.name());
    let svg_path = run.path().join(name);
    confusion::write_svg(&svg_path, &model.bundle.labels, &report.confusion)?;
    if args.json {
        println!("{json}");
        return Ok(ExitCode::SUCCESS);
    }
    print_table(&report);
    print_summary(args, &report);
    println!("written: {}, {}", json_path.display(), svg_path.display());
    Ok(ExitCode::SUCCESS)
}

/// Measures weights without a run on the class folders of `--data`.
fn published(args: &Args, model: &LoadedImageClassifier) -> CliResult {
    let data = args.data.as_ref().with_context(|| {
        format!(
            "{} is a weights file without data: name class folders with --data",
            args.run.display()
        )
    })?;
    let mut recipe = ImageRecipe::default();
    recipe.data.source = ImageDataSource::Folder;
    recipe.data.path = Some(data.clone());
    let split = args.split.into();
    let (report, note) =
        with_data(|mut access| Ok(model.evaluate_published(&recipe, split, &mut access)?))?;
    for name in &report.skipped {
        eprintln!("left out: {name}");
    }
    if let Some(note) = note {
        eprintln!("note: {note}");
    }
    if args.json {
        println!("{}", to_json(&report)?);
        return Ok(ExitCode::SUCCESS);
    }
    print_table(&report);
    print_summary(args, &report);
    Ok(ExitCode::SUCCESS)
}

fn print_summary(args: &Args, report: &ImageEvaluation) {
    let name = match args.split {
        Part::Train => "training",
        Part::Validation => "validation",
        Part::Test => "test",
    };
    println!(
        "{} on {} {name} images, weights of {}: top-1 {}, top-5 {}, loss {:.4}",
        args.run.display(),
        report.images,
        report.weights,
        percent(report.top1_accuracy).trim(),
        percent(report.top5_accuracy).trim(),
        report.loss,
    );
}

fn print_table(report: &ImageEvaluation) {
    let mut table = table(
        ["class", "images", "precision", "recall", "F1"],
        &[1, 2, 3, 4],
    );
    for class in &report.classes {
        table.add_row([
            class.name.clone(),
            class.images.to_string(),
            percent(class.precision),
            percent(class.recall),
            percent(class.f1),
        ]);
    }
    println!("{table}\n");
}
