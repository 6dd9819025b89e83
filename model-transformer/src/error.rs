/// An invalid option of a model configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("model option `{option}`: {reason}")]
pub struct ConfigError {
    /// The configuration field at fault.
    pub option: &'static str,
    /// What is wrong with its value, and what would be right.
    pub reason: String,
}

/// No network is deeper. A file that asks for more is damaged or hostile, and is refused before anything is built.
const MAX_LAYERS: usize = 1000;
/// Likewise for widths, vocabularies and contexts, so that no product of a few of them overflows.
const MAX_SIZE: usize = 1 << 24;

impl ConfigError {
    pub(crate) fn new(option: &'static str, reason: impl Into<String>) -> Self {
        let reason = reason.into();
        Self { option, reason }
    }

    /// Number of layers, one after the other.
    pub(crate) fn require_layers(option: &'static str, value: usize) -> Result<(), Self> {
        Self::require_within(option, value, MAX_LAYERS)
    }

    /// A width, a number of heads, of words, of positions.
    pub(crate) fn require_size(option: &'static str, value: usize) -> Result<(), Self> {
        Self::require_within(option, value, MAX_SIZE)
    }

    fn require_within(option: &'static str, value: usize, most: usize) -> Result<(), Self> {
        if (1..=most).contains(&value) {
            return Ok(());
        }
        let reason = format!("must be within 1 to {most}, got {value}");
        Err(Self::new(option, reason))
    }

    /// Heads share the width evenly, and so on. The divisor comes with its name and is not zero.
    pub(crate) fn require_multiple(
        option: &'static str,
        value: usize,
        (divisor_name, divisor): (&'static str, usize),
    ) -> Result<(), Self> {
        if value.is_multiple_of(divisor) {
            return Ok(());
        }
        let reason = format!("must be a multiple of `{divisor_name}`, {divisor}, got {value}");
        Err(Self::new(option, reason))
    }

    /// Dropout takes a probability, and something must be left.
    pub(crate) fn require_dropout(option: &'static str, value: f64) -> Result<(), Self> {
        if (0.0..1.0).contains(&value) {
            return Ok(());
        }
        let reason = format!("must be at least 0 and less than 1, got {value}");
        Err(Self::new(option, reason))
    }

    /// What is divided by, or drawn from.
    pub(crate) fn require_positive(option: &'static str, value: f64) -> Result<(), Self> {
        if value > 0.0 && value.is_finite() {
            return Ok(());
        }
        let reason = format!("must be a positive number, got {value}");
        Err(Self::new(option, reason))
    }
}
