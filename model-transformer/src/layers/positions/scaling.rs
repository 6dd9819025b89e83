//! Frequencies of RoPE for contexts longer than in pretraining.

use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::{Map, Value};

use crate::ConfigError;

/// Scaling of the RoPE frequencies, with Hugging Face's names: `rope_type` and the entries of
/// `rope_parameters`, `rope_scaling` in older configurations.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(tag = "rope_type", rename_all = "snake_case")]
pub enum RopeScaling {
    /// All frequencies are divided by a factor (position interpolation, Chen et al. 2023,
    /// <https://arxiv.org/abs/2306.15595>).
    Linear {
        /// The divisor.
        factor: f64,
    },
    /// Beyond the context length of pretraining, the base grows with the length of the text
    /// ("NTK-aware" interpolation).
    Dynamic {
        /// Growth of the base.
        factor: f64,
    },
    /// YaRN.
    Yarn(YarnScaling),
    /// Llama 3.1.
    Llama3(Llama3Scaling),
}

/// YaRN: low frequencies are divided by a factor, high ones are unchanged, and queries and keys
/// grow. Peng et al. 2023, <https://arxiv.org/abs/2309.00071>.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct YarnScaling {
    /// Divisor of the low frequencies. By default the context length over that of pretraining.
    #[serde(default)]
    pub factor: Option<f64>,
    /// Context length of pretraining, in tokens.
    pub original_max_position_embeddings: usize,
    /// Factor of cosine and sine. By default it follows from `factor`.
    #[serde(default)]
    pub attention_factor: Option<f64>,
    /// Number of turns in the context of pretraining from which on a frequency is unchanged.
    #[serde(default = "beta_fast")]
    pub beta_fast: f64,
    /// Number of turns up to which a frequency is divided.
    #[serde(default = "beta_slow")]
    pub beta_slow: f64,
    /// Numerator of the default `attention_factor`, together with `mscale_all_dim`.
    #[serde(default)]
    pub mscale: Option<f64>,
    /// Denominator of the default `attention_factor`.
    #[serde(default)]
    pub mscale_all_dim: Option<f64>,
    /// Rounds the bounds between low and high frequencies to whole pairs.
    #[serde(default = "truncate")]
    pub truncate: bool,
}

fn beta_fast() -> f64 {
    32.0
}

fn beta_slow() -> f64 {
    1.0
}

fn truncate() -> bool {
    true
}

/// RoPE scaling of Llama 3.1: low frequencies are divided by a factor.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Llama3Scaling {
    /// Divisor of the low frequencies.
    pub factor: f64,
    /// Frequencies with a wavelength above `original_max_position_embeddings / low_freq_factor` are
    /// low.
    pub low_freq_factor: f64,
    /// Frequencies with a wavelength below `original_max_position_embeddings / high_freq_factor`
    /// are unchanged.
    pub high_freq_factor: f64,
    /// Context length of pretraining, in tokens.
    pub original_max_position_embeddings: usize,
}

/// Without a `rope_type` it is Llama 3.1's, the only one that earlier versions recorded.
impl<'de> Deserialize<'de> for RopeScaling {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Factor {
            factor: f64,
        }
        let mut fields = Map::<String, Value>::deserialize(deserializer)?;
        let kind = fields.remove("rope_type");
        let kind = kind.as_ref().map_or(Some("llama3"), Value::as_str);
        let fields = Value::Object(fields);
        let factor = |fields| serde_json::from_value(fields).map(|Factor { factor }| factor);
        let scaling = match kind {
            Some("linear") => factor(fields).map(|factor| Self::Linear { factor }),
            Some("dynamic") => factor(fields).map(|factor| Self::Dynamic { factor }),
            Some("yarn") => serde_json::from_value(fields).map(Self::Yarn),
            Some("llama3") => serde_json::from_value(fields).map(Self::Llama3),
            _ => {
                return Err(de::Error::custom(
                    "rope_type must be linear, dynamic, yarn or llama3",
                ));
            }
        };
        scaling.map_err(de::Error::custom)
    }
}

/// Sizes that the frequencies depend on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RopeSizes {
    pub(crate) head_dim: usize,
    pub(crate) theta: f64,
    /// Context length without scaling.
    pub(crate) max_positions: usize,
}

impl RopeSizes {
    /// Frequency of pair `i` with the base `theta`.
    fn frequency(&self, theta: f64, i: usize) -> f64 {
        theta.powf(-2.0 * i as f64 / self.head_dim as f64)
    }
}

impl RopeScaling {
    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        match self {
            Self::Linear { factor } => ConfigError::require_positive(FACTOR, *factor),
            Self::Dynamic { factor } if *factor < 1.0 => {
                let reason = format!("must be at least 1, got {factor}");
                Err(ConfigError::new(FACTOR, reason))
            }
            Self::Dynamic { factor } => ConfigError::require_positive(FACTOR, *factor),
            Self::Yarn(yarn) => yarn.validate(),
            Self::Llama3(llama3) => llama3.validate(),
        }
    }

    /// Frequencies of all pairs for a text of `length` tokens.
    pub(crate) fn frequencies(scaling: Option<&Self>, sizes: RopeSizes, length: usize) -> Vec<f64> {
        let plain = |i| sizes.frequency(sizes.theta, i);
        let pairs = 0..sizes.head_dim / 2;
        match scaling {
            None => pairs.map(plain).collect(),
            Some(Self::Linear { factor }) => pairs.map(|i| plain(i) / factor).collect(),
            Some(Self::Dynamic { factor }) => {
                let theta = dynamic_theta(*factor, sizes, length);
                pairs.map(|i| sizes.frequency(theta, i)).collect()
            }
            Some(Self::Yarn(yarn)) => {
                let unchanged = yarn.unchanged(sizes);
                let scale = |i| {
                    let (frequency, unchanged): (f64, f64) = (plain(i), unchanged(i));
                    (1.0 - unchanged) * frequency / yarn.factor(sizes) + unchanged * frequency
                };
                pairs.map(scale).collect()
            }
            Some(Self::Llama3(llama3)) => pairs.map(|i| llama3.apply(plain(i))).collect(),
        }
    }

    /// Factor of cosine and sine.
    pub(crate) fn attention_factor(&self, sizes: RopeSizes) -> f64 {
        match self {
            Self::Yarn(yarn) => yarn.attention_factor(sizes),
            _ => 1.0,
        }
    }

    /// True if the frequencies depend on the length of the text.
    pub(crate) fn is_dynamic(&self) -> bool {
        matches!(self, Self::Dynamic { .. })
    }
}

const FACTOR: &str = "rope_scaling.factor";

/// Base for a text of `length` tokens, which grows beyond the context of pretraining.
fn dynamic_theta(factor: f64, sizes: RopeSizes, length: usize) -> f64 {
    let (width, context) = (sizes.head_dim as f64, sizes.max_positions as f64);
    let length = (length as f64).max(context);
    let growth = factor * length / context - (factor - 1.0);
    // A single pair has frequency 1 with any base.
    if sizes.head_dim <= 2 {
        return sizes.theta;
    }
    sizes.theta * growth.powf(width / (width - 2.0))
}

impl YarnScaling {
    fn validate(&self) -> Result<(), ConfigError> {
        let context = self.original_max_position_embeddings;
        ConfigError::require_size("rope_scaling.original_max_position_embeddings", context)?;
        for (name, value) in [
            (FACTOR, self.factor),
            ("rope_scaling.attention_factor", self.attention_factor),
            ("rope_scaling.beta_fast", Some(self.beta_fast)),
            ("rope_scaling.beta_slow", Some(self.beta_slow)),
        ] {
            ConfigError::require_positive(name, value.unwrap_or(1.0))?;
        }
        for (name, value) in [
            ("rope_scaling.mscale", self.mscale),
            ("rope_scaling.mscale_all_dim", self.mscale_all_dim),
        ] {
            let value = value.unwrap_or(0.0);
            if !value.is_finite() || value < 0.0 {
                let reason = format!("must not be negative, got {value}");
                return Err(ConfigError::new(name, reason));
            }
        }
        Ok(())
    }

    fn factor(&self, sizes: RopeSizes) -> f64 {
        let default = sizes.max_positions as f64 / self.original_max_position_embeddings as f64;
        self.factor.unwrap_or(default)
    }

    fn attention_factor(&self, sizes: RopeSizes) -> f64 {
        let factor = self.factor(sizes);
        let scale = |mscale: f64| match factor {
            ..=1.0 => 1.0,
            _ => 0.1 * mscale * factor.ln() + 1.0,
        };
        let default = match (self.mscale, self.mscale_all_dim) {
            (Some(above), Some(below)) if above != 0.0 && below != 0.0 => {
                scale(above) / scale(below)
            }
            _ => scale(1.0),
        };
        self.attention_factor.unwrap_or(default)
    }

    /// Share of pair `i` that keeps its frequency: 1 for high frequencies, 0 for low ones, a ramp
    /// between.
    fn unchanged(&self, sizes: RopeSizes) -> impl Fn(usize) -> f64 {
        let width = sizes.head_dim as f64;
        let context = self.original_max_position_embeddings as f64;
        // Pair that makes this number of turns in the context of pretraining.
        let pair = |turns: f64| {
            width * (context / (turns * std::f64::consts::TAU)).ln() / (2.0 * sizes.theta.ln())
        };
        let (mut low, mut high) = (pair(self.beta_fast), pair(self.beta_slow));
        if self.truncate {
            (low, high) = (low.floor(), high.ceil());
        }
        let (low, mut high) = (low.max(0.0), high.min(width - 1.0));
        if low == high {
            high += 0.001;
        }
        move |i| 1.0 - ((i as f64 - low) / (high - low)).clamp(0.0, 1.0)
    }
}

impl Llama3Scaling {
    fn validate(&self) -> Result<(), ConfigError> {
        ConfigError::require_positive(FACTOR, self.factor)?;
        ConfigError::require_positive("rope_scaling.low_freq_factor", self.low_freq_factor)?;
        ConfigError::require_positive("rope_scaling.high_freq_factor", self.high_freq_factor)?;
        let context = self.original_max_position_embeddings;
        ConfigError::require_size("rope_scaling.original_max_position_embeddings", context)?;
        let (low, high) = (self.low_freq_factor, self.high_freq_factor);
        if high <= low {
            let reason = format!("must be above `low_freq_factor`, {low}, got {high}");
            return Err(ConfigError::new("rope_scaling.high_freq_factor", reason));
        }
        Ok(())
    }

    /// Hugging Face's rule: low frequencies scaled, high ones unchanged, interpolation between.
    fn apply(&self, frequency: f64) -> f64 {
        let wavelength = 2.0 * std::f64::consts::PI / frequency;
        let turns = self.original_max_position_embeddings as f64 / wavelength;
        let range = self.high_freq_factor - self.low_freq_factor;
        let unscaled = ((turns - self.low_freq_factor) / range).clamp(0.0, 1.0);
        (1.0 - unscaled) * frequency / self.factor + unscaled * frequency
    }
}
