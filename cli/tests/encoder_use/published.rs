//! Published folders in many forms, with the answers of transformers and sentence-transformers:
//! `golden/make_encoder_folders.py`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::folders::{json_lines, run, shown};
use serde::Deserialize;
use serde_json::Value;
use tempfile::TempDir;

/// Largest difference from the reference.
const TOLERANCE: f64 = 1e-4;

#[derive(Deserialize)]
struct Expected {
    texts: Vec<String>,
    pairs: Vec<String>,
    cases: Vec<Case>,
    measures: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    base: String,
    files: BTreeMap<String, Value>,
    arguments: Vec<String>,
    vectors: Option<Vec<Vec<f64>>>,
    /// Scores in the order of the labels.
    scores: Option<Vec<Vec<f64>>>,
    /// Name and text of a file to measure the folder on, and what comes out.
    #[serde(default)]
    data: Vec<String>,
    #[serde(default)]
    metrics: BTreeMap<String, f64>,
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/encoders")
}

fn expected() -> Expected {
    let text = fs::read_to_string(fixtures().join("expected.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// A copy of a base folder with the files of the case; an object changes the entries of a file that
/// is there.
fn folder(case: &Case) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    copy(&fixtures().join(&case.base), folder.path());
    for (name, content) in &case.files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut content = content.clone();
        if let (Ok(old), Value::Object(new)) = (fs::read_to_string(&path), &content) {
            let mut old: serde_json::Map<String, Value> = serde_json::from_str(&old).unwrap();
            old.extend(new.clone());
            content = Value::Object(old);
        }
        fs::write(&path, content.to_string()).unwrap();
    }
    folder
}

fn numbers(value: &Value) -> Vec<f64> {
    let numbers = value.as_array().unwrap().iter();
    numbers.map(|number| number.as_f64().unwrap()).collect()
}

fn difference(got: &[Vec<f64>], expected: &[Vec<f64>]) -> f64 {
    assert_eq!(got.len(), expected.len());
    let mut largest: f64 = 0.0;
    for (got, expected) in got.iter().zip(expected) {
        assert_eq!(got.len(), expected.len());
        for (a, b) in got.iter().zip(expected) {
            largest = largest.max((a - b).abs());
        }
    }
    largest
}

fn arguments<'a>(case: &'a Case, options: &[(&'a str, &'a [String])]) -> Vec<&'a str> {
    let given = options
        .iter()
        .flat_map(|(option, values)| values.iter().flat_map(|value| [*option, value.as_str()]));
    let own = case.arguments.iter().map(String::as_str);
    given.chain(own).collect()
}

#[test]
fn vectors_are_the_references() {
    let expected = expected();
    let mut wrong = Vec::new();
    let mut count = 0;
    for case in &expected.cases {
        let Some(vectors) = &case.vectors else {
            continue;
        };
        count += 1;
        let folder = folder(case);
        let arguments = arguments(case, &[("--text", &expected.texts)]);
        let (out, _) = shown(run("embed", folder.path(), &arguments));
        let got: Vec<Vec<f64>> = json_lines(&out)
            .iter()
            .map(|line| numbers(&line["embedding"]))
            .collect();
        let difference = difference(&got, vectors);
        if difference > TOLERANCE {
            wrong.push(format!("{}: {difference}", case.name));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(count > 25, "{count}");
}

#[test]
fn scores_are_the_references() {
    let expected = expected();
    let mut wrong = Vec::new();
    let mut count = 0;
    for case in &expected.cases {
        let Some(scores) = &case.scores else {
            continue;
        };
        count += 1;
        let folder = folder(case);
        let config = fs::read_to_string(folder.path().join("config.json")).unwrap();
        let config: Value = serde_json::from_str(&config).unwrap();
        let texts: [(&str, &[String]); 2] =
            [("--text", &expected.texts), ("--pair", &expected.pairs)];
        let arguments = [&arguments(case, &texts)[..], &["--json"]].concat();
        let (out, _) = shown(run("predict", folder.path(), &arguments));
        let got: Vec<Vec<f64>> = json_lines(&out)
            .iter()
            .map(|line| by_label(line, &config["id2label"]))
            .collect();
        let difference = difference(&got, scores);
        if difference > TOLERANCE {
            wrong.push(format!("{}: {difference}", case.name));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(count > 10, "{count}");
}

/// Scores of a printed line in the order of `id2label`, whose names Python's `str` writes.
fn by_label(line: &Value, id2label: &Value) -> Vec<f64> {
    let names = id2label.as_object().unwrap();
    let classes = line["classes"].as_array().unwrap();
    (0..names.len())
        .map(|place| {
            let name = match &names[&place.to_string()] {
                Value::String(name) => name.clone(),
                Value::Bool(true) => "True".into(),
                other => other.to_string(),
            };
            let class = classes.iter().find(|class| class["class"] == *name);
            class.unwrap()["probability"].as_f64().unwrap()
        })
        .collect()
}

fn assert_metrics(case: &Case, got: &Value) {
    assert!(!case.metrics.is_empty());
    for (name, expected) in &case.metrics {
        let got = got[name].as_f64().unwrap();
        let difference = (got - expected).abs();
        assert!(difference < TOLERANCE, "{} {name}: {got}", case.name);
    }
}

#[test]
fn published_folders_are_measured_as_by_the_reference() {
    for case in &expected().measures {
        let folder = folder(case);
        let data = folder.path().join(&case.data[0]);
        fs::write(&data, &case.data[1]).unwrap();
        let mut arguments = vec!["--data", data.to_str().unwrap(), "--json"];
        arguments.extend(case.arguments.iter().map(String::as_str));
        let (out, _) = shown(run("eval", folder.path(), &arguments));
        let report: Value = serde_json::from_str(&out).unwrap();
        assert_metrics(case, &report["metrics"]);
        // Nothing is written.
        assert!(!folder.path().join("eval-validation.json").exists());
    }
}

/// With a learning rate of almost 0, training leaves the head as it was: numbers, classes and sets
/// of labels are scored as the published folder scores them.
#[test]
fn training_keeps_the_rows_of_labels_with_the_same_name() {
    for case in &expected().measures {
        let source = match case.base.as_str() {
            "tags" => "tagged",
            _ => "labelled",
        };
        let folder = folder(case);
        let data = folder.path().join("data");
        fs::create_dir(&data).unwrap();
        let extension = case.data[0].split('.').next_back().unwrap();
        for split in ["train", "dev"] {
            fs::write(data.join(format!("{split}.{extension}")), &case.data[1]).unwrap();
        }
        let run_dir = folder.path().join("run");
        let mut command = crate::common::tinderbox();
        command
            .args(["train", "sst2", "--ui", "plain", "--run-dir"])
            .arg(&run_dir);
        command.arg("--data").arg(&data).args(&case.arguments);
        for set in [
            format!("model.weights='{}'", folder.path().display()),
            format!("data.source={source}"),
            "data.max_length=24".into(),
            "train.epochs=1".into(),
            "train.batch_size=8".into(),
            "optimizer.learning_rate=1e-12".into(),
        ] {
            command.args(["--set", &set]);
        }
        let (out, error) = shown(command);
        let records = fs::read_to_string(run_dir.join("metrics.jsonl")).unwrap();
        let last = records
            .lines()
            .rfind(|line| line.contains("\"validation\""));
        let last: Value = serde_json::from_str(last.unwrap()).unwrap();
        assert_metrics(case, &last["values"]);
        if case.base != "one" {
            assert!((out + &error).contains("3 of 3 labels"), "{}", case.name);
        }
    }
}

#[test]
fn prompts_that_do_not_exist_are_named() {
    let expected = expected();
    let case = &expected.cases[2];
    let folder = folder(case);
    let mut command = run(
        "embed",
        folder.path(),
        &["--text", "a", "--prompt-name", "search"],
    );
    crate::common::assert_one_line_error(&mut command, 1, &["search", "passage, query"]);
}
