use crate::encoder::MissingHead;

/// Why a prediction could not be explained.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExplainError {
    /// A batch size other than 1.
    #[error("expected one text, got {0}")]
    NotOneText(usize),
    /// Text and baseline of different shapes.
    #[error("the text has shape {text:?} and the baseline {baseline:?}; they must be equal")]
    Baseline {
        /// Shape of the text.
        text: Vec<usize>,
        /// Shape of the baseline.
        baseline: Vec<usize>,
    },
    /// A class, position, layer or head out of range.
    #[error("there is no {what} {index}; there are {count}, counted from 0")]
    OutOfRange {
        /// Kind of index.
        what: &'static str,
        /// Index.
        index: usize,
        /// Number of valid indices.
        count: usize,
    },
    /// An invalid setting.
    #[error("{setting}: {reason}")]
    Setting {
        /// The field at fault.
        setting: &'static str,
        /// Problem with its value, and the valid values.
        reason: String,
    },
    /// The model has no head for the output to explain.
    #[error(transparent)]
    MissingHead(#[from] MissingHead),
    /// The backend failed.
    #[error("the device failed: {0}")]
    Device(String),
}

impl ExplainError {
    pub(super) fn require_within(
        what: &'static str,
        index: usize,
        count: usize,
    ) -> Result<(), Self> {
        if index >= count {
            return Err(Self::OutOfRange { what, index, count });
        }
        Ok(())
    }
}
