/// Why there is no explanation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExplainError {
    /// One text is explained at a time.
    #[error("{0} texts are given; one is explained at a time")]
    NotOneText(usize),
    /// The text and what it is compared with differ in shape.
    #[error("the text is of shape {text:?}, and the baseline of {baseline:?}")]
    Baseline {
        /// Of the text.
        text: Vec<usize>,
        /// Of what it is compared with.
        baseline: Vec<usize>,
    },
    /// There is no such class, position, layer or head.
    #[error("there is no {what} {index}; there are {count}, counted from 0")]
    OutOfRange {
        /// What was asked for.
        what: &'static str,
        /// Which one.
        index: usize,
        /// How many there are.
        count: usize,
    },
    /// A setting that makes no sense.
    #[error("{setting}: {reason}")]
    Setting {
        /// The field at fault.
        setting: &'static str,
        /// What is wrong with its value, and what would be right.
        reason: String,
    },
    /// The backend failed in the middle of the work.
    #[error("the device failed: {0}")]
    Device(String),
}

impl ExplainError {
    pub(super) fn require_within(
        what: &'static str,
        index: usize,
        count: usize,
    ) -> Result<(), Self> {
        match index < count {
            true => Ok(()),
            false => Err(Self::OutOfRange { what, index, count }),
        }
    }
}
