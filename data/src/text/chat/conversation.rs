//! The messages of a conversation.

use crate::error::DataError;
use crate::text::chunks::read_text;
use minijinja::Value;
use minijinja::value::ValueKind;
use std::path::Path;

/// Names under which a message has its reasoning; the first is the one that templates read.
const REASONING: [&str; 3] = ["reasoning_content", "thinking", "reasoning"];

/// Messages, oldest first, and what else a template may use.
#[derive(Clone, Debug, Default)]
pub struct Conversation {
    messages: Vec<Value>,
    tools: Option<Value>,
    documents: Option<Value>,
}

impl Conversation {
    /// Adds a message of a role: `"system"`, `"user"` or `"assistant"`.
    #[must_use]
    pub fn with_message(mut self, role: &str, content: &str) -> Self {
        self.messages
            .push(Value::from_pairs([("role", role), ("content", content)]));
        self
    }

    /// Reads a JSON file: a list of messages with `role` and `content`, as transformers takes them,
    /// or an object with such a list as `messages`, and optionally `tools` and `documents`.
    ///
    /// # Errors
    /// If it cannot be read or has no messages.
    pub fn open(path: &Path) -> Result<Self, DataError> {
        let wrong = |reason: String| DataError::file(path, reason);
        let value: Value = serde_json::from_str(&read_text(path)?)
            .map_err(|error| wrong(format!("is not JSON: {error}")))?;
        let entry = |key: &str| match value.kind() {
            ValueKind::Map => value.get_attr(key).ok().filter(|value| !is_missing(value)),
            _ => None,
        };
        let messages = entry("messages").unwrap_or_else(|| value.clone());
        if messages.kind() != ValueKind::Seq || messages.len() == Some(0) {
            return Err(wrong(
                "has no messages: a list of objects with role and content".into(),
            ));
        }
        let messages = messages
            .try_iter()
            .map_err(|error| wrong(error.to_string()))?;
        let messages = messages
            .enumerate()
            .map(|(number, message)| match message.kind() {
                ValueKind::Map => Ok(prepared(&message)),
                _ => Err(wrong(format!(
                    "message {number} is no object with role and content"
                ))),
            });
        Ok(Self {
            messages: messages.collect::<Result<_, _>>()?,
            tools: entry("tools"),
            documents: entry("documents"),
        })
    }

    pub(super) fn has_tools(&self) -> bool {
        self.tools.is_some()
    }

    pub(super) fn messages(&self) -> Value {
        Value::from(self.messages.clone())
    }

    pub(super) fn tools(&self) -> Value {
        self.tools.clone().unwrap_or(Value::from(()))
    }

    pub(super) fn documents(&self) -> Value {
        self.documents.clone().unwrap_or(Value::from(()))
    }
}

fn is_missing(value: &Value) -> bool {
    value.is_undefined() || value.is_none()
}

/// A message as transformers hands it to templates: without keys that are null, and with its
/// reasoning under all names.
fn prepared(message: &Value) -> Value {
    let keys: Vec<Value> = message.try_iter().into_iter().flatten().collect();
    let mut entries: Vec<(Value, Value)> = keys
        .into_iter()
        .filter_map(|key| Some((key.clone(), message.get_item(&key).ok()?)))
        .filter(|(_, value)| !is_missing(value))
        .collect();
    let find = |name: &str| {
        let mut entries = entries.iter();
        entries
            .find(|(key, _)| key.as_str() == Some(name))
            .map(|(_, value)| value.clone())
    };
    if let Some(reasoning) = REASONING.iter().find_map(|name| find(name)) {
        let thinking = find("thinking").unwrap_or_else(|| reasoning.clone());
        entries.retain(|(key, _)| key.as_str() != Some("thinking"));
        entries.insert(0, (Value::from("thinking"), thinking));
        let place = entries
            .iter_mut()
            .find(|(key, _)| key.as_str() == Some("reasoning_content"));
        match place {
            Some((_, value)) => *value = reasoning,
            None => entries.push((Value::from("reasoning_content"), reasoning)),
        }
    }
    Value::from_pairs(entries)
}
