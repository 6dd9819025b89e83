//! From TOML to a [`Recipe`], with all problems reported at once.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::value::Error as NoValue;
use serde::de::{DeserializeOwned, Deserializer, Error as _, Visitor};
use serde_json::Value;

use super::sections::{DataSection, Recipe};

// `BUILTIN`, name and text of every file under `recipes/`, written by `build.rs`.
include!(concat!(env!("OUT_DIR"), "/builtin_recipes.rs"));

/// Former names of keys, which are still accepted. Recipes are written with the present names.
const FORMER_KEYS: [(&str, &str, &str); 4] = [
    ("train", "accumulate", "gradient_accumulation"),
    ("train", "average_after", "nt_asgd_window"),
    ("train", "activation_decay", "ar_alpha"),
    ("train", "slowness_decay", "tar_beta"),
];

/// Names of the built-in recipes, in alphabetical order.
pub fn builtin_names() -> impl Iterator<Item = &'static str> {
    BUILTIN.iter().map(|(name, _)| *name)
}

/// Text of the built-in recipe `name`.
pub fn builtin(name: &str) -> Option<&'static str> {
    BUILTIN
        .iter()
        .find(|(builtin, _)| *builtin == name)
        .map(|(_, text)| *text)
}

/// Error of reading a recipe.
#[derive(Debug, thiserror::Error)]
pub enum RecipeError {
    /// Neither a built-in name nor a file.
    #[error("there is no recipe `{name}`, built in or as a file{}", hint(.nearest))]
    Unknown {
        /// Requested name.
        name: String,
        /// Most similar built-in name.
        nearest: Option<String>,
    },
    /// Unreadable file.
    #[error("{}: {source}", path.display())]
    Io {
        /// Path of the file.
        path: PathBuf,
        /// Error of the operating system.
        source: std::io::Error,
    },
    /// Not TOML, or a value too large for TOML.
    #[error("{origin}: {reason}")]
    Syntax {
        /// File or built-in name.
        origin: String,
        /// Message of the parser.
        reason: String,
    },
    /// `--set` without `=`.
    #[error("--set takes key=value, such as --set optimizer.learning_rate=0.1; got `{0}`")]
    BadSet(String),
    /// `--set` with a list or table that is not TOML.
    #[error(
        "--set {key}: {reason}, in the value `{text}`; write it as in a recipe, such as `[{{ resize = {{ size = 28 }} }}]`"
    )]
    BadSetValue {
        /// Key.
        key: String,
        /// Value as given.
        text: String,
        /// Message of the parser.
        reason: String,
    },
    /// Unknown keys and values out of range, all at once.
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
        let text = std::fs::read_to_string(path).map_err(|source| RecipeError::Io {
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

/// An unknown name, with the most similar known one.
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

/// Returns the most similar of `names`, if any is similar.
pub fn nearest<'a>(given: &str, names: impl Iterator<Item = &'a str>) -> Option<String> {
    names
        .map(|name| (strsim::jaro_winkler(given, name), name))
        .filter(|(similarity, _)| *similarity > 0.7)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name.to_string())
}

/// Names of the variants of an enum, as serde reads them.
pub fn sources_of<S: DeserializeOwned>() -> &'static [&'static str] {
    /// A format without values: it only takes note of what is asked for.
    struct Variants<'a>(&'a mut &'static [&'static str]);

    impl<'de> Deserializer<'de> for Variants<'_> {
        type Error = NoValue;

        fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, NoValue> {
            Err(NoValue::custom("not an enum"))
        }

        fn deserialize_enum<V: Visitor<'de>>(
            self,
            _name: &'static str,
            variants: &'static [&'static str],
            _visitor: V,
        ) -> Result<V::Value, NoValue> {
            *self.0 = variants;
            Err(NoValue::custom("its variants are known now"))
        }

        serde::forward_to_deserialize_any! {
            bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
            unit_struct newtype_struct seq tuple tuple_struct map struct identifier ignored_any
        }
    }

    let mut variants: &'static [&'static str] = &[];
    // It always fails; `variants` is what it leaves behind.
    let _ = S::deserialize(Variants(&mut variants));
    variants
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
