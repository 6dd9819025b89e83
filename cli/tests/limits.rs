//! Sizes that cannot be, and files that are too large, are refused before anything is allocated.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs::{self, File};

use assert_cmd::Command;
use common::{TINY, assert_one_line_error, image, tinderbox, train_tiny};
use tinderbox_data::image::write_png;

/// The limit on address space stands in for a small machine.
#[cfg(target_os = "linux")]
#[test]
fn a_model_that_does_not_fit_into_memory() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -v 4194304; exec \"$0\" \"$@\""]);
    command.arg(env!("CARGO_BIN_EXE_tinderbox"));
    command.args(["train", "cnn", "--ui", "plain", "--run-dir"]);
    command.arg(&run);
    for set in TINY.iter().chain(&["model.hidden=16000000"]) {
        command.args(["--set", set]);
    }
    // 288 features times 16,000,000 units, their biases and the head.
    let words = ["cnn", "19136001672 bytes", "there are 4294967296"];
    assert_one_line_error(&mut command, 1, &words);
    assert!(!run.exists());
}

#[cfg(target_os = "linux")]
#[test]
fn an_optimizer_whose_state_does_not_fit_into_memory() {
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -v 4194304; exec \"$0\" \"$@\""]);
    command.arg(env!("CARGO_BIN_EXE_tinderbox"));
    command.args(["train", "cnn", "--ui", "plain", "--dry-run"]);
    for set in TINY
        .iter()
        .chain(&["model.hidden=1200000", "optimizer.name=adamw"])
    {
        command.args(["--set", set]);
    }
    // 1.4 GB of weights, four times.
    let words = ["optimizer", "5740806688 bytes", "there are 4294967296"];
    assert_one_line_error(&mut command, 1, &words);
}

#[cfg(target_os = "linux")]
#[test]
fn a_batch_that_does_not_fit_into_memory() {
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -v 4194304; exec \"$0\" \"$@\""]);
    command.arg(env!("CARGO_BIN_EXE_tinderbox"));
    command.args(["train", "cnn", "--ui", "plain", "--dry-run"]);
    for set in [
        "train.batch_size=1024",
        "data.train_transforms=[{ resize = { size = 2048 } }]",
    ] {
        command.args(["--set", set]);
    }
    let words = ["data.train_transforms", "51539607552 bytes"];
    assert_one_line_error(&mut command, 1, &words);
}

#[test]
fn an_error_about_a_recipe_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.toml");
    let recipe = "[data]\nsource = \"shapes\"\ntrain_size = 20\nval_size = 10\n\
                  val_transforms = [{ center_crop = { size = 20 } }]\n";
    fs::write(&path, recipe).unwrap();
    let mut command = tinderbox();
    command.args(["train", "--dry-run"]).arg(&path);
    assert_one_line_error(&mut command, 1, &["mine.toml", "_transforms"]);
}

#[test]
fn labels_of_another_kind_of_file() {
    let folder = tempfile::tempdir().unwrap();
    let (run, picture) = (folder.path().join("run"), folder.path().join("a.png"));
    train_tiny(&run, &["train.max_steps=1"]).assert().success();
    write_png(&picture, &image(30, 26, [9, 9, 9])).unwrap();
    let labels = File::options()
        .write(true)
        .open(run.join("labels.json"))
        .unwrap();
    labels.set_len((64 << 20) + 1).unwrap();
    let mut command = tinderbox();
    command.arg("predict").arg(&run).arg(&picture);
    let words = ["labels.json", "67108865 bytes", "up to 67108864"];
    assert_one_line_error(&mut command, 1, &words);
}
