//! The splits of a data set.

use crate::error::DataError;
use serde::{Deserialize, Serialize};

/// A split of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// Training data.
    Train,
    /// Data for evaluation during training.
    Validation,
    /// Data for the final evaluation.
    Test,
}

impl Split {
    /// All splits.
    pub const ALL: [Self; 3] = [Self::Train, Self::Validation, Self::Test];

    /// `train`, `validation` or `test`, as in file names and recipes.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }

    /// Error for a split that `data_set` does not have.
    pub(crate) fn missing(self, data_set: &str) -> DataError {
        let reason = format!("{data_set} has no {} split", self.name());
        DataError::config("split", reason)
    }
}
