//! Added tokens as Python's `AddedToken` has them.

use serde_json::Value;
use tokenizers::AddedToken;

/// A token that is searched for before a text is split.
#[derive(Clone, Debug)]
pub(super) struct Added {
    pub(super) content: String,
    pub(super) special: bool,
    single_word: bool,
    lstrip: bool,
    rstrip: bool,
    /// By default special tokens are not normalized, and others are.
    normalized: Option<bool>,
}

impl Added {
    pub(super) fn new(content: String, special: bool) -> Self {
        Self {
            content,
            special,
            single_word: false,
            lstrip: false,
            rstrip: false,
            normalized: None,
        }
    }

    /// A special token, as one is made of a string.
    pub(super) fn special(content: String) -> Self {
        Self::new(content, true)
    }

    /// Sets whether the whitespace before it belongs to it.
    pub(super) fn with_lstrip(mut self, lstrip: bool) -> Self {
        self.lstrip = lstrip;
        self
    }

    /// Sets whether it is compared with the normalized text.
    pub(super) fn with_normalized(mut self, normalized: bool) -> Self {
        self.normalized = Some(normalized);
        self
    }

    /// Reads a dictionary of its fields; others are ignored, as by Python.
    pub(super) fn of(value: &Value) -> Result<Self, String> {
        let content = value.get("content").and_then(Value::as_str);
        let content =
            content.ok_or_else(|| format!("{value} is not a token: it has no content"))?;
        let flag = |key: &str| match value.get(key) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(other) => Err(format!(
                "token {content:?}: {key} is {other}, not true or false"
            )),
        };
        Ok(Self {
            content: content.to_owned(),
            special: flag("special")?.unwrap_or_default(),
            single_word: flag("single_word")?.unwrap_or_default(),
            lstrip: flag("lstrip")?.unwrap_or_default(),
            rstrip: flag("rstrip")?.unwrap_or_default(),
            normalized: flag("normalized")?,
        })
    }
}

impl From<Added> for AddedToken {
    fn from(token: Added) -> Self {
        Self {
            normalized: token.normalized.unwrap_or(!token.special),
            content: token.content,
            special: token.special,
            single_word: token.single_word,
            lstrip: token.lstrip,
            rstrip: token.rstrip,
        }
    }
}

/// As Python compares: what the fields come to.
impl PartialEq for Added {
    fn eq(&self, other: &Self) -> bool {
        let [a, b]: [AddedToken; 2] = [self.clone().into(), other.clone().into()];
        a == b
    }
}
