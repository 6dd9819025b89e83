//! Small data sets for text encoders, and runs on them.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use assert_cmd::Command;
use serde_json::{Value, json};

use super::tinderbox;

/// Overrides that make the model of the recipe `bert` tiny.
pub const TINY_BERT: &[&str] = &[
    "model.hidden_size=16",
    "model.num_hidden_layers=2",
    "model.num_attention_heads=2",
    "model.intermediate_size=32",
    "train.batch_size=8",
    "train.epochs=1",
];

/// Overrides for a few generated sentences.
pub const TINY_SENTIMENT: &[&str] = &["data.train_size=200", "data.val_size=40"];

/// `tinderbox train bert` with a tiny model and `more` overrides, into `run`.
pub fn train_bert(run: &Path, more: &[&str]) -> Command {
    let mut command = tinderbox();
    command
        .args(["train", "bert", "--ui", "plain", "--run-dir"])
        .arg(run);
    for set in TINY_BERT.iter().chain(TINY_SENTIMENT).chain(more) {
        command.args(["--set", set]);
    }
    command
}

/// The same on the data at `path`; `source` is `data.source`.
pub fn train_on(source: &str, path: &Path, run: &Path, more: &[&str]) -> Command {
    let source = format!("data.source={source}");
    let path = format!("data.path='{}'", path.display());
    let more = [&[source.as_str(), &path], more].concat();
    train_bert(run, &more)
}

/// Writes reviews of good and bad films, `folder/{train,dev,test}.tsv`. The adjective decides.
pub fn reviews(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    for (split, count) in [("train", 60), ("dev", 12), ("test", 12)] {
        let mut table = String::from("label\tsentence\n");
        for number in 0..count {
            let (label, word) = match number % 2 {
                0 => (0, ["dull", "awful", "slow"][number / 2 % 3]),
                _ => (1, ["bright", "lovely", "quick"][number / 2 % 3]),
            };
            let subject = ["the film", "a story", "this \"play\""][number % 3];
            table += &format!("{label}\t{subject} is {word} today\n");
        }
        fs::write(folder.join(format!("{split}.tsv")), table).unwrap();
    }
}

/// Writes tagged names in sentences, one word per line: `folder/{train,dev}.txt`.
pub fn names(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    for (split, count) in [("train", 40), ("dev", 8)] {
        let mut text = String::from("-DOCSTART- O\n\n");
        for number in 0..count {
            let person = ["Ada", "O'Neil", "Маяк"][number % 3];
            let place = ["York", "St.-Denis"][number % 2];
            text += &format!("{person} B-PER\nsaw O\nNew B-LOC\n{place} I-LOC\n. O\n\n");
        }
        fs::write(folder.join(format!("{split}.txt")), text).unwrap();
    }
}

/// Writes questions, one of whose answers is misaligned: `folder/{train,dev}-v1.1.json`.
pub fn questions(folder: &Path) {
    write_questions(folder, "1.1");
}

/// The same with one unanswerable question in four: `folder/{train,dev}-v2.0.json`.
pub fn unanswerable(folder: &Path) {
    write_questions(folder, "2.0");
}

fn write_questions(folder: &Path, version: &str) {
    fs::create_dir_all(folder).unwrap();
    for (split, count) in [("train", 12), ("dev", 4)] {
        let paragraphs: Vec<Value> = (0..count)
            .map(|number| {
                let name = ["Ada", "Alan", "Grace"][number % 3];
                let context = format!("It was a café by the river where {name} met the others.");
                // Code points, as in the format, not bytes.
                let start = context.chars().position(|c| name.starts_with(c)).unwrap();
                let start = if number == 3 { start + 1 } else { start };
                let mut question = json!({
                    "id": format!("{split}-{number}"), "question": "Who met the others?",
                    "answers": [{"text": name, "answer_start": start}],
                });
                if version == "2.0" {
                    let is_impossible = number % 4 == 2;
                    question["is_impossible"] = json!(is_impossible);
                    if is_impossible {
                        question["answers"] = json!([]);
                    }
                }
                json!({"context": context, "qas": [question]})
            })
            .collect();
        let file = json!({"version": version, "data": [{"title": "A", "paragraphs": paragraphs}]});
        let name = format!("{split}-v{version}.json");
        fs::write(folder.join(name), file.to_string()).unwrap();
    }
}
