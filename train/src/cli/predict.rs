//! `tinderbox predict`

use std::path::PathBuf;
use std::process::ExitCode;

use ::data::image::decode;
use ::train::task::image::{ranked, read_logits};
use anyhow::Context;
use burn::tensor::{Device, Tensor, TensorData};
use serde::Serialize;

use super::Done;
use super::shared::{DeviceArgs, OutsideArgs, Trained, WeightsArgs, percent, table};

/// Say what is on an image.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  tinderbox predict runs/cnn photo.jpg another.png
  tinderbox predict runs/cnn photo.jpg --top-k 3 --json

An image that cannot be read is reported, the others are still predicted; the exit code is then 1.")]
pub(super) struct Args {
    /// The run directory.
    run: PathBuf,
    /// Image files.
    #[arg(required = true)]
    images: Vec<PathBuf>,
    /// How many classes to list for each image.
    #[arg(long, default_value_t = 5, value_name = "K")]
    top_k: usize,
    /// Print one JSON object a line instead of a table.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    weights: WeightsArgs,
    #[command(flatten)]
    outside: OutsideArgs,
    #[command(flatten)]
    device: DeviceArgs,
}

#[derive(Serialize)]
struct Prediction {
    image: String,
    classes: Vec<ClassProbability>,
}

#[derive(Serialize)]
struct ClassProbability {
    class: String,
    probability: f64,
}

pub(super) fn run(args: &Args) -> Done {
    anyhow::ensure!(args.top_k > 0, "--top-k must be at least 1");
    let device = args.device.open()?;
    let trained = args.weights.open(&args.outside, &args.run, &device)?;
    let mut table = table(["image", "class", "probability"], &[2]);
    let mut code = ExitCode::SUCCESS;
    for path in &args.images {
        let prediction = match predict(args, &trained, path, &device) {
            Ok(prediction) => prediction,
            Err(error) => {
                eprintln!("error: {}", super::one_line(&error));
                code = ExitCode::FAILURE;
                continue;
            }
        };
        if args.json {
            println!("{}", serde_json::to_string(&prediction)?);
            continue;
        }
        for (place, class) in prediction.classes.iter().enumerate() {
            let image = if place == 0 {
                prediction.image.as_str()
            } else {
                ""
            };
            let probability = percent(class.probability);
            table.add_row([image, &class.class, &probability]);
        }
    }
    if !args.json && !table.is_empty() {
        println!("{table}");
    }
    Ok(code)
}

fn predict(
    args: &Args,
    trained: &Trained,
    path: &std::path::Path,
    device: &Device,
) -> anyhow::Result<Prediction> {
    let preprocess = &trained.classifier.preprocess;
    let image = decode::decode(path)?;
    // Preprocessing for validation draws nothing at random, so any generator does.
    let mut rng = ::data::random::rng(0, "predict", 0, 0);
    let prepared = preprocess
        .prepare(image, &mut rng)
        .with_context(|| path.display().to_string())?;
    let (height, width) = (prepared.image.height, prepared.image.width);
    let shape = [1, preprocess.channels, height, width];
    let mut pixels = vec![0.0; shape.iter().product()];
    preprocess.normalize_into(&prepared, &mut pixels);
    let images = Tensor::from_data(TensorData::new(pixels, shape), device);
    let logits = read_logits(trained.model.forward(images))?;
    let labels = &trained.classifier.labels;
    let classes = ranked(&logits)
        .into_iter()
        .take(args.top_k)
        .map(|(class, probability)| ClassProbability {
            class: labels
                .get(class)
                .cloned()
                .unwrap_or_else(|| class.to_string()),
            probability,
        })
        .collect();
    Ok(Prediction {
        image: path.display().to_string(),
        classes,
    })
}
