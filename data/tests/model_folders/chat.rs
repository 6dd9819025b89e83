//! Chat templates (`golden/make_chats.py`): the prompts of transformers, character by character.

use super::{compressed, write};
use serde_json::json;
use std::fs;
use std::path::Path;
use tinderbox_data::text::Tokenizer;
use tinderbox_data::text::chat::Conversation;

const TOKENS: [&str; 3] = ["<unk>", "<s>", "</s>"];

/// A folder with these files beside a tokenizer of three special tokens.
fn open(folder: &Path, files: &serde_json::Value) -> Tokenizer {
    let vocabulary: serde_json::Map<_, _> = TOKENS
        .iter()
        .zip(0..)
        .map(|(token, id)| ((*token).to_owned(), id.into()))
        .collect();
    let model = json!({"type": "WordLevel", "vocab": vocabulary, "unk_token": "<unk>"});
    write(
        folder,
        &json!({"tokenizer.json": {
            "version": "1.0", "added_tokens": [], "normalizer": null, "pre_tokenizer": null,
            "post_processor": null, "decoder": null, "model": model,
        }}),
    );
    write(folder, files);
    Tokenizer::open(folder).unwrap()
}

fn config(chat_template: serde_json::Value) -> serde_json::Value {
    let mut config = json!({"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"});
    config["chat_template"] = chat_template;
    config
}

#[test]
fn prompts_are_those_of_transformers() {
    let fixture = compressed("chats.json.gz");
    let folder = tempfile::tempdir().unwrap();
    let mut conversations = Vec::new();
    for (number, text) in fixture["conversations"]
        .as_array()
        .unwrap()
        .iter()
        .enumerate()
    {
        let path = folder.path().join(format!("messages-{number}.json"));
        fs::write(&path, text.as_str().unwrap()).unwrap();
        conversations.push(Conversation::open(&path).unwrap());
    }
    let mut wrong = Vec::new();
    for case in fixture["templates"].as_array().unwrap() {
        let tokenizer = open(
            folder.path(),
            &json!({"tokenizer_config.json": config(case["template"].clone())}),
        );
        for (number, right) in case["prompts"].as_array().unwrap().iter().enumerate() {
            let prompt = tokenizer.chat_prompt(&conversations[number]);
            let same = match (&prompt, right.as_str()) {
                (Ok(prompt), Some(right)) => prompt == right,
                (Err(_), None) => true,
                _ => false,
            };
            if !same {
                wrong.push(format!(
                    "{} {number}: {prompt:?}\n  not {right:?}",
                    case["name"]
                ));
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

#[test]
fn templates_are_found_where_transformers_finds_them() {
    let said = |files: serde_json::Value| {
        let folder = tempfile::tempdir().unwrap();
        let tokenizer = open(folder.path(), &files);
        tokenizer.chat_prompt(&Conversation::default().with_message("user", "x"))
    };
    let named =
        json!([{"name": "default", "template": "D"}, {"name": "tool_use", "template": "T"}]);
    assert_eq!(
        said(json!({"tokenizer_config.json": config(named)})).unwrap(),
        "D"
    );
    // A file counts more than the settings.
    let files = json!({"tokenizer_config.json": config("config".into()), "chat_template.jinja": "{{ bos_token }}file\n"});
    assert_eq!(said(files).unwrap(), "<s>file");
    let files = json!({"tokenizer_config.json": config("config".into()), "additional_chat_templates/rag.jinja": "R"});
    let message = said(files).unwrap_err().to_string();
    assert!(message.contains("only rag"), "{message}");
    let message = said(json!({"tokenizer_config.json": config(json!(null))}))
        .unwrap_err()
        .to_string();
    assert!(message.contains("chat_template.jinja"), "{message}");
}

#[test]
fn a_template_that_stops_says_why_and_where() {
    let folder = tempfile::tempdir().unwrap();
    let stops = |template: &str| {
        let tokenizer = open(
            folder.path(),
            &json!({"tokenizer_config.json": config(template.into())}),
        );
        let conversation = Conversation::default().with_message("user", "x");
        tokenizer
            .chat_prompt(&conversation)
            .unwrap_err()
            .to_string()
    };
    let message = stops("a\n{{ raise_exception('roles must alternate') }}");
    assert!(
        message.contains("line 2") && message.contains("roles must alternate"),
        "{message}"
    );
    assert!(stops("{% frobnicate %}").contains("frobnicate"));
    assert!(stops("{{ 'x'.frobnicate() }}").contains("frobnicate"));
    assert!(
        stops("{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}")
            .contains("fuel")
    );
}

#[test]
fn templates_can_tell_the_date() {
    let folder = tempfile::tempdir().unwrap();
    let template = "{{ strftime_now('%d %b %Y') }}";
    let tokenizer = open(
        folder.path(),
        &json!({"tokenizer_config.json": config(template.into())}),
    );
    let date = tokenizer
        .chat_prompt(&Conversation::default().with_message("user", "x"))
        .unwrap();
    assert!(
        date.len() == 11 && date[7..].parse::<u32>().is_ok_and(|year| year > 2024),
        "{date}"
    );
}

#[test]
fn a_file_without_messages_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("messages.json");
    for (text, part) in [
        ("[", "JSON"),
        ("[]", "messages"),
        ("{}", "messages"),
        ("[1]", "message 0"),
        ("\"x\"", "messages"),
    ] {
        fs::write(&path, text).unwrap();
        let message = Conversation::open(&path).unwrap_err().to_string();
        assert!(
            message.contains(part) && message.contains("messages.json"),
            "{text}: {message}"
        );
    }
}
