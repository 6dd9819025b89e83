//! Shared by the tests of the command: small data sets and ways to run it.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

pub mod encoder;
pub mod kill;

use std::fs;
use std::path::Path;

use assert_cmd::Command;
use tinderbox_data::image::{Image, write_png};

/// Overrides that make the recipe `cnn` as small as it can be and still learn.
pub const TINY: &[&str] = &[
    "data.train_size=160",
    "data.val_size=40",
    "model.channels=[4, 8]",
    "model.hidden=16",
    "train.batch_size=16",
    "train.epochs=2",
];

/// The same for the recipes of language models on the grammar.
pub const TINY_TEXT: &[&str] = &[
    "data.train_size=3000",
    "data.val_size=400",
    "data.sequence_length=12",
    "train.batch_size=4",
    "train.epochs=1",
];

/// Overrides that make the model of the recipe `rnn` tiny.
pub const TINY_RNN: &[&str] = &["model.embedding_size=12", "model.hidden_size=12"];

/// Overrides that make the model of the recipe `transformer` tiny.
pub const TINY_GPT: &[&str] = &["model.n_layer=1", "model.n_head=2", "model.n_embd=12"];

/// `tinderbox train rnn`, or `transformer`, with a tiny model and `more` overrides, into `run`.
pub fn train_tiny_text(recipe: &str, run: &Path, more: &[&str]) -> Command {
    let model = match recipe {
        "rnn" => TINY_RNN,
        _ => TINY_GPT,
    };
    let mut command = tinderbox();
    command
        .args(["train", recipe, "--ui", "plain", "--run-dir"])
        .arg(run);
    for set in TINY_TEXT.iter().chain(model).chain(more) {
        command.args(["--set", set]);
    }
    command
}

pub fn tinderbox() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tinderbox"));
    command.env_remove("RUST_BACKTRACE");
    command
}

/// `tinderbox train cnn` with [`TINY`] and `more` overrides, into `run`.
pub fn train_tiny(run: &Path, more: &[&str]) -> Command {
    let mut command = tinderbox();
    command
        .args(["train", "cnn", "--ui", "plain", "--run-dir"])
        .arg(run);
    for set in TINY.iter().chain(more) {
        command.args(["--set", set]);
    }
    command
}

/// `tinderbox train cnn` that resumes `run`; `from` is `--resume` or `--resume=STEP`.
pub fn resume(run: &Path, from: &str, sets: &[&str]) -> Command {
    let mut command = tinderbox();
    command
        .args(["train", "cnn", "--ui", "quiet", from, "--run-dir"])
        .arg(run);
    for set in sets {
        command.args(["--set", set]);
    }
    command
}

/// Asserts that the command fails with this code and one line on standard error that contains all
/// `words`.
pub fn assert_one_line_error(command: &mut Command, code: i32, words: &[&str]) {
    let output = command.output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{error}");
    assert_eq!(error.trim_end().lines().count(), 1, "{error}");
    assert!(error.starts_with("error: "), "{error}");
    for word in words {
        assert!(error.contains(word), "no {word:?} in {error}");
    }
}

/// An image of one colour.
pub fn image(width: usize, height: usize, colour: [u8; 3]) -> Image {
    Image {
        width,
        height,
        channels: 3,
        pixels: colour.repeat(width * height),
    }
}

/// Writes a class folder with two classes that differ in colour,
/// `root/{train,val}/{blue,red}/N.png`.
pub fn class_folder(root: &Path) {
    for split in ["train", "val"] {
        for (class, colour) in [("blue", [20, 30, 200]), ("red", [200, 30, 20])] {
            let folder = root.join(split).join(class);
            fs::create_dir_all(&folder).unwrap();
            for number in 0..4 {
                let image = image(30 + number, 26, colour);
                write_png(&folder.join(format!("{number}.png")), &image).unwrap();
            }
        }
    }
}

/// Writes CIFAR-10's files, `folder/*.bin`, with `records` records each.
pub fn cifar10(folder: &Path, records: usize) {
    fs::create_dir_all(folder).unwrap();
    let mut bytes = Vec::new();
    for record in 0..records {
        bytes.push((record % 10) as u8);
        bytes.resize(bytes.len() + 3072, (record * 20) as u8);
    }
    for number in 1..=5 {
        fs::write(folder.join(format!("data_batch_{number}.bin")), &bytes).unwrap();
    }
    fs::write(folder.join("test_batch.bin"), &bytes).unwrap();
}
