//! The files of a run are checked like any other input.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::common::{self, assert_one_line_error, image, tinderbox, train_tiny};
use super::{assert_refused, change_state, resume, shown, train};
use tinderbox_data::image::write_png;

/// Changes the value at `pointer`; `None` removes it.
fn set(json: &mut Value, pointer: &str, value: Option<Value>) {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    match (json.pointer_mut(parent).unwrap(), value) {
        (Value::Object(map), Some(value)) => drop(map.insert(key.into(), value)),
        (Value::Object(map), None) => drop(map.remove(key)),
        (Value::Array(list), Some(value)) => list[key.parse::<usize>().unwrap()] = value,
        _ => panic!("nothing at {pointer}"),
    }
}

/// The same in a file.
fn change(path: &Path, pointer: &str, value: Option<Value>) {
    let mut json: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    set(&mut json, pointer, value);
    fs::write(path, json.to_string()).unwrap();
}

#[test]
fn preprocessing_that_does_not_fit_the_model_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    shown(train_tiny(&run, &["train.max_steps=2"]));
    let picture = folder.path().join("a.png");
    write_png(&picture, &image(40, 30, [9, 90, 200])).unwrap();
    let path = run.join("preprocess.json");
    let valid = fs::read(&path).unwrap();
    let crop = |size: u64| json!([{ "center_crop": { "size": size } }]);
    let cases = [
        (
            "/channels",
            Some(json!(1)),
            "mean: has 3 values for 1 channels",
        ),
        (
            "/channels",
            Some(json!(4)),
            "channels: 4 is neither 1 nor 3",
        ),
        ("/channels", Some(json!(-1)), "channels: invalid value"),
        ("/channels", None, "missing field `channels`"),
        (
            "/mean",
            Some(json!([0.5])),
            "mean: has 1 values for 3 channels",
        ),
        (
            "/std",
            Some(json!([0.5, 0.5, 0.5, 0.5])),
            "std: has 4 values",
        ),
        (
            "/std",
            Some(json!([0.5, 0.0, 0.5])),
            "std: every value must be above 0",
        ),
        ("/std/1", Some(json!("a")), "std[1]: invalid type"),
        (
            "/transforms",
            Some(crop(0)),
            "transforms[0].center_crop.size: 0 is not",
        ),
        (
            "/transforms",
            Some(crop(60_000)),
            "transforms[0].center_crop.size: 60000 is not",
        ),
        (
            "/transforms",
            Some(crop(30)),
            "takes images of 24x24 pixels, and these would have 30x30",
        ),
        (
            "/transforms",
            Some(json!([{ "zoom": {} }])),
            "unknown variant `zoom`",
        ),
    ];
    for (pointer, value, words) in cases {
        fs::write(&path, &valid).unwrap();
        change(&path, pointer, value);
        for verb in ["predict", "explain", "eval"] {
            let mut command = tinderbox();
            command.arg(verb).arg(&run);
            if verb != "eval" {
                command.arg(&picture);
            }
            if verb == "explain" {
                command
                    .arg("--output")
                    .arg(folder.path().join("explained.png"));
            }
            assert_one_line_error(&mut command, 1, &["preprocess.json", words]);
        }
        assert_refused(
            common::resume(&run, "--resume", &[]),
            &run,
            &["preprocess.json", words],
        );
    }
    // One channel for a model of three, valid by itself.
    let grey = json!({ "transforms": [], "channels": 1, "mean": [0.5], "std": [0.5] });
    fs::write(&path, grey.to_string()).unwrap();
    let mut command = tinderbox();
    command.arg("predict").arg(&run).arg(&picture);
    let words = [
        "preprocess.json",
        "channels: it is 1, and the model takes 3",
    ];
    assert_one_line_error(&mut command, 1, &words);
}

/// Without transforms an image reaches the model as it is, which may not be of its size.
#[test]
fn an_image_that_the_model_cannot_take_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    shown(train_tiny(&run, &["train.max_steps=2"]));
    change(&run.join("preprocess.json"), "/transforms", Some(json!([])));
    let predict = |width, height| {
        let picture = folder.path().join(format!("{width}x{height}.png"));
        write_png(&picture, &image(width, height, [9, 90, 200])).unwrap();
        let mut command = tinderbox();
        command.arg("predict").arg(&run).arg(&picture);
        command
    };
    shown(predict(24, 24));
    let output = predict(50, 41).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(
        error.contains("50x41.png") && error.contains("24x24 pixels"),
        "{error}"
    );
}

#[test]
fn labels_and_model_that_do_not_belong_together_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    shown(train_tiny(&run, &["train.max_steps=2"]));
    let predict = |words: &[&str]| {
        let picture = folder.path().join("a.png");
        write_png(&picture, &image(40, 30, [9, 90, 200])).unwrap();
        assert_one_line_error(tinderbox().arg("predict").arg(&run).arg(&picture), 1, words);
    };
    let labels = fs::read(run.join("labels.json")).unwrap();
    let many: Vec<String> = (0..11).map(|label| label.to_string()).collect();
    fs::write(run.join("labels.json"), json!(many).to_string()).unwrap();
    predict(&["labels.json: 11 labels for a model with 10 classes"]);
    fs::write(run.join("labels.json"), "[\"a\", 1]").unwrap();
    predict(&["labels.json: [1]: invalid type"]);
    fs::write(run.join("labels.json"), labels).unwrap();
    change(&run.join("model.json"), "/channels", Some(json!([4, 0])));
    predict(&["model.json", "channels"]);
    change(&run.join("model.json"), "/channels", Some(json!("many")));
    predict(&["model.json: channels: invalid type"]);
}

#[test]
fn a_state_that_cannot_be_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    shown(train_tiny(
        &run,
        &["train.max_steps=3", "train.eval_every=3"],
    ));
    let mut valid = Value::Null;
    change_state(&run, 3, |state| valid = state.clone());
    for (pointer, value, words) in [
        (
            "/step",
            json!(7),
            "step: it is 7, in a folder with another name",
        ),
        ("/step", json!(-1), "step: invalid value"),
        (
            "/best/record",
            json!([0.5, 9]),
            "best: it is a later step than 3",
        ),
        ("/best/record/1", json!("x"), "best.record[1]: invalid type"),
        (
            "/window/sums",
            json!({ "loss": null }),
            "window.sums.loss: invalid type",
        ),
    ] {
        change_state(&run, 3, |state| {
            *state = valid.clone();
            set(state, pointer, Some(value));
        });
        let words = ["state.json", words];
        assert_refused(common::resume(&run, "--resume", &[]), &run, &words);
        assert_one_line_error(tinderbox().arg("eval").arg(&run), 1, &words);
    }
    // Positions beyond any epoch end the run, and overflow nothing.
    for (pointer, value) in [("/batch", u64::MAX), ("/epoch", u64::MAX)] {
        change_state(&run, 3, |state| {
            *state = valid.clone();
            set(state, pointer, Some(json!(value)));
        });
        shown(common::resume(&run, "--resume", &[]));
    }
}

#[test]
fn a_checksum_of_a_file_outside_its_checkpoint_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    shown(train_tiny(&run, &["train.max_steps=2"]));
    let sums = run.join("checkpoints/step-00000002/SHA256SUMS");
    let valid = fs::read_to_string(&sums).unwrap();
    let outside = run.join("recipe.toml");
    for name in ["../../recipe.toml", outside.to_str().unwrap(), ".."] {
        let digest = "0".repeat(64);
        fs::write(&sums, format!("{valid}{digest}  {name}\n")).unwrap();
        let words = ["SHA256SUMS", "is not the name of a file in this folder"];
        assert_refused(common::resume(&run, "--resume", &[]), &run, &words);
        assert_one_line_error(tinderbox().arg("eval").arg(&run), 1, &words);
    }
}

#[test]
fn lists_of_shards_stay_within_their_folder() {
    let folder = tempfile::tempdir().unwrap();
    let (data, run) = (folder.path().join("data"), folder.path().join("run"));
    common::class_folder(&data);
    let shards = folder.path().join("shards");
    let mut command = tinderbox();
    command
        .args(["data", "shards", "cnn-folder", "--data"])
        .arg(&data);
    command.arg("--output").arg(&shards);
    shown(command);
    let list = shards.join("shards.json");
    let valid = fs::read(&list).unwrap();
    fs::copy(
        shards.join("train-000000.tar"),
        folder.path().join("train-000000.tar"),
    )
    .unwrap();
    let absolute = folder.path().join("train-000000.tar").display().to_string();
    for file in ["../train-000000.tar", "x/../../train-000000.tar", &absolute] {
        fs::write(&list, &valid).unwrap();
        change(&list, "/train/shards/0/file", Some(json!(file)));
        let mut command = train("cnn-folder", &shards, &run, &["data.source=shards"]);
        let words = ["shards.json: names", "not a path within its folder"];
        assert_one_line_error(&mut command, 1, &words);
        let mut command = tinderbox();
        command.args([
            "data",
            "info",
            "cnn-folder",
            "--verify",
            "--set",
            "data.source=shards",
        ]);
        assert_one_line_error(command.arg("--data").arg(&shards), 1, &words);
    }
    fs::write(&list, "{}").unwrap();
    assert!(!run.exists());
}

/// A refusal after the data were opened leaves no trace either.
#[test]
fn a_refused_resume_leaves_no_trace() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    shown(train_tiny(
        &run,
        &["train.max_steps=4", "train.checkpoint_every=2"],
    ));
    let words = ["no such checkpoint; the steps are: 2, 4"];
    assert_refused(common::resume(&run, "--resume=3", &[]), &run, &words);
    let metrics = run.join("metrics.jsonl");
    let records = fs::read(&metrics).unwrap();
    fs::write(&metrics, &records[..10]).unwrap();
    let words = ["metrics.jsonl: it has 10 bytes", "records were removed"];
    assert_refused(common::resume(&run, "--resume", &[]), &run, &words);
    let mut damaged = records.clone();
    damaged[..4].copy_from_slice(b"\xff{\n\x00");
    fs::write(&metrics, &damaged).unwrap();
    assert_refused(
        common::resume(&run, "--resume", &[]),
        &run,
        &["metrics.jsonl"],
    );
    fs::remove_file(&metrics).unwrap();
    let words = ["metrics.jsonl: it has 0 bytes", "records were removed"];
    assert_refused(common::resume(&run, "--resume", &[]), &run, &words);
    assert!(!metrics.exists());
    fs::write(&metrics, &records).unwrap();
    let model = run.join("checkpoints/step-00000004/model.safetensors");
    let mut bytes = fs::read(&model).unwrap();
    bytes[100] ^= 1;
    fs::write(&model, bytes).unwrap();
    fs::write(run.join("checkpoints/.tmp-left"), "x").unwrap();
    assert_refused(common::resume(&run, "--resume", &[]), &run, &["is corrupt"]);
    shown(common::resume(&run, "--resume=2", &[]));
    assert!(!run.join("checkpoints/.tmp-left").exists());
}

/// The data of a resumed text run may be gone.
#[test]
fn missing_data_are_named_and_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let (data, run) = (folder.path().join("text.txt"), folder.path().join("run"));
    fs::write(&data, "abcabd abca dab\n".repeat(60)).unwrap();
    let settings = [
        common::TINY_GPT,
        &[
            "data.sequence_length=8",
            "model.n_positions=8",
            "train.max_steps=2",
        ],
    ]
    .concat();
    shown(train("gpt-shakespeare-char", &data, &run, &settings));
    fs::remove_file(&data).unwrap();
    let command = resume("gpt-shakespeare-char", &run, &["train.max_steps=3"]);
    assert_refused(command, &run, &["text.txt"]);
}
