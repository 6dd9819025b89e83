//! Encoders through the command: training on every kind of data, measuring, exporting, and what is said when something is
//! wrong.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::encoder::{names, questions, reviews, train_bert, train_on};
use common::{assert_one_line_error, tinderbox};
use serde_json::{Value, json};
use tempfile::TempDir;
use weights::StateDict;

/// What `tinderbox eval --json` measures of a run.
fn eval(run: &Path, split: &str) -> Value {
    let mut command = tinderbox();
    command
        .arg("eval")
        .arg(run)
        .args(["--split", split, "--json"]);
    serde_json::from_slice(&command.assert().success().get_output().stdout).unwrap()
}

fn folders() -> (TempDir, PathBuf, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let (data, run) = (folder.path().join("data"), folder.path().join("run"));
    (folder, data, run)
}

fn metric(report: &Value, name: &str) -> f64 {
    report["metrics"][name].as_f64().unwrap()
}

#[test]
fn classes_of_texts_are_learnt_and_measured() {
    let (_folder, data, run) = folders();
    reviews(&data);
    train_on(
        "labelled",
        &data,
        &run,
        &["train.epochs=12", "optimizer.learning_rate=0.01"],
    )
    .assert()
    .success();
    let labels: Vec<String> =
        serde_json::from_slice(&fs::read(run.join("labels.json")).unwrap()).unwrap();
    assert_eq!(labels, ["0", "1"]);
    for (split, count) in [("train", 60), ("validation", 12), ("test", 12)] {
        let report = eval(&run, split);
        assert_eq!(report["count"], count);
        assert!(metric(&report, "accuracy") > 0.9, "{report}");
        assert!(metric(&report, "f1") > 0.9, "{report}");
        assert!(metric(&report, "matthews") > 0.8, "{report}");
        assert_eq!(report["classes"][1]["class"], "1");
        assert_eq!(report["classes"][1]["count"], count / 2);
    }
    // What the run says of itself is what is measured again: the same weights on the same texts.
    let metrics = fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    assert!(metrics.contains("\"matthews\""), "{metrics}");
}

#[test]
fn tags_of_words_are_learnt_and_measured() {
    let (_folder, data, run) = folders();
    names(&data);
    train_on(
        "tagged",
        &data,
        &run,
        &["train.epochs=20", "optimizer.learning_rate=0.01"],
    )
    .assert()
    .success();
    let labels: Vec<String> =
        serde_json::from_slice(&fs::read(run.join("labels.json")).unwrap()).unwrap();
    assert_eq!(labels, ["O", "B-LOC", "B-PER", "I-LOC"]);
    let report = eval(&run, "validation");
    assert_eq!(report["count"], 8 * 5);
    assert!(metric(&report, "f1") > 0.9, "{report}");
}

#[test]
fn answers_are_learnt_and_measured_by_squads_rules() {
    let (_folder, data, run) = folders();
    questions(&data);
    let settings = [
        "train.epochs=40",
        "optimizer.learning_rate=0.01",
        "data.stride=4",
    ];
    let shown = train_on("squad", &data, &run, &settings).assert().success();
    let told = String::from_utf8(shown.get_output().stderr.clone()).unwrap()
        + &String::from_utf8(shown.get_output().stdout.clone()).unwrap();
    assert!(told.contains("1 of 12 answers"), "{told}");
    let report = eval(&run, "validation");
    assert_eq!(report["count"], 4);
    assert!(metric(&report, "f1") >= metric(&report, "exact_match"));
    assert!(metric(&report, "f1") > 0.7, "{report}");
}

#[test]
fn hidden_words_are_learnt() {
    let (folder, _, run) = folders();
    let text = folder.path().join("text.txt");
    fs::write(&text, "one two three four five six seven\n".repeat(200)).unwrap();
    let settings = [
        "data.max_length=16",
        "train.epochs=10",
        "optimizer.learning_rate=0.01",
    ];
    train_on("masked", &text, &run, &settings)
        .assert()
        .success();
    let report = eval(&run, "validation");
    assert!(metric(&report, "perplexity") < 3.0, "{report}");
    // The same words are hidden every time.
    assert_eq!(report, eval(&run, "validation"));
}

/// The tensors of the newest checkpoint of a run, under this name.
fn checkpoint(run: &Path, file: &str) -> StateDict {
    let latest = fs::read_to_string(run.join("checkpoints/latest")).unwrap();
    StateDict::read(&run.join("checkpoints").join(latest.trim()).join(file)).unwrap()
}

fn floats(dict: &StateDict, name: &str) -> Vec<f32> {
    dict.floats(name).unwrap().iter::<f32>().collect()
}

#[test]
fn only_adapters_and_head_learn_and_merged_they_give_the_same() {
    let (folder, _, run) = folders();
    let settings = [
        "model.lora.rank=2",
        "model.lora.alpha=8",
        "optimizer.learning_rate=0.01",
    ];
    train_bert(&run, &settings).assert().success();
    let adapters = checkpoint(&run, "adapters.safetensors");
    let base = StateDict::read(&run.join("base.safetensors")).unwrap();
    let is_adapter = |name: &str| name.contains(".lora.") || name.starts_with("classifier.");
    assert!(adapters.names().all(is_adapter));
    assert!(!base.names().any(is_adapter));
    // Two layers, queries and values, two factors each; the head.
    assert_eq!(adapters.names().count(), 8 + 2);
    let second = "bert.encoder.layer.0.attention.self.query.weight.lora.b";
    assert!(
        floats(&adapters, second).iter().any(|x| *x != 0.0),
        "it has learnt nothing"
    );

    // What is exported is base and additions in one, in Hugging Face's names and no others.
    let exported = folder.path().join("exported");
    tinderbox()
        .arg("export")
        .arg(&run)
        .arg(&exported)
        .args(["--format", "huggingface"])
        .assert()
        .success();
    let merged = StateDict::read(&exported.join("model.safetensors")).unwrap();
    assert!(!merged.names().any(|name| name.contains("lora")));
    let changed = |name: &str| floats(&merged, name) != floats(&base, name);
    let changed: Vec<&str> = base.names().filter(|name| changed(name)).collect();
    assert_eq!(changed.len(), 4, "{changed:?}");
    assert!(
        changed
            .iter()
            .all(|name| name.ends_with("query.weight") || name.ends_with("value.weight"))
    );

    let predict = |model: &Path| -> f64 {
        let output = tinderbox()
            .arg("predict")
            .arg(model)
            .args(["--text", "the soup was not bad at all", "--json"])
            .assert()
            .success();
        let line: Value = serde_json::from_slice(&output.get_output().stdout).unwrap();
        line["classes"][0]["probability"].as_f64().unwrap()
    };
    assert!((predict(&run) - predict(&exported)).abs() < 1e-5);

    // A base that is not the one of these adapters is found out.
    let path = run.join("base.safetensors");
    let mut bytes = fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&path, bytes).unwrap();
    let mut eval = tinderbox();
    eval.arg("eval").arg(&run);
    assert_one_line_error(&mut eval, 1, &["base.safetensors", "not what was written"]);
}

#[test]
fn frozen_layers_stay() {
    let (_folder, _, run) = folders();
    let frozen = |set: &str| -> Vec<String> {
        let start = run.with_file_name("start");
        for (path, steps) in [(&start, "train.max_steps=1"), (&run, "train.max_steps=9")] {
            let mut command = train_bert(path, &[set, steps, "schedule.warmup_steps=0"]);
            command.arg("--overwrite").assert().success();
        }
        let (before, after) = (
            checkpoint(&start, "model.safetensors"),
            checkpoint(&run, "model.safetensors"),
        );
        let same = |name: &&str| floats(&before, name) == floats(&after, name);
        before.names().filter(same).map(str::to_string).collect()
    };
    let names = frozen("model.freeze_layers=1");
    assert!(
        names
            .iter()
            .any(|name| name.starts_with("bert.embeddings."))
    );
    assert!(
        names
            .iter()
            .any(|name| name.starts_with("bert.encoder.layer.0."))
    );
    assert!(
        !names
            .iter()
            .any(|name| name.starts_with("bert.encoder.layer.1.output."))
    );
    assert!(!names.iter().any(|name| name.starts_with("classifier.")));
    let names = frozen("model.freeze_backbone=true");
    assert!(
        names
            .iter()
            .any(|name| name.starts_with("bert.encoder.layer.1.output."))
    );
    assert!(!names.iter().any(|name| name.starts_with("classifier.")));
}

#[test]
fn a_run_is_what_the_next_one_begins_with() {
    let (folder, data, run) = folders();
    train_bert(&run, &["train.max_steps=4"]).assert().success();
    let exported = folder.path().join("exported");
    tinderbox()
        .arg("export")
        .arg(&run)
        .arg(&exported)
        .args(["--format", "huggingface"])
        .assert()
        .success();
    // Two classes there, tags here: the head is left new, which is said.
    names(&data);
    let weights = format!("model.weights='{}'", exported.display());
    let next = folder.path().join("next");
    let shown = tinderbox()
        .args(["train", "sst2", "--ui", "plain", "--run-dir"])
        .arg(&next)
        .args([
            "--set",
            &weights,
            "--set",
            "data.source=tagged",
            "--set",
            "train.max_steps=2",
        ])
        .arg("--data")
        .arg(&data)
        .assert()
        .success();
    let told = String::from_utf8(shown.get_output().stderr.clone()).unwrap()
        + &String::from_utf8(shown.get_output().stdout.clone()).unwrap();
    assert!(told.contains("beginning with the weights of"), "{told}");
    assert!(told.contains("classifier"), "{told}");
    let config: Value =
        serde_json::from_slice(&fs::read(next.join("model.json")).unwrap()).unwrap();
    assert_eq!(config["hidden_size"], 16);
    assert_eq!(config["num_labels"], 4);

    // The folder is needed no more: everything is in the run.
    fs::remove_dir_all(&exported).unwrap();
    eval(&next, "validation");
    tinderbox()
        .args(["train", "sst2", "--ui", "quiet", "--resume", "--run-dir"])
        .arg(&next)
        .args(["--set", "train.max_steps=4"])
        .assert()
        .success();
}

/// `tinderbox train` on these data ends with this code and one line that has all of `words` in it.
fn assert_refused(source: &str, data: &Path, more: &[&str], code: i32, words: &[&str]) {
    let run = data.with_extension("run");
    assert_one_line_error(&mut train_on(source, data, &run, more), code, words);
    assert!(!run.exists(), "a run was begun");
}

#[test]
fn what_is_wrong_with_data_is_told_with_its_place() {
    let (_folder, data, _) = folders();
    assert_refused("labelled", &data, &[], 1, &["data", "no such"]);
    reviews(&data);
    let text = ["data.columns.text=['title']"];
    assert_refused(
        "labelled",
        &data,
        &text,
        1,
        &["train.tsv", "title", "sentence"],
    );
    fs::write(data.join("dev.tsv"), "label\tsentence\n1\tfine\n7\tlost\n").unwrap();
    assert_refused("labelled", &data, &[], 1, &["dev.tsv", "line 3", "7"]);
    fs::remove_file(data.join("dev.tsv")).unwrap();
    fs::write(
        data.join("dev.jsonl"),
        "{\"label\": 1, \"sentence\": \"a\"}\n{\"label\": 1,\n",
    )
    .unwrap();
    assert_refused("labelled", &data, &[], 1, &["dev.jsonl", "line 2"]);
    fs::write(data.join("train-v1.json"), "{\"data\": [{]}").unwrap();
    fs::write(data.join("dev-v1.json"), "{}").unwrap();
    let stride = ["data.stride=4"];
    assert_refused("squad", &data, &stride, 1, &["train-v1.json", "line 1"]);
    let long = ["data.stride=48"];
    assert_refused(
        "squad",
        &data,
        &long,
        2,
        &["data.stride", "data.max_length"],
    );
}

#[test]
fn what_is_wrong_with_a_recipe_is_told_with_its_key() {
    let (_folder, data, _) = folders();
    reviews(&data);
    for (set, code, words) in [
        ("data.max_length=2", 2, ["data.max_length", "at least 4"]),
        ("data.max_length=1000", 1, ["data.max_length", "1000"]),
        (
            "data.max_lenght=20",
            2,
            ["data.max_lenght", "data.max_length"],
        ),
        (
            "model.freeze_layers=3",
            1,
            ["model.freeze_layers", "2 layers"],
        ),
        ("model.lora.rank=0", 2, ["model.lora.rank", "above 0"]),
        ("model.lora.rnak=1", 2, ["rnak", "rank"]),
        (
            "model.lora.targets=['conv']",
            1,
            ["model.lora.targets", "conv"],
        ),
        (
            "optimizer.layer_decay=1.5",
            2,
            ["optimizer.layer_decay", "at most 1"],
        ),
        (
            "train.best_metric=exact_match",
            1,
            ["exact_match", "matthews"],
        ),
        ("model.name=bert_nan", 2, ["bert_nan", "bert_nano"]),
    ] {
        assert_refused("labelled", &data, &[set], code, &words);
    }
    let both = ["model.lora.rank=2", "model.freeze_backbone=true"];
    assert_refused("labelled", &data, &both, 2, &["cannot be given together"]);
    let image = ["train", "cnn", "--dry-run", "--set", "model.lora.rank=2"];
    assert_one_line_error(tinderbox().args(image), 2, &["model.lora", "encoders"]);
}

/// Weights with another configuration, or for other tokens.
#[test]
fn weights_that_do_not_belong_are_refused() {
    let (folder, data, run) = folders();
    reviews(&data);
    train_bert(&run, &["train.max_steps=2"]).assert().success();
    let exported = folder.path().join("exported");
    let export = || {
        let mut command = tinderbox();
        command.arg("export").arg(&run).arg(&exported).args([
            "--format",
            "huggingface",
            "--overwrite",
        ]);
        command.assert().success();
    };
    export();
    let weights = format!("model.weights='{}'", exported.display());
    let settings = ["model.name=pretrained", &weights];
    // The sizes of TINY_BERT contradict nothing, since they are those of the folder.
    train_on(
        "labelled",
        &data,
        &folder.path().join("fits"),
        &[&settings[..], &["train.max_steps=1"]].concat(),
    )
    .assert()
    .success();

    let path = exported.join("config.json");
    let mut config: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    config["num_hidden_layers"] = json!(3);
    fs::write(&path, config.to_string()).unwrap();
    let more = [&settings[..], &["model.num_hidden_layers=3"]].concat();
    assert_refused("labelled", &data, &more, 1, &["encoder.layer.2"]);

    export();
    let vocabulary = exported.join("tokenizer.json");
    let mut tokenizer: Value = serde_json::from_slice(&fs::read(&vocabulary).unwrap()).unwrap();
    tokenizer["model"]["vocab"]["one-too-many"] = json!(100_000);
    fs::write(&vocabulary, tokenizer.to_string()).unwrap();
    assert_refused(
        "labelled",
        &data,
        &settings,
        1,
        &["100001 tokens", "belong together"],
    );
}
