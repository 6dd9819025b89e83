//! Runs of text encoders that are killed and resumed end with the same bytes as undisturbed ones.
#![allow(clippy::unwrap_used)]

mod common;

use common::encoder::{TINY_BERT, TINY_SENTIMENT};
use common::kill::Killable;

/// Checkpoints between and within epochs, with evaluations in between.
const SETTINGS: &[&str] = &[
    "train.max_steps=300",
    "train.epochs=100",
    "train.checkpoint_every=17",
    "train.eval_every=50",
    "train.log_every=3",
    "train.clip_norm=0.5",
    "train.batch_size=4",
];

#[test]
fn fine_tuning_resumes_with_the_next_batches() {
    let settings: &[&str] = &[
        "optimizer.layer_decay=0.8",
        "model.freeze_layers=1",
        "train.ema_decay=0.99",
        "train.gradient_accumulation=2",
        "train.label_smoothing=0.1",
    ];
    let run = Killable {
        recipe: "bert",
        settings: [TINY_BERT, TINY_SENTIMENT, SETTINGS, settings].concat(),
    };
    let ended = run.assert_exact(&[0, 1, 4]);
    assert!(ended.contains_key("model.safetensors"));
}

#[test]
fn adapters_resume_with_their_base() {
    let settings: &[&str] = &["model.lora.rank=2", "train.ema_decay=0.99"];
    let run = Killable {
        recipe: "bert",
        settings: [TINY_BERT, TINY_SENTIMENT, SETTINGS, settings].concat(),
    };
    let ended = run.assert_exact(&[1]);
    assert!(ended.contains_key("adapters.safetensors"));
    assert!(!ended.contains_key("model.safetensors"));
}

#[test]
fn masking_resumes_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("text.txt");
    let line = "the cat sat on the mat and the dog saw it\nbirds sing in old trees at dawn\n";
    std::fs::write(&text, line.repeat(60)).unwrap();
    let path = format!("data.path='{}'", text.display());
    let settings: &[&str] = &["data.source=masked", "data.max_length=16", &path];
    let run = Killable {
        recipe: "bert",
        settings: [TINY_BERT, SETTINGS, settings].concat(),
    };
    run.assert_exact(&[0, 4]);
}
