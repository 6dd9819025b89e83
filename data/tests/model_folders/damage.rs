//! Damaged tokenizers end with an error that names their file, before the `tokenizers` crate panics
//! or takes all memory.

use super::write;
use serde_json::{Value, json};
use tinderbox_data::text::Tokenizer;

fn valid() -> Value {
    json!({
        "version": "1.0", "truncation": null, "padding": null,
        "added_tokens": [{"id": 0, "content": "[CLS]", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true}],
        "normalizer": null, "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"[CLS]": {"id": "[CLS]", "ids": [0], "tokens": ["[CLS]"]}},
        },
        "decoder": null,
        "model": {"type": "WordLevel", "vocab": {"[CLS]": 0, "a": 1}, "unk_token": "a"},
    })
}

/// The message for a folder whose `tokenizer.json` has `value` at `pointer`.
fn refused(pointer: &str, value: Value) -> String {
    let mut json = valid();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    json.pointer_mut(parent).unwrap()[key] = value;
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &json!({"tokenizer.json": json}));
    let message = match Tokenizer::open(folder.path()) {
        Ok(tokenizer) => match tokenizer.encode_prompt("a b") {
            Ok(ids) => panic!("{pointer}: encoded as {ids:?}"),
            Err(error) => return error.to_string(),
        },
        Err(error) => error.to_string(),
    };
    assert!(message.contains("tokenizer.json"), "{message}");
    message
}

#[test]
fn tokens_ids_and_templates_are_compared_before_they_are_used() {
    let huge = json!({"[CLS]": 0, "a": 4_294_967_295_u32});
    assert!(refused("/model/vocab", huge).contains("4294967295"));
    assert!(refused("/model/vocab", json!({"[CLS]": 0, "a": -1})).contains("-1"));
    let token = json!([{"id": 4_000_000_000_u32, "content": "x"}]);
    assert!(refused("/added_tokens", token).contains("4000000000"));
    assert!(refused("/post_processor/special_tokens", json!({})).contains("[CLS]"));
    let token = json!({"[CLS]": {"id": "[CLS]", "ids": [0, 1], "tokens": ["[CLS]"]}});
    assert!(refused("/post_processor/special_tokens", token).contains("ids"));
    let second = json!([{"Sequence": {"id": "B", "type_id": 0}}]);
    assert!(refused("/post_processor/single", second).contains("second text"));
}

#[test]
fn a_panic_of_the_crate_is_an_error() {
    // A fixed length of 0 divides by it.
    let message = refused(
        "/pre_tokenizer",
        json!({"type": "FixedLength", "length": 0}),
    );
    assert!(!message.is_empty());
}

#[test]
fn a_file_beside_that_is_damaged_is_named() {
    for name in [
        "tokenizer_config.json",
        "special_tokens_map.json",
        "added_tokens.json",
        "config.json",
    ] {
        for text in ["{", "[]", "3"] {
            let folder = tempfile::tempdir().unwrap();
            write(
                folder.path(),
                &json!({"tokenizer.json": valid(), name: text}),
            );
            let message = Tokenizer::open(folder.path()).unwrap_err().to_string();
            assert!(message.contains(name), "{name} {text}: {message}");
        }
    }
    for (key, value) in [
        ("do_lower_case", json!("no")),
        ("strip_accents", json!(1)),
        ("truncation_side", json!("up")),
        ("model_max_length", json!("long")),
        ("model_input_names", json!("input_ids")),
        ("added_tokens_decoder", json!({"x": {"content": "y"}})),
        ("cls_token", json!({"content": "[CLS]"})),
        ("extra_special_tokens", json!([1])),
        ("chat_template", json!(1)),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let config = json!({"tokenizer_class": "BertTokenizer", key: value});
        write(
            folder.path(),
            &json!({"tokenizer.json": valid(), "tokenizer_config.json": config}),
        );
        let message = Tokenizer::open(folder.path()).unwrap_err().to_string();
        assert!(
            message.contains("tokenizer_config.json"),
            "{key}: {message}"
        );
    }
}
