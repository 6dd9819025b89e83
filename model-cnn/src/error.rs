/// A model configuration that describes no network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("model option `{option}`: {reason}")]
pub struct ConfigError {
    /// The configuration field at fault.
    pub option: &'static str,
    /// What is wrong with its value, and what would be right.
    pub reason: String,
}

impl ConfigError {
    pub(crate) fn new(option: &'static str, reason: impl Into<String>) -> Self {
        let reason = reason.into();
        Self { option, reason }
    }

    /// Every count in a configuration (channels, classes, features) must be positive.
    pub(crate) fn require_positive(option: &'static str, value: usize) -> Result<(), Self> {
        if value == 0 {
            return Err(Self::new(option, "must be at least 1, got 0"));
        }
        Ok(())
    }

    /// Dropout and its relatives take a probability.
    pub(crate) fn require_probability(option: &'static str, value: f64) -> Result<(), Self> {
        if (0.0..=1.0).contains(&value) {
            return Ok(());
        }
        Err(Self::new(
            option,
            format!("must be within 0 to 1, got {value}"),
        ))
    }
}
