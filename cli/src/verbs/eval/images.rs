//! `tinderbox eval` of an image classifier.

use std::process::ExitCode;

use anyhow::{Context, ensure};
use serde::Serialize;
use tinderbox_data::Split;
use tinderbox_train::kinds::image_classification::data::{
    loader_config, open_dataset, validation_loader,
};
use tinderbox_train::kinds::image_classification::{ranked, read_logits};
use tinderbox_train::report::confusion;

use super::{Args, Part};
use crate::Done;
use crate::shared::{percent, table, with_data};
use crate::trained::Trained;

/// What `eval` measures, as written to `eval-SPLIT.json`.
#[derive(Serialize)]
struct Report {
    weights: String,
    images: usize,
    loss: f64,
    top1_accuracy: f64,
    top5_accuracy: f64,
    classes: Vec<ClassReport>,
    /// `confusion[truth][prediction]`, in images.
    confusion: Vec<Vec<u64>>,
}

#[derive(Serialize)]
struct ClassReport {
    name: String,
    images: u64,
    precision: f64,
    recall: f64,
    f1: f64,
}

pub(super) fn run(args: &Args) -> Done {
    ensure!(
        args.split != Part::Test && args.text.is_none(),
        "--split test and --text are for language models"
    );
    let device = args.device.open()?;
    let trained = args.weights.open(&args.outside, &args.run, &device)?;
    let counts = count(args, &trained, &device)?;
    let report = report(&trained, counts);
    let split = args.split.name();
    let name = match args.split {
        Part::Train => "training",
        Part::Validation | Part::Test => "validation",
    };
    let json = serde_json::to_string_pretty(&report)?;
    let json_path = trained.run()?.path().join(format!("eval-{split}.json"));
    tinderbox_train::files::write_atomically(&json_path, json.as_bytes())
        .with_context(|| format!("cannot write {}", json_path.display()))?;
    let svg_path = trained.run()?.path().join(format!("confusion-{split}.svg"));
    confusion::write_svg(&svg_path, &trained.classifier.labels, &report.confusion)?;
    if args.json {
        println!("{json}");
        return Ok(ExitCode::SUCCESS);
    }
    print_table(&report);
    println!(
        "{} on {} {name} images, weights of {}: top-1 {}, top-5 {}, loss {:.4}",
        args.run.display(),
        report.images,
        report.weights,
        percent(report.top1_accuracy).trim(),
        percent(report.top5_accuracy).trim(),
        report.loss,
    );
    println!("written: {}, {}", json_path.display(), svg_path.display());
    Ok(ExitCode::SUCCESS)
}

/// Counts over a split.
struct Counts {
    loss: f64,
    top5: u64,
    confusion: Vec<Vec<u64>>,
}

fn count(args: &Args, trained: &Trained, device: &burn::tensor::Device) -> anyhow::Result<Counts> {
    let mut recipe = trained.run()?.recipe(&[])?;
    if args.data.is_some() {
        recipe.data.path_mut().clone_from(&args.data);
    }
    let split = match args.split {
        Part::Train => Split::Train,
        Part::Validation | Part::Test => Split::Validation,
    };
    let dataset = with_data(|mut access| {
        Ok(open_dataset(
            recipe.images()?,
            recipe.seed,
            split,
            &mut access,
        )?)
    })?;
    let labels = &trained.classifier.labels;
    check_classes(dataset.classes(), labels)?;
    let classes = trained.classifier.config.num_classes();
    let loader = validation_loader(
        dataset,
        &trained.classifier.preprocess,
        &loader_config(&recipe),
    )?;
    let mut counts = Counts {
        loss: 0.0,
        top5: 0,
        confusion: vec![vec![0; labels.len()]; labels.len()],
    };
    for batch in loader.epoch(0, 0) {
        let batch = batch?;
        let truths = batch.labels.clone();
        let (images, _) = batch.into_tensors(device);
        let logits = read_logits(trained.model.forward(images))?;
        for (row, truth) in logits.chunks_exact(classes).zip(truths) {
            let ranked = ranked(row);
            let place = ranked.iter().position(|(class, _)| *class == truth);
            counts.top5 += u64::from(place.is_some_and(|place| place < 5));
            let probability = place.map_or(0.0, |place| ranked[place].1);
            counts.loss -= probability.max(f64::MIN_POSITIVE).ln();
            // A model may have more outputs than the data have classes; such a prediction has no column.
            if let Some(cell) = counts.confusion[truth].get_mut(ranked[0].0) {
                *cell += 1;
            }
        }
    }
    for name in loader.skipped() {
        eprintln!("left out: {name}");
    }
    Ok(counts)
}

/// There may be a thousand classes, so the first that differs has to do.
fn check_classes(found: &[String], expected: &[String]) -> anyhow::Result<()> {
    let differs = found.iter().zip(expected).position(|(a, b)| a != b);
    match differs {
        Some(class) => anyhow::bail!(
            "the data have other classes than the model was trained on: class {class} is `{}`, not `{}`",
            found[class],
            expected[class]
        ),
        None if found.len() != expected.len() => anyhow::bail!(
            "the data have {} classes, the model was trained on {}",
            found.len(),
            expected.len()
        ),
        None => Ok(()),
    }
}

fn report(trained: &Trained, counts: Counts) -> Report {
    let confusion = counts.confusion;
    let images: u64 = confusion.iter().flatten().sum();
    let right: u64 = (0..confusion.len())
        .map(|class| confusion[class][class])
        .sum();
    let ratio = |part: u64, whole: u64| part as f64 / whole.max(1) as f64;
    let class = |(class, name): (usize, &String)| {
        let hits = confusion[class][class];
        let images = confusion[class].iter().sum();
        let predicted = confusion.iter().map(|row| row[class]).sum();
        ClassReport {
            name: name.clone(),
            images,
            precision: ratio(hits, predicted),
            recall: ratio(hits, images),
            f1: ratio(2 * hits, images + predicted),
        }
    };
    Report {
        weights: trained.origin.clone(),
        images: images as usize,
        loss: counts.loss / images.max(1) as f64,
        top1_accuracy: ratio(right, images),
        top5_accuracy: ratio(counts.top5, images),
        classes: trained
            .classifier
            .labels
            .iter()
            .enumerate()
            .map(class)
            .collect(),
        confusion,
    }
}

fn print_table(report: &Report) {
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
