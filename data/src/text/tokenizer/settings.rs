//! Settings of a model folder's tokenizer, beside the ids of a text.

use crate::text::chat::ChatTemplates;
use serde_json::{Map, Value, json};

/// An end of a row of tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Side {
    /// Its beginning.
    Left,
    /// Its end.
    #[default]
    Right,
}

impl Side {
    pub(super) fn of(value: &Value) -> Option<Self> {
        match value.as_str()? {
            "left" => Some(Self::Left),
            "right" => Some(Self::Right),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Right => "right",
        }
    }
}

/// Settings of a tokenizer, as `tokenizer_config.json` has them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenizerSettings {
    /// Maximum number of tokens of an input (`model_max_length`), special tokens included.
    pub max_length: Option<usize>,
    /// Where a text that is too long loses tokens.
    pub truncation_side: Side,
    /// Where shorter rows of a batch are padded.
    pub padding_side: Side,
    /// True if the model gets token type ids (`model_input_names`); otherwise all are 0.
    pub token_type_ids: bool,
    /// True if special tokens that occur in a text are split like other text.
    pub split_special_tokens: bool,
    /// Special tokens by name (`bos_token`, ...), in the order of transformers.
    pub special: Vec<(String, String)>,
    /// Special tokens without a name (`additional_special_tokens`).
    pub more_special: Vec<String>,
    /// Chat templates.
    pub chat_templates: ChatTemplates,
}

/// Settings of a tokenizer that has no file for them.
impl Default for TokenizerSettings {
    fn default() -> Self {
        Self {
            max_length: None,
            truncation_side: Side::Right,
            padding_side: Side::Right,
            token_type_ids: true,
            split_special_tokens: false,
            special: Vec::new(),
            more_special: Vec::new(),
            chat_templates: ChatTemplates::default(),
        }
    }
}

impl TokenizerSettings {
    /// The special token of this name, as in `"bos_token"`.
    pub fn special(&self, name: &str) -> Option<&str> {
        let mut special = self.special.iter();
        special
            .find(|(key, _)| key == name)
            .map(|(_, content)| content.as_str())
    }

    /// `tokenizer_config.json`, with which Python's transformers opens the `tokenizer.json` beside
    /// it with the same ids.
    pub fn to_json(&self) -> Map<String, Value> {
        let mut json = Map::new();
        let mut set = |key: &str, value: Value| json.insert(key.to_owned(), value);
        set("tokenizer_class", "PreTrainedTokenizerFast".into());
        if let Some(length) = self.max_length {
            set("model_max_length", length.into());
        }
        // All added tokens are in tokenizer.json, with their properties.
        set("added_tokens_decoder", json!({}));
        set("truncation_side", self.truncation_side.name().into());
        set("padding_side", self.padding_side.name().into());
        let names: &[&str] = if self.token_type_ids {
            &["input_ids", "token_type_ids", "attention_mask"]
        } else {
            &["input_ids", "attention_mask"]
        };
        set("model_input_names", json!(names));
        if self.split_special_tokens {
            set("split_special_tokens", true.into());
        }
        for (name, content) in &self.special {
            set(name, content.as_str().into());
        }
        if !self.more_special.is_empty() {
            set("extra_special_tokens", json!(self.more_special));
        }
        if let Some(templates) = self.chat_templates.to_json() {
            set("chat_template", templates);
        }
        json
    }
}
