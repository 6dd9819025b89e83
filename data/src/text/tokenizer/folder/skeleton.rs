//! The tokenizer of a class before tokens are added: its vocabulary and its fixed parts.

use super::Object;
use super::beside::Beside;
use super::class::Class;
use super::special::SpecialMap;
use crate::error::DataError;
use crate::text::chunks::read_text;
use crate::text::tokenizer::hugging_face;
use crate::text::tokenizer::open::{read_merges, read_vocab};
use serde_json::{Value, json};
use std::path::PathBuf;
use tokenizers::Tokenizer;

/// Pattern by which Qwen2 splits texts.
const QWEN2: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// The files with the vocabulary.
pub(super) struct Files {
    /// The file that errors name.
    pub(super) path: PathBuf,
    /// `tokenizer.json`, if there is one.
    pub(super) tokenizer: Option<Value>,
    vocab: Value,
    merges: Value,
}

impl Files {
    /// Reads `tokenizer.json`, else the files of the class's vocabulary; `None` if there are
    /// neither.
    pub(super) fn read(beside: &Beside, class: Class) -> Result<Option<Self>, DataError> {
        if let Some(path) = &beside.json_path {
            return Self::of_json(path.clone(), class).map(Some);
        }
        let none = Value::Array(Vec::new());
        match class {
            Class::Bert | Class::DistilBert | Class::MpNet => {
                let path = beside.path("vocab.txt");
                if !path.is_file() {
                    return Ok(None);
                }
                let vocab = vocab_lines(&read_text(&path)?);
                Ok(Some(Self {
                    path,
                    tokenizer: None,
                    vocab,
                    merges: none,
                }))
            }
            Class::Gpt2 | Class::Roberta | Class::Qwen2 | Class::CodeGen | Class::GptNeoX => {
                let (path, merges) = (beside.path("vocab.json"), beside.path("merges.txt"));
                if !path.is_file() || !merges.is_file() {
                    return Ok(None);
                }
                let vocab = read_vocab(&path)?;
                let merges = read_merges(&merges, &vocab)?;
                let (vocab, merges) = (json!(vocab), json!(merges));
                Ok(Some(Self {
                    path,
                    tokenizer: None,
                    vocab,
                    merges,
                }))
            }
            _ => Ok(None),
        }
    }

    fn of_json(path: PathBuf, class: Class) -> Result<Self, DataError> {
        let wrong = |reason: String| DataError::file(&path, reason);
        let text = read_text(&path)?;
        let mut value: Value =
            serde_json::from_str(&text).map_err(|error| wrong(format!("is not JSON: {error}")))?;
        if class == Class::Backend {
            return Ok(Self {
                path,
                tokenizer: Some(value),
                vocab: Value::Null,
                merges: Value::Null,
            });
        }
        let vocab = value.pointer_mut("/model/vocab").map(Value::take);
        let vocab = vocab.ok_or_else(|| wrong("has no model with a vocabulary".into()))?;
        let merges = value.pointer_mut("/model/merges").map(Value::take);
        let vocab = if class.is_unigram() {
            vocab
        } else {
            by_token(vocab)
        };
        let merges = merges.unwrap_or(Value::Array(Vec::new()));
        Ok(Self {
            path,
            tokenizer: Some(value),
            vocab,
            merges,
        })
    }
}

/// A list of tokens as a map of tokens to their places.
fn by_token(vocab: Value) -> Value {
    let Value::Array(tokens) = vocab else {
        return vocab;
    };
    let token = |(place, token): (usize, &Value)| {
        let token = token.get(0).unwrap_or(token).as_str()?;
        Some((token.to_owned(), Value::from(place)))
    };
    Value::Object(tokens.iter().enumerate().filter_map(token).collect())
}

/// One token per line, as the `tokenizers` crate reads `vocab.txt`.
fn vocab_lines(text: &str) -> Value {
    let tokens = text.lines().map(|line| line.trim_end().to_owned());
    Value::Object(tokens.zip((0..).map(|id: u32| id.into())).collect())
}

/// Builds the tokenizer of `class` from its vocabulary and settings.
pub(super) fn build(
    beside: &Beside,
    class: Class,
    special: &SpecialMap,
    files: Files,
) -> Result<Tokenizer, DataError> {
    let Files {
        path,
        tokenizer,
        vocab,
        merges,
    } = files;
    if class == Class::Backend {
        return hugging_face::parse(&tokenizer.unwrap_or_default(), &path);
    }
    let setting = |reason: String| DataError::file(&beside.config_path(), reason);
    let from_json = |key: &str| {
        let value = tokenizer.as_ref().and_then(|value| value.get(key));
        value.cloned().unwrap_or(Value::Null)
    };
    let mut parts = parts(beside, class, special, &vocab, tokenizer.as_ref()).map_err(setting)?;
    if let Some(Value::Object(model)) = parts.get_mut("model") {
        model.insert("vocab".to_owned(), vocab);
        if !class.is_unigram() && !class.is_word_piece() {
            model.insert("merges".to_owned(), merges);
        }
    }
    let mut whole = json!({
        "version": "1.0",
        "truncation": from_json("truncation"),
        "padding": from_json("padding"),
        "added_tokens": [],
        "post_processor": from_json("post_processor"),
    });
    if let Value::Object(whole) = &mut whole {
        whole.extend(parts);
    }
    hugging_face::parse(&whole, &path)
}

/// Model, normalizer, pre-tokenizer and decoder of a class.
fn parts(
    beside: &Beside,
    class: Class,
    special: &SpecialMap,
    vocab: &Value,
    tokenizer: Option<&Value>,
) -> Result<Object, String> {
    let byte_level = |prefix: bool, regex: bool| json!({"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": true, "use_regex": regex});
    let value = match class {
        Class::Bert | Class::DistilBert | Class::MpNet => json!({
            "model": {
                "type": "WordPiece",
                "unk_token": special.content("unk_token").unwrap_or("None"),
                "continuing_subword_prefix": "##",
                "max_input_chars_per_word": 100,
            },
            "normalizer": {
                "type": "BertNormalizer",
                "clean_text": true,
                "handle_chinese_chars": beside.flag("tokenize_chinese_chars", true)?,
                "strip_accents": beside.optional_flag("strip_accents")?,
                "lowercase": beside.flag("do_lower_case", true)?,
            },
            "pre_tokenizer": {"type": "BertPreTokenizer"},
            "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
        }),
        Class::Roberta | Class::Gpt2 | Class::CodeGen | Class::GptNeoX => {
            let normalizer = match class {
                Class::GptNeoX => json!({"type": "NFC"}),
                _ => Value::Null,
            };
            let mut parts = json!({
                "model": bpe(false, &Value::Null, false),
                "normalizer": normalizer,
                "pre_tokenizer": byte_level(beside.flag("add_prefix_space", false)?, true),
                "decoder": byte_level(true, true),
            });
            let without = |value: &Value| value.get("post_processor").is_none_or(Value::is_null);
            if class == Class::CodeGen && tokenizer.is_none_or(without) {
                parts["post_processor"] = json!({
                    "type": "ByteLevel", "add_prefix_space": true, "trim_offsets": false, "use_regex": true,
                });
            }
            parts
        }
        Class::Qwen2 => json!({
            "model": bpe(false, &Value::Null, false),
            "normalizer": {"type": "NFC"},
            "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
                {"type": "Split", "pattern": {"Regex": QWEN2}, "behavior": "Isolated", "invert": false},
                byte_level(beside.optional_flag("add_prefix_space")?.unwrap_or(false), false),
            ]},
            "decoder": byte_level(true, true),
        }),
        Class::Llama => llama(beside)?,
        Class::Gemma => {
            let unknown = special.content("unk_token").unwrap_or("None");
            json!({
                "model": bpe(true, &unknown.into(), true),
                "normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
                "pre_tokenizer": {
                    "type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious",
                    "invert": false,
                },
                "decoder": {"type": "Sequence", "decoders": spaces(&[])},
            })
        }
        Class::XlmRoberta | Class::Camembert => {
            let scheme = if beside.flag("add_prefix_space", true)? {
                "always"
            } else {
                "never"
            };
            let metaspace = json!({
                "type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": true,
            });
            json!({
                "model": {
                    "type": "Unigram",
                    "unk_id": unknown_place(class, special, vocab)?,
                    "byte_fallback": false,
                },
                "normalizer": tokenizer.and_then(characters_map).unwrap_or_default(),
                "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
                    {"type": "WhitespaceSplit"}, metaspace,
                ]},
                "decoder": metaspace,
            })
        }
        Class::Backend => Value::Null,
    };
    match value {
        Value::Object(parts) => Ok(parts),
        _ => Ok(Object::new()),
    }
}

/// A BPE model without its vocabulary.
fn bpe(byte_fallback: bool, unknown: &Value, fuse: bool) -> Value {
    json!({
        "type": "BPE", "dropout": null, "unk_token": unknown, "continuing_subword_prefix": null,
        "end_of_word_suffix": null, "fuse_unk": fuse, "byte_fallback": byte_fallback,
        "ignore_merges": false,
    })
}

fn llama(beside: &Beside) -> Result<Value, String> {
    let prefix = beside.optional_flag("add_prefix_space")?.unwrap_or(true);
    let is_legacy = beside.optional_flag("legacy")? == Some(true);
    let scheme = match (prefix, is_legacy) {
        (true, true) => "always",
        (true, false) => "first",
        (false, _) => "never",
    };
    let strip = json!({"type": "Strip", "content": " ", "start": 1, "stop": 0});
    let last = if prefix { vec![strip] } else { Vec::new() };
    Ok(json!({
        "model": bpe(true, &Value::Null, true),
        "normalizer": null,
        "pre_tokenizer": {
            "type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": false,
        },
        "decoder": {"type": "Sequence", "decoders": spaces(&last)},
    }))
}

/// Decoders of a BPE with `▁` for spaces and with bytes.
fn spaces(last: &[Value]) -> Vec<Value> {
    let mut decoders = vec![
        json!({"type": "Replace", "pattern": {"String": "▁"}, "content": " "}),
        json!({"type": "ByteFallback"}),
        json!({"type": "Fuse"}),
    ];
    decoders.extend_from_slice(last);
    decoders
}

/// Place of the unknown token: 3 for XLM-RoBERTa, whatever its vocabulary says.
fn unknown_place(class: Class, special: &SpecialMap, vocab: &Value) -> Result<usize, String> {
    let pieces = vocab
        .as_array()
        .ok_or("tokenizer.json has no pieces with scores, as the class needs")?;
    if class == Class::XlmRoberta {
        return Ok(3);
    }
    let unknown = special.content("unk_token");
    let piece = |piece: &Value| piece.get(0).and_then(Value::as_str) == unknown;
    Ok(pieces.iter().position(piece).unwrap_or(0))
}

/// The normalizer with SentencePiece's map of characters.
fn characters_map(tokenizer: &Value) -> Option<Value> {
    let normalizer = tokenizer.get("normalizer")?;
    let all = match normalizer.get("normalizers") {
        Some(Value::Array(all)) => all.iter().collect(),
        _ => vec![normalizer],
    };
    let mut maps = all.into_iter();
    maps.find(|normalizer| {
        normalizer
            .get("type")
            .is_some_and(|kind| kind == "Precompiled")
    })
    .cloned()
}
