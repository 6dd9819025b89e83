//! The files of a folder that change what its tokenizer does.

use super::Object;
use super::class::Class;
use crate::error::DataError;
use crate::text::chat::ChatTemplates;
use crate::text::chunks::read_text;
use minijinja::value::ValueKind;
use serde_json::Value;
use std::path::{Path, PathBuf};

const CONFIG: &str = "tokenizer_config.json";
const SPECIAL_MAP: &str = "special_tokens_map.json";
const ADDED: &str = "added_tokens.json";
const MODEL: &str = "config.json";

/// Settings of a folder, from all files that have some.
#[derive(Debug)]
pub(super) struct Beside {
    folder: PathBuf,
    /// `tokenizer.json`, unless there is none or another file is asked for.
    pub(super) json_path: Option<PathBuf>,
    /// `tokenizer_config.json`, without what counts only if there is no `tokenizer.json`.
    pub(super) config: Object,
    /// Keys of the settings in the order of their files, which numbers new tokens.
    pub(super) order: Vec<String>,
    /// Its `tokenizer_class`.
    pub(super) class: Option<String>,
    /// `special_tokens_map.json`.
    pub(super) special_map: Option<Object>,
    /// `added_tokens.json`.
    pub(super) added: Option<Object>,
    /// `model_type` of `config.json`.
    pub(super) model_type: Option<String>,
    /// `model_name` of `config.json`.
    pub(super) model_name: Option<String>,
    /// `tokenizer_class` of `config.json`.
    pub(super) model_class: Option<String>,
}

/// True if a folder says anything about its tokenizer beside the vocabulary.
pub(in crate::text::tokenizer) fn has_settings(folder: &Path) -> bool {
    let mut names = [CONFIG, SPECIAL_MAP, ADDED, MODEL].iter();
    names.any(|name| folder.join(name).is_file())
}

impl Beside {
    pub(super) fn read(folder: &Path, file: Option<&str>) -> Result<Self, DataError> {
        let json_path = folder.join("tokenizer.json");
        let is_meant = file.is_none_or(|name| name == "tokenizer.json");
        let json_path = (is_meant && json_path.is_file()).then_some(json_path);
        let model = object(&folder.join(MODEL))?.unwrap_or_default();
        let mut config = object(&folder.join(CONFIG))?.unwrap_or_default();
        let text =
            |object: &Object, key: &str| object.get(key).and_then(Value::as_str).map(str::to_owned);
        if json_path.is_some() {
            config.remove("add_bos_token");
            config.remove("add_eos_token");
        }
        let class = text(&config, "tokenizer_class").filter(|class| !class.is_empty());
        config.remove("tokenizer_class");
        let beside = Self {
            folder: folder.to_path_buf(),
            order: [CONFIG, SPECIAL_MAP]
                .iter()
                .flat_map(|name| keys(&folder.join(name)))
                .collect(),
            json_path,
            class,
            special_map: object(&folder.join(SPECIAL_MAP))?,
            added: object(&folder.join(ADDED))?,
            model_type: text(&model, "model_type"),
            model_name: text(&model, "model_name"),
            model_class: text(&model, "tokenizer_class").filter(|class| !class.is_empty()),
            config,
        };
        beside.refuse_versions()?;
        Ok(beside)
    }

    /// Fails if settings ask for what is not followed here.
    fn refuse_versions(&self) -> Result<(), DataError> {
        let versions = self
            .config
            .get("fast_tokenizer_files")
            .and_then(Value::as_array);
        let mut versions = versions.into_iter().flatten().filter_map(Value::as_str);
        if let Some(other) = versions.find(|name| *name != "tokenizer.json") {
            let reason = format!(
                "fast_tokenizer_files names {other}, for certain versions of transformers; leave \
                 tokenizer.json alone in the list"
            );
            return Err(DataError::file(&self.config_path(), reason));
        }
        if self
            .config
            .get("fix_mistral_regex")
            .and_then(Value::as_bool)
            == Some(true)
        {
            let reason =
                "fix_mistral_regex is not supported; save the tokenizer again with transformers";
            return Err(DataError::file(&self.config_path(), reason));
        }
        Ok(())
    }

    /// True if no file says anything about the tokenizer.
    pub(super) fn is_bare(&self) -> bool {
        !has_settings(&self.folder)
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub(super) fn config_path(&self) -> PathBuf {
        self.path(CONFIG)
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.config.contains_key(key)
    }

    /// A setting that is true or false.
    pub(super) fn flag(&self, key: &str, default: bool) -> Result<bool, String> {
        match self.config.get(key) {
            None => Ok(default),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(other) => Err(format!("{key} is {other}; it must be true or false")),
        }
    }

    /// A setting that is true, false or null.
    pub(super) fn optional_flag(&self, key: &str) -> Result<Option<bool>, String> {
        match self.config.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(_) => self.flag(key, false).map(Some),
        }
    }

    /// True if the tokenizer has Python code of its own.
    pub(super) fn has_code(&self) -> bool {
        match self.config.get("auto_map") {
            Some(Value::Object(map)) => {
                map.get("AutoTokenizer").is_some_and(|code| !code.is_null())
            }
            Some(Value::Array(_)) => true,
            _ => false,
        }
    }

    /// True if `tokenizer.json` has byte-level parts.
    pub(super) fn is_byte_level(&self) -> Result<bool, DataError> {
        match &self.json_path {
            Some(path) => Ok(read_text(path)?.contains("\"ByteLevel\"")),
            None => Ok(false),
        }
    }

    /// Maximum number of tokens of an input; `None` if there is no limit.
    pub(super) fn max_length(&self) -> Result<Option<usize>, String> {
        let value = self
            .config
            .get("model_max_length")
            .or(self.config.get("max_len"));
        match value {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Number(number)) => {
                let number = number.as_f64().unwrap_or(f64::INFINITY);
                if number < 0.0 {
                    return Err(format!("model_max_length is {number}"));
                }
                Ok((number < NO_LIMIT).then_some(number as usize))
            }
            Some(other) => Err(format!("model_max_length is {other}, not a number")),
        }
    }

    /// True if models get the token type ids.
    pub(super) fn token_type_ids(&self, class: Class) -> Result<bool, String> {
        match self.config.get("model_input_names") {
            None => {
                let asked = class == Class::CodeGen && self.flag("return_token_type_ids", false)?;
                Ok(class.has_token_type_ids() || asked)
            }
            Some(Value::Array(names)) => Ok(names.iter().any(|name| name == "token_type_ids")),
            Some(other) => Err(format!("model_input_names is {other}, not a list of names")),
        }
    }

    /// The chat templates: of `chat_template.jinja` and `additional_chat_templates`, else of
    /// `tokenizer_config.json`.
    pub(super) fn chat_templates(&self) -> Result<ChatTemplates, DataError> {
        ChatTemplates::read(&self.folder, self.config.get("chat_template"))
    }
}

/// Keys of a JSON object in the order of the file, and those of `extra_special_tokens` in it. Serde's
/// own map sorts them.
fn keys(path: &Path) -> Vec<String> {
    let text = if path.is_file() {
        read_text(path).unwrap_or_default()
    } else {
        String::new()
    };
    let of = |value: &minijinja::Value| match value.kind() {
        ValueKind::Map => value
            .try_iter()
            .into_iter()
            .flatten()
            .map(|key| key.to_string())
            .collect(),
        _ => Vec::new(),
    };
    let value: minijinja::Value = serde_json::from_str(&text).unwrap_or_default();
    let extra = value.get_attr("extra_special_tokens").unwrap_or_default();
    [of(&value), of(&extra)].concat()
}

/// Lengths above are written for "no limit".
const NO_LIMIT: f64 = 1e15;

/// A JSON file that is an object; `None` without the file.
fn object(path: &Path) -> Result<Option<Object>, DataError> {
    if !path.is_file() {
        return Ok(None);
    }
    let value: Value = serde_json::from_str(&read_text(path)?)
        .map_err(|error| DataError::file(path, format!("is not JSON: {error}")))?;
    match value {
        Value::Object(object) => Ok(Some(object)),
        other => {
            let reason = format!("is not a JSON object, but begins {:.40}", other.to_string());
            Err(DataError::file(path, reason))
        }
    }
}
