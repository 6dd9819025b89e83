//! Settings of the first step, the encoder: what it reads of a text.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::{invalid, parse};
use crate::huggingface::HuggingFaceError;

/// Settings of the encoder, by family; the first that exists is read.
const CONFIGS: [&str; 7] = [
    "sentence_bert_config.json",
    "sentence_roberta_config.json",
    "sentence_distilbert_config.json",
    "sentence_camembert_config.json",
    "sentence_albert_config.json",
    "sentence_xlm-roberta_config.json",
    "sentence_xlnet_config.json",
];
/// Task of a sentence encoder, as a setting has it, and the value that it gives.
pub(super) const FEATURES: Task = Task(
    "feature-extraction",
    "token_embeddings",
    "last_hidden_state",
);
/// Task of a cross-encoder.
pub(super) const SEQUENCE_CLASSIFICATION: Task =
    Task("sequence-classification", "scores", "logits");
const TOKENIZER_CONFIG: &str = "tokenizer_config.json";
/// Maximum length in the settings of a tokenizer.
const MODEL_MAX_LENGTH: &str = "model_max_length";
/// `[CLS]`, `[SEP]` and at least one token between.
const SHORTEST: usize = 3;
/// Former names of groups of settings, and their present ones.
const GROUPS: [(&str, &str, &[&str]); 3] = [
    // The precision of the weights and the way of computing attention do not change a vector.
    (
        "model_args",
        "model_kwargs",
        &[
            "dtype",
            "torch_dtype",
            "attn_implementation",
            "device_map",
            "low_cpu_mem_usage",
        ],
    ),
    (
        "tokenizer_args",
        "processor_kwargs",
        &[MODEL_MAX_LENGTH, "use_fast"],
    ),
    ("config_args", "config_kwargs", &["use_cache"]),
];
/// Options of [`GROUPS`] that say where files come from.
const OF_DOWNLOADS: [&str; 5] = [
    "trust_remote_code",
    "revision",
    "token",
    "cache_dir",
    "local_files_only",
];
/// Options of a call of the tokenizer that change no vector.
const PADDING: [&str; 5] = [
    "padding",
    "pad_to_multiple_of",
    "return_tensors",
    "return_attention_mask",
    "verbose",
];

/// Task of the encoder, name of the value that it passes on, and that value in transformers.
#[derive(Clone, Copy)]
pub(super) struct Task(&'static str, &'static str, &'static str);

/// Part of a text that the encoder reads.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Reading {
    /// Maximum length in tokens, if it is limited.
    pub(super) max_length: Option<usize>,
    /// Puts texts into lower case first.
    pub(super) lower_case: bool,
}

impl Reading {
    /// The settings of the encoder in `folder`, with its `task` if it is a step of a
    /// `modules.json`.
    ///
    /// # Errors
    /// A file is damaged, or asks for something that is not supported.
    pub(super) fn of(folder: &Path, task: Option<Task>) -> Result<Self, HuggingFaceError> {
        let of_tokenizer = tokenizer_length(&folder.join(TOKENIZER_CONFIG))?;
        let mut paths = CONFIGS.iter().map(|name| folder.join(name));
        let (Some(task), Some(path)) = (task, paths.find(|path| path.is_file())) else {
            return Ok(Self {
                max_length: of_tokenizer,
                lower_case: false,
            });
        };
        let config: Map<String, Value> = parse(&path)?;
        let file = File {
            config: &config,
            path: &path,
        };
        file.check(task)?;
        Ok(Self {
            max_length: file.max_length(of_tokenizer)?,
            lower_case: file.switch("do_lower_case")?,
        })
    }
}

/// `model_max_length` of a tokenizer, which is an absurdly large number if there is no limit.
fn tokenizer_length(path: &Path) -> Result<Option<usize>, HuggingFaceError> {
    if !path.is_file() {
        return Ok(None);
    }
    let config: Map<String, Value> = parse(path)?;
    File {
        config: &config,
        path,
    }
    .length(&config, MODEL_MAX_LENGTH)
}

/// Settings and the file that they come from.
struct File<'a> {
    config: &'a Map<String, Value>,
    path: &'a Path,
}

impl File<'_> {
    /// The most specific of the limits, as sentence-transformers reads them.
    fn max_length(&self, of_tokenizer: Option<usize>) -> Result<Option<usize>, HuggingFaceError> {
        let calls = self.object("processing_kwargs")?;
        let text = calls.and_then(|calls| calls.get("text")?.as_object());
        if let Some(text) = text {
            let is_whole = matches!(
                text.get("truncation").and_then(Value::as_str),
                Some("do_not_truncate")
            ) || text.get("truncation") == Some(&Value::Bool(false));
            if is_whole {
                return Ok(None);
            }
            if let Some(length) = self.length(text, "max_length")? {
                return Ok(Some(length));
            }
        }
        let (former, present, _) = GROUPS[1];
        for group in [former, present] {
            if let Some(options) = self.object(group)?
                && let Some(length) = self.length(options, MODEL_MAX_LENGTH)?
            {
                return Ok(Some(length));
            }
        }
        let given = self.length(self.config, "max_seq_length")?;
        Ok(given.or(of_tokenizer))
    }

    /// Refuses settings that would change the vectors and are not followed.
    fn check(&self, Task(task, name, value): Task) -> Result<(), HuggingFaceError> {
        self.only("transformer_task", task)?;
        self.only("module_output_name", name)?;
        if let Some(modalities) = self.object("modality_config")? {
            if let Some(other) = modalities.keys().find(|name| *name != "text") {
                return Err(self.unsupported(&format!("`modality_config` has \"{other}\"")));
            }
            let text = modalities.get("text").and_then(Value::as_object);
            for (key, usual) in [("method", "forward"), ("method_output_name", value)] {
                let value = text.and_then(|text| text.get(key));
                if let Some(value) = value.filter(|value| value.as_str() != Some(usual)) {
                    let reason = format!("`modality_config.text.{key}` is {value}");
                    return Err(self.unsupported(&reason));
                }
            }
        }
        for (former, present, known) in GROUPS {
            for group in [former, present] {
                let options = self.object(group)?.into_iter().flatten();
                for (name, value) in options {
                    let is_known = [known, &OF_DOWNLOADS].concat().contains(&name.as_str());
                    if !is_known && !value.is_null() {
                        return Err(self.unsupported(&format!("`{group}.{name}` is {value}")));
                    }
                }
            }
        }
        self.check_calls()
    }

    /// `processing_kwargs`: options of the calls of the tokenizer.
    fn check_calls(&self) -> Result<(), HuggingFaceError> {
        let Some(calls) = self.object("processing_kwargs")? else {
            return Ok(());
        };
        for group in ["text", "common"] {
            let options = calls.get(group).and_then(Value::as_object);
            for (name, value) in options.into_iter().flatten() {
                let is_followed = match name.as_str() {
                    "max_length" => group == "text",
                    "truncation" => {
                        let usual = ["longest_first", "only_first", "do_not_truncate"];
                        group == "text"
                            && (value.is_boolean()
                                || value.as_str().is_some_and(|way| usual.contains(&way)))
                    }
                    "add_special_tokens" => value == &Value::Bool(true),
                    name => PADDING.contains(&name),
                };
                if !is_followed && !value.is_null() {
                    let reason = format!("`processing_kwargs.{group}.{name}` is {value}");
                    return Err(self.unsupported(&reason));
                }
            }
        }
        Ok(())
    }

    fn only(&self, key: &str, usual: &str) -> Result<(), HuggingFaceError> {
        match self.config.get(key) {
            None | Some(Value::Null) => Ok(()),
            Some(Value::String(value)) if value == usual => Ok(()),
            Some(value) => {
                Err(self.unsupported(&format!("`{key}` is {value} instead of \"{usual}\"")))
            }
        }
    }

    fn object(&self, key: &str) -> Result<Option<&Map<String, Value>>, HuggingFaceError> {
        match self.config.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Object(object)) => Ok(Some(object)),
            Some(_) => Err(self.invalid(&format!("`{key}` is not an object"))),
        }
    }

    fn switch(&self, key: &str) -> Result<bool, HuggingFaceError> {
        match self.config.get(key) {
            None | Some(Value::Null) => Ok(false),
            Some(Value::Bool(value)) => Ok(*value),
            Some(value) => Err(self.invalid(&format!("`{key}` is {value}, not true or false"))),
        }
    }

    fn length(
        &self,
        object: &Map<String, Value>,
        key: &str,
    ) -> Result<Option<usize>, HuggingFaceError> {
        let value = match object.get(key) {
            None | Some(Value::Null) => return Ok(None),
            Some(value) => value,
        };
        let Some(length) = value.as_f64().filter(|length| length.fract() == 0.0) else {
            return Err(self.invalid(&format!("`{key}` is {value}, not a number of tokens")));
        };
        // Numbers beyond a usize stand for no limit.
        match length as usize {
            length if length < SHORTEST => {
                let reason = format!("`{key}` of {length} leaves no room for a text");
                Err(self.invalid(&reason))
            }
            length => Ok(Some(length)),
        }
    }

    fn invalid(&self, reason: &str) -> HuggingFaceError {
        invalid(self.path, reason)
    }

    fn unsupported(&self, reason: &str) -> HuggingFaceError {
        HuggingFaceError::Unsupported {
            path: PathBuf::from(self.path),
            reason: format!("{reason}, which is not supported"),
        }
    }
}
