//! Another project that trains, predicts and generates with the library, without the command.

use std::path::Path;

use burn::tensor::Device;
use tinderbox_data::image::{Image, write_png};
use tinderbox_train::kinds::{self, image_classification, language_modeling};
use tinderbox_train::session::{SessionContext, StartMode};
use tinderbox_train::{Recipe, TrainError};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let device = Device::flex();

    let run = folder.path().join("cnn");
    let small = [
        "data.train_size=80",
        "data.val_size=20",
        "train.max_steps=2",
    ];
    println!("steps {}", train("cnn", &small, &run)?);
    let image = folder.path().join("red.png");
    let (width, height) = (40, 30);
    let pixels = [200, 30, 20].repeat(width * height);
    write_png(
        &image,
        &Image {
            width,
            height,
            channels: 3,
            pixels,
        },
    )?;
    let classes = image_classification::open(&run, &device)?.predict(&image)?;
    println!("classes {}", classes.len());

    let run = folder.path().join("gpt");
    let small = [
        "data.train_size=3000",
        "data.val_size=400",
        "train.max_steps=2",
    ];
    println!("steps {}", train("transformer", &small, &run)?);
    let options = language_modeling::GenerateOptions::default().with_max_tokens(3);
    let text = language_modeling::open(&run, &device)?.generate("the", &options)?;
    println!("generated {}", !text.tokens.is_empty());
    Ok(())
}

/// Trains a built-in recipe, changed by `sets`, into the folder `run`. Returns the number of steps.
fn train(recipe: &str, sets: &[&str], run: &Path) -> Result<u64, TrainError> {
    let sets: Vec<String> = sets.iter().map(ToString::to_string).collect();
    let recipe = Recipe::load(recipe, &sets)?;
    let start = StartMode::New {
        path: run,
        overwrite: false,
    };
    let context = SessionContext::new(Device::flex(), run.with_extension("cache"));
    Ok(kinds::train(&recipe, &start, context)?.steps)
}
