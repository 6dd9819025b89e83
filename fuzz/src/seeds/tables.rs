//! Labelled texts for encoders.

use std::path::PathBuf;

use serde_json::json;

use super::{Maker, Seed};
use crate::error::FuzzError;

pub(super) fn csv(maker: &Maker<'_>) -> Result<Seed, FuzzError> {
    table(
        maker,
        "csv",
        |label, text| format!("{label},\"{text}\"\n"),
        "label,sentence\n",
    )
}

pub(super) fn tsv(maker: &Maker<'_>) -> Result<Seed, FuzzError> {
    table(
        maker,
        "tsv",
        |label, text| format!("{label}\t{text}\n"),
        "label\tsentence\n",
    )
}

pub(super) fn jsonl(maker: &Maker<'_>) -> Result<Seed, FuzzError> {
    let row = |label, text: &str| format!("{}\n", json!({"label": label, "sentence": text}));
    table(maker, "jsonl", row, "")
}

fn table(
    maker: &Maker<'_>,
    extension: &str,
    row: fn(u8, &str) -> String,
    header: &str,
) -> Result<Seed, FuzzError> {
    maker.bert()?;
    let rows = |count: u8| {
        let words = ["dull", "bright", "awful", "lovely"];
        let row = |number: u8| {
            let text = format!("the film is {}, they say", words[usize::from(number) % 4]);
            row(number % 2, &text)
        };
        header.to_string() + &(0..count).map(row).collect::<String>()
    };
    let seed = Seed::default()
        .target(&format!("train.{extension}"), rows(24))
        .target(&format!("dev.{extension}"), rows(6));
    Ok(commands(seed, "labelled")
        .command("predict {s}/bert --file {f} --text-column sentence")
        .command("eval {s}/bert --data {c}"))
}

fn commands(seed: Seed, source: &str) -> Seed {
    let recipe = format!("bert --set data.source={source} --set data.stride=8 --data {{c}}");
    let tiny = "--set model.hidden_size=16 --set model.num_attention_heads=2 --set model.num_hidden_layers=1 \
                --set train.batch_size=4";
    seed.command(&format!(
        "data info {recipe} --set data.tokenizer={{s}}/bert"
    ))
    .command(&format!("data info {recipe}"))
    .command(&format!("train {recipe} {tiny} --dry-run --ui quiet"))
}

/// Sentences in CoNLL's columns.
pub(super) fn tagged(sentences: usize) -> String {
    let mut text = String::from("-DOCSTART- O\n\n");
    for number in 0..sentences {
        let person = ["Ada", "Alan", "Grace"][number % 3];
        let place = ["York", "Paris"][number % 2];
        text += &format!("{person} B-PER\nsaw O\nNew B-LOC\n{place} I-LOC\n. O\n\n");
    }
    text
}

pub(super) fn conll(maker: &Maker<'_>) -> Result<Seed, FuzzError> {
    maker.bert()?;
    let run = tagger(maker)?;
    let _ = run;
    let seed = Seed::default()
        .target("train.txt", tagged(20))
        .target("dev.txt", tagged(4));
    Ok(commands(seed, "tagged")
        .command("eval {s}/tagged --data {c}")
        .command("predict {s}/tagged --file {f}"))
}

pub(super) fn tagger(maker: &Maker<'_>) -> Result<PathBuf, FuzzError> {
    maker.file("tagged-data/train.txt", tagged(20))?;
    let file = maker.file("tagged-data/dev.txt", tagged(4))?;
    maker.encoder_on("tagged", file.parent().unwrap_or(&file))
}

/// SQuAD's JSON, version 2.
pub(super) fn questions(count: usize) -> String {
    let paragraphs: Vec<_> = (0..count)
        .map(|number| {
            let name = ["Ada", "Alan", "Grace"][number % 3];
            let context = format!("It was a cafe by the river where {name} met the others.");
            let start = context.find(name);
            let is_impossible = number % 4 == 2;
            let answers = if is_impossible {
                json!([])
            } else {
                json!([{"text": name, "answer_start": start}])
            };
            json!({"context": context, "qas": [{
                "id": format!("q{number}"), "question": "Who met the others?",
                "is_impossible": is_impossible, "answers": answers,
            }]})
        })
        .collect();
    json!({"version": "2.0", "data": [{"title": "A", "paragraphs": paragraphs}]}).to_string()
}

pub(super) fn squad(maker: &Maker<'_>) -> Result<Seed, FuzzError> {
    maker.bert()?;
    answerer(maker)?;
    let seed = Seed::default()
        .target("train-v2.0.json", questions(12))
        .target("dev-v2.0.json", questions(4));
    Ok(commands(seed, "squad").command("eval {s}/squad --data {c}"))
}

pub(super) fn answerer(maker: &Maker<'_>) -> Result<PathBuf, FuzzError> {
    maker.file("squad-data/train-v2.0.json", questions(12))?;
    let file = maker.file("squad-data/dev-v2.0.json", questions(4))?;
    maker.encoder_on("squad", file.parent().unwrap_or(&file))
}

/// A text file per review, in folders of classes.
pub(super) fn folders(maker: &Maker<'_>) -> Result<Seed, FuzzError> {
    maker.bert()?;
    let mut seed = Seed::default();
    for (split, count) in [("train", 4), ("validation", 1)] {
        for (class, word) in [("neg", "dull"), ("pos", "bright")] {
            for number in 0..count {
                let name = format!("{split}/{class}/{number}_1.txt");
                seed = seed.target(&name, format!("the film is {word}, {number} times"));
            }
        }
    }
    Ok(commands(seed, "text_folder"))
}
