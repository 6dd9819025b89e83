//! What can be wrong with weights, always with the file.

use std::path::{Path, PathBuf};

use super::{Mismatch, listed};

/// Weights that could not be read, written, or fitted to the model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// The file could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not whole, or holds no weights that can be read.
    #[error("{}: not a readable weights file: {reason}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What the reader said.
        reason: String,
    },
    /// The file asks for a function that only an attack asks for.
    #[error(
        "{}: this file is not only weights: it makes Python run `{function}` when PyTorch opens it. Nothing was run here; \
         do not open it anywhere else", path.display()
    )]
    RunsCode {
        /// The file.
        path: PathBuf,
        /// The function, as in `posix.system`.
        function: String,
    },
    /// The file holds the weights of another model.
    #[error("{}: the weights do not fit the model: {mismatch}", path.display())]
    Mismatch {
        /// The file.
        path: PathBuf,
        /// What differs.
        mismatch: Mismatch,
    },
    /// Weights that no training leaves behind, unless it diverged.
    #[error("{}: {} are not finite in float32 (NaN or infinite): {}", path.display(), names.len(), listed(names))]
    NotFinite {
        /// The file.
        path: PathBuf,
        /// The tensors.
        names: Vec<String>,
    },
    /// Two tensors cannot have one name.
    #[error("two tensors would be called {0}")]
    SameName(String),
    /// The model's weights could not be turned into bytes.
    #[error("could not encode the weights: {0}")]
    Encode(String),
}

/// Why a file is not read, from the readers that do not know what it is called.
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
