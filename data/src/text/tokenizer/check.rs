//! Invariants of a `tokenizer.json` that the `tokenizers` crate assumes: it panics or takes all
//! memory without them.

use serde_json::{Map, Value};

/// One more than the largest id. The crate lists every unused id below the largest one when it
/// writes a tokenizer; published vocabularies have a tenth of this at most.
const MAX_IDS: u64 = 1 << 24;

/// Compares tokens, ids and templates with each other.
pub(super) fn tokenizer(value: &Value) -> Result<(), String> {
    if !value.is_object() {
        return Err("is not a tokenizer.json: it is not a JSON object".into());
    }
    let model = value.get("model").unwrap_or(&Value::Null);
    if let Some(vocab) = model.get("vocab").and_then(Value::as_object) {
        check_ids(vocab)?;
    }
    for token in list(value, "added_tokens") {
        let id = token.get("id").unwrap_or(&Value::Null);
        if id.as_u64().is_none_or(|id| id >= MAX_IDS) {
            return Err(format!(
                "added token {} has the id {id}",
                shown(token.get("content"))
            ));
        }
    }
    let kind = model.get("type").and_then(Value::as_str);
    if kind.is_none_or(|kind| kind == "BPE") {
        check_merges(model)?;
    }
    check_processor(value.get("post_processor").unwrap_or(&Value::Null))
}

fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value
        .get(key)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

fn shown(value: Option<&Value>) -> String {
    value.map_or_else(|| "without content".to_owned(), Value::to_string)
}

fn check_ids(vocab: &Map<String, Value>) -> Result<(), String> {
    for (token, id) in vocab {
        if id.as_u64().is_none_or(|id| id >= MAX_IDS) {
            let limit = MAX_IDS - 1;
            return Err(format!(
                "token {token:?} has the id {id}; ids are numbers up to {limit}"
            ));
        }
    }
    Ok(())
}

/// Templates may only name special tokens that they define, each with as many ids as tokens.
fn check_processor(processor: &Value) -> Result<(), String> {
    for part in list(processor, "processors") {
        check_processor(part)?;
    }
    if processor.get("type").and_then(Value::as_str) != Some("TemplateProcessing") {
        return Ok(());
    }
    let none = Map::new();
    let defined = processor
        .get("special_tokens")
        .and_then(Value::as_object)
        .unwrap_or(&none);
    for (name, token) in defined {
        let count = |key: &str| token.get(key).and_then(Value::as_array).map(Vec::len);
        if count("ids").is_none() || count("ids") != count("tokens") {
            return Err(format!(
                "post_processor: {name:?} has not as many ids as tokens"
            ));
        }
    }
    for template in ["single", "pair"] {
        for piece in list(processor, template) {
            let name = piece.pointer("/SpecialToken/id").and_then(Value::as_str);
            if let Some(name) = name.filter(|name| !defined.contains_key(*name)) {
                return Err(format!(
                    "post_processor: {template} has the special token {name:?}, which special_tokens does not define"
                ));
            }
            if template == "single" && piece.pointer("/Sequence/id").is_some_and(|id| id == "B") {
                return Err("post_processor: single has the second text of a pair".into());
            }
        }
    }
    Ok(())
}

fn check_merges(model: &Value) -> Result<(), String> {
    let (Some(vocab), Some(merges)) = (
        model.get("vocab").and_then(Value::as_object),
        model.get("merges").and_then(Value::as_array),
    ) else {
        return Ok(());
    };
    let prefix = model
        .get("continuing_subword_prefix")
        .and_then(Value::as_str)
        .unwrap_or("");
    let has = |token: &str| vocab.contains_key(token);
    for (number, merge) in merges.iter().enumerate() {
        let pair = match merge {
            Value::String(pair) => pair.split_once(' '),
            Value::Array(pair) => match pair.as_slice() {
                [Value::String(a), Value::String(b)] => Some((a.as_str(), b.as_str())),
                _ => None,
            },
            _ => None,
        };
        let (a, b) = pair.ok_or_else(|| format!("merge {number} is {merge}, not two tokens"))?;
        check_merge(a, b, prefix, has).map_err(|reason| format!("merge {number}: {reason}"))?;
    }
    Ok(())
}

/// Checks that both parts of a merge and the result are in the vocabulary.
pub(super) fn check_merge(
    a: &str,
    b: &str,
    prefix: &str,
    has: impl Fn(&str) -> bool,
) -> Result<(), String> {
    let rest = b
        .strip_prefix(prefix)
        .ok_or_else(|| format!("{b:?} does not begin with {prefix:?}"))?;
    let whole = format!("{a}{rest}");
    match [a, b, &whole].into_iter().find(|token| !has(token)) {
        Some(token) => Err(format!(
            "{token:?} is not in the vocabulary; do the two belong together?"
        )),
        None => Ok(()),
    }
}
