//! From TOML to a [`Recipe`], with all problems reported at once.

use std::path::Path;

use serde::Serialize;
use serde_json::Value;
use tinderbox_data::files::{MAX_METADATA, read_text_limited};

use super::builtin::{builtin, builtin_names};
use super::error::RecipeError;
use super::names::{Unknown, nearest, sources_of};
use super::sections::{DataSection, Recipe};

/// Former names of keys, which are still accepted. Recipes are written with the present names.
const FORMER_KEYS: [(&str, &str, &str); 4] = [
    ("train", "accumulate", "gradient_accumulation"),
    ("train", "average_after", "nt_asgd_window"),
    ("train", "activation_decay", "ar_alpha"),
    ("train", "slowness_decay", "tar_beta"),
];

/// Contents of a recipe file, before its kind of work is known.
#[derive(Debug)]
pub struct RecipeToml {
    table: toml::Table,
    origin: String,
}

impl RecipeToml {
    /// Opens the recipe `name`: built in, or a file at that path. Each of `sets` is `key=value`
    /// with a dotted key.
    ///
    /// # Errors
    /// An unknown name, a file that is not TOML, a malformed set.
    pub fn open(name: &str, sets: &[String]) -> Result<Self, RecipeError> {
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

    /// Reads the file at `path`.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn read(path: &Path, sets: &[String]) -> Result<Self, RecipeError> {
        let text = read_text_limited(path, MAX_METADATA).map_err(|source| RecipeError::Io {
            path: path.to_path_buf(),
            source,
        })?;
        Self::parse(&text, &path.display().to_string(), sets)
    }

    /// Parses `text`; `origin` names it in errors.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn parse(text: &str, origin: &str, sets: &[String]) -> Result<Self, RecipeError> {
        let table = text.parse().map_err(|e| RecipeError::Syntax {
            origin: origin.into(),
            reason: one_line(&e),
        })?;
        let mut recipe = Self {
            table,
            origin: origin.into(),
        };
        recipe.rename_former_keys()?;
        for set in sets {
            apply_set(&mut recipe.table, set)?;
        }
        Ok(recipe)
    }

    /// `data.source`, if it is a string.
    pub fn source(&self) -> Option<&str> {
        self.table.get("data")?.get("source")?.as_str()
    }

    /// True if the recipe itself gives the dotted `key` a value, or the table that it is in.
    pub fn has(&self, key: &str) -> bool {
        let mut table = &self.table;
        for part in key.split('.') {
            match table.get(part) {
                None => return false,
                Some(toml::Value::Table(inner)) => table = inner,
                Some(_) => return true,
            }
        }
        true
    }

    /// True if `data.source` is of the kind of work that `D` belongs to, or not given.
    pub fn is_of<D: DataSection>(&self) -> bool {
        let sources = sources_of::<D::Source>();
        self.source().is_none_or(|source| sources.contains(&source))
    }

    /// Parses and checks the whole recipe as one of the kind of work that `D` belongs to.
    ///
    /// # Errors
    /// All unknown keys and values out of range together.
    pub fn parse_as<D: DataSection>(self) -> Result<Recipe<D>, RecipeError> {
        let mut problems = unknown_keys::<D>(&self.table);
        let train = self.table.get("train");
        let names_metric = train.is_some_and(|train| train.get("best_metric").is_some());
        match serde_path_to_error::deserialize::<_, Recipe<D>>(toml::Value::Table(self.table)) {
            Ok(mut recipe) => {
                if !names_metric {
                    recipe.train.best_metric = recipe.data.best_metric().into();
                }
                problems.extend(recipe.problems());
                if problems.is_empty() {
                    return Ok(recipe);
                }
            }
            // A value of the wrong type hides problems of other values, but not unknown keys.
            Err(error) => {
                problems.push(format!("{}: {}", error.path(), one_line(error.inner())));
            }
        }
        Err(RecipeError::Problems {
            origin: self.origin,
            problems,
        })
    }

    /// The error of a recipe with this problem.
    pub fn error(&self, problem: String) -> RecipeError {
        RecipeError::Problems {
            origin: self.origin.clone(),
            problems: vec![problem],
        }
    }

    fn rename_former_keys(&mut self) -> Result<(), RecipeError> {
        for (section, former, present) in FORMER_KEYS {
            let Some(entries) = self.table.get_mut(section).and_then(|s| s.as_table_mut()) else {
                continue;
            };
            let Some(value) = entries.remove(former) else {
                continue;
            };
            if entries.contains_key(present) {
                return Err(self.error(format!(
                    "{section}.{former} is the former name of {section}.{present}; give only one of them"
                )));
            }
            entries.insert(present.into(), value);
        }
        Ok(())
    }
}

impl<D: Serialize> Recipe<D> {
    /// The recipe as TOML, every key written out.
    ///
    /// # Errors
    /// A number too large for TOML.
    pub fn to_toml(&self) -> Result<String, RecipeError> {
        toml::to_string(self).map_err(|e| self.unwritable(&e))
    }

    /// The recipe with its `[data]` section as a table again, every key written out.
    ///
    /// # Errors
    /// A number too large for TOML.
    pub fn untyped(&self) -> Result<Recipe, RecipeError> {
        let data = toml::Table::try_from(&self.data).map_err(|e| self.unwritable(&e))?;
        Ok(self.with_data(data))
    }

    /// The recipe as if it were read from a file.
    pub(crate) fn as_file(&self) -> Result<RecipeToml, RecipeError> {
        Ok(RecipeToml {
            table: toml::Table::try_from(self).map_err(|e| self.unwritable(&e))?,
            origin: self.name.clone(),
        })
    }

    fn unwritable(&self, error: &toml::ser::Error) -> RecipeError {
        RecipeError::Syntax {
            origin: self.name.clone(),
            reason: error.to_string(),
        }
    }
}

/// Sets one dotted key. A value that is not TOML is taken as text, so that paths and names need no
/// quotes.
fn apply_set(table: &mut toml::Table, set: &str) -> Result<(), RecipeError> {
    let (key, text) = set
        .split_once('=')
        .filter(|(key, _)| !key.trim().is_empty())
        .ok_or_else(|| RecipeError::BadSet(set.into()))?;
    let value = set_value(key, text)?;
    let mut path: Vec<&str> = key.trim().split('.').collect();
    let mut last = path.pop().unwrap_or_default();
    for (section, former, present) in FORMER_KEYS {
        if path == [section] && last == former {
            last = present;
        }
    }
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

/// Parses a value as TOML, otherwise takes it as text. Text that begins like a list or a table is
/// an error.
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

/// Every key that is not a field. The fields are those of the defaults as JSON, where an absent
/// option is a null and so is listed too.
fn unknown_keys<D: DataSection>(table: &toml::Table) -> Vec<String> {
    let Ok(Value::Object(known)) = serde_json::to_value(Recipe::<D>::default()) else {
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

/// Message of a TOML error on one line, without the excerpt of the file.
fn one_line(error: &toml::de::Error) -> String {
    let line = error.message().replace('\n', " ");
    line.trim().to_string()
}
