//! Weights from files and by name, instead of a run's own.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use common::{assert_one_line_error, resume, tinderbox};

/// A weights file that `golden/make_weights_files.py` made: a network for three classes.
fn fixture(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../model-cnn/tests/fixtures/weights");
    folder.join(name)
}

/// Trains the network of the fixtures for the ten classes of the shapes.
fn train(run: &Path, weights: &Path, more: &[&str]) -> Command {
    let mut command = tinderbox();
    command
        .args(["train", "cnn", "--ui", "plain", "--run-dir"])
        .arg(run);
    command.arg("--weights").arg(weights);
    let sets = [
        "model.image_size=8",
        "model.channels=[2, 3]",
        "model.hidden=4",
        "data.image_size=8",
        "data.train_transforms=[]",
        "data.val_transforms=[]",
        "data.train_size=40",
        "data.val_size=20",
        "train.epochs=1",
    ];
    for set in sets {
        command.args(["--set", set]);
    }
    command.args(more);
    command
}

/// Standard output and standard error of a command that succeeds.
fn said(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8(text).unwrap();
    assert!(output.status.success(), "{text}");
    text
}

fn assert_says(command: &mut Command, words: &[&str]) {
    let text = said(command);
    for word in words {
        assert!(text.contains(word), "no {word:?} in {text}");
    }
}

#[test]
fn a_run_starts_from_weights_and_a_head_for_other_classes_is_new() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    // A learning rate so small that the saved weights are those that were loaded.
    let still = ["--set", "optimizer.learning_rate=1e-30"];
    assert_says(
        &mut train(&run, &fixture("training.pth"), &still),
        &[
            "loaded pretrained weights from",
            "the head `fc2` does not fit and is newly initialised: 2 different",
        ],
    );
    let exported = folder.path().join("out.safetensors");
    tinderbox()
        .arg("export")
        .args([&run, &exported])
        .assert()
        .success();
    let (exported, given) = (read(&exported), read(&fixture("expected.safetensors")));
    for name in ["conv1.weight", "conv2.bias", "fc1.weight"] {
        assert_eq!(tensor(&exported, name), tensor(&given, name), "{name}");
    }
    assert_ne!(
        tensor(&exported, "fc2.weight").len(),
        tensor(&given, "fc2.weight").len()
    );
    // A resumed run has its own weights.
    let text = said(&mut resume(&run, "--resume", &["train.epochs=2"]));
    assert!(!text.contains("loaded pretrained weights"), "{text}");
    let mut both = resume(&run, "--resume", &[]);
    both.args(["--weights", "x"]).assert().code(2);
}

#[test]
fn weights_that_cannot_be_used_stop_a_run_before_it_starts() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    for (weights, words) in [
        (
            fixture("hostile_beside.pth"),
            &["hostile_beside.pth", "posix.system"][..],
        ),
        (
            fixture("hostile_bomb.pth"),
            &["hostile_bomb.pth", "is compressed"],
        ),
        (fixture("whole_model.pth"), &["model.state_dict()"]),
        ("nowhere.pth".into(), &["nowhere.pth", "models --weights"]),
        (
            "resnet18.imagenet1k_v3".into(),
            &["did you mean `resnet18.imagenet1k_v"],
        ),
        (
            "resnet18.imagenet1k_v1".into(),
            &["belong to the model resnet18, not simple_cnn"],
        ),
    ] {
        assert_one_line_error(&mut train(&run, &weights, &[]), 1, words);
        assert!(!run.exists());
    }
    let mut other = train(&run, &fixture("bare.pth"), &["--set", "model.hidden=5"]);
    assert_one_line_error(
        &mut other,
        1,
        &["fc1.bias: the model has [5], the file [4]", "fc2.weight"],
    );
    let not_strict = ["--set", "model.hidden=5", "--strict", "false", "--dry-run"];
    assert_says(
        &mut train(&run, &fixture("bare.pth"), &not_strict),
        &["not loaded: 2 different (fc1.weight"],
    );
}

#[test]
fn a_run_is_evaluated_and_used_with_other_weights() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    train(&run, &fixture("bare.pth"), &[]).assert().success();
    let image = folder.path().join("image.png");
    tinderbox_data::image::write_png(&image, &common::image(8, 8, [9, 9, 9])).unwrap();
    let own = folder.path().join("own.safetensors");
    tinderbox()
        .arg("export")
        .args([&run, &own])
        .assert()
        .success();
    let mut eval = tinderbox();
    eval.arg("eval").arg(&run).arg("--weights").arg(&own);
    assert_says(&mut eval, &["own.safetensors"]);
    let mut predict = tinderbox();
    predict
        .arg("predict")
        .args([&run, &image])
        .arg("--weights")
        .arg(fixture("legacy.pth"));
    assert_one_line_error(&mut predict, 1, &["legacy.pth", "fc2.weight"]);
    assert_says(
        predict.args(["--strict", "false"]),
        &["fc2.weight", "image.png"],
    );
}

#[test]
fn a_pytorch_file_is_exported_without_a_run() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("out.safetensors");
    let mut export = tinderbox();
    export
        .arg("export")
        .args([&fixture("legacy_training.th"), &output]);
    assert_says(&mut export, &["9 tensors"]);
    let (found, expected) = (read(&output), read(&fixture("expected.safetensors")));
    assert_eq!(
        tensor(&found, "fc2.weight"),
        tensor(&expected, "fc2.weight")
    );
}

/// Image weights are measured without a run; classes are found by name.
#[test]
fn published_weights_are_measured_on_class_folders() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    common::class_folder(&path("images"));
    let config = tinderbox_model_cnn::CifarResNetConfig::new(20, 2);
    let model = config.init(&burn::tensor::Device::flex()).unwrap();
    tinderbox_weights::save(&model, &path("resnet20.safetensors")).unwrap();
    let eval = |more: &[&str]| {
        let mut eval = tinderbox();
        eval.arg("eval").arg(path("resnet20.safetensors"));
        eval.args(["--model", "resnet20", "--data"])
            .arg(path("images"));
        eval.args(more);
        eval
    };
    assert_says(&mut eval(&[]), &["no class names", "8 validation images"]);
    let accuracy = |labels: &[&str]| {
        std::fs::write(path("labels.txt"), labels.join("\n")).unwrap();
        let labels = path("labels.txt");
        let output = eval(&["--json", "--labels", labels.to_str().unwrap()]);
        let output = { output }.assert().success();
        let report: serde_json::Value =
            serde_json::from_slice(&output.get_output().stdout).unwrap();
        report["top1_accuracy"].as_f64().unwrap()
    };
    let sum = accuracy(&["blue", "red"]) + accuracy(&["red", "blue"]);
    assert!((sum - 1.0).abs() < 1e-9, "{sum}");
    std::fs::write(path("labels.txt"), "blue\ngreen").unwrap();
    let labels = path("labels.txt");
    let mut unknown = eval(&["--labels", labels.to_str().unwrap()]);
    assert_one_line_error(&mut unknown, 1, &["`red`", "labels"]);
}

#[test]
fn known_weights_are_listed() {
    let mut list = tinderbox();
    assert_says(
        list.args(["models", "--weights"]),
        &["resnet50.imagenet1k_v2", "80.858 %"],
    );
    let output = tinderbox()
        .args(["models", "--weights", "--json"])
        .output()
        .unwrap();
    let list: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        list[0]["url"],
        "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth"
    );
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap()
}

fn tensor<'a>(bytes: &'a [u8], name: &str) -> &'a [u8] {
    let file = safetensors::SafeTensors::deserialize(bytes).unwrap();
    file.tensor(name).unwrap().data()
}
