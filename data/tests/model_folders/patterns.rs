//! Regular expressions of tokenizers (`golden/make_patterns.py`): possessive and lazy repetition,
//! POSIX and Unicode classes, anchors, options, as Oniguruma reads them.

use super::fixture;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use tinderbox_data::text::Tokenizer;

/// A tokenizer of one unknown token for each piece.
fn tokenizer(normalizer: &Value, pre_tokenizer: &Value) -> Result<Tokenizer, String> {
    let json = json!({
        "version": "1.0", "added_tokens": [], "normalizer": normalizer, "pre_tokenizer": pre_tokenizer,
        "post_processor": null, "decoder": null,
        "model": {"type": "WordLevel", "vocab": {"<unk>": 0}, "unk_token": "<unk>"},
    });
    let tokenizer = Tokenizer::from_json(&json.to_string(), Path::new("tokenizer.json"));
    tokenizer.map_err(|error| error.to_string())
}

fn behavior(name: &str) -> String {
    let word = |word: &str| word[..1].to_uppercase() + &word[1..];
    name.split('_').map(word).collect()
}

#[test]
fn texts_are_split_as_by_oniguruma() {
    let fixture: Value =
        serde_json::from_str(&fs::read_to_string(fixture("patterns.json")).unwrap()).unwrap();
    let mut wrong = Vec::new();
    for case in fixture["patterns"].as_array().unwrap() {
        let pattern = &case["pattern"];
        let split = json!({
            "type": "Split", "pattern": {"Regex": pattern}, "invert": false,
            "behavior": behavior(case["behavior"].as_str().unwrap()),
        });
        let tokenizer = match (tokenizer(&Value::Null, &split), case["ranges"].is_null()) {
            (Ok(tokenizer), false) => tokenizer,
            (Err(message), true) => {
                assert!(message.contains("tokenizer.json"), "{message}");
                continue;
            }
            (opened, _) => {
                wrong.push(format!("{pattern}: {opened:?}"));
                continue;
            }
        };
        let texts = fixture["texts"].as_array().unwrap().iter();
        for (text, right) in texts.zip(case["ranges"].as_array().unwrap()) {
            let pieces = tokenizer.pieces(text.as_str().unwrap()).unwrap();
            let ranges: Vec<_> = pieces
                .iter()
                .map(|piece| [piece.range.start, piece.range.end])
                .collect();
            if json!(ranges) != *right {
                wrong.push(format!("{pattern} {text}: {ranges:?}, not {right}"));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
