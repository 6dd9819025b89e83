//! `tinderbox data` of data sets for text encoders.

use std::fs;
use std::path::Path;

use crate::common::encoder::{names, questions, reviews};
use crate::common::{assert_one_line_error, tinderbox};
use crate::folders;
use serde_json::{Value, json};

/// Output of `tinderbox data info --json` for the data at `path`.
fn counts(source: &str, path: &Path, more: &[&str]) -> Value {
    let mut command = tinderbox();
    command
        .args(["data", "info", "bert", "--json", "--data"])
        .arg(path);
    let source = format!("data.source={source}");
    for set in [source.as_str()].iter().chain(more) {
        command.args(["--set", set]);
    }
    serde_json::from_slice(&command.assert().success().get_output().stdout).unwrap()
}

#[test]
fn texts_with_numbers_and_sets_of_labels_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    for split in ["train", "dev"] {
        let rows = "sentence\tlabel\na b\t3.5\nc\t0.25\nd\t5.000\n";
        fs::write(path.join(format!("{split}.tsv")), rows).unwrap();
    }
    assert_eq!(
        counts("labelled", path, &[]),
        json!({"rows": ["texts"], "train": [3], "validation": [3]})
    );
    let sets = folder.path().join("sets");
    fs::create_dir(&sets).unwrap();
    let rows = [
        json!({"text": "a", "label": ["x", "y"]}),
        json!({"text": "b", "label": []}),
        json!({"text": "c", "label": ["y"]}),
    ];
    let rows = rows.map(|row| row.to_string()).join("\n");
    fs::write(sets.join("train.jsonl"), &rows).unwrap();
    fs::write(sets.join("dev.jsonl"), rows).unwrap();
    assert_eq!(
        counts("labelled", &sets, &[]),
        json!({"rows": ["x", "y", "texts"], "train": [1, 2, 3], "validation": [1, 2, 3]})
    );
}

#[test]
fn texts_labels_and_lengths_are_counted() {
    let (folder, data, _) = folders();
    reviews(&data);
    let vocabulary = folder.path().join("vocab.txt");
    let words = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nstory\nis\n";
    fs::write(&vocabulary, words).unwrap();
    let tokenizer = format!("data.tokenizer='{}'", vocabulary.display());
    assert_eq!(
        counts("labelled", &data, &[&tokenizer]),
        json!({
            // Quotes are tokens too: this "play" is dull today.
            "rows": ["0", "1", "texts", "longest text, in tokens"],
            "train": [30, 30, 60, 7], "validation": [6, 6, 12, 7], "test": [6, 6, 12, 7],
        })
    );
    assert_eq!(counts("labelled", &data, &[])["train"], json!([30, 30, 60]));

    let tagged = folder.path().join("tagged");
    names(&tagged);
    assert_eq!(
        counts("tagged", &tagged, &[]),
        json!({
            "rows": ["O", "B-LOC", "B-PER", "I-LOC", "words", "sentences"],
            "train": [80, 40, 40, 40, 200, 40], "validation": [16, 8, 8, 8, 40, 8],
        })
    );

    let squad = folder.path().join("squad");
    questions(&squad);
    let found = counts("squad", &squad, &[&tokenizer, "data.stride=4"]);
    assert_eq!(found["rows"][3], "of them not where the file says");
    // It was a café by the river where Alan met the others.
    assert_eq!(found["train"], json!([12, 0, 12, 1, 12, 13]));
    assert_eq!(found["validation"], json!([4, 0, 4, 1, 4, 13]));

    let text = folder.path().join("text.txt");
    fs::write(&text, "a story\n".repeat(10)).unwrap();
    assert_eq!(
        counts("masked", &text, &[&tokenizer]),
        json!({
            "rows": ["lines", "characters", "longest line, in tokens"],
            "train": [9, 63, 2], "validation": [1, 7, 2],
        })
    );
}

#[test]
fn tables_need_no_weights() {
    let (_folder, data, _) = folders();
    reviews(&data);
    let mut command = tinderbox();
    command.args(["data", "info", "sst2", "--data"]).arg(&data);
    let output = command
        .args(["--set", "model.weights=nowhere"])
        .assert()
        .success();
    let table = String::from_utf8_lossy(&output.get_output().stdout).to_string();
    assert!(
        table.contains("validation") && table.contains("60"),
        "{table}"
    );
    assert!(table.contains("no folder nowhere"), "{table}");
    let output = tinderbox()
        .args(["data", "info", "bert"])
        .assert()
        .success();
    let table = String::from_utf8_lossy(&output.get_output().stdout).to_string();
    assert!(
        table.contains("positive") && table.contains("16,000"),
        "{table}"
    );
    assert!(table.contains("longest text, in tokens"), "{table}");
}

#[test]
fn verbs_for_other_data_are_refused() {
    for verb in ["preview", "stats"] {
        let mut command = tinderbox();
        command.args(["data", verb, "bert"]);
        assert_one_line_error(&mut command, 1, &[verb, "tinderbox data info"]);
    }
    let mut verify = tinderbox();
    verify.args(["data", "info", "bert", "--verify"]);
    assert_one_line_error(&mut verify, 1, &["--verify is for shards"]);
}
