use std::path::{Path, PathBuf};

use crate::checkpoint::CheckpointError;
use crate::device::DeviceError;
use crate::recipe::RecipeError;

/// Anything that ends a run early, or keeps it from starting.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The recipe is not one.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    /// The data could not be read.
    #[error(transparent)]
    Data(#[from] tinderbox_data::DataError),
    /// The backend is not there.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// A model option is out of range.
    #[error(transparent)]
    Model(#[from] tinderbox_model::ConfigError),
    /// The encoder has no head for the task.
    #[error(transparent)]
    MissingHead(#[from] tinderbox_model_transformer::MissingHead),
    /// A Hugging Face model folder could not be opened.
    #[error(transparent)]
    HuggingFace(#[from] tinderbox_model_transformer::huggingface::HuggingFaceError),
    /// Weights could not be read, written or fitted.
    #[error(transparent)]
    Weights(#[from] tinderbox_weights::WeightsError),
    /// The run or recipe is for another kind of work.
    #[error("this is for {wanted}, and {name} is for {found}")]
    OtherKind {
        /// Run or recipe.
        name: String,
        /// What it is for.
        found: &'static str,
        /// What it would have to be for.
        wanted: &'static str,
    },
    /// Neither a file nor a name of the table.
    #[error(
        "there are no weights `{name}`: there is no such file, and no such name in `tinderbox models --weights`{}", hint(.nearest)
    )]
    NoWeights {
        /// What was asked for.
        name: String,
        /// The most similar name.
        nearest: Option<String>,
    },
    /// Weights from the table that belong to another model.
    #[error("the weights `{name}` are those of the model {of}, not of {model}")]
    OtherWeights {
        /// The name in the table.
        name: String,
        /// The model they belong to.
        of: String,
        /// The model they were asked for.
        model: String,
    },
    /// A checkpoint could not be written, found or trusted.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A picture could not be written.
    #[error("cannot write {}: {reason}", path.display())]
    Picture {
        /// The picture.
        path: PathBuf,
        /// What the drawing library or the system reported.
        reason: String,
    },
    /// A file of the run could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file of the run directory does not hold what it should.
    #[error("{}: {reason}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// There is a run here already.
    #[error(
        "{} already holds a run: continue it with --resume, replace it with --overwrite, or choose another folder with \
         --run-dir", path.display()
    )]
    RunExists {
        /// The run directory.
        path: PathBuf,
    },
    /// Two processes must not write into one run.
    #[error("{}: another process is training in this folder", path.display())]
    Locked {
        /// The run directory.
        path: PathBuf,
    },
    /// There is no run here.
    #[error("{}: no run here ({reason})", path.display())]
    NoRun {
        /// What was taken for a run directory.
        path: PathBuf,
        /// What is missing.
        reason: String,
    },
    /// The folder for the run is not empty and holds something else.
    #[error("{}: the folder holds other files and is no run directory (it has no recipe.toml)", path.display())]
    NotARun {
        /// The folder.
        path: PathBuf,
    },
    /// The loss is infinite or not a number.
    #[error(
        "the loss is {loss} at step {step} (epoch {epoch}): {last_good}; a lower learning rate, a warm-up or \
         `train.clip_norm` usually helps"
    )]
    NotFinite {
        /// The loss.
        loss: f64,
        /// The optimizer step that was being taken.
        step: u64,
        /// Its epoch, counted from 1.
        epoch: u64,
        /// Where to go back to.
        last_good: String,
    },
    /// A weight is infinite or not a number.
    #[error(
        "weights are no longer finite after step {step}, so no checkpoint of it is written: {last_good}; a lower learning \
         rate, a warm-up or `train.clip_norm` usually helps"
    )]
    WeightsNotFinite {
        /// The optimizer step that made them so.
        step: u64,
        /// Where to go back to.
        last_good: String,
    },
    /// The data do not fit the model.
    #[error("the data do not fit the model: {0}")]
    Mismatch(String),
    /// The backend failed in the middle of the work.
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
    /// An I/O error with the path it happened at.
    pub fn io(path: &Path, source: std::io::Error) -> Self {
        Self::Io {
            path: path.to_path_buf(),
            source,
        }
    }

    /// A picture that could not be drawn or written.
    pub fn picture(path: &Path, reason: impl std::fmt::Display) -> Self {
        Self::Picture {
            path: path.to_path_buf(),
            reason: reason.to_string(),
        }
    }

    /// A file that does not hold what it should.
    pub fn corrupt(path: &Path, reason: impl std::fmt::Display) -> Self {
        Self::Corrupt {
            path: path.to_path_buf(),
            reason: reason.to_string(),
        }
    }
}
