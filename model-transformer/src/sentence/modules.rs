//! `modules.json`: the steps from a text to its vector, each with a folder of settings.

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::pooling::Pooling;
use super::step::{Dense, Step, check_plain};
use super::{invalid, parse};
use crate::huggingface::HuggingFaceError;

pub(super) const MODULES: &str = "modules.json";
const POOLING_CONFIG: &str = "config.json";
/// Module of the Python classes that are known by their last name.
const LIBRARY: &str = "sentence_transformers.";
/// Switches of older files and their modes, in the order in which vectors are concatenated.
const SWITCHES: [(&str, Pooling); 6] = [
    ("pooling_mode_cls_token", Pooling::Cls),
    ("pooling_mode_max_tokens", Pooling::Max),
    ("pooling_mode_mean_tokens", Pooling::Mean),
    ("pooling_mode_mean_sqrt_len_tokens", Pooling::MeanSqrtLen),
    ("pooling_mode_weightedmean_tokens", Pooling::WeightedMean),
    ("pooling_mode_lasttoken", Pooling::LastToken),
];

/// The steps of a sentence-transformers folder.
pub(super) struct Modules {
    /// Folder of the encoder and its tokenizer.
    pub(super) transformer: PathBuf,
    pub(super) pooling: PoolingFile,
    /// Kinds and folders of the steps after pooling.
    rest: Vec<(RestKind, PathBuf)>,
    /// False for the folder of a plain encoder.
    pub(super) is_listed: bool,
}

#[derive(Clone, Copy)]
enum RestKind {
    Dense,
    Dropout,
    Normalize,
}

/// Settings of the pooling step.
pub(super) struct PoolingFile {
    pub(super) modes: Vec<Pooling>,
    /// False if the tokens of a prompt do not count.
    pub(super) include_prompt: bool,
    /// Width that the pooling expects, and the file that says so.
    width: Option<(usize, PathBuf)>,
}

/// An entry of `modules.json`.
#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    path: String,
    /// Python class, such as `sentence_transformers.models.Pooling`.
    #[serde(rename = "type")]
    class: String,
}

impl Modules {
    /// The steps of the model in `folder`; without a list of them, mean pooling alone.
    ///
    /// # Errors
    /// A file is missing or damaged; a step is not supported.
    pub(super) fn read(folder: &Path) -> Result<Self, HuggingFaceError> {
        let path = folder.join(MODULES);
        if !path.exists() {
            return Ok(Self {
                transformer: folder.to_path_buf(),
                pooling: PoolingFile {
                    modes: vec![Pooling::Mean],
                    include_prompt: true,
                    width: None,
                },
                rest: Vec::new(),
                is_listed: false,
            });
        }
        let entries: Vec<Entry> = parse(&path)?;
        let kinds: Vec<&str> = entries.iter().map(Entry::kind).collect();
        let unsupported = |reason: String| HuggingFaceError::Unsupported {
            path: path.clone(),
            reason,
        };
        let ["Transformer", "Pooling", rest @ ..] = kinds.as_slice() else {
            let reason = format!(
                "the steps {} are not supported; supported are Transformer, Pooling and then any \
                 of Dense, Dropout and Normalize",
                kinds.join(", ")
            );
            return Err(unsupported(reason));
        };
        let mut folders = Vec::new();
        for entry in &entries {
            folders.push(entry.folder(folder, &path)?);
        }
        let [transformer, pooling, folders @ ..] = folders.as_slice() else {
            return Err(invalid(&path, "it has fewer than two steps"));
        };
        let mut steps = Vec::new();
        for (kind, folder) in rest.iter().zip(folders) {
            let kind = match *kind {
                "Dense" => RestKind::Dense,
                "Dropout" => RestKind::Dropout,
                "Normalize" => RestKind::Normalize,
                other => {
                    let reason = format!(
                        "the step {other} is not supported; supported after Pooling are Dense, \
                         Dropout and Normalize"
                    );
                    return Err(unsupported(reason));
                }
            };
            steps.push((kind, folder.clone()));
        }
        Ok(Self {
            transformer: transformer.clone(),
            pooling: PoolingFile::read(&pooling.join(POOLING_CONFIG))?,
            rest: steps,
            is_listed: true,
        })
    }

    /// Opens the steps after pooling, whose input has `width` features.
    ///
    /// # Errors
    /// A file is missing or damaged; the widths of two steps differ.
    pub(super) fn open_rest(
        &self,
        mut width: usize,
        device: &Device,
    ) -> Result<Vec<Step>, HuggingFaceError> {
        let mut steps = Vec::new();
        for (kind, folder) in &self.rest {
            match kind {
                RestKind::Dropout => {}
                RestKind::Normalize => {
                    check_plain(folder)?;
                    steps.push(Step::Normalize);
                }
                RestKind::Dense => {
                    let dense = Dense::open(folder, device)?;
                    let [input, output] = dense.widths();
                    if input != width {
                        let reason =
                            format!("it is for {input} features, but there are {width} before it");
                        return Err(invalid(&folder.join(POOLING_CONFIG), &reason));
                    }
                    width = output;
                    steps.push(Step::Dense(Box::new(dense)));
                }
            }
        }
        Ok(steps)
    }
}

/// Kind and folder of each step in the file at `path`.
///
/// # Errors
/// The file is missing or damaged.
pub(super) fn kinds(path: &Path) -> Result<Vec<(String, String)>, HuggingFaceError> {
    let entries: Vec<Entry> = parse(path)?;
    let kind = |entry: Entry| (entry.kind().to_string(), entry.path.clone());
    Ok(entries.into_iter().map(kind).collect())
}

impl Entry {
    /// Name of the class without its module, which has changed between releases; the whole name of
    /// a class that is not of sentence-transformers.
    fn kind(&self) -> &str {
        let class = self.class.as_str();
        match class.strip_prefix(LIBRARY) {
            Some(rest) => rest.rsplit('.').next().unwrap_or_default(),
            None => class,
        }
    }

    /// The folder of settings: `folder` itself or a direct subfolder.
    fn folder(&self, folder: &Path, modules: &Path) -> Result<PathBuf, HuggingFaceError> {
        let path = Path::new(&self.path);
        if self.path.is_empty() || path.file_name() == Some(path.as_os_str()) {
            Ok(folder.join(path))
        } else {
            Err(invalid(modules, "a path leaves the folder"))
        }
    }
}

impl PoolingFile {
    /// Older files have a switch per mode, newer ones name the modes.
    fn read(path: &Path) -> Result<Self, HuggingFaceError> {
        let json: Map<String, Value> = parse(path)?;
        let modes = match json.get("pooling_mode") {
            Some(Value::String(mode)) => vec![named(mode, path)?],
            Some(Value::Array(modes)) if !modes.is_empty() => modes
                .iter()
                .map(|mode| named(mode.as_str().unwrap_or_default(), path))
                .collect::<Result<_, _>>()?,
            Some(_) => return Err(invalid(path, "`pooling_mode` is neither a name nor a list")),
            None => switched_on(&json, path)?,
        };
        let include_prompt = match json.get("include_prompt") {
            None | Some(Value::Null) => true,
            Some(Value::Bool(value)) => *value,
            Some(_) => return Err(invalid(path, "`include_prompt` is not true or false")),
        };
        let width = ["embedding_dimension", "word_embedding_dimension"]
            .iter()
            .find_map(|key| json.get(*key)?.as_u64());
        Ok(Self {
            modes,
            include_prompt,
            width: width.map(|width| (width as usize, path.to_path_buf())),
        })
    }

    /// Checks that pooling and encoder have the same width; otherwise their files do not belong
    /// together.
    pub(super) fn check_width(&self, hidden_size: usize) -> Result<(), HuggingFaceError> {
        match &self.width {
            Some((width, path)) if *width != hidden_size => {
                let reason =
                    format!("it is for {width} features, but the encoder has {hidden_size}");
                Err(invalid(path, &reason))
            }
            _ => Ok(()),
        }
    }
}

/// The pooling called `mode`.
fn named(mode: &str, path: &Path) -> Result<Pooling, HuggingFaceError> {
    serde_json::from_value(Value::String(mode.into())).map_err(|_| unknown(mode, path))
}

fn unknown(mode: &str, path: &Path) -> HuggingFaceError {
    HuggingFaceError::Unsupported {
        path: path.to_path_buf(),
        reason: format!(
            "pooling by {mode} is not supported; supported are cls, max, mean, \
             mean_sqrt_len_tokens, weightedmean and lasttoken"
        ),
    }
}

/// The modes switched on, as in `"pooling_mode_mean_tokens": true`; without any, the mean.
fn switched_on(json: &Map<String, Value>, path: &Path) -> Result<Vec<Pooling>, HuggingFaceError> {
    let is_on = |key: &str| json.get(key) == Some(&Value::Bool(true));
    let is_known = |key: &str| SWITCHES.iter().any(|(name, _)| *name == key);
    if let Some(key) = json
        .keys()
        .find(|key| key.starts_with("pooling_mode_") && is_on(key) && !is_known(key))
    {
        return Err(unknown(key, path));
    }
    let on = SWITCHES.iter().filter(|(key, _)| is_on(key));
    let modes: Vec<Pooling> = on.map(|(_, mode)| *mode).collect();
    Ok(if modes.is_empty() {
        vec![Pooling::Mean]
    } else {
        modes
    })
}
