//! The run directory and the files in it.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use tinderbox_data::text::Tokenizer;

use crate::TrainError;
use crate::checkpoint::Checkpoints;
use crate::files::write_atomically;
use crate::params::adapters::{BASE, BASE_SUM};
use crate::recipe::{DataSection, Recipe, RecipeToml};
use crate::report::ReportFiles;

/// Configuration of the model.
pub const MODEL_CONFIG: &str = "model.json";
/// Names of the classes or tags, in the order of the logits.
pub const LABELS: &str = "labels.json";
/// Tokenizer, in Hugging Face's format.
pub const TOKENIZER: &str = "tokenizer.json";
const RECIPE: &str = "recipe.toml";
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
            fs::remove_dir_all(path).map_err(io)?;
        } else if path.exists() && holds_something_else(path, B::FILES).map_err(io)? {
            return Err(TrainError::NotARun {
                path: path.to_path_buf(),
            });
        }
        fs::create_dir_all(path).map_err(io)?;
        Ok(Self {
            path: path.to_path_buf(),
            _lock: Some(lock(path)?),
        })
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

    /// Reads the tokenizer, which must not have more tokens than the model has `outputs`.
    pub(crate) fn read_tokenizer(&self, outputs: usize) -> Result<Tokenizer, TrainError> {
        let path = self.path.join(TOKENIZER);
        let text = fs::read_to_string(&path).map_err(|e| TrainError::io(&path, e))?;
        let tokenizer = Tokenizer::from_json(&text, &path)?;
        let tokens = tokenizer.vocab_size();
        if tokens > outputs {
            let reason = format!("{tokens} tokens for a model with a vocabulary of {outputs}");
            return Err(TrainError::corrupt(&path, reason));
        }
        Ok(tokenizer)
    }

    pub(crate) fn write_tokenizer(&self, tokenizer: &Tokenizer) -> Result<(), TrainError> {
        self.write(TOKENIZER, tokenizer.to_json().as_bytes())
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
        let text = fs::read_to_string(&path).map_err(|e| TrainError::io(&path, e))?;
        serde_json::from_str(&text).map_err(|e| TrainError::corrupt(&path, e))
    }
}

/// True if a folder without a recipe holds files other than those of an interrupted start: of the
/// `bundle`, and common to all runs.
fn holds_something_else(path: &Path, bundle: &[&str]) -> std::io::Result<bool> {
    for entry in fs::read_dir(path)? {
        let name = entry?.file_name();
        let mut ours = [LOCK, BASE, BASE_SUM].iter().chain(bundle);
        if !ours.any(|ours| name == *ours) {
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
