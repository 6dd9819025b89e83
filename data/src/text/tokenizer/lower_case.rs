//! Lower case before everything else that a tokenizer does.

use super::hugging_face::{self, HuggingFace};
use super::{Kind, Tokenizer};
use crate::error::DataError;
use serde_json::{Value, json};
use std::path::Path;

impl Tokenizer {
    /// The same tokenizer for texts in lower case (`do_lower_case` of sentence-transformers): a
    /// `Lowercase` before its normalizer, unless that has one. `path` is for messages.
    ///
    /// # Errors
    /// If it is not one of Hugging Face's.
    pub fn with_lower_case(&self, path: &Path) -> Result<Self, DataError> {
        let wrong = |reason: String| DataError::file(path, reason);
        let mut json: Value =
            serde_json::from_str(&self.to_json()).map_err(|error| wrong(error.to_string()))?;
        let Some(fields) = json
            .as_object_mut()
            .filter(|json| json.contains_key("model"))
        else {
            return Err(wrong("has a tokenizer that cannot ignore case".into()));
        };
        let normalizer = fields.get("normalizer").cloned().unwrap_or_default();
        if lowers(&normalizer) {
            return Ok(self.clone());
        }
        let mut all = vec![json!({"type": "Lowercase"})];
        match normalizer.get("normalizers").and_then(Value::as_array) {
            Some(sequence) => all.extend(sequence.iter().cloned()),
            None if normalizer.is_null() => {}
            None => all.push(normalizer),
        }
        fields.insert(
            "normalizer".into(),
            json!({"type": "Sequence", "normalizers": all}),
        );
        let tokenizer = hugging_face::parse(&json, path)?;
        let settings = self.settings().clone();
        let tokenizer = HuggingFace::with_settings(tokenizer, settings, path)?;
        Ok(Kind::HuggingFace(Box::new(tokenizer)).into())
    }
}

/// True if `Lowercase` is the normalizer or one of a sequence, as sentence-transformers asks.
fn lowers(normalizer: &Value) -> bool {
    let is_lowercase = |one: &Value| one.get("type").and_then(Value::as_str) == Some("Lowercase");
    let sequence = normalizer.get("normalizers").and_then(Value::as_array);
    is_lowercase(normalizer) || sequence.into_iter().flatten().any(is_lowercase)
}
