//! Draws one token from the logits of a model.

mod filter;

use derive_setters::Setters;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Sampling strategy. Steps are applied in Hugging Face's order: repetition penalty, temperature,
/// `top_k`, `top_p`, `min_p`. The default samples from the model's own distribution.
#[derive(Clone, Debug, PartialEq, Setters)]
#[setters(prefix = "with_")]
#[non_exhaustive]
pub struct Sampling {
    /// Divisor of the logits: below 1 sharpens the distribution, 0 is greedy decoding.
    pub temperature: f64,
    /// Keeps the k most probable tokens.
    pub top_k: Option<usize>,
    /// Nucleus sampling: keeps the smallest set of most probable tokens that together have this
    /// probability (Holtzman et al. 2020, <https://arxiv.org/abs/1904.09751>).
    pub top_p: Option<f64>,
    /// Keeps tokens with at least this fraction of the probability of the most probable one (Nguyen
    /// et al. 2024, <https://arxiv.org/abs/2407.01082>).
    pub min_p: Option<f64>,
    /// Divides the positive logits of tokens that have occurred and multiplies their negative ones
    /// (CTRL, Keskar et al. 2019, <https://arxiv.org/abs/1909.05858>). 1 turns it off.
    pub repetition_penalty: f64,
}

impl Default for Sampling {
    fn default() -> Self {
        Self {
            temperature: 1.0,
            top_k: None,
            top_p: None,
            min_p: None,
            repetition_penalty: 1.0,
        }
    }
}

/// A sampling setting out of range, or logits that no token can be drawn from.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SamplingError {
    /// A setting out of range.
    #[error("{setting} {rule}")]
    Setting {
        /// Name of the setting.
        setting: &'static str,
        /// Valid range, and the value given.
        rule: String,
    },
    /// Missing logits or NaN.
    #[error(
        "the model's logits are {0}: its weights are broken, or a token id was outside its vocabulary"
    )]
    Logits(&'static str),
}

impl Sampling {
    /// Greedy decoding: always the most probable token.
    pub fn greedy() -> Self {
        Self::default().with_temperature(0.0)
    }

    fn check(&self) -> Result<(), SamplingError> {
        let in_unit = |value: f64| value > 0.0 && value <= 1.0;
        let require = |holds: bool, setting, rule: String| {
            if holds {
                Ok(())
            } else {
                Err(SamplingError::Setting { setting, rule })
            }
        };
        let temperature = self.temperature;
        require(
            temperature >= 0.0 && temperature.is_finite(),
            "temperature",
            format!("must not be negative, got {temperature}"),
        )?;
        require(
            self.top_k != Some(0),
            "top_k",
            "must be at least 1, got 0".into(),
        )?;
        for (setting, value) in [("top_p", self.top_p), ("min_p", self.min_p)] {
            let value = value.unwrap_or(1.0);
            let rule = format!("must be above 0 and at most 1, got {value}");
            require(in_unit(value), setting, rule)?;
        }
        let penalty = self.repetition_penalty;
        require(
            penalty > 0.0 && penalty.is_finite(),
            "repetition_penalty",
            format!("must be above 0, got {penalty}"),
        )
    }
}

/// A sampled token.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Choice {
    /// Token id.
    pub token: u32,
    /// Natural logarithm of the model's probability of the token, before any step of [`Sampling`].
    pub log_prob: f64,
}

/// Draws tokens. A draw is a function of the seed, the sample number, the position and the logits:
/// there is no generator state, and a text can be continued from anywhere.
#[derive(Clone, Debug, PartialEq)]
pub struct Sampler {
    sampling: Sampling,
    seed: u64,
    sample: u64,
}

impl Sampler {
    /// Sampler of the first sample (number 0) of `seed`.
    ///
    /// # Errors
    /// [`SamplingError::Setting`] if a setting is out of range.
    pub fn new(sampling: Sampling, seed: u64) -> Result<Self, SamplingError> {
        sampling.check()?;
        Ok(Self {
            sampling,
            seed,
            sample: 0,
        })
    }

    /// Sampler of another sample, independent of the others.
    #[must_use]
    pub fn for_sample(mut self, sample: u64) -> Self {
        self.sample = sample;
        self
    }

    /// Draws the token at `position`, counted from the end of the prompt. `previous` are all tokens
    /// so far, for the repetition penalty.
    ///
    /// # Errors
    /// [`SamplingError::Logits`] if there are no logits or one is NaN.
    pub fn choose(
        &self,
        logits: &[f32],
        previous: &[u32],
        position: u64,
    ) -> Result<Choice, SamplingError> {
        if logits.is_empty() {
            return Err(SamplingError::Logits("missing"));
        }
        if logits.iter().any(|logit| logit.is_nan()) {
            return Err(SamplingError::Logits("not numbers"));
        }
        let penalized = self.penalized(logits, previous);
        let ranked = ranked(&penalized);
        let token = if self.sampling.temperature == 0.0 {
            ranked[0].0
        } else {
            self.draw(&self.candidates(ranked), position)
        };
        let log_prob = f64::from(logits[token]) - log_sum_exp(logits);
        Ok(Choice {
            token: token as u32,
            log_prob,
        })
    }

    fn penalized(&self, logits: &[f32], previous: &[u32]) -> Vec<f32> {
        let mut penalized = logits.to_vec();
        let penalty = self.sampling.repetition_penalty as f32;
        if penalty == 1.0 {
            return penalized;
        }
        for &token in previous {
            let token = token as usize;
            if let (Some(&logit), Some(changed)) = (logits.get(token), penalized.get_mut(token)) {
                // From the original logit: a token that occurred twice is penalised once.
                *changed = if logit > 0.0 {
                    logit / penalty
                } else {
                    logit * penalty
                };
            }
        }
        penalized
    }

    /// Tokens left after filtering, with unnormalised probabilities, most probable first. Never
    /// empty.
    fn candidates(&self, ranked: Vec<(usize, f32)>) -> Vec<(usize, f64)> {
        let largest = f64::from(ranked[0].1);
        let weight = |logit: f32| {
            // If the largest is infinite, everything below it has weight 0.
            let distance = if f64::from(logit) == largest {
                0.0
            } else {
                f64::from(logit) - largest
            };
            (distance / self.sampling.temperature).exp()
        };
        let kept = filter::kept(&self.sampling, ranked);
        kept.into_iter()
            .map(|(token, logit)| (token, weight(logit)))
            .collect()
    }

    fn draw(&self, candidates: &[(usize, f64)], position: u64) -> usize {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(self.sample);
        // One ChaCha block per position.
        rng.set_word_pos(u128::from(position) * 16);
        // 53 random bits to a number in [0, 1).
        let uniform = (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
        let total: f64 = candidates.iter().map(|c| c.1).sum();
        let mut left = uniform * total;
        for &(token, weight) in candidates {
            if left < weight {
                return token;
            }
            left -= weight;
        }
        // Rounding can leave a remainder; it goes to the most probable token.
        candidates[0].0
    }
}

/// Tokens with their logits, most probable first. Ties go to the lower id (the sort is stable), so
/// the order is the same everywhere.
fn ranked(logits: &[f32]) -> Vec<(usize, f32)> {
    let mut ranked: Vec<(usize, f32)> = logits.iter().copied().enumerate().collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
    ranked
}

fn log_sum_exp(logits: &[f32]) -> f64 {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    if largest.is_infinite() {
        return f64::from(largest);
    }
    let largest = f64::from(largest);
    let sum: f64 = logits.iter().map(|x| (f64::from(*x) - largest).exp()).sum();
    largest + sum.ln()
}

#[cfg(test)]
mod tests;
