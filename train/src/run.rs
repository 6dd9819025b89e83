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

mod weights;

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tinderbox_data::image::Preprocess;
use tinderbox_data::text::Tokenizer;
use tinderbox_model_cnn::ImageClassifierConfig;
use tinderbox_model_transformer::{Head, TextEncoderConfig};

use crate::TrainError;
use crate::encoder::EncoderModel;
use crate::files::write_atomically;
use crate::language::LanguageModelConfig;
use crate::recipe::{DataRecipe, Recipe};
use crate::trainer::checkpoint::Checkpoints;
pub use weights::{RunWeights, Which};

/// What is written before the recipe.
const OURS: [&str; 8] = [
    ".lock",
    "base.safetensors",
    "base.safetensors.sha256",
    "model.json",
    "labels.json",
    "answers.json",
    "preprocess.json",
    "tokenizer.json",
];

/// Where a run is written and found again.
#[derive(Debug)]
pub struct RunDir {
    path: PathBuf,
    /// Held while training, so that two processes cannot write into one run.
    _lock: Option<File>,
}

/// What a trained classifier needs besides its weights.
#[derive(Clone, Debug)]
pub struct Classifier {
    /// The model's configuration.
    pub config: ImageClassifierConfig,
    /// Class names, in the order of the logits.
    pub labels: Vec<String>,
    /// What is done to an image before the model sees it.
    pub preprocess: Preprocess,
}

/// What a trained language model needs besides its weights.
#[derive(Clone, Debug)]
pub struct TextModel {
    /// The model's configuration.
    pub config: LanguageModelConfig,
    /// What its tokens are.
    pub tokenizer: Tokenizer,
}

/// What a run's model is.
#[derive(Clone, Debug)]
pub enum Description {
    /// An image classifier.
    Classifier(Classifier),
    /// A language model.
    TextModel(TextModel),
    /// An encoder of text.
    Encoder(EncoderModel),
}

/// `answers.json`.
#[derive(Default, Serialize, Deserialize)]
struct Answers {
    can_be_impossible: bool,
}

/// What kind of work a run is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunKind {
    /// Images are put into classes.
    Image,
    /// Text is continued.
    Language,
    /// Text is understood.
    Encoder,
}

impl RunDir {
    /// Makes the directory of a new run. One that holds a run with checkpoints is replaced only if `overwrite` is set.
    ///
    /// # Errors
    /// There is a run already, `path` is a folder of something else, or it cannot be written to.
    pub fn create(path: &Path, overwrite: bool) -> Result<Self, TrainError> {
        let io = |source| TrainError::io(path, source);
        if path.join("recipe.toml").exists() {
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
        } else if path.exists() && holds_something_else(path).map_err(io)? {
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
        if !path.join("recipe.toml").is_file() {
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

    /// `metrics.jsonl`.
    pub fn metrics(&self) -> PathBuf {
        self.path.join("metrics.jsonl")
    }

    /// `curves.svg`.
    pub fn curves(&self) -> PathBuf {
        self.path.join("curves.svg")
    }

    /// `tensorboard/`.
    pub fn tensorboard(&self) -> PathBuf {
        self.path.join("tensorboard")
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
        description: &Description,
    ) -> Result<(), TrainError> {
        match description {
            Description::Classifier(classifier) => {
                self.write_json("model.json", &classifier.config)?;
                self.write_json("labels.json", &classifier.labels)?;
                self.write_json("preprocess.json", &classifier.preprocess)?;
            }
            Description::TextModel(text_model) => {
                self.write_json("model.json", &text_model.config)?;
                self.write("tokenizer.json", text_model.tokenizer.to_json().as_bytes())?;
            }
            Description::Encoder(encoder) => {
                self.write_json("model.json", &encoder.config)?;
                self.write_json("labels.json", &encoder.labels)?;
                if encoder.config.head() == Head::QuestionAnswering {
                    let can_be_impossible = encoder.can_be_impossible;
                    self.write_json("answers.json", &Answers { can_be_impossible })?;
                }
                self.write("tokenizer.json", encoder.tokenizer.to_json().as_bytes())?;
            }
        }
        self.write_recipe(recipe)
    }

    /// Writes `recipe.toml`.
    ///
    /// # Errors
    /// The directory cannot be written to.
    pub fn write_recipe(&self, recipe: &Recipe) -> Result<(), TrainError> {
        self.write("recipe.toml", recipe.to_toml()?.as_bytes())
    }

    /// The recipe as it was resolved, with `sets` put over it.
    ///
    /// # Errors
    /// It is missing, damaged, or a set is wrong.
    pub fn recipe(&self, sets: &[String]) -> Result<Recipe, TrainError> {
        Ok(Recipe::read(&self.path.join("recipe.toml"), sets)?)
    }

    /// What the classifier needs besides its weights.
    ///
    /// # Errors
    /// The run is of another kind; a file is missing or damaged.
    pub fn classifier(&self) -> Result<Classifier, TrainError> {
        self.recipe(&[])?.images()?;
        let classifier = Classifier {
            config: self.read_json("model.json")?,
            labels: self.read_json("labels.json")?,
            preprocess: self.read_json("preprocess.json")?,
        };
        let (labels, classes) = (classifier.labels.len(), classifier.config.num_classes());
        if labels > classes {
            let reason = format!("{labels} labels for a model with {classes} classes");
            return Err(TrainError::corrupt(&self.path.join("labels.json"), reason));
        }
        Ok(classifier)
    }

    /// What the language model needs besides its weights.
    ///
    /// # Errors
    /// As [`classifier`](Self::classifier).
    pub fn text_model(&self) -> Result<TextModel, TrainError> {
        self.recipe(&[])?.text()?;
        let config: LanguageModelConfig = self.read_json("model.json")?;
        Ok(TextModel {
            tokenizer: self.tokenizer(config.vocab_size())?,
            config,
        })
    }

    /// What the encoder needs besides its weights.
    ///
    /// # Errors
    /// As [`classifier`](Self::classifier).
    pub fn encoder(&self) -> Result<EncoderModel, TrainError> {
        self.recipe(&[])?.sequences()?;
        let config: TextEncoderConfig = self.read_json("model.json")?;
        let labels: Vec<String> = self.read_json("labels.json")?;
        if labels.len() > config.num_labels() {
            let (labels, outputs) = (labels.len(), config.num_labels());
            let reason = format!("{labels} labels for a model with {outputs} outputs");
            return Err(TrainError::corrupt(&self.path.join("labels.json"), reason));
        }
        let answers = match config.head() {
            Head::QuestionAnswering => self.read_json("answers.json")?,
            _ => Answers::default(),
        };
        Ok(EncoderModel {
            tokenizer: self.tokenizer(config.vocab_size())?,
            config,
            labels,
            can_be_impossible: answers.can_be_impossible,
        })
    }

    /// The tokenizer, which has no more than the `outputs` tokens that the model knows.
    fn tokenizer(&self, outputs: usize) -> Result<Tokenizer, TrainError> {
        let path = self.path.join("tokenizer.json");
        let text = fs::read_to_string(&path).map_err(|e| TrainError::io(&path, e))?;
        let tokenizer = Tokenizer::from_json(&text, &path)?;
        let tokens = tokenizer.vocab_size();
        if tokens > outputs {
            let reason = format!("{tokens} tokens for a model that knows {outputs}");
            return Err(TrainError::corrupt(&path, reason));
        }
        Ok(tokenizer)
    }

    /// What kind of work the run is of.
    ///
    /// # Errors
    /// The recipe is missing or damaged.
    pub fn kind(&self) -> Result<RunKind, TrainError> {
        Ok(match self.recipe(&[])?.data {
            DataRecipe::Image(_) => RunKind::Image,
            DataRecipe::Text(_) => RunKind::Language,
            DataRecipe::Sequence(_) => RunKind::Encoder,
        })
    }

    fn write_json(&self, name: &str, value: &impl Serialize) -> Result<(), TrainError> {
        let mut text = serde_json::to_string_pretty(value)
            .map_err(|e| TrainError::corrupt(&self.path.join(name), e))?;
        text.push('\n');
        self.write(name, text.as_bytes())
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), TrainError> {
        let path = self.path.join(name);
        write_atomically(&path, bytes).map_err(|e| TrainError::io(&path, e))
    }

    fn read_json<T: DeserializeOwned>(&self, name: &str) -> Result<T, TrainError> {
        let path = self.path.join(name);
        let text = fs::read_to_string(&path).map_err(|e| TrainError::io(&path, e))?;
        serde_json::from_str(&text).map_err(|e| TrainError::corrupt(&path, e))
    }
}

/// Whether a folder without a recipe has files in it that no interrupted start of ours has left.
fn holds_something_else(path: &Path) -> std::io::Result<bool> {
    for entry in fs::read_dir(path)? {
        let name = entry?.file_name();
        if !OURS.iter().any(|ours| name == *ours) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn lock(path: &Path) -> Result<File, TrainError> {
    let file_path = path.join(".lock");
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
