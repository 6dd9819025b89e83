//! `tinderbox data shards`, and training on its output.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::path::Path;

use assert_cmd::Command;
use common::{assert_one_line_error, class_folder, tinderbox};
use serde_json::Value;

fn convert(data: &Path, output: &Path) -> Command {
    let mut command = tinderbox();
    command
        .args(["data", "shards", "cnn-folder", "--data"])
        .arg(data);
    command.arg("--output").arg(output);
    command
}

/// A verb on the shards: `tinderbox VERB.. cnn-folder --set data.source=shards --data SHARDS`.
fn on_shards(verb: &[&str], shards: &Path) -> Command {
    let mut command = tinderbox();
    command.args(verb);
    command.args(["cnn-folder", "--set", "data.source=shards", "--data"]);
    command.arg(shards);
    command
}

fn stdout(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_folder_becomes_shards_that_can_be_trained_on() {
    let dir = tempfile::tempdir().unwrap();
    let (data, shards) = (dir.path().join("data"), dir.path().join("shards"));
    class_folder(&data);
    let said = stdout(convert(&data, &shards).args(["--per-shard", "3", "--workers", "2"]));
    assert!(
        said.contains("training") && said.contains("--set data.source=shards"),
        "{said}"
    );

    let manifest = fs::read(shards.join("shards.json")).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    assert_eq!(manifest["classes"], serde_json::json!(["blue", "red"]));
    assert_eq!(manifest["train"]["class_counts"], serde_json::json!([4, 4]));
    let images = |split: &str| -> Vec<u64> {
        let shards = manifest[split]["shards"].as_array().unwrap();
        shards
            .iter()
            .map(|shard| shard["images"].as_u64().unwrap())
            .collect()
    };
    assert_eq!(
        (images("train"), images("val")),
        (vec![3, 3, 2], vec![3, 3, 2])
    );

    let info = stdout(
        on_shards(&["data", "info"], &shards)
            .arg("--json")
            .arg("--verify"),
    );
    let of_folder = stdout(
        tinderbox()
            .args(["data", "info", "cnn-folder", "--json", "--data"])
            .arg(&data),
    );
    assert_eq!(info, of_folder);

    stdout(on_shards(&["train"], &shards).args(["--ui", "plain", "--dry-run"]));
    let run = dir.path().join("run");
    let mut train = on_shards(&["train"], &shards);
    train.args([
        "--ui",
        "plain",
        "--set",
        "train.epochs=1",
        "--set",
        "train.batch_size=4",
    ]);
    stdout(train.arg("--run-dir").arg(&run));
    assert!(run.join("checkpoints").is_dir());

    // Shards can be made from shards.
    let again = dir.path().join("again");
    stdout(
        on_shards(&["data", "shards"], &shards)
            .arg("--output")
            .arg(&again),
    );
    stdout(on_shards(&["data", "info"], &again).arg("--verify"));
}

#[test]
fn wrong_input_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let (data, shards) = (dir.path().join("data"), dir.path().join("shards"));
    class_folder(&data);
    let nowhere = dir.path().join("nowhere");
    assert_one_line_error(
        &mut convert(&nowhere, &shards),
        1,
        &["nowhere", "no such folder"],
    );
    assert!(!shards.exists());
    assert_one_line_error(
        &mut convert(&data, &data),
        1,
        &["data: has ", "a folder of their own"],
    );

    fs::write(data.join("train/red/broken.jpg"), b"\xff\xd8\xff\xe0 no").unwrap();
    assert_one_line_error(
        &mut convert(&data, &shards),
        1,
        &["broken.jpg", "truncated"],
    );
    let words = [
        "shards: its shards were never finished",
        "run the conversion again",
    ];
    assert_one_line_error(&mut on_shards(&["data", "info"], &shards), 1, &words);
    let said = stdout(convert(&data, &shards).args(["--skip-bad", "1", "--max-side", "20"]));
    assert!(
        said.contains("1 unreadable") && said.contains("broken.jpg"),
        "{said}"
    );
    assert_one_line_error(
        &mut convert(&data, &shards),
        1,
        &["finished shards", "delete them"],
    );

    let path = shards.join("train-000000.tar");
    let mut bytes = fs::read(&path).unwrap();
    bytes[600] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let mut verify = on_shards(&["data", "info"], &shards);
    assert_one_line_error(verify.arg("--verify"), 1, &["train-000000.tar", "SHA-256"]);
    fs::write(&path, &bytes[..2000]).unwrap();
    let words = ["train-000000.tar", "has 2000 bytes"];
    assert_one_line_error(&mut on_shards(&["train"], &shards), 1, &words);

    let mut without_path = tinderbox();
    without_path.args(["data", "info", "cnn", "--set", "data.source=shards"]);
    assert_one_line_error(&mut without_path, 2, &["data.path must be given"]);
    let mut folder = tinderbox();
    folder
        .args(["data", "info", "cnn-folder", "--verify", "--data"])
        .arg(&data);
    assert_one_line_error(&mut folder, 1, &["--verify", "only shards have checksums"]);
}
