//! The run directory and the files in it.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tinderbox_data::files::{MAX_METADATA, read_limited};
use tinderbox_data::text::Tokenizer;

use crate::TrainError;
use crate::checkpoint::Checkpoints;
use crate::files::{is_temporary, remove_temporary, write_atomically};
use crate::params::adapters::{BASE, BASE_SUM};
use crate::recipe::{DataSection, Recipe, RecipeToml};
use crate::report::ReportFiles;
use crate::run::DataRecord;

/// Configuration of the model.
pub const MODEL_CONFIG: &str = "model.json";
/// Names of the classes or tags, in the order of the logits.
pub const LABELS: &str = "labels.json";
/// Tokenizer, in Hugging Face's format.
pub const TOKENIZER: &str = "tokenizer.json";
/// Numbers and fingerprints of the data.
pub const DATA: &str = "data.json";
/// Settings of the tokenizer, in Hugging Face's format; only for one of a model folder.
pub const TOKENIZER_CONFIG: &str = "tokenizer_config.json";
const RECIPE: &str = "recipe.toml";
/// Name of the recipe while its run is removed.
const REMOVED: &str = ".removed-recipe.toml";
const LOCK: &str = ".lock";

/// A run directory.
#[derive(Debug)]
pub struct RunDir {
    path: PathBuf,
    /// Held while training, so that only one process writes to a run.
    _lock: Option<File>,
}

/// Files of a run that describe its model, beside the weights.
pub trait Bundle: Sized {
    /// Names of all files that [`write`](Self::write) may write.
    const FILES: &'static [&'static str];

    /// Writes the files.
    ///
    /// # Errors
    /// The directory is not writable.
    fn write(&self, run: &RunDir) -> Result<(), TrainError>;

    /// Reads the files.
    ///
    /// # Errors
    /// The run is of another kind; a file is missing or damaged.
    fn read(run: &RunDir) -> Result<Self, TrainError>;
}

impl RunDir {
    /// Creates the directory of a new run. A run with checkpoints is replaced only if `overwrite`
    /// is set.
    ///
    /// # Errors
    /// A run exists, `path` holds other files, or it is not writable.
    pub fn create<B: Bundle>(path: &Path, overwrite: bool) -> Result<Self, TrainError> {
        let io = |source| TrainError::io(path, source);
        if path.join(RECIPE).exists() {
            // A run without a checkpoint can be replaced: it stopped before its first one.
            let checkpoints = Checkpoints::new(path.join("checkpoints"));
            if !overwrite && !checkpoints.steps()?.is_empty() {
                return Err(TrainError::RunExists {
                    path: path.to_path_buf(),
                });
            }
            // Locked first, so that a run in progress is not replaced.
            drop(lock(path)?);
            remove(path).map_err(io)?;
        } else if path.join(REMOVED).exists() {
            remove(path).map_err(io)?;
        } else if path.exists() && holds_something_else(path, B::FILES).map_err(io)? {
            return Err(TrainError::NotARun {
                path: path.to_path_buf(),
            });
        }
        fs::create_dir_all(path).map_err(io)?;
        let run = Self {
            path: path.to_path_buf(),
            _lock: Some(lock(path)?),
        };
        run.remove_leftovers()?;
        Ok(run)
    }

    /// Opens the directory of a run to resume it.
    ///
    /// # Errors
    /// There is no run, or another process is writing to it.
    pub fn resume(path: &Path) -> Result<Self, TrainError> {
        let mut run = Self::open(path)?;
        run._lock = Some(lock(path)?);
        Ok(run)
    }

    /// Removes temporary files that a killed process left.
    ///
    /// # Errors
    /// The directory is not readable or not writable.
    pub(crate) fn remove_leftovers(&self) -> Result<(), TrainError> {
        remove_temporary(&self.path).map_err(|e| TrainError::io(&self.path, e))
    }

    /// Opens the directory of a run for reading.
    ///
    /// # Errors
    /// There is no run.
    pub fn open(path: &Path) -> Result<Self, TrainError> {
        let no_run = |reason: &str| TrainError::NoRun {
            path: path.to_path_buf(),
            reason: reason.into(),
        };
        if !path.exists() {
            return Err(no_run("there is no such folder"));
        }
        if !path.join(RECIPE).is_file() {
            return Err(no_run("there is no recipe.toml in it"));
        }
        Ok(Self {
            path: path.to_path_buf(),
            _lock: None,
        })
    }

    /// Path of the directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Paths of the files that the run is recorded in.
    pub fn report_files(&self) -> ReportFiles {
        ReportFiles {
            metrics: self.path.join("metrics.jsonl"),
            curves: self.path.join("curves.svg"),
            tensorboard: self.path.join("tensorboard"),
        }
    }

    /// Checkpoints of the run.
    pub fn checkpoints(&self) -> Checkpoints {
        Checkpoints::new(self.path.join("checkpoints"))
    }

    /// Writes the files that describe the run. The recipe comes last: it makes the directory a run.
    ///
    /// # Errors
    /// The directory is not writable.
    pub fn write_description(
        &self,
        recipe: &Recipe<impl Serialize>,
        bundle: &impl Bundle,
    ) -> Result<(), TrainError> {
        bundle.write(self)?;
        self.write_recipe(recipe)
    }

    /// Writes `recipe.toml`.
    ///
    /// # Errors
    /// The directory is not writable.
    pub fn write_recipe(&self, recipe: &Recipe<impl Serialize>) -> Result<(), TrainError> {
        self.write(RECIPE, recipe.to_toml()?.as_bytes())
    }

    /// The recorded recipe, parsed as the kind of work of `D`.
    ///
    /// # Errors
    /// It is missing or damaged, or is for another kind of work.
    pub fn recipe_as<D: DataSection>(&self) -> Result<Recipe<D>, TrainError> {
        let file = RecipeToml::read(&self.recipe_path(), &[])?;
        if !file.is_of::<D>() {
            return Err(TrainError::OtherKind {
                name: self.path.display().to_string(),
                source_name: file.source().unwrap_or_default().into(),
                wanted: D::KIND,
            });
        }
        Ok(file.parse_as()?)
    }

    /// Path of `recipe.toml`.
    pub fn recipe_path(&self) -> PathBuf {
        self.path.join(RECIPE)
    }

    /// Reads the tokenizer and its settings.
    pub(crate) fn read_tokenizer(&self) -> Result<Tokenizer, TrainError> {
        let path = self.path.join(TOKENIZER);
        // Opened first, since a missing file is an error of the system, with its own message.
        File::open(&path).map_err(|e| TrainError::io(&path, e))?;
        Ok(Tokenizer::open(&path)?)
    }

    pub(crate) fn write_tokenizer(&self, tokenizer: &Tokenizer) -> Result<(), TrainError> {
        self.write(TOKENIZER, tokenizer.to_json().as_bytes())?;
        match tokenizer.config_json() {
            Some(config) => self.write_json(TOKENIZER_CONFIG, &config),
            None => Ok(()),
        }
    }

    pub(crate) fn write_json(&self, name: &str, value: &impl Serialize) -> Result<(), TrainError> {
        let mut text = serde_json::to_string_pretty(value)
            .map_err(|e| TrainError::corrupt(&self.path.join(name), e))?;
        text.push('\n');
        self.write(name, text.as_bytes())
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), TrainError> {
        let path = self.path.join(name);
        write_atomically(&path, bytes).map_err(|e| TrainError::io(&path, e))
    }

    pub(crate) fn read_json<T: DeserializeOwned>(&self, name: &str) -> Result<T, TrainError> {
        let path = self.path.join(name);
        let bytes = read_limited(&path, MAX_METADATA).map_err(|e| TrainError::io(&path, e))?;
        parse_json(&bytes, &path)
    }

    /// The recorded data. `None` for a run without a record.
    pub(crate) fn recorded_data(&self) -> Result<Option<DataRecord>, TrainError> {
        match self.path.join(DATA).try_exists() {
            Ok(false) => Ok(None),
            _ => self.read_json(DATA).map(Some),
        }
    }
}

/// Parses the file at `path`. An error names the key.
pub(crate) fn parse_json<T: DeserializeOwned>(bytes: &[u8], path: &Path) -> Result<T, TrainError> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let parsed = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let key = match error.path().to_string() {
            key if key == "." => key_at_fault::<T>(bytes),
            key => Some(key),
        };
        match key {
            Some(key) => TrainError::corrupt(path, format!("{key}: {}", error.inner())),
            None => TrainError::corrupt(path, error.inner()),
        }
    })?;
    json.end().map_err(|e| TrainError::corrupt(path, e))?;
    Ok(parsed)
}

/// The key of an object without which parsing fails in another way or not at all. Types that are
/// chosen by a tag are parsed from a copy that does not know its keys.
fn key_at_fault<T: DeserializeOwned>(bytes: &[u8]) -> Option<String> {
    const MOST_KEYS: usize = 100;
    let object: serde_json::Map<String, Value> = serde_json::from_slice(bytes).ok()?;
    let error_without = |keys: &[&String]| {
        let mut rest = object.clone();
        rest.retain(|key, _| !keys.contains(&key));
        let parsed: Result<T, _> = serde_json::from_value(Value::Object(rest));
        parsed.err().map(|error| error.to_string())
    };
    let error = error_without(&[]);
    let keys = object.keys().take(MOST_KEYS);
    let found: Vec<&String> = keys.filter(|key| error_without(&[key]) != error).collect();
    // Without the tag nothing else is looked at.
    let is_tag = |key: &String| {
        let others = found.iter().filter(|other| **other != key);
        let mut others = others.peekable();
        others.peek().is_some()
            && others.all(|other| error_without(&[key, other]) == error_without(&[key]))
    };
    found
        .iter()
        .find(|key| !is_tag(key))
        .map(|key| (*key).clone())
}

/// Empties the directory of a run. Its recipe is renamed first: a process killed in between leaves a
/// folder that is no run, and that the next one knows to have been one.
fn remove(path: &Path) -> std::io::Result<()> {
    let (recipe, removed) = (path.join(RECIPE), path.join(REMOVED));
    if recipe.exists() {
        fs::rename(recipe, &removed)?;
    }
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.path() == removed {
            continue;
        }
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    fs::remove_file(removed)
}

/// True if a folder without a recipe holds files other than those of an interrupted start: of the
/// `bundle`, and common to all runs.
fn holds_something_else(path: &Path, bundle: &[&str]) -> std::io::Result<bool> {
    for entry in fs::read_dir(path)? {
        let name = entry?.file_name();
        let mut ours = [LOCK, DATA, BASE, BASE_SUM].iter().chain(bundle);
        if !is_temporary(&name) && !ours.any(|ours| name == *ours) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn lock(path: &Path) -> Result<File, TrainError> {
    let file_path = path.join(LOCK);
    let file = File::create(&file_path).map_err(|e| TrainError::io(&file_path, e))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(TrainError::Locked {
            path: path.to_path_buf(),
        }),
        // Some network file systems have no locks; training there is possible, unguarded.
        Err(TryLockError::Error(_)) => Ok(file),
    }
}
