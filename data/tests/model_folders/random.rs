//! 200 random legal folders (`golden/make_tokenizer_folders.py`): equal ids, or refused by the name
//! of the class.

use super::{compressed, numbers, write};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use tinderbox_data::DataError;
use tinderbox_data::text::Tokenizer;
use tinderbox_data::text::encoder::InputBuilder;

const LENGTH: usize = 12;

#[test]
fn random_folders_give_the_ids_of_transformers_or_are_refused_by_name() {
    let fixture = compressed("tokenizer-folders.json.gz");
    let texts: Vec<&str> = fixture["texts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|t| t.as_str().unwrap())
        .collect();
    let mut wrong = Vec::new();
    let mut refused = 0;
    let folders = fixture["folders"].as_array().unwrap();
    for (number, described) in folders.iter().enumerate() {
        let folder = tempfile::tempdir().unwrap();
        build(&fixture["bases"], described, folder.path());
        match Tokenizer::open(folder.path()) {
            Ok(tokenizer) => {
                // As a run keeps it.
                let kept = tempfile::tempdir().unwrap();
                write(kept.path(), &json!({"tokenizer.json": tokenizer.to_json()}));
                if let Some(config) = tokenizer.config_json() {
                    write(kept.path(), &json!({"tokenizer_config.json": config}));
                }
                let again = Tokenizer::open(&kept.path().join("tokenizer.json")).unwrap();
                assert_eq!(again.to_json(), tokenizer.to_json(), "{number}");
                let compared = compare(&tokenizer, described, &texts);
                if let Err(reason) = compared.and_then(|()| compare(&again, described, &texts)) {
                    wrong.push(format!("{number} {}: {reason}", describe(described)));
                }
            }
            Err(error) if names_the_class(&error, described) => refused += 1,
            Err(error) => wrong.push(format!("{number} {}: {error}", describe(described))),
        }
    }
    assert!(folders.len() >= 200);
    assert!(
        wrong.is_empty(),
        "{} wrong, {refused} refused:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(refused < 10, "{refused} refused");
}

fn describe(described: &Value) -> String {
    format!(
        "{} {} {} {}",
        described["class"], described["base"], described["store"], described["files"]
    )
}

fn names_the_class(error: &DataError, described: &Value) -> bool {
    error
        .to_string()
        .contains(described["class"].as_str().unwrap())
}

/// Writes the folder that Python was shown.
fn build(bases: &Value, described: &Value, folder: &Path) {
    write(folder, &described["files"]);
    let mut base = bases[described["base"].as_str().unwrap()].clone();
    for (key, value) in described["change"].as_object().unwrap() {
        base[key] = value.clone();
    }
    let vocabulary = base["model"]["vocab"].clone();
    match described["store"].as_str().unwrap() {
        "json" => write(folder, &json!({"tokenizer.json": base})),
        "txt" => {
            let vocabulary = vocabulary.as_object().unwrap().iter();
            let mut tokens: Vec<_> = vocabulary.map(|(token, id)| (id.as_u64(), token)).collect();
            tokens.sort_unstable();
            let lines: String = tokens
                .iter()
                .map(|(_, token)| format!("{token}\n"))
                .collect();
            fs::write(folder.join("vocab.txt"), lines).unwrap();
        }
        _ => {
            let merges = base["model"]["merges"].as_array().unwrap().iter();
            let line = |merge: &Value| match merge {
                Value::String(pair) => format!("{pair}\n"),
                pair => format!(
                    "{} {}\n",
                    pair[0].as_str().unwrap(),
                    pair[1].as_str().unwrap()
                ),
            };
            let merges: String = merges.map(line).collect();
            let merges = format!("#version: 0.2\n{merges}");
            write(
                folder,
                &json!({"vocab.json": vocabulary, "merges.txt": merges}),
            );
        }
    }
}

fn compare(tokenizer: &Tokenizer, described: &Value, texts: &[&str]) -> Result<(), String> {
    for (text, right) in texts.iter().zip(described["ids"].as_array().unwrap()) {
        let ids = tokenizer
            .encode_prompt(text)
            .map_err(|error| error.to_string())?;
        if ids != numbers(right) {
            return Err(format!("{text:?}: {ids:?}, not {right}"));
        }
    }
    let rows = described["pairs"].as_array().unwrap();
    let pairs = texts
        .windows(2)
        .flat_map(|pair| [(pair, 1000), (pair, LENGTH)]);
    for ((pair, length), right) in pairs.zip(rows) {
        let builder = InputBuilder::new(tokenizer.clone(), length);
        let builder = builder.map_err(|error| error.to_string())?;
        let row = builder
            .encode(pair[0], Some(pair[1]))
            .map_err(|error| error.to_string())?;
        if row.ids != numbers(&right[0]) {
            return Err(format!(
                "{pair:?} to {length}: {:?}, not {}",
                row.ids, right[0]
            ));
        }
        let types: String = row.token_type_ids.iter().map(u8::to_string).collect();
        let right = right[1].as_str().unwrap();
        let zeros = "0".repeat(types.len());
        // Nothing says what model a file by itself is for, so that the types count.
        let is_bare = described["files"].as_object().unwrap().is_empty();
        if !is_bare && types != if right.is_empty() { &zeros } else { right } {
            return Err(format!("{pair:?} to {length}: types {types}, not {right}"));
        }
    }
    Ok(())
}
