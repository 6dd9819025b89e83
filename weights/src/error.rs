//! Errors of reading and writing weights. Each names the file.

use std::path::{Path, PathBuf};

use super::{Mismatch, listed};

/// Weights that could not be read, written, or loaded into the model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// The file could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Error of the operating system.
        source: std::io::Error,
    },
    /// The file is damaged, or not a weights file.
    #[error("{}: not a readable weights file: {reason}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// Reason of the reader.
        reason: String,
    },
    /// The file calls a function that only malicious files call.
    #[error(
        "{}: this file is not only weights: it makes Python run `{function}` when PyTorch opens it. Nothing was run here; \
         do not open it anywhere else", path.display()
    )]
    RunsCode {
        /// The file.
        path: PathBuf,
        /// The function, such as `posix.system`.
        function: String,
    },
    /// The weights are those of another model.
    #[error("{}: the weights do not fit the model: {mismatch}", path.display())]
    Mismatch {
        /// The file.
        path: PathBuf,
        /// Differences between file and model.
        mismatch: Mismatch,
    },
    /// Several networks in the file fit the model.
    #[error(
        "{}: several sets of weights fit: {}; choose one with --weights-key", path.display(), choices.join(", ")
    )]
    Ambiguous {
        /// The file.
        path: PathBuf,
        /// Their dotted keys.
        choices: Vec<String>,
    },
    /// The file has nothing under the key.
    #[error("{}: there are no weights under the key `{key}`{}", path.display(), known(keys))]
    NoKey {
        /// The file.
        path: PathBuf,
        /// The key that was asked for.
        key: String,
        /// Keys with weights.
        keys: Vec<String>,
    },
    /// Weights that are NaN or infinite, as after training that diverged.
    #[error("{}: {} are not finite in float32 (NaN or infinite): {}", path.display(), names.len(), listed(names))]
    NotFinite {
        /// The file.
        path: PathBuf,
        /// Names of the tensors.
        names: Vec<String>,
    },
    /// Two tensors with the same name.
    #[error("two tensors would be called {0}")]
    SameName(String),
    /// The weights could not be encoded.
    #[error("could not encode the weights: {0}")]
    Encode(String),
}

fn known(keys: &[String]) -> String {
    match keys {
        [] => String::new(),
        _ => format!("; there are {}", listed(keys)),
    }
}

/// Error of a reader that does not know the path of its file.
#[derive(Debug)]
pub(super) enum Refusal {
    /// See [`WeightsError::Format`].
    Format(String),
    /// See [`WeightsError::RunsCode`].
    RunsCode(String),
}

impl Refusal {
    pub(super) fn format(reason: impl Into<String>) -> Self {
        Self::Format(reason.into())
    }

    pub(super) fn of(self, path: &Path) -> WeightsError {
        let path = path.to_path_buf();
        match self {
            Self::Format(reason) => WeightsError::Format { path, reason },
            Self::RunsCode(function) => WeightsError::RunsCode { path, function },
        }
    }
}
