//! `tinderbox explain` of images.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::Path;

use assert_cmd::Command;
use common::{assert_one_line_error, image, tinderbox, train_tiny};
use tempfile::TempDir;
use tinderbox_data::image::{decode::decode, write_png};

/// A folder with a trained run, `run`, and an image, `photo.png`.
fn workplace() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    train_tiny(&folder.path().join("run"), &["train.max_steps=3"])
        .assert()
        .success();
    let photo = image(50, 40, [200, 90, 20]);
    write_png(&folder.path().join("photo.png"), &photo).unwrap();
    folder
}

/// `tinderbox explain run` in `folder`, with these arguments.
fn explain(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = tinderbox();
    command
        .current_dir(folder)
        .args(["explain", "run"])
        .args(arguments);
    command
}

/// Standard output of a command that succeeds.
fn shown(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    String::from_utf8(output.stdout).unwrap()
}

/// Names of the files in `folder`.
fn names(folder: &Path) -> BTreeSet<OsString> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name()).collect()
}

#[test]
fn every_method_writes_a_picture_and_says_where() {
    let folder = workplace();
    let folder = folder.path();
    let mut drawn = Vec::new();
    for method in ["grad-cam", "input-gradient", "smooth-grad"] {
        let text = shown(&mut explain(folder, &["photo.png", "--method", method]));
        let name = format!("photo.{method}.png");
        assert!(text.contains("probability"), "{text}");
        assert!(text.contains(&format!("\n{name}: ")), "{text}");
        let picture = decode(&folder.join(name)).unwrap();
        // Two views of 24x24 pixels, nine times as large, and gaps of two pixels around them.
        assert_eq!((picture.width, picture.height), (2 * 216 + 6, 216 + 4));
        drawn.push(picture.pixels);
    }
    drawn.dedup();
    assert_eq!(drawn.len(), 3);
}

#[test]
fn json_says_what_was_explained() {
    let folder = workplace();
    let arguments = ["photo.png", "--json", "--class", "3", "--layer", "conv1"];
    let text = shown(explain(folder.path(), &arguments).args(["--output", "a/b"]));
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    let labels = fs::read_to_string(folder.path().join("run/labels.json")).unwrap();
    let labels: Vec<String> = serde_json::from_str(&labels).unwrap();
    assert_eq!(value["explained"], labels[3]);
    assert_eq!(value["layer"], "conv1");
    assert_eq!(value["method"], "grad-cam");
    assert_eq!(value["classes"].as_array().unwrap().len(), 5);
    let picture = value["picture"].as_str().unwrap();
    assert_eq!(picture, "a/b/photo.grad-cam.png");
    assert!(folder.path().join(picture).exists());
    // The class by its name, the layer by the default's: the picture is the same.
    let bytes = fs::read(folder.path().join(picture)).unwrap();
    let again = ["photo.png", "--class", &labels[3], "--layer", "conv1"];
    shown(explain(folder.path(), &again).args(["--output", "again.png"]));
    assert_eq!(fs::read(folder.path().join("again.png")).unwrap(), bytes);
}

#[test]
fn layers_are_listed() {
    let folder = workplace();
    let text = shown(&mut explain(folder.path(), &["--layers"]));
    assert_eq!(text, "conv1\nconv2 (default)\n");
    let text = shown(&mut explain(folder.path(), &["--layers", "--json"]));
    assert_eq!(text, "[\"conv1\",\"conv2\"]\n");
}

#[test]
fn the_noise_follows_from_the_seed() {
    let folder = workplace();
    let picture = |seed: &str| {
        let method = ["photo.png", "--method", "smooth-grad", "--samples", "2"];
        let output = ["--seed", seed, "--output", "smooth.png"];
        shown(explain(folder.path(), &method).args(output));
        fs::read(folder.path().join("smooth.png")).unwrap()
    };
    let first = picture("1");
    assert_eq!(picture("1"), first);
    assert_ne!(picture("2"), first);
}

#[test]
fn an_image_that_cannot_be_read_does_not_keep_the_others_from_being_explained() {
    let folder = workplace();
    fs::write(folder.path().join("bad.png"), "no picture").unwrap();
    let output = explain(folder.path(), &["bad.png", "photo.png"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("bad.png"));
    assert!(folder.path().join("photo.grad-cam.png").exists());
    assert!(!folder.path().join("bad.grad-cam.png").exists());
}

#[test]
fn wrong_options_are_errors_and_nothing_is_written() {
    let folder = workplace();
    let folder = folder.path();
    fs::create_dir(folder.join("other")).unwrap();
    fs::copy(folder.join("photo.png"), folder.join("other/photo.png")).unwrap();
    let (before, photo) = (names(folder), fs::read(folder.join("photo.png")).unwrap());
    let cases: [(&[&str], &[&str]); 9] = [
        (&["--layer", "conv3"], &["--layers", "conv3", "conv2"]),
        (&["--class", "cirle"], &["--class cirle", "circle"]),
        (&["--class", "10"], &["--class 10", "10 classes"]),
        (&["--top-k", "0"], &["--top-k"]),
        (&["--samples", "3"], &["--samples", "smooth-grad"]),
        (
            &["--method", "smooth-grad", "--samples", "0"],
            &["--samples"],
        ),
        (
            &["--method", "smooth-grad", "--layer", "conv1"],
            &["--layer", "grad-cam"],
        ),
        (
            &["other/photo.png"],
            &["other/photo.png", "photo.grad-cam.png", "--output"],
        ),
        (&["--output", "photo.png"], &["photo.png", "overwrite"]),
    ];
    for (arguments, words) in cases {
        let mut command = explain(folder, &["photo.png"]);
        assert_one_line_error(command.args(arguments), 1, words);
    }
    let mut command = explain(folder, &["photo.png", "other/photo.png"]);
    assert_one_line_error(command.args(["--output", "one.png"]), 1, &["2 images"]);
    assert_eq!(names(folder), before);
    assert_eq!(fs::read(folder.join("photo.png")).unwrap(), photo);
}
