//! Special tokens by their names, collected from all files as transformers collects them.

use super::Object;
use super::added::Added;
use super::beside::Beside;
use super::class::Class;
use crate::error::DataError;
use serde_json::Value;
use std::collections::BTreeMap;

/// Names that every tokenizer has, in the order of transformers.
pub(super) const NAMES: [&str; 7] = [
    "bos_token",
    "eos_token",
    "unk_token",
    "sep_token",
    "pad_token",
    "cls_token",
    "mask_token",
];

/// A special token: a string, or one with properties.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Special {
    Text(String),
    Token(Added),
}

impl Special {
    pub(super) fn content(&self) -> &str {
        match self {
            Self::Text(content) => content,
            Self::Token(token) => &token.content,
        }
    }

    fn of(value: &Value) -> Result<Self, String> {
        match value {
            Value::String(content) => Ok(Self::Text(content.clone())),
            value if is_token(value) => Added::of(value).map(Self::Token),
            other => Err(format!(
                "is {other}; a special token is a string or an AddedToken"
            )),
        }
    }
}

/// The special tokens of a tokenizer.
#[derive(Debug, Default)]
pub(super) struct SpecialMap {
    /// By name: [`NAMES`] first, then those of the model.
    pub(super) named: Vec<(String, Special)>,
    /// Without a name (`additional_special_tokens`).
    pub(super) more: Vec<Special>,
    /// Tokens with the ids that the files give them.
    pub(super) added: BTreeMap<u64, Added>,
}

impl SpecialMap {
    pub(super) fn content(&self, name: &str) -> Option<&str> {
        let mut named = self.named.iter();
        named
            .find(|(key, _)| key == name)
            .map(|(_, token)| token.content())
    }
}

impl Beside {
    /// Collects the special tokens from `tokenizer_config.json`, or without
    /// `added_tokens_decoder` in it also from `special_tokens_map.json`, `added_tokens.json` and
    /// `tokenizer.json`.
    pub(super) fn special_tokens(
        &self,
        class: Class,
        tokenizer: Option<&Value>,
    ) -> Result<SpecialMap, DataError> {
        let wrong = |reason: String| DataError::file(&self.config_path(), reason);
        let mut kwargs = self.config.clone();
        prefer_extra(&mut kwargs);
        let mut of_model = named_by_model(&mut kwargs);
        let mut added = BTreeMap::new();
        if let Some(decoder) = kwargs.get("added_tokens_decoder") {
            added = decoder_tokens(decoder).map_err(wrong)?;
        } else {
            self.legacy(&mut kwargs, &mut of_model, &mut added)?;
            if let Some(value) = tokenizer {
                serialized_tokens(value, &mut added)
                    .map_err(|reason| DataError::file(&self.path("tokenizer.json"), reason))?;
            }
        }
        if let Some(padding) = tokenizer.and_then(|value| value.pointer("/padding/pad_token"))
            && !class.passes_padding()
        {
            kwargs.entry("pad_token").or_insert_with(|| padding.clone());
        }
        let mut map = SpecialMap {
            named: named(class, &kwargs, &added).map_err(wrong)?,
            more: more(class, &kwargs).map_err(wrong)?,
            added,
        };
        let ordered = |tokens: Object| {
            let place = |name: &String| self.order.iter().position(|key| key == name);
            let mut tokens: Vec<_> = tokens.into_iter().collect();
            tokens.sort_by_key(|(name, _)| place(name));
            tokens
        };
        let later = ordered(model_tokens(&mut kwargs, is_token));
        for (name, value) in later.into_iter().chain(ordered(of_model)) {
            let token = Special::of(&value).map_err(|reason| wrong(format!("{name} {reason}")))?;
            map.named.retain(|(key, _)| *key != name);
            map.named.push((name, token));
        }
        Ok(map)
    }

    fn legacy(
        &self,
        kwargs: &mut Object,
        of_model: &mut Object,
        added: &mut BTreeMap<u64, Added>,
    ) -> Result<(), DataError> {
        if let Some(map) = &self.special_map {
            let path = self.path("special_tokens_map.json");
            merge_special_map(map, kwargs).map_err(|reason| DataError::file(&path, reason))?;
            if let Some(Value::Object(extra)) = kwargs.get("extra_special_tokens").cloned() {
                kwargs.remove("extra_special_tokens");
                of_model.extend(extra);
            }
        }
        if let Some(tokens) = &self.added {
            let path = self.path("added_tokens.json");
            let special = special_contents(kwargs);
            for (content, id) in tokens {
                let id = id.as_u64().ok_or_else(|| {
                    DataError::file(&path, format!("token {content:?} has the id {id}"))
                })?;
                let is_special = special.iter().any(|token| token == content);
                let token = Added::new(content.clone(), is_special).with_normalized(!is_special);
                added.insert(id, token);
            }
        }
        Ok(())
    }
}

/// `additional_special_tokens` is the former name of `extra_special_tokens`.
fn prefer_extra(kwargs: &mut Object) {
    let is_empty = match kwargs.get("extra_special_tokens") {
        None | Some(Value::Null) => true,
        Some(Value::Array(tokens)) => tokens.is_empty(),
        Some(Value::Object(tokens)) => tokens.is_empty(),
        Some(_) => false,
    };
    if is_empty && let Some(tokens) = kwargs.remove("additional_special_tokens") {
        kwargs.insert("extra_special_tokens".to_owned(), tokens);
    }
}

/// Takes out the special tokens that only this model has: other keys that end with `_token`, and
/// `extra_special_tokens` with names.
fn named_by_model(kwargs: &mut Object) -> Object {
    let mut of_model = model_tokens(kwargs, Value::is_string);
    if let Some(Value::Object(extra)) = kwargs.get("extra_special_tokens").cloned() {
        kwargs.remove("extra_special_tokens");
        of_model.extend(extra);
    }
    match kwargs.remove("model_specific_special_tokens") {
        Some(Value::Object(tokens)) if of_model.is_empty() => tokens,
        _ => of_model,
    }
}

/// Takes out the keys that end with `_token` beside [`NAMES`].
fn model_tokens(kwargs: &mut Object, is_token: impl Fn(&Value) -> bool) -> Object {
    let taken = |(key, value): &(&String, &Value)| {
        key.ends_with("_token") && !NAMES.contains(&key.as_str()) && is_token(value)
    };
    let keys: Vec<String> = kwargs
        .iter()
        .filter(taken)
        .map(|(key, _)| key.clone())
        .collect();
    let take = |key: String| kwargs.remove(&key).map(|value| (key, value));
    keys.into_iter().filter_map(take).collect()
}

fn is_token(value: &Value) -> bool {
    value.is_string() || value.get("__type").is_some_and(|kind| kind == "AddedToken")
}

fn decoder_tokens(decoder: &Value) -> Result<BTreeMap<u64, Added>, String> {
    let decoder = decoder.as_object();
    let decoder = decoder.ok_or("added_tokens_decoder is not a map of ids to tokens")?;
    let token = |(id, value): (&String, &Value)| {
        let number = id.trim().parse();
        let number = number.map_err(|_| format!("added_tokens_decoder: {id:?} is not an id"))?;
        Ok((
            number,
            Added::of(value).map_err(|reason| format!("added_tokens_decoder: {reason}"))?,
        ))
    };
    decoder.iter().map(token).collect()
}

/// Tokens of `tokenizer.json`.
fn serialized_tokens(value: &Value, added: &mut BTreeMap<u64, Added>) -> Result<(), String> {
    let tokens = value.get("added_tokens").and_then(Value::as_array);
    for token in tokens.into_iter().flatten() {
        let id = token.get("id").and_then(Value::as_u64);
        let id = id.ok_or_else(|| format!("added token {token} has no id"))?;
        added.insert(id, Added::of(token)?);
    }
    Ok(())
}

fn merge_special_map(map: &Object, kwargs: &mut Object) -> Result<(), String> {
    for (key, value) in map {
        let value = match value {
            Value::Object(fields) if key != "extra_special_tokens" => marked(fields, true),
            Value::Array(tokens) if key == "extra_special_tokens" => {
                let mut all = match kwargs.get(key) {
                    Some(Value::Array(tokens)) => tokens.clone(),
                    _ => Vec::new(),
                };
                for token in tokens {
                    let token = match token {
                        Value::Object(fields) => marked(fields, true),
                        other => other.clone(),
                    };
                    if !all.contains(&token) {
                        all.push(token);
                    }
                }
                Value::Array(all)
            }
            other => other.clone(),
        };
        if value.is_number() {
            return Err(format!("{key} is {value}, not a token"));
        }
        kwargs.insert(key.clone(), value);
    }
    // As `PreTrainedTokenizerBase.__init__` does later.
    if !kwargs.contains_key("extra_special_tokens")
        && let Some(tokens) = kwargs.remove("additional_special_tokens")
    {
        kwargs.insert("extra_special_tokens".to_owned(), tokens);
    }
    Ok(())
}

/// The fields of a token in the form that names its type.
fn marked(fields: &Object, special: bool) -> Value {
    let mut fields = fields.clone();
    fields.insert("__type".to_owned(), "AddedToken".into());
    fields.insert("special".to_owned(), special.into());
    Value::Object(fields)
}

/// Contents of the special tokens that the files name.
fn special_contents(kwargs: &Object) -> Vec<String> {
    let content = |value: &Value| match value {
        Value::String(content) => Some(content.clone()),
        value => value.get("content")?.as_str().map(str::to_owned),
    };
    let named = NAMES.iter().filter_map(|name| kwargs.get(*name));
    let more = kwargs.get("extra_special_tokens").and_then(Value::as_array);
    named
        .chain(more.into_iter().flatten())
        .filter_map(content)
        .collect()
}

/// The named tokens: those of the files, else the class's defaults.
fn named(
    class: Class,
    kwargs: &Object,
    added: &BTreeMap<u64, Added>,
) -> Result<Vec<(String, Special)>, String> {
    let mut named = Vec::new();
    for name in NAMES {
        let token = match kwargs.get(name) {
            None => class.default_of(name),
            Some(Value::Null) => None,
            Some(value) => {
                let content = value.as_str().or_else(|| value.get("content")?.as_str());
                let known = added
                    .values()
                    .rfind(|token| Some(token.content.as_str()) == content);
                Some(match known.filter(|_| is_token(value)) {
                    Some(token) => Special::Token(token.clone()),
                    None => Special::of(value).map_err(|reason| format!("{name} {reason}"))?,
                })
            }
        };
        if let Some(token) = token {
            named.push((name.to_owned(), class.adapted(name, token)));
        }
    }
    Ok(named)
}

fn more(class: Class, kwargs: &Object) -> Result<Vec<Special>, String> {
    let tokens = match kwargs.get("extra_special_tokens") {
        None => return Ok(class.default_more()),
        Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(tokens)) => tokens,
        Some(other) => return Err(format!("extra_special_tokens is {other}, not a list")),
    };
    let tokens = tokens.iter().map(Special::of).collect::<Result<_, _>>();
    tokens.map_err(|reason| format!("one of the extra special tokens {reason}"))
}
