//! Another program trains, resumes, predicts and generates, without the command.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use burn::tensor::Device;
use tinderbox_data::image::{Image, write_png};
use tinderbox_train::kinds::encoder::{self, TextInput};
use tinderbox_train::kinds::image_classification;
use tinderbox_train::kinds::language_modeling::{self, GenerateOptions};
use tinderbox_train::session::{SessionContext, StartMode};
use tinderbox_train::trainer::{End, Outcome};
use tinderbox_train::{Recipe, kinds};

/// Runs a session of a built-in recipe, changed by `sets`.
fn train(recipe: &str, sets: &[&str], start: &StartMode, cache: &Path) -> Outcome {
    let sets: Vec<String> = sets.iter().map(ToString::to_string).collect();
    let recipe = Recipe::load(recipe, &sets).unwrap();
    let context = SessionContext::new(Device::flex(), cache.to_path_buf());
    kinds::train(&recipe, start, context).unwrap()
}

#[test]
fn an_image_classifier_is_trained_resumed_and_predicts() {
    const TINY: [&str; 6] = [
        "data.train_size=80",
        "data.val_size=20",
        "model.channels=[4, 8]",
        "model.hidden=16",
        "train.batch_size=16",
        "train.max_steps=4",
    ];
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let (path, cache) = (run.as_path(), folder.path());
    let overwrite = false;
    let new = StartMode::New { path, overwrite };
    let outcome = train("cnn", &TINY, &new, cache);
    assert_eq!((outcome.end, outcome.steps), (End::Finished, 4));
    let resume = StartMode::Resume { path, step: None };
    let longer = [&TINY[..5], &["train.max_steps=6"]].concat();
    assert_eq!(train("cnn", &longer, &resume, cache).steps, 6);

    let classifier = image_classification::open(&run, &Device::flex()).unwrap();
    let image = folder.path().join("red.png");
    let red = Image {
        width: 40,
        height: 30,
        channels: 3,
        pixels: [200, 30, 20].repeat(40 * 30),
    };
    write_png(&image, &red).unwrap();
    let classes = classifier.predict(&image).unwrap();
    assert_eq!(classes.len(), 10);
    let sum: f64 = classes.iter().map(|class| class.probability).sum();
    assert!((sum - 1.0).abs() < 1e-6, "{sum}");
}

#[test]
fn a_language_model_is_trained_and_generates() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let tiny = [
        "data.train_size=3000",
        "data.val_size=400",
        "data.sequence_length=12",
        "model.n_layer=1",
        "model.n_head=2",
        "model.n_embd=12",
        "train.batch_size=4",
        "train.max_steps=4",
    ];
    let new = StartMode::New {
        path: &run,
        overwrite: false,
    };
    train("transformer", &tiny, &new, folder.path());
    let model = language_modeling::open(&run, &Device::flex()).unwrap();
    let options = GenerateOptions::default().with_max_tokens(5);
    let generated = model.generate("", &options).unwrap();
    assert!((1..=5).contains(&generated.tokens.len()));
    assert_eq!(model.generate("", &options).unwrap(), generated);
}

#[test]
fn an_encoder_is_trained_and_classifies() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let tiny = [
        "data.train_size=64",
        "data.val_size=16",
        "model.num_hidden_layers=1",
        "model.num_attention_heads=2",
        "model.hidden_size=8",
        "model.intermediate_size=16",
        "train.batch_size=8",
        "train.max_steps=2",
    ];
    let new = StartMode::New {
        path: &run,
        overwrite: false,
    };
    train("bert", &tiny, &new, folder.path());
    let encoder = encoder::open(&run, &Device::flex()).unwrap();
    let texts = ["a fine film", "a dull film"].map(TextInput::new);
    let found = encoder.classify(&texts).unwrap();
    assert_eq!(found.len(), 2);
    assert!(found.iter().all(|text| text.classes.len() == 2));
}
