/// An invalid option of a model configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("model option `{option}`: {reason}")]
pub struct ConfigError {
    /// Configuration field at fault.
    pub option: &'static str,
    /// Problem with its value, and the valid values.
    pub reason: String,
}

/// Upper limit on layers. A file that asks for more is damaged or hostile, and is refused before
/// anything is allocated.
const MAX_LAYERS: usize = 1000;
/// Upper limit on widths, vocabularies and context lengths, so that a product of a few of them
/// cannot overflow.
const MAX_SIZE: usize = 1 << 24;
/// Upper limit on the channels of a convolution and on image sizes, whose squares are multiplied.
const MAX_CHANNELS: usize = 1 << 16;
/// Upper limit on parameters, a tebibyte of them: more than the largest model of any table has.
const MAX_PARAMETERS: u128 = 1 << 38;

impl ConfigError {
    /// The error of `option`.
    pub fn new(option: &'static str, reason: impl Into<String>) -> Self {
        let reason = reason.into();
        Self { option, reason }
    }

    /// Requires a count (channels, units, layers) of at least 1.
    ///
    /// # Errors
    /// If `value` is 0.
    pub fn require_nonzero(option: &'static str, value: usize) -> Result<(), Self> {
        if value == 0 {
            return Err(Self::new(option, "must be at least 1, got 0"));
        }
        Ok(())
    }

    /// Requires a number of stacked layers: 1 to 1000.
    ///
    /// # Errors
    /// If `value` is out of range.
    pub fn require_layers(option: &'static str, value: usize) -> Result<(), Self> {
        Self::require_within(option, value, MAX_LAYERS)
    }

    /// Requires a size (width, heads, vocabulary, positions): 1 to 2^24.
    ///
    /// # Errors
    /// If `value` is out of range.
    pub fn require_size(option: &'static str, value: usize) -> Result<(), Self> {
        Self::require_within(option, value, MAX_SIZE)
    }

    /// Requires a number of channels, or a height and width in pixels: 1 to 65,536.
    ///
    /// # Errors
    /// If `value` is out of range.
    pub fn require_channels(option: &'static str, value: usize) -> Result<(), Self> {
        Self::require_within(option, value, MAX_CHANNELS)
    }

    /// Requires a number of classes: 0, for a network without a head, to 2^24.
    ///
    /// # Errors
    /// If `value` is out of range.
    pub fn require_classes(option: &'static str, value: usize) -> Result<(), Self> {
        Self::require_within(option, value.max(1), MAX_SIZE)
    }

    /// Requires that the options together make at most 2^38 parameters, so that no size computed
    /// from them wraps around. `option` is the one that counts most.
    ///
    /// # Errors
    /// If there are more; the message has the number of bytes that they would take.
    pub fn require_parameters(option: &'static str, parameters: u128) -> Result<(), Self> {
        if parameters <= MAX_PARAMETERS {
            return Ok(());
        }
        let reason = format!(
            "with the other options it makes {parameters} parameters, which take {} bytes; at most {MAX_PARAMETERS} \
             are possible",
            parameters.saturating_mul(size_of::<f32>() as u128)
        );
        Err(Self::new(option, reason))
    }

    fn require_within(option: &'static str, value: usize, max: usize) -> Result<(), Self> {
        if (1..=max).contains(&value) {
            return Ok(());
        }
        let reason = format!("must be within 1 to {max}, got {value}");
        Err(Self::new(option, reason))
    }

    /// Requires a multiple of another option, given with its name, which must not be 0.
    ///
    /// # Errors
    /// If `value` is not a multiple.
    pub fn require_multiple(
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

    /// Requires a probability in `[0, 1]`.
    ///
    /// # Errors
    /// If `value` is out of range or not a number.
    pub fn require_probability(option: &'static str, value: f64) -> Result<(), Self> {
        if (0.0..=1.0).contains(&value) {
            return Ok(());
        }
        let reason = format!("must be within 0 to 1, got {value}");
        Err(Self::new(option, reason))
    }

    /// Requires a dropout probability in `[0, 1)`: dropping everything would scale it by infinity.
    ///
    /// # Errors
    /// If `value` is out of range or not a number.
    pub fn require_dropout(option: &'static str, value: f64) -> Result<(), Self> {
        if (0.0..1.0).contains(&value) {
            return Ok(());
        }
        let reason = format!("must be at least 0 and less than 1, got {value}");
        Err(Self::new(option, reason))
    }

    /// Requires a finite number above 0, such as an epsilon or a standard deviation.
    ///
    /// # Errors
    /// If `value` is not one.
    pub fn require_positive(option: &'static str, value: f64) -> Result<(), Self> {
        if value > 0.0 && value.is_finite() {
            return Ok(());
        }
        let reason = format!("must be a positive number, got {value}");
        Err(Self::new(option, reason))
    }
}
