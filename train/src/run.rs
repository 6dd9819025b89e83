//! The run directory: the contract between verbs.
//!
//! ```text
//! runs/<name>/
//!   recipe.toml      the recipe as it was resolved, every key written out
//!   model.json       the model's configuration
//!   labels.json      of a classifier: class names, in the order of the logits; of words, their tags
//!   answers.json     of a model that answers questions: whether some have no answer
//!   preprocess.json  of an image model: what is done to an image before the model sees it
//!   tokenizer.json   of a model of text: Hugging Face's format
//!   base.safetensors of a run with adapters: the weights that do not learn, with their checksum beside
//!   metrics.jsonl    one JSON object a line: training and validation records
//!   curves.svg       the same as a picture
//!   tensorboard/     the same for TensorBoard
//!   checkpoints/     see `trainer::checkpoint`
//! ```

mod checkpoint_weights;

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use tinderbox_data::text::Tokenizer;

use crate::TrainError;
use crate::checkpoint::Checkpoints;
use crate::files::write_atomically;
use crate::params::adapters::{BASE, BASE_SUM};
use crate::recipe::Recipe;
use crate::report::ReportFiles;
pub use checkpoint_weights::{RunWeights, Which};

/// Configuration of the model.
pub const MODEL_CONFIG: &str = "model.json";
/// Names of the classes or tags, in the order of the logits.
pub const LABELS: &str = "labels.json";
/// Tokenizer, in Hugging Face's format.
pub const TOKENIZER: &str = "tokenizer.json";
const RECIPE: &str = "recipe.toml";
const LOCK: &str = ".lock";

/// Where a run is written and found again.
#[derive(Debug)]
pub struct RunDir {
    path: PathBuf,
    /// Held while training, so that two processes cannot write into one run.
    _lock: Option<File>,
}

/// Files of a run beside its weights, which say what the model is.
pub trait Bundle: Sized {
    /// Names of all files that [`write`](Self::write) may write.
    const FILES: &'static [&'static str];

    /// Writes them.
    ///
    /// # Errors
    /// The directory cannot be written to.
    fn write(&self, run: &RunDir) -> Result<(), TrainError>;

    /// Reads them.
    ///
    /// # Errors
    /// The run is of another kind; a file is missing or damaged.
    fn read(run: &RunDir) -> Result<Self, TrainError>;
}

impl RunDir {
    /// Makes the directory of a new run. One that holds a run with checkpoints is replaced only if `overwrite` is set.
    ///
    /// # Errors
    /// There is a run already, `path` is a folder of something else, or it cannot be written to.
    pub fn create<B: Bundle>(path: &Path, overwrite: bool) -> Result<Self, TrainError> {
        let io = |source| TrainError::io(path, source);
        if path.join(RECIPE).exists() {
            // Without a checkpoint there is nothing to lose: it ended before it got anywhere.
            let checkpoints = Checkpoints::new(path.join("checkpoints"));
            if !overwrite && !checkpoints.steps()?.is_empty() {
                return Err(TrainError::RunExists {
                    path: path.to_path_buf(),
                });
            }
            // The lock is taken first: a run that is being written is not replaced.
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

    /// The directory of a run that is to be continued.
    ///
    /// # Errors
    /// There is no run, or another process is writing it.
    pub fn resume(path: &Path) -> Result<Self, TrainError> {
        let mut run = Self::open(path)?;
        run._lock = Some(lock(path)?);
        Ok(run)
    }

    /// The directory of a run that is only read.
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

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the run is recorded.
    pub fn report_files(&self) -> ReportFiles {
        ReportFiles {
            metrics: self.path.join("metrics.jsonl"),
            curves: self.path.join("curves.svg"),
            tensorboard: self.path.join("tensorboard"),
        }
    }

    /// The run's checkpoints.
    pub fn checkpoints(&self) -> Checkpoints {
        Checkpoints::new(self.path.join("checkpoints"))
    }

    /// Writes what the run is. The recipe comes last: with it the directory is a run.
    ///
    /// # Errors
    /// The directory cannot be written to.
    pub fn write_description(
        &self,
        recipe: &Recipe,
        bundle: &impl Bundle,
    ) -> Result<(), TrainError> {
        bundle.write(self)?;
        self.write_recipe(recipe)
    }

    /// Writes `recipe.toml`.
    ///
    /// # Errors
    /// The directory cannot be written to.
    pub fn write_recipe(&self, recipe: &Recipe) -> Result<(), TrainError> {
        self.write(RECIPE, recipe.to_toml()?.as_bytes())
    }

    /// The recipe as it was resolved, with `sets` put over it.
    ///
    /// # Errors
    /// It is missing, damaged, or a set is wrong.
    pub fn recipe(&self, sets: &[String]) -> Result<Recipe, TrainError> {
        Ok(Recipe::read(&self.path.join(RECIPE), sets)?)
    }

    /// The tokenizer, which has no more than the `outputs` tokens that the model knows.
    pub(crate) fn read_tokenizer(&self, outputs: usize) -> Result<Tokenizer, TrainError> {
        let path = self.path.join(TOKENIZER);
        let text = fs::read_to_string(&path).map_err(|e| TrainError::io(&path, e))?;
        let tokenizer = Tokenizer::from_json(&text, &path)?;
        let tokens = tokenizer.vocab_size();
        if tokens > outputs {
            let reason = format!("{tokens} tokens for a model that knows {outputs}");
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

/// True if a folder without a recipe holds files that no interrupted start of a run left behind: those of its `bundle`, and
/// what every run has.
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
        // Some network file systems know no locks; training there is still possible, unguarded.
        Err(TryLockError::Error(_)) => Ok(file),
    }
}
