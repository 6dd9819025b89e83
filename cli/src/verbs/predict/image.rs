//! What is on an image.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use burn::tensor::{Device, Tensor, TensorData};
use comfy_table::Table;
use serde::Serialize;
use tinderbox_data::image::{Image, decode};
use tinderbox_train::kinds::image_classification::{ranked, read_logits};

use super::{Args, ClassProbability};
use crate::exit::{Done, one_line};
use crate::shared::{percent, table};
use crate::trained::Trained;

#[derive(Serialize)]
struct Prediction {
    image: String,
    classes: Vec<ClassProbability>,
}

pub(super) fn run(args: &Args) -> Done {
    args.refuse_text("is of images: give image files instead")?;
    anyhow::ensure!(!args.images.is_empty(), "give one or more image files");
    let device = args.device.open()?;
    let trained = args.weights.open(&args.outside, &args.run, &device)?;
    let mut table = table(["image", "class", "probability"], &[2]);
    let mut code = ExitCode::SUCCESS;
    for path in &args.images {
        let prediction = match predict(args, &trained, path, &device) {
            Ok(prediction) => prediction,
            Err(error) => {
                eprintln!("error: {}", one_line(&error));
                code = ExitCode::FAILURE;
                continue;
            }
        };
        if args.json {
            println!("{}", serde_json::to_string(&prediction)?);
            continue;
        }
        add_rows(&mut table, &prediction.image, &prediction.classes);
    }
    if !args.json && !table.is_empty() {
        println!("{table}");
    }
    Ok(code)
}

fn predict(
    args: &Args,
    trained: &Trained,
    path: &Path,
    device: &Device,
) -> anyhow::Result<Prediction> {
    let (_, images) = see(trained, path, device)?;
    let logits = read_logits(trained.model.forward(images))?;
    Ok(Prediction {
        image: path.display().to_string(),
        classes: most_probable(trained, &logits, args.top_k),
    })
}

/// An image as the network gets it: to look at, and as a batch of one, `[1, channels, height, width]`.
pub(crate) fn see(
    trained: &Trained,
    path: &Path,
    device: &Device,
) -> anyhow::Result<(Image, Tensor<4>)> {
    let preprocess = &trained.classifier.preprocess;
    let image = decode::decode(path)?;
    // Preprocessing for validation draws nothing at random, so any generator does.
    let mut rng = tinderbox_data::random::rng(0, "predict", 0, 0);
    let prepared = preprocess
        .prepare(image, &mut rng)
        .with_context(|| path.display().to_string())?;
    let (height, width) = (prepared.image.height, prepared.image.width);
    let shape = [1, preprocess.channels, height, width];
    let mut pixels = vec![0.0; shape.iter().product()];
    preprocess.normalize_into(&prepared, &mut pixels);
    let images = Tensor::from_data(TensorData::new(pixels, shape), device);
    Ok((prepared.image, images))
}

/// The `top_k` most probable classes of an image with these logits.
pub(crate) fn most_probable(
    trained: &Trained,
    logits: &[f32],
    top_k: usize,
) -> Vec<ClassProbability> {
    ranked(logits)
        .into_iter()
        .take(top_k)
        .map(|(class, probability)| ClassProbability {
            class: trained.label(class),
            probability,
        })
        .collect()
}

/// A row a class; the image's name stands in the first.
pub(crate) fn add_rows(table: &mut Table, image: &str, classes: &[ClassProbability]) {
    for (place, class) in classes.iter().enumerate() {
        let image = if place == 0 { image } else { "" };
        let probability = percent(class.probability);
        table.add_row([image, &class.class, &probability]);
    }
}
