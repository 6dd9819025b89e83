//! Chat templates: the Jinja programs that turn the messages of a conversation into a prompt.
//!
//! They come with a model's tokenizer ([`Tokenizer::chat_prompt`](super::Tokenizer::chat_prompt))
//! and are run as transformers runs them, with `add_generation_prompt`: blocks trimmed, loop
//! controls, `raise_exception`, `strftime_now`, and `tojson` as Python's `json.dumps`.

mod conversation;
mod environment;
mod python;

pub use conversation::Conversation;

use crate::error::DataError;
use crate::text::chunks::read_text;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// Name of the template for conversations without tools.
const DEFAULT: &str = "default";

/// The chat templates of a tokenizer, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChatTemplates(BTreeMap<String, String>);

impl ChatTemplates {
    /// Reads the templates of a folder: its `chat_template.jinja` and the files of
    /// `additional_chat_templates`; without them `setting`, the `chat_template` of
    /// `tokenizer_config.json`.
    pub(super) fn read(folder: &Path, setting: Option<&Value>) -> Result<Self, DataError> {
        let of_files = of_files(folder)?;
        if !of_files.is_empty() {
            return Ok(Self(of_files));
        }
        let wrong = |reason: &str| {
            let path = folder.join("tokenizer_config.json");
            Err(DataError::file(&path, format!("chat_template {reason}")))
        };
        let text = |value: &Value, key: &str| value.get(key)?.as_str().map(str::to_owned);
        match setting {
            None | Some(Value::Null) => Ok(Self::default()),
            Some(Value::String(template)) => Ok(Self(BTreeMap::from([(
                DEFAULT.to_owned(),
                template.clone(),
            )]))),
            Some(Value::Array(templates)) => {
                let entry = |value: &Value| Some((text(value, "name")?, text(value, "template")?));
                let templates: Option<BTreeMap<_, _>> = templates.iter().map(entry).collect();
                templates
                    .map(Self)
                    .map_or_else(|| wrong("has an entry without name or template"), Ok)
            }
            Some(_) => wrong("is neither a template nor a list of templates"),
        }
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The prompt for an answer to `conversation`. `special` are the special tokens by name, which
    /// templates write by themselves.
    ///
    /// # Errors
    /// If there is no template, or it stops: for a reason of its own, such as roles that do not
    /// alternate, or for what it needs and is not supported.
    pub fn render(
        &self,
        conversation: &Conversation,
        special: &[(String, String)],
    ) -> Result<String, DataError> {
        let name = if conversation.has_tools() && self.0.contains_key("tool_use") {
            "tool_use"
        } else {
            DEFAULT
        };
        let template = self.0.get(name).ok_or_else(|| {
            let names: Vec<&str> = self.0.keys().map(String::as_str).collect();
            let reason = if names.is_empty() {
                "the model has none, neither in tokenizer_config.json nor as chat_template.jinja"
                    .to_owned()
            } else {
                format!(
                    "the model has only {}, and none is the default",
                    names.join(", ")
                )
            };
            DataError::config("chat template", reason)
        })?;
        environment::render(template, conversation, special)
            .map_err(|reason| DataError::config("chat template", reason))
    }

    /// `chat_template` of `tokenizer_config.json`.
    pub(super) fn to_json(&self) -> Option<Value> {
        match self.0.get(DEFAULT) {
            _ if self.0.is_empty() => None,
            Some(template) if self.0.len() == 1 => Some(template.as_str().into()),
            _ => {
                let entry = |(name, template): (&String, &String)| json!({"name": name, "template": template});
                Some(Value::Array(self.0.iter().map(entry).collect()))
            }
        }
    }
}

fn of_files(folder: &Path) -> Result<BTreeMap<String, String>, DataError> {
    let mut templates = BTreeMap::new();
    let path = folder.join("chat_template.jinja");
    if path.is_file() {
        templates.insert(DEFAULT.to_owned(), read_text(&path)?);
    }
    let more = folder.join("additional_chat_templates");
    if !more.is_dir() {
        return Ok(templates);
    }
    for entry in more.read_dir().map_err(DataError::io("list", &more))? {
        let path = entry.map_err(DataError::io("list", &more))?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        if let Some(name) = name.and_then(|name| name.strip_suffix(".jinja")) {
            templates.insert(name.to_owned(), read_text(&path)?);
        }
    }
    Ok(templates)
}
