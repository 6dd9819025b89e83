//! Training and evaluation on every kind of data.

use std::fs;
use std::path::Path;

use crate::common::encoder::{names, questions, reviews, train_on, unanswerable};
use crate::common::{assert_one_line_error, tinderbox};
use crate::{eval, folders};
use serde_json::{Value, json};

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
    // The run's own metrics equal the evaluation's: the same weights on the same texts.
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
    predicts_what_eval_counts(&data, &run, &report);
}

/// Byte-level tokens: a word begins with its space, and a letter may take several.
#[test]
fn tags_of_byte_level_tokens_are_predicted_as_they_are_measured() {
    let (_folder, data, run) = folders();
    names(&data);
    let tokenizer = concat!(
        "data.tokenizer='",
        env!("CARGO_MANIFEST_DIR"),
        "/../data/tests/fixtures/sequences/roberta'"
    );
    let settings = [tokenizer, "train.epochs=6", "optimizer.learning_rate=0.01"];
    train_on("tagged", &data, &run, &settings)
        .assert()
        .success();
    let report = eval(&run, "validation");
    assert_eq!(report["count"], 8 * 5);
    predicts_what_eval_counts(&data, &run, &report);
}

/// The words and their tags for the validation sentences, joined by spaces, are those that the
/// evaluation counted; and the same if the words are given.
fn predicts_what_eval_counts(data: &Path, run: &Path, report: &Value) {
    let text = fs::read_to_string(data.join("dev.txt")).unwrap();
    let sentences: Vec<Vec<(&str, &str)>> = text
        .split("\n\n")
        .skip(1)
        .map(|sentence| sentence.lines().filter_map(|line| line.split_once(' ')))
        .map(Iterator::collect)
        .filter(|sentence: &Vec<_>| !sentence.is_empty())
        .collect();
    let words = |sentence: &Vec<(&str, &str)>| -> Vec<String> {
        sentence.iter().map(|(word, _)| word.to_string()).collect()
    };
    let joined: Vec<String> = sentences.iter().map(|s| words(s).join(" ")).collect();
    let given: Vec<String> = sentences
        .iter()
        .map(|s| json!(words(s)).to_string())
        .collect();
    let mut outputs = Vec::new();
    for (texts, more) in [
        (&joined, None),
        (&joined, Some("--pre-split")),
        (&given, Some("--pre-split")),
    ] {
        let mut command = tinderbox();
        command.arg("predict").arg(run).arg("--json").args(more);
        command.write_stdin(texts.join("\n"));
        let output = command.assert().success().get_output().stdout.clone();
        outputs.push(String::from_utf8(output).unwrap());
    }
    assert!(outputs.iter().all(|output| *output == outputs[0]));
    let (mut correct, mut count) = (0, 0);
    for (line, sentence) in outputs[0].lines().zip(&sentences) {
        let found: Value = serde_json::from_str(line).unwrap();
        let found = found["words"].as_array().unwrap();
        let same: Vec<&str> = found
            .iter()
            .map(|word| word["word"].as_str().unwrap())
            .collect();
        assert_eq!(same, words(sentence));
        count += found.len();
        correct += found
            .iter()
            .zip(sentence)
            .filter(|(word, (_, tag))| word["tag"] == *tag)
            .count();
    }
    let accuracy = correct as f64 / count as f64;
    assert!(
        (accuracy - metric(report, "accuracy")).abs() < 1e-6,
        "{accuracy} {report}"
    );
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
fn masked_tokens_are_learnt() {
    let (folder, _, run) = folders();
    let text = folder.path().join("text.txt");
    fs::write(&text, "one two three four five six seven\n".repeat(200)).unwrap();
    let settings = [
        "data.max_length=16",
        "train.epochs=10",
        "optimizer.learning_rate=0.01",
    ];
    let shown = train_on("masked", &text, &run, &settings)
        .assert()
        .success();
    // Two of the 14 tokens of each row are masked.
    let told = String::from_utf8_lossy(&shown.get_output().stdout).to_string();
    let sizes = "180 training and 20 validation hidden tokens";
    assert!(told.contains(sizes), "{told}");
    let report = eval(&run, "validation");
    assert!(metric(&report, "perplexity") < 3.0, "{report}");
    // The same tokens are masked every time.
    assert_eq!(report, eval(&run, "validation"));
}

/// The run's answer to a question of its training data.
fn answer(run: &Path) -> Value {
    let mut command = tinderbox();
    command.arg("predict").arg(run).args([
        "--question",
        "Who met the others?",
        "--text",
        "It was a café by the river where Ada met the others.",
        "--json",
    ]);
    let output = command.assert().success().get_output().stdout.clone();
    serde_json::from_slice::<Value>(&output).unwrap()["answer"].clone()
}

/// Unanswerable questions in the training data are recorded in the run.
#[test]
fn no_answer_is_an_answer_where_the_data_have_it() {
    let (folder, data, run) = folders();
    questions(&data);
    // However improbable "no answer" is, the threshold has it given, if it is allowed at all.
    let settings = [
        "train.max_steps=2",
        "data.stride=4",
        "data.null_threshold=-1e9",
    ];
    train_on("squad", &data, &run, &settings).assert().success();
    assert_ne!(answer(&run), "");
    let other = folder.path().join("other");
    unanswerable(&other);
    // One unanswerable question is answered, wrongly by the rules of version 2.
    let mut command = tinderbox();
    command.arg("eval").arg(&run).arg("--data").arg(&other);
    let report = command.arg("--json").assert().success();
    let report: Value = serde_json::from_slice(&report.get_output().stdout).unwrap();
    assert!(metric(&report, "exact_match") <= 0.75, "{report}");

    let run = folder.path().join("second");
    train_on("squad", &other, &run, &settings)
        .assert()
        .success();
    assert_eq!(answer(&run), "");
    let report = eval(&run, "validation");
    assert_eq!(report["count"], 4);
    assert_eq!(metric(&report, "exact_match"), 0.25);
    let recorded: Value =
        serde_json::from_slice(&fs::read(run.join("answers.json")).unwrap()).unwrap();
    assert_eq!(recorded, json!({"can_be_impossible": true}));
}

/// The run records the column of the second texts.
#[test]
fn pairs_are_learnt_and_predicted_from_a_table() {
    let (_folder, data, run) = folders();
    fs::create_dir_all(&data).unwrap();
    let mut table = String::from("first,second,label\n");
    for number in 0..40 {
        let (second, label) = [("rain", 10), ("sun", 9)][number % 2];
        table += &format!("\"today, it is\",{second},{label}\n");
    }
    fs::write(data.join("train.csv"), &table).unwrap();
    let settings = [
        "data.columns.text=['first']",
        "data.columns.pair=second",
        "train.epochs=20",
        "optimizer.learning_rate=0.01",
    ];
    train_on("labelled", &data, &run, &settings)
        .assert()
        .success();
    let labels: Value =
        serde_json::from_slice(&fs::read(run.join("labels.json")).unwrap()).unwrap();
    assert_eq!(labels, json!(["9", "10"]));
    let asked = data.join("asked.csv");
    fs::write(
        &asked,
        "second,first\nsun,\"today, it is\"\nrain,\"today, it is\"\n",
    )
    .unwrap();
    let mut command = tinderbox();
    command.arg("predict").arg(&run).arg("--file").arg(&asked);
    let output = command.arg("--json").assert().success();
    let output = String::from_utf8_lossy(&output.get_output().stdout).to_string();
    let found: Vec<Value> = output
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for (found, (pair, class)) in found.iter().zip([("sun", "9"), ("rain", "10")]) {
        assert_eq!(found["pair"], pair);
        assert_eq!(found["classes"][0]["class"], class, "{found}");
    }
    let mut alone = tinderbox();
    alone.arg("predict").arg(&run).args(["--text", "today"]);
    assert_one_line_error(&mut alone, 1, &["pairs of texts", "--pair"]);
}
