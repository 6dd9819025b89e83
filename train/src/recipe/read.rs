//! From TOML to a [`Recipe`], with every problem told at once.

use std::fmt;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{DataRecipe, Recipe};

/// The recipes compiled into the program: the files under `recipes/`.
const BUILTIN: &[(&str, &str)] = &[
    (
        "alexnet-imagenet",
        include_str!("../../../recipes/alexnet-imagenet.toml"),
    ),
    (
        "awd-lstm-ptb",
        include_str!("../../../recipes/awd-lstm-ptb.toml"),
    ),
    ("bert", include_str!("../../../recipes/bert.toml")),
    ("cnn", include_str!("../../../recipes/cnn.toml")),
    (
        "cnn-article",
        include_str!("../../../recipes/cnn-article.toml"),
    ),
    (
        "cnn-cifar10",
        include_str!("../../../recipes/cnn-cifar10.toml"),
    ),
    (
        "cnn-folder",
        include_str!("../../../recipes/cnn-folder.toml"),
    ),
    ("gpt-ptb", include_str!("../../../recipes/gpt-ptb.toml")),
    (
        "gpt-shakespeare-char",
        include_str!("../../../recipes/gpt-shakespeare-char.toml"),
    ),
    (
        "lstm-ptb-large",
        include_str!("../../../recipes/lstm-ptb-large.toml"),
    ),
    (
        "lstm-ptb-medium",
        include_str!("../../../recipes/lstm-ptb-medium.toml"),
    ),
    (
        "lstm-ptb-small",
        include_str!("../../../recipes/lstm-ptb-small.toml"),
    ),
    ("mlm", include_str!("../../../recipes/mlm.toml")),
    (
        "resnet18-folder",
        include_str!("../../../recipes/resnet18-folder.toml"),
    ),
    (
        "resnet18-imagenet",
        include_str!("../../../recipes/resnet18-imagenet.toml"),
    ),
    (
        "resnet18-imagenette",
        include_str!("../../../recipes/resnet18-imagenette.toml"),
    ),
    (
        "resnet20-cifar10",
        include_str!("../../../recipes/resnet20-cifar10.toml"),
    ),
    (
        "resnet20-cifar10-short",
        include_str!("../../../recipes/resnet20-cifar10-short.toml"),
    ),
    (
        "resnet50-imagenet",
        include_str!("../../../recipes/resnet50-imagenet.toml"),
    ),
    (
        "resnet50-imagenet-modern",
        include_str!("../../../recipes/resnet50-imagenet-modern.toml"),
    ),
    ("rnn", include_str!("../../../recipes/rnn.toml")),
    ("squad", include_str!("../../../recipes/squad.toml")),
    ("sst2", include_str!("../../../recipes/sst2.toml")),
    (
        "sst2-scratch",
        include_str!("../../../recipes/sst2-scratch.toml"),
    ),
    (
        "transformer",
        include_str!("../../../recipes/transformer.toml"),
    ),
    (
        "vgg16-imagenet",
        include_str!("../../../recipes/vgg16-imagenet.toml"),
    ),
];

/// The names of the recipes compiled in.
pub fn builtin_names() -> impl Iterator<Item = &'static str> {
    BUILTIN.iter().map(|(name, _)| *name)
}

/// The text of the recipe compiled in under `name`.
pub fn builtin(name: &str) -> Option<&'static str> {
    BUILTIN
        .iter()
        .find(|(builtin, _)| *builtin == name)
        .map(|(_, text)| *text)
}

/// A recipe that could not be used.
#[derive(Debug, thiserror::Error)]
pub enum RecipeError {
    /// Neither a built-in name nor a file.
    #[error("there is no recipe `{name}`, built in or as a file{}", hint(.nearest))]
    Unknown {
        /// What was asked for.
        name: String,
        /// The most similar built-in name.
        nearest: Option<String>,
    },
    /// The file could not be read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Not TOML, or a value of the wrong type.
    #[error("{origin}: {reason}")]
    Syntax {
        /// File or built-in name.
        origin: String,
        /// What the parser said, with its line.
        reason: String,
    },
    /// `--set` without `=`.
    #[error("--set takes key=value, as in --set optimizer.learning_rate=0.1, got `{0}`")]
    BadSet(String),
    /// `--set` with a list or table that is not TOML.
    #[error(
        "--set {key}: {reason}, in the value `{text}`; it is written as in a recipe, as in `[{{ resize = {{ size = 28 }} }}]`"
    )]
    BadSetValue {
        /// What was to be set.
        key: String,
        /// What was given.
        text: String,
        /// What the parser said.
        reason: String,
    },
    /// Everything else that is wrong with it, at once.
    #[error("{origin}: {}", join(.problems))]
    Problems {
        /// File or built-in name.
        origin: String,
        /// A sentence each, beginning with the key.
        problems: Vec<String>,
    },
}

fn hint(nearest: &Option<String>) -> String {
    match nearest {
        Some(name) => format!("; did you mean `{name}`?"),
        None => format!(
            "; built in: {}",
            builtin_names().collect::<Vec<_>>().join(", ")
        ),
    }
}

fn join(problems: &[String]) -> String {
    problems.join("; ")
}

impl Recipe {
    /// The recipe called `name`: built in, or a TOML file at that path. Each of `sets` is `key=value` with a dotted key.
    ///
    /// # Errors
    /// An unknown name, a file that is not TOML, and all unknown keys and impossible values together.
    pub fn load(name: &str, sets: &[String]) -> Result<Self, RecipeError> {
        if let Some(text) = builtin(name) {
            return Self::parse(text, name, sets);
        }
        let path = Path::new(name);
        if !path.is_file() {
            return Err(RecipeError::Unknown {
                name: name.into(),
                nearest: nearest(name, builtin_names()),
            });
        }
        Self::read(path, sets)
    }

    /// The recipe in the file at `path`.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn read(path: &Path, sets: &[String]) -> Result<Self, RecipeError> {
        let text = std::fs::read_to_string(path).map_err(|source| RecipeError::Io {
            path: path.to_path_buf(),
            source,
        })?;
        Self::parse(&text, &path.display().to_string(), sets)
    }

    /// The recipe written in `text`; `origin` is what errors call it.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn parse(text: &str, origin: &str, sets: &[String]) -> Result<Self, RecipeError> {
        let syntax = |reason: String| RecipeError::Syntax {
            origin: origin.into(),
            reason,
        };
        let mut table: toml::Table = text.parse().map_err(|e| syntax(one_line(&e)))?;
        for set in sets {
            apply_set(&mut table, set)?;
        }
        let mut problems = unknown_keys(&table);
        set_best_metric(&mut table);
        match serde_path_to_error::deserialize::<_, Self>(toml::Value::Table(table)) {
            Ok(recipe) => {
                problems.extend(recipe.problems());
                if problems.is_empty() {
                    return Ok(recipe);
                }
            }
            // The value that has the wrong type hides whatever else is wrong with the rest; unknown keys are still told.
            Err(error) => {
                let (path, message) = (error.path(), one_line(error.inner()));
                let separator = if message.starts_with('.') { "" } else { ": " };
                problems.push(format!("{path}{separator}{message}"));
            }
        }
        Err(RecipeError::Problems {
            origin: origin.into(),
            problems,
        })
    }

    /// The recipe as TOML, every key written out.
    ///
    /// # Errors
    /// A number too large for TOML.
    pub fn to_toml(&self) -> Result<String, RecipeError> {
        toml::to_string(self).map_err(|e| RecipeError::Syntax {
            origin: self.name.clone(),
            reason: e.to_string(),
        })
    }
}

/// A name that is not known, with the nearest one that is.
pub(super) struct Unknown<'a> {
    pub(super) what: &'a str,
    pub(super) given: &'a str,
    pub(super) nearest: Option<String>,
}

impl fmt::Display for Unknown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}`", self.what, self.given)?;
        match &self.nearest {
            Some(name) => write!(f, "; did you mean `{name}`?"),
            None => Ok(()),
        }
    }
}

/// The most similar of `names`, if any is similar at all.
pub fn nearest<'a>(given: &str, names: impl Iterator<Item = &'a str>) -> Option<String> {
    names
        .map(|name| (strsim::jaro_winkler(given, name), name))
        .filter(|(similarity, _)| *similarity > 0.7)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name.to_string())
}

/// Sets one dotted key. A value that is not TOML is taken as text, so that paths and names need no quotes.
fn apply_set(table: &mut toml::Table, set: &str) -> Result<(), RecipeError> {
    let (key, text) = set
        .split_once('=')
        .filter(|(key, _)| !key.trim().is_empty())
        .ok_or_else(|| RecipeError::BadSet(set.into()))?;
    let value = set_value(key, text)?;
    let mut path: Vec<&str> = key.trim().split('.').collect();
    let last = path.pop().unwrap_or_default();
    let mut section = table;
    for part in path {
        let entry = section
            .entry(part)
            .or_insert_with(|| toml::Value::Table(toml::Table::new()));
        section = entry
            .as_table_mut()
            .ok_or_else(|| RecipeError::BadSet(set.into()))?;
    }
    section.insert(last.into(), value);
    Ok(())
}

/// The value as TOML, or as text if it is not. Nobody means a text that begins like a list or a table.
fn set_value(key: &str, text: &str) -> Result<toml::Value, RecipeError> {
    let as_text = || toml::Value::String(text.into());
    match format!("value = {text}").parse::<toml::Table>() {
        Ok(mut parsed) => Ok(parsed.remove("value").unwrap_or_else(as_text)),
        Err(error) if text.trim_start().starts_with(['[', '{']) => Err(RecipeError::BadSetValue {
            key: key.trim().into(),
            text: text.into(),
            reason: one_line(&error),
        }),
        Err(_) => Ok(as_text()),
    }
}

fn source(table: &toml::Table) -> Option<&str> {
    table.get("data")?.get("source")?.as_str()
}

/// Without a `train.best_metric`, the usual one of the kind of work decides.
fn set_best_metric(table: &mut toml::Table) {
    let source = source(table);
    let usual = match (DataRecipe::defaults_of(source), source) {
        (DataRecipe::Text(_), _) | (DataRecipe::Sequence(_), Some("masked")) => "perplexity",
        (DataRecipe::Sequence(_), Some("squad" | "tagged")) => "f1",
        _ => "accuracy",
    };
    let train = table
        .entry("train")
        .or_insert_with(|| toml::Value::Table(toml::Table::new()));
    if let Some(train) = train.as_table_mut() {
        train
            .entry("best_metric")
            .or_insert_with(|| toml::Value::String(usual.into()));
    }
}

/// Every key that no field stands for. The fields are read off the defaults as JSON, where an absent option is a null
/// and so is listed too.
fn unknown_keys(table: &toml::Table) -> Vec<String> {
    let defaults = Recipe {
        data: DataRecipe::defaults_of(source(table)),
        ..Recipe::default()
    };
    let Ok(Value::Object(known)) = serde_json::to_value(defaults) else {
        return Vec::new();
    };
    let mut problems = Vec::new();
    let mut report = |given: &str, known: &serde_json::Map<String, Value>, section: &str| {
        let nearest = nearest(given, known.keys().map(String::as_str));
        let unknown = Unknown {
            what: "unknown key",
            given: &format!("{section}{given}"),
            nearest: nearest.map(|name| format!("{section}{name}")),
        };
        problems.push(unknown.to_string());
    };
    for (key, value) in table {
        match (known.get(key), value) {
            (None, _) => report(key, &known, ""),
            // The options of a model are checked against that model.
            (Some(Value::Object(fields)), toml::Value::Table(entries)) if key != "model" => {
                for entry in entries.keys().filter(|entry| !fields.contains_key(*entry)) {
                    report(entry, fields, &format!("{key}."));
                }
            }
            _ => {}
        }
    }
    problems
}

/// A TOML error without the picture of the line, which would not fit on one.
fn one_line(error: &toml::de::Error) -> String {
    let line = error.message().replace('\n', " ");
    line.trim().to_string()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
