//! Image data of other people: what is said of them, parts held out, weights of classes.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::path::Path;

use assert_cmd::Command;
use common::{assert_one_line_error, class_folder, image, tinderbox};
use serde_json::{Value, json};
use tinderbox_data::image::write_png;

fn on_folder(verb: &[&str], data: &Path, sets: &[&str]) -> Command {
    let mut command = tinderbox();
    command.args(verb).args(["cnn-folder", "--data"]).arg(data);
    for set in sets {
        command.args(["--set", set]);
    }
    command
}

/// A short training run into `run`.
fn train(data: &Path, run: &Path, sets: &[&str]) -> Command {
    let mut command = on_folder(&["train", "--ui", "quiet"], data, sets);
    command.arg("--run-dir").arg(run);
    for set in ["train.epochs=1", "train.batch_size=4"] {
        command.args(["--set", set]);
    }
    command
}

fn said(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout) + &text(&output.stderr)
}

fn info(data: &Path, sets: &[&str]) -> Value {
    let mut command = on_folder(&["data", "info"], data, sets);
    serde_json::from_str(&said(command.arg("--json"))).unwrap()
}

#[test]
fn files_that_are_passed_over_are_counted_wherever_the_data_are_opened() {
    let dir = tempfile::tempdir().unwrap();
    let (data, run) = (dir.path().join("data"), dir.path().join("run"));
    class_folder(&data);
    fs::create_dir(data.join("train/red/.thumbnails")).unwrap();
    fs::copy(
        data.join("train/red/0.png"),
        data.join("train/red/.thumbnails/0.png"),
    )
    .unwrap();
    fs::write(data.join("val/blue/a.xcf"), "").unwrap();
    fs::write(data.join("val/blue/b.XCF"), "").unwrap();
    let line = "passed over 3 files: 2 .xcf, 1 hidden";
    assert!(said(&mut on_folder(&["data", "info"], &data, &[])).contains(line));
    let found = info(&data, &[]);
    assert_eq!(found["passed_over"], json!({".xcf": 2, "hidden": 1}));
    assert_eq!(found["train"], json!([4, 4]));
    assert!(said(&mut train(&data, &run, &[])).contains(line));
    let eval = said(tinderbox().arg("eval").arg(&run));
    assert!(eval.contains("passed over 2 files: 2 .xcf"), "{eval}");
}

#[test]
fn a_test_part_is_measured_apart() {
    let dir = tempfile::tempdir().unwrap();
    let (data, run) = (dir.path().join("data"), dir.path().join("run"));
    class_folder(&data);
    fs::create_dir_all(data.join("test/red")).unwrap();
    fs::create_dir_all(data.join("test/blue")).unwrap();
    write_png(&data.join("test/red/a.png"), &image(30, 30, [200, 0, 0])).unwrap();
    assert_eq!(info(&data, &[])["test"], json!([0, 1]));
    said(&mut train(&data, &run, &[]));
    let mut eval = tinderbox();
    eval.arg("eval").arg(&run).args(["--split", "test"]);
    assert!(said(&mut eval).contains("on 1 test images"));
    let report: Value =
        serde_json::from_slice(&fs::read(run.join("eval-test.json")).unwrap()).unwrap();
    assert_eq!(report["images"], 1);
    fs::remove_dir_all(data.join("test")).unwrap();
    assert_one_line_error(&mut eval, 1, &["has no folder test"]);
}

#[test]
fn validation_images_are_held_out_where_there_are_none() {
    let dir = tempfile::tempdir().unwrap();
    let (data, run) = (dir.path().join("data"), dir.path().join("run"));
    class_folder(&data);
    let fraction = ["data.validation_fraction=0.25"];
    let mut refused = on_folder(&["data", "info"], &data, &fraction);
    assert_one_line_error(
        &mut refused,
        1,
        &["validation_fraction", "has validation images"],
    );
    fs::remove_dir_all(data.join("val")).unwrap();
    let mut missing = on_folder(&["data", "info"], &data, &[]);
    assert_one_line_error(&mut missing, 1, &["has no folder val"]);
    let found = info(&data, &fraction);
    assert_eq!(
        (&found["train"], &found["validation"]),
        (&json!([3, 3]), &json!([1, 1]))
    );
    said(&mut train(&data, &run, &fraction));
    // The same images after the data have moved, and without a folder `train` around them.
    let moved = dir.path().join("moved");
    fs::rename(data.join("train"), &moved).unwrap();
    let eval = |data: &Path| {
        let mut eval = tinderbox();
        eval.args(["eval", "--json"])
            .arg(&run)
            .arg("--data")
            .arg(data);
        said(&mut eval)
    };
    fs::create_dir_all(dir.path().join("other")).unwrap();
    fs::rename(&moved, dir.path().join("other/train")).unwrap();
    let before = eval(&dir.path().join("other"));
    assert_eq!(before, eval(&dir.path().join("other/train")));
    assert!(before.contains("\"images\": 2"), "{before}");
}

#[test]
fn weights_of_classes_change_the_loss_of_training() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    class_folder(&data);
    for number in 1..4 {
        fs::remove_file(data.join(format!("train/red/{number}.png"))).unwrap();
    }
    let loss = |name: &str, sets: &[&str]| -> String {
        let run = dir.path().join(name);
        said(&mut train(&data, &run, sets));
        let metrics = fs::read_to_string(run.join("metrics.jsonl")).unwrap();
        let last = metrics.lines().find(|line| line.contains("\"validation\""));
        last.unwrap().to_owned()
    };
    let values = |line: &str| serde_json::from_str::<Value>(line).unwrap()["values"].clone();
    let plain = values(&loss("plain", &[]));
    // Four blue images and a red one: 5 / (2 * 4) and 5 / (2 * 1).
    let balanced = values(&loss("balanced", &["data.class_weights=balanced"]));
    let given = values(&loss("given", &["data.class_weights=[0.625, 2.5]"]));
    assert_eq!(balanced, given);
    assert_ne!(plain, balanced);
    for (weights, reason) in [
        (
            "[1, 2, 3]",
            "data.class_weights are 3 for a model of 2 classes",
        ),
        ("[1, 0]", "data.class_weights must be above 0, got 0"),
        ("rare", "expected \"balanced\" or a list"),
    ] {
        let set = format!("data.class_weights={weights}");
        let mut command = train(&data, &dir.path().join("refused"), &[&set]);
        let output = command.output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(
            !output.status.success() && error.contains(reason),
            "{error}"
        );
    }
}
