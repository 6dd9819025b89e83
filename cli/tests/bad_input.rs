//! Wrong input is a one-line error with the file and the reason, and leaves nothing half-written.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::path::Path;
use std::process::Stdio;

use assert_cmd::Command;
use common::{assert_one_line_error, cifar10, class_folder, image, tinderbox, train_tiny};
use tinderbox_data::image::write_png;

/// `tinderbox train cnn-folder` on `data` for one epoch, into `run`.
fn train_folder(data: &Path, run: &Path) -> Command {
    let mut command = tinderbox();
    command
        .args(["train", "cnn-folder", "--ui", "plain", "--data"])
        .arg(data);
    command.args(["--set", "train.epochs=1", "--set", "train.batch_size=4"]);
    command.arg("--run-dir").arg(run);
    command
}

fn train_cifar10(data: &Path, run: &Path) -> Command {
    let mut command = tinderbox();
    command
        .args(["train", "cnn-article", "--ui", "plain", "--data"])
        .arg(data);
    command.args(["--set", "train.epochs=1", "--set", "train.batch_size=4"]);
    command.arg("--run-dir").arg(run);
    command
}

#[test]
fn good_input_is_good() {
    let folder = tempfile::tempdir().unwrap();
    let (data, run) = (folder.path().join("data"), folder.path().join("run"));
    class_folder(&data);
    train_folder(&data, &run).assert().success();
    let cifar = folder.path().join("cifar");
    cifar10(&cifar, 10);
    train_cifar10(&cifar, &folder.path().join("run2"))
        .assert()
        .success();
}

#[test]
fn missing_data() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let nowhere = folder.path().join("nowhere");
    assert_one_line_error(&mut train_folder(&nowhere, &run), 1, &["nowhere"]);
    assert_one_line_error(&mut train_cifar10(&nowhere, &run), 1, &["nowhere"]);
    assert!(!run.exists());
}

#[test]
fn a_data_set_that_is_not_downloaded_says_how_to_get_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = tinderbox();
    command
        .env("XDG_CACHE_HOME", folder.path())
        .env("HOME", folder.path());
    command
        .args(["train", "cnn-cifar10", "--run-dir"])
        .arg(folder.path().join("run"));
    assert_one_line_error(&mut command, 1, &["cifar10", "--download", "--data"]);
}

#[test]
fn an_empty_class() {
    let folder = tempfile::tempdir().unwrap();
    let (data, run) = (folder.path().join("data"), folder.path().join("run"));
    class_folder(&data);
    fs::create_dir(data.join("train/green")).unwrap();
    assert_one_line_error(&mut train_folder(&data, &run), 1, &["green"]);
    assert!(!run.exists());
}

/// Asserts that training on a folder with this bad file names it, or skips it if that is allowed.
fn assert_bad_image(name: &str, bytes: &[u8], reason: &str) {
    let folder = tempfile::tempdir().unwrap();
    let (data, run) = (folder.path().join("data"), folder.path().join("run"));
    class_folder(&data);
    fs::write(data.join("train/red").join(name), bytes).unwrap();
    assert_one_line_error(&mut train_folder(&data, &run), 1, &[name, reason]);
    assert!(!run.join("checkpoints").exists());
    let output = train_folder(&data, &run)
        .args(["--skip-bad", "1"])
        .output()
        .unwrap();
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(
        shown.contains("1 unreadable") && shown.contains(name),
        "{shown}"
    );
}

#[test]
fn a_truncated_jpeg() {
    let mut jpeg = Vec::new();
    let pixels = image(64, 64, [90, 160, 30]).pixels;
    image::codecs::jpeg::JpegEncoder::new(&mut jpeg)
        .encode(&pixels, 64, 64, image::ExtendedColorType::Rgb8)
        .unwrap();
    assert_bad_image("half.jpg", &jpeg[..jpeg.len() / 2], "");
}

#[test]
fn text_that_is_called_png() {
    assert_bad_image("letter.png", b"Dear reader, this is not a picture.", "");
}

#[test]
fn a_header_of_fifty_thousand_by_fifty_thousand_pixels() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("small.png");
    write_png(&path, &image(1, 1, [0, 0, 0])).unwrap();
    let mut png = fs::read(&path).unwrap();
    // The header chunk: length, "IHDR", width, height, five bytes, checksum.
    png[16..20].copy_from_slice(&50_000_u32.to_be_bytes());
    png[20..24].copy_from_slice(&50_000_u32.to_be_bytes());
    let mut checksum = flate2::Crc::new();
    checksum.update(&png[12..29]);
    png[29..33].copy_from_slice(&checksum.sum().to_be_bytes());
    assert_bad_image("huge.png", &png, "50000x50000");
}

#[test]
fn a_cifar_file_of_the_wrong_length_or_with_a_label_out_of_range() {
    let folder = tempfile::tempdir().unwrap();
    let (data, run) = (folder.path().join("data"), folder.path().join("run"));
    cifar10(&data, 10);
    let path = data.join("data_batch_3.bin");
    let good = fs::read(&path).unwrap();
    fs::write(&path, &good[..good.len() - 7]).unwrap();
    assert_one_line_error(&mut train_cifar10(&data, &run), 1, &["data_batch_3.bin"]);
    let mut bad = good;
    bad[3073 * 4] = 200;
    fs::write(&path, bad).unwrap();
    assert_one_line_error(
        &mut train_cifar10(&data, &run),
        1,
        &["data_batch_3.bin", "200"],
    );
    assert!(!run.exists());
}

#[test]
fn wrong_recipes() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let set = |set: &str| train_tiny(&run, &[set]);
    let nearest = [
        "optimizer.lerning_rate",
        "did you mean `optimizer.learning_rate`?",
    ];
    assert_one_line_error(&mut set("optimizer.lerning_rate=1"), 2, &nearest);
    assert_one_line_error(
        &mut set("train.epochs=0"),
        2,
        &["train.epochs must be at least 1"],
    );
    assert_one_line_error(
        &mut set("model.name=resnet-50"),
        2,
        &["model.name", "resnet-50"],
    );
    assert_one_line_error(&mut set("train.best_metric=fame"), 1, &["fame", "accuracy"]);
    assert_one_line_error(&mut set("model.image_size=32"), 1, &["32x32", "24x24"]);
    assert_one_line_error(&mut set("model.num_classes=3"), 1, &["10 classes"]);
    let mut unknown = tinderbox();
    assert_one_line_error(unknown.args(["train", "cnm"]), 2, &["did you mean `cnn`?"]);
    let file = folder.path().join("broken.toml");
    fs::write(&file, "[train\nepochs = 3\n").unwrap();
    assert_one_line_error(tinderbox().arg("train").arg(&file), 2, &["broken.toml"]);
    assert!(!run.exists());
}

#[test]
fn a_device_that_is_not_compiled_in() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = train_tiny(&folder.path().join("run"), &[]);
    command.args(["--device", "rocm"]);
    assert_one_line_error(&mut command, 1, &["--features rocm"]);
}

#[test]
fn weights_of_another_model() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    train_tiny(&run, &["train.max_steps=2"]).assert().success();
    let path = run.join("model.json");
    let config = fs::read_to_string(&path).unwrap();
    fs::write(&path, config.replace("\"hidden\": 16", "\"hidden\": 17")).unwrap();
    let words = ["model.safetensors", "do not fit the model", "fc1.weight"];
    assert_one_line_error(tinderbox().arg("eval").arg(&run), 1, &words);
    fs::write(&path, "{").unwrap();
    assert_one_line_error(tinderbox().arg("eval").arg(&run), 1, &["model.json"]);
}

#[test]
fn a_folder_that_is_no_run() {
    let folder = tempfile::tempdir().unwrap();
    assert_one_line_error(
        tinderbox().arg("eval").arg(folder.path()),
        1,
        &["no run here"],
    );
    assert_one_line_error(
        tinderbox().args(["export", "nowhere", "out.safetensors"]),
        1,
        &["nowhere", "no run here"],
    );
}

#[test]
fn an_unreadable_image_does_not_keep_the_others_from_being_classified() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    train_tiny(&run, &["train.max_steps=2"]).assert().success();
    let (good, bad) = (
        folder.path().join("good.png"),
        folder.path().join("bad.png"),
    );
    write_png(&good, &image(40, 30, [9, 9, 9])).unwrap();
    fs::write(&bad, "no picture").unwrap();
    let mut command = tinderbox();
    command
        .arg("predict")
        .arg(&run)
        .args(["--json"])
        .args([&bad, &good]);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("bad.png"));
    let shown = String::from_utf8_lossy(&output.stdout);
    let prediction: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(prediction["classes"].as_array().unwrap().len(), 5);
}

#[test]
fn a_run_directory_that_cannot_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "not a folder").unwrap();
    assert_one_line_error(&mut train_tiny(&file.join("run"), &[]), 1, &["file/run"]);
    assert_eq!(fs::read_to_string(&file).unwrap(), "not a folder");
}

/// Permissions do not bind the superuser, who has nothing to test here.
#[test]
#[cfg(unix)]
fn a_read_only_folder() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let locked = folder.path().join("locked");
    fs::create_dir(&locked).unwrap();
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o555)).unwrap();
    if fs::write(locked.join("probe"), "").is_ok() {
        return;
    }
    assert_one_line_error(
        &mut train_tiny(&locked.join("run"), &[]),
        1,
        &["locked", "denied"],
    );
}

/// A limit on file sizes stands in for a full disk: writes fail in the same places.
#[test]
#[cfg(unix)]
fn a_full_disk() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    train_tiny(&run, &["train.max_steps=2"]).assert().success();
    // The second checkpoint does not fit: a model with 64 channels has more than 64 blocks of 512 bytes.
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; ulimit -f 64; exec \"$0\" \"$@\""]);
    command.arg(env!("CARGO_BIN_EXE_tinderbox"));
    command
        .args(["train", "cnn", "--ui", "plain", "--overwrite", "--run-dir"])
        .arg(&run);
    for set in common::TINY
        .iter()
        .chain(&["model.channels=[64, 64]", "train.max_steps=2"])
    {
        command.args(["--set", set]);
    }
    let words = [
        "cannot write checkpoint",
        "step-0000000",
        "there is no checkpoint yet",
    ];
    assert_one_line_error(&mut command, 1, &words);
    let left: Vec<_> = fs::read_dir(run.join("checkpoints")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

/// `tinderbox ... | head`, with the reader gone from the start.
#[test]
fn a_closed_pipe_is_not_an_error() {
    for verb in [["models", "--json"], ["recipes", "cnn"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_tinderbox"));
        let child = command.args(verb).stdout(writer).stderr(Stdio::piped());
        let output = child.spawn().unwrap().wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success() && said.is_empty(),
            "{verb:?}: {said}"
        );
    }
}
