//! `modules.json` of sentence-transformers: the steps from a text to its vector, each with a folder of settings.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::Pooling;
use crate::huggingface::{HuggingFaceError, read_json};

const MODULES: &str = "modules.json";
const CONFIG: &str = "config.json";
/// What the first step is told besides, under the names that it has had for our families.
const TRANSFORMER: [&str; 3] = [
    "sentence_bert_config.json",
    "sentence_roberta_config.json",
    "sentence_distilbert_config.json",
];

/// What the files of a folder say.
pub(super) struct Modules {
    /// The folder of the encoder and its tokenizer.
    pub(super) transformer: PathBuf,
    pub(super) pooling: Pooling,
    pub(super) normalize: bool,
    pub(super) max_length: Option<usize>,
    /// The width that the pooling was made for, and the file that says so.
    width: Option<(usize, PathBuf)>,
}

#[derive(Deserialize)]
struct Module {
    #[serde(default)]
    path: String,
    /// A Python class, as in `sentence_transformers.models.Pooling`.
    #[serde(rename = "type")]
    class: String,
}

#[derive(Deserialize)]
struct TransformerFile {
    max_seq_length: Option<usize>,
    #[serde(default)]
    do_lower_case: bool,
}

pub(super) fn read(folder: &Path) -> Result<Modules, HuggingFaceError> {
    let path = folder.join(MODULES);
    if !path.exists() {
        return Ok(Modules {
            transformer: folder.to_path_buf(),
            pooling: Pooling::Mean,
            normalize: false,
            max_length: None,
            width: None,
        });
    }
    let modules: Vec<Module> = parse(&path)?;
    let kinds: Vec<&str> = modules.iter().map(Module::kind).collect();
    let normalize = match kinds.as_slice() {
        ["Transformer", "Pooling"] => false,
        ["Transformer", "Pooling", "Normalize"] => true,
        _ => {
            let reason = format!(
                "the steps {} are not supported; Transformer, Pooling and, after them, Normalize are",
                kinds.join(", ")
            );
            return Err(HuggingFaceError::Unsupported { path, reason });
        }
    };
    let mut folders = Vec::new();
    for module in &modules {
        folders.push(module.folder(folder, &path)?);
    }
    let [transformer, pooling, ..] = folders.as_slice() else {
        return Err(wrong(&path, "it has fewer than two steps"));
    };
    let (pooling, width) = read_pooling(&pooling.join(CONFIG))?;
    Ok(Modules {
        max_length: read_max_length(transformer)?,
        transformer: transformer.clone(),
        pooling,
        normalize,
        width,
    })
}

impl Modules {
    /// Pooling and encoder must be of one width, or the folder is put together from two.
    pub(super) fn check_width(&self, hidden_size: usize) -> Result<(), HuggingFaceError> {
        match &self.width {
            Some((width, path)) if *width != hidden_size => {
                let reason =
                    format!("it is for {width} features, and the encoder has {hidden_size}");
                Err(wrong(path, &reason))
            }
            _ => Ok(()),
        }
    }
}

impl Module {
    /// The name of the class. Where the class lies has changed between releases.
    fn kind(&self) -> &str {
        self.class.rsplit('.').next().unwrap_or_default()
    }

    fn folder(&self, folder: &Path, modules: &Path) -> Result<PathBuf, HuggingFaceError> {
        // A step lies in the folder or right below, and nowhere else.
        let path = Path::new(&self.path);
        match self.path.is_empty() || path.file_name() == Some(path.as_os_str()) {
            true => Ok(folder.join(path)),
            false => Err(wrong(modules, "a path leads out of the folder")),
        }
    }
}

/// The pooling, and the width it is for with the file that says so. Older files have a switch for each way, newer ones name
/// the ways; several at once, whose results would be put side by side, are not supported.
fn read_pooling(path: &Path) -> Result<(Pooling, Option<(usize, PathBuf)>), HuggingFaceError> {
    let json: Map<String, Value> = parse(path)?;
    let ways: Vec<&str> = match json.get("pooling_mode") {
        Some(Value::String(way)) => vec![way],
        Some(Value::Array(ways)) => ways.iter().filter_map(Value::as_str).collect(),
        Some(_) => return Err(wrong(path, "`pooling_mode` is neither a name nor a list")),
        None => switched_on(&json),
    };
    let pooling = match ways.as_slice() {
        ["mean" | "mean_tokens"] => Pooling::Mean,
        ["cls" | "cls_token"] => Pooling::Cls,
        ["max" | "max_tokens"] => Pooling::Max,
        _ => {
            let ways = match ways.is_empty() {
                true => "none".into(),
                false => ways.join(" and "),
            };
            return Err(HuggingFaceError::Unsupported {
                path: path.to_path_buf(),
                reason: format!("pooling by {ways} is not supported; one of mean, cls, max is"),
            });
        }
    };
    let width = ["embedding_dimension", "word_embedding_dimension"]
        .iter()
        .find_map(|key| json.get(*key)?.as_u64());
    Ok((
        pooling,
        width.map(|width| (width as usize, path.to_path_buf())),
    ))
}

/// As in `"pooling_mode_mean_tokens": true`.
fn switched_on(json: &Map<String, Value>) -> Vec<&str> {
    json.iter()
        .filter(|(_, value)| **value == Value::Bool(true))
        .filter_map(|(key, _)| key.strip_prefix("pooling_mode_"))
        .collect()
}

fn read_max_length(transformer: &Path) -> Result<Option<usize>, HuggingFaceError> {
    let mut paths = TRANSFORMER.iter().map(|name| transformer.join(name));
    let Some(path) = paths.find(|path| path.exists()) else {
        return Ok(None);
    };
    let file: TransformerFile = parse(&path)?;
    if file.do_lower_case {
        let reason = "`do_lower_case` besides the tokenizer's own is not supported".into();
        return Err(HuggingFaceError::Unsupported { path, reason });
    }
    match file.max_seq_length {
        // `[CLS]`, `[SEP]` and something in between.
        Some(length) if length < 3 => {
            let reason = format!("`max_seq_length` of {length} leaves no room for a text");
            Err(wrong(&path, &reason))
        }
        length => Ok(length),
    }
}

fn parse<T: DeserializeOwned>(path: &Path) -> Result<T, HuggingFaceError> {
    let json = read_json(path)?;
    serde_json::from_value(json).map_err(|e| wrong(path, &e.to_string()))
}

fn wrong(path: &Path, reason: &str) -> HuggingFaceError {
    HuggingFaceError::Json {
        path: path.to_path_buf(),
        reason: reason.into(),
    }
}
