//! Tiny encoders in Hugging Face model folders, and ways to run the command on them.

use std::fs;
use std::path::Path;

use crate::common::tinderbox;
use assert_cmd::Command;
use burn::tensor::Device;
use serde_json::Value;
use tempfile::TempDir;
use tinderbox_model_transformer::huggingface::save_encoder;
use tinderbox_model_transformer::{BertConfig, Head, TextEncoderConfig};

pub(crate) const WORDS: &str = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nparis\nis\nthe\ncapital\nof\nfrance\n.\nun\n##believ\n##able\na\nfilm\n\
good\nbad\nnot\n<\n>\n/\nscript\nwho\n?\n";
/// Context length of the models.
pub(crate) const LENGTH: usize = 24;

pub(crate) const TEXTS: [&str; 5] = [
    "paris is the capital of france.",
    "",
    "unbelievable",
    "a good film, not a bad film, the film of the capital of france",
    "bad",
];

/// A Hugging Face model folder with a tiny BERT of random weights.
pub(crate) fn folder(head: Head, labels: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let device = Device::flex();
    // The same weights in every run of the tests, whatever runs beside it.
    static LOCK: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _alone = LOCK.lock().unwrap();
    device.seed(3);
    let config = TextEncoderConfig::Bert(
        BertConfig::new(2, 2, 8)
            .with_vocab_size(WORDS.lines().count())
            .with_max_position_embeddings(LENGTH)
            .with_initializer_range(0.6),
    );
    let config = config.with_head(head, labels.len().max(2));
    let model = config.init(&device).unwrap();
    let labels: Vec<String> = labels.iter().map(|label| label.to_string()).collect();
    save_encoder(&model, &config, &labels, 0, folder.path()).unwrap();
    fs::write(folder.path().join("vocab.txt"), WORDS).unwrap();
    folder
}

pub(crate) fn classifier() -> TempDir {
    folder(Head::SequenceClassification, &["negative", "positive"])
}

/// An encoder without a head.
pub(crate) fn headless() -> TempDir {
    folder(Head::None, &[])
}

pub(crate) fn run(verb: &str, folder: &Path, arguments: &[&str]) -> Command {
    let mut command = tinderbox();
    command.arg(verb).arg(folder).args(arguments);
    command
}

/// Standard output and standard error of a command that succeeds.
pub(crate) fn shown(mut command: Command) -> (String, String) {
    let output = command.output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{error}");
    (String::from_utf8(output.stdout).unwrap(), error)
}

pub(crate) fn json_lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

pub(crate) fn json(command: Command) -> Value {
    json_lines(&shown(command).0).remove(0)
}

pub(crate) fn assert_close(a: &[f64], b: &[f64]) {
    assert_eq!(a.len(), b.len());
    for (x, y) in a.iter().zip(b) {
        assert!((x - y).abs() < 1e-5, "{a:?} {b:?}");
    }
}
