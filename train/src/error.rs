use std::path::{Path, PathBuf};

use crate::checkpoint::CheckpointError;
use crate::device::DeviceError;
use crate::recipe::RecipeError;

/// Error that keeps a run from starting or ends it early.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// Invalid recipe.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    /// Unreadable data.
    #[error(transparent)]
    Data(#[from] tinderbox_data::DataError),
    /// Unavailable device.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// A model option is out of range.
    #[error(transparent)]
    Model(#[from] tinderbox_model::ConfigError),
    /// Encoder without the head of the task.
    #[error(transparent)]
    MissingHead(#[from] tinderbox_model_transformer::MissingHead),
    /// Unreadable Hugging Face model folder.
    #[error(transparent)]
    HuggingFace(#[from] tinderbox_model_transformer::huggingface::HuggingFaceError),
    /// A llama2.c checkpoint could not be opened.
    #[error(transparent)]
    Llama2c(#[from] tinderbox_model_transformer::llama2c::Llama2cError),
    /// Weights that cannot be read, written or loaded into the model.
    #[error(transparent)]
    Weights(#[from] tinderbox_weights::WeightsError),
    /// The run or recipe is for another kind of work.
    #[error("{name} is not for {wanted}: its data.source is `{source_name}`")]
    OtherKind {
        /// Run or recipe.
        name: String,
        /// Its `data.source`.
        source_name: String,
        /// Kind of work that was expected.
        wanted: &'static str,
    },
    /// Unknown pretrained weights: neither a file nor a published name.
    #[error(
        "unknown weights `{name}`: neither a file nor a name in `tinderbox models --weights`{}", hint(.nearest)
    )]
    NoWeights {
        /// Requested name.
        name: String,
        /// Most similar name.
        nearest: Option<String>,
    },
    /// Published weights of another model.
    #[error("the weights `{name}` belong to the model {of}, not {model}")]
    OtherWeights {
        /// Published name.
        name: String,
        /// Model of the weights.
        of: String,
        /// Model of the recipe.
        model: String,
    },
    /// An image cannot be explained as asked.
    #[error(transparent)]
    ExplainImage(#[from] tinderbox_model_cnn::explain::ExplainError),
    /// A text cannot be explained as asked.
    #[error(transparent)]
    ExplainText(#[from] tinderbox_model_transformer::explain::ExplainError),
    /// A sampling setting is out of range.
    #[error(transparent)]
    Sampling(#[from] tinderbox_generate::SamplingError),
    /// Tokens that a language model cannot continue.
    #[error(transparent)]
    Predict(#[from] tinderbox_generate::PredictError),
    /// The model or the options do not allow what was asked for.
    #[error("{0}")]
    Usage(String),
    /// A checkpoint was chosen of something that has none.
    #[error("--checkpoint and --live are for runs, and {} is not a run directory", path.display())]
    NoCheckpoints {
        /// A model folder.
        path: PathBuf,
    },
    /// Error of a checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// More memory than there is.
    #[error(
        "{what} would take {bytes} bytes, and there are {available}: smaller numbers in the recipe need less"
    )]
    Memory {
        /// Phrase for what takes it.
        what: String,
        /// Bytes that it would take.
        bytes: u128,
        /// Bytes that this process can have.
        available: u64,
    },
    /// A picture that cannot be drawn or written.
    #[error("cannot write {}: {reason}", path.display())]
    Picture {
        /// Path of the picture.
        path: PathBuf,
        /// Message of the drawing library or the operating system.
        reason: String,
    },
    /// A file that cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// File or folder.
        path: PathBuf,
        /// Error of the operating system.
        source: std::io::Error,
    },
    /// A file of the run directory with unexpected content.
    #[error("{}: {reason}", path.display())]
    Corrupt {
        /// Path of the file.
        path: PathBuf,
        /// Problem of its content.
        reason: String,
    },
    /// The directory already holds a run.
    #[error(
        "{} already holds a run: resume it with --resume, replace it with --overwrite, or choose another folder with \
         --run-dir", path.display()
    )]
    RunExists {
        /// Run directory.
        path: PathBuf,
    },
    /// Another process is writing to the run.
    #[error("{}: another process is training in this folder", path.display())]
    Locked {
        /// Run directory.
        path: PathBuf,
    },
    /// The directory holds no run.
    #[error("{}: no run here ({reason})", path.display())]
    NoRun {
        /// Path that was given as a run directory.
        path: PathBuf,
        /// Reason.
        reason: String,
    },
    /// The directory of a new run holds other files.
    #[error("{}: the folder holds other files and is no run directory (it has no recipe.toml)", path.display())]
    NotARun {
        /// Directory.
        path: PathBuf,
    },
    /// Infinite or NaN loss.
    #[error(
        "the loss is {loss} at step {step} (epoch {epoch}): {last_good}; a lower learning rate, a warm-up or \
         `train.clip_norm` usually helps"
    )]
    NotFinite {
        /// Value of the loss.
        loss: f64,
        /// Current optimizer step.
        step: u64,
        /// Current epoch, counted from 1.
        epoch: u64,
        /// Newest intact checkpoint, in a phrase.
        last_good: String,
    },
    /// Infinite or NaN weights.
    #[error(
        "weights are no longer finite after step {step}, so no checkpoint of it is written: {last_good}; a lower learning \
         rate, a warm-up or `train.clip_norm` usually helps"
    )]
    WeightsNotFinite {
        /// Optimizer step after which they are.
        step: u64,
        /// Newest intact checkpoint, in a phrase.
        last_good: String,
    },
    /// The data and the model do not fit each other.
    #[error("the data do not fit the model: {0}")]
    Mismatch(String),
    /// Failure of the device while running.
    #[error("the device failed: {0}")]
    Execution(String),
}

fn hint(nearest: &Option<String>) -> String {
    match nearest {
        Some(name) => format!("; did you mean `{name}`?"),
        None => String::new(),
    }
}

impl TrainError {
    /// I/O error at `path`.
    pub fn io(path: &Path, source: std::io::Error) -> Self {
        Self::Io {
            path: path.to_path_buf(),
            source,
        }
    }

    /// Error for a folder without a model, which names what was found.
    pub fn no_model(path: &Path) -> Self {
        const LISTED: usize = 5;
        let entries = std::fs::read_dir(path).into_iter().flatten();
        let names = entries.filter_map(|entry| Some(entry.ok()?.file_name()));
        let mut names: Vec<String> = names.map(|n| n.to_string_lossy().into_owned()).collect();
        names.sort();
        let more = if names.len() > LISTED { ", ..." } else { "" };
        let mut reason = "it has neither recipe.toml nor config.json".to_string();
        if names.iter().any(|name| name == "adapter_config.json") {
            reason +=
                "; adapter_config.json is of PEFT's adapters alone, which need their base model";
        }
        reason += &match names.as_slice() {
            [] => "; the folder is empty".to_string(),
            _ => format!(
                "; it has {}{more}",
                names[..names.len().min(LISTED)].join(", ")
            ),
        };
        Self::NoRun {
            path: path.to_path_buf(),
            reason,
        }
    }

    /// Error of drawing or writing the picture at `path`.
    pub fn picture(path: &Path, reason: impl std::fmt::Display) -> Self {
        Self::Picture {
            path: path.to_path_buf(),
            reason: reason.to_string(),
        }
    }

    /// Unexpected content of the file at `path`.
    pub fn corrupt(path: &Path, reason: impl std::fmt::Display) -> Self {
        Self::Corrupt {
            path: path.to_path_buf(),
            reason: reason.to_string(),
        }
    }
}
