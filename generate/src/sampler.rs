//! One token out of a row of logits.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// How the next token is chosen. What is asked for is done in this order, which is Hugging Face's: repetition penalty,
/// temperature, `top_k`, `top_p`, `min_p`.
#[derive(Clone, Debug, PartialEq)]
pub struct Sampling {
    /// Divides the logits: below 1 probable tokens become more probable. 0 takes the most probable token, always.
    pub temperature: f64,
    /// Only the so many most probable tokens.
    pub top_k: Option<usize>,
    /// Only the most probable tokens that together have this probability, at least one ("nucleus", Holtzman et al. 2020,
    /// <https://arxiv.org/abs/1904.09751>).
    pub top_p: Option<f64>,
    /// Only tokens at least this fraction as probable as the most probable one (Nguyen et al. 2024,
    /// <https://arxiv.org/abs/2407.01082>).
    pub min_p: Option<f64>,
    /// Divides the positive logits of tokens that have occurred, and multiplies their negative ones (CTRL, Keskar et al.
    /// 2019, <https://arxiv.org/abs/1909.05858>); 1 does nothing.
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

/// A setting out of its range, or logits that allow no choice.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SamplingError {
    /// A setting that makes no sense.
    #[error("{setting} {rule}")]
    Setting {
        /// Which one.
        setting: &'static str,
        /// What it must be, and what it was.
        rule: String,
    },
    /// The model gave no number.
    #[error(
        "the model's logits are {0}: its weights are broken, or it was given a token that it does not know"
    )]
    Logits(&'static str),
}

impl Sampling {
    fn check(&self) -> Result<(), SamplingError> {
        let in_unit = |value: f64| value > 0.0 && value <= 1.0;
        let require = |holds: bool, setting, rule: String| match holds {
            true => Ok(()),
            false => Err(SamplingError::Setting { setting, rule }),
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

/// A chosen token.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Choice {
    /// Its id.
    pub token: u32,
    /// The natural logarithm of the probability that the model gave it, before anything that [`Sampling`] asks for.
    pub log_prob: f64,
}

/// Chooses tokens. The choice is a function of the seed, the number of the sample, the position and the logits: no state
/// is kept, and a text can be continued from anywhere.
#[derive(Clone, Debug, PartialEq)]
pub struct Sampler {
    sampling: Sampling,
    seed: u64,
    sample: u64,
}

impl Sampler {
    /// A sampler for the first sample of `seed`.
    ///
    /// # Errors
    /// A setting out of its range.
    pub fn new(sampling: Sampling, seed: u64) -> Result<Self, SamplingError> {
        sampling.check()?;
        Ok(Self {
            sampling,
            seed,
            sample: 0,
        })
    }

    /// The same for another sample, which is independent of the others.
    #[must_use]
    pub fn for_sample(mut self, sample: u64) -> Self {
        self.sample = sample;
        self
    }

    /// The token at `position`, counted from the end of the prompt. `previous` are all tokens so far.
    ///
    /// # Errors
    /// Logits that are not numbers.
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
                // From the model's own logit, so that a token that occurred twice is not penalised twice.
                *changed = match logit > 0.0 {
                    true => logit / penalty,
                    false => logit * penalty,
                };
            }
        }
        penalized
    }

    /// The tokens that may be chosen with their weights, most probable first; never none.
    fn candidates(&self, mut ranked: Vec<(usize, f32)>) -> Vec<(usize, f64)> {
        if let Some(k) = self.sampling.top_k {
            ranked.truncate(k);
        }
        let largest = f64::from(ranked[0].1);
        let weight = |logit: f32| {
            // Where the largest is infinite, everything below it has no weight.
            let distance = match f64::from(logit) == largest {
                true => 0.0,
                false => f64::from(logit) - largest,
            };
            (distance / self.sampling.temperature).exp()
        };
        let mut candidates: Vec<(usize, f64)> = ranked
            .into_iter()
            .map(|(token, logit)| (token, weight(logit)))
            .collect();
        if let Some(p) = self.sampling.top_p {
            let total: f64 = candidates.iter().map(|c| c.1).sum();
            let mut before = 0.0;
            let kept = candidates.iter().take_while(|(_, weight)| {
                let is_kept = before < p * total;
                before += weight;
                is_kept
            });
            let kept = kept.count().max(1);
            candidates.truncate(kept);
        }
        if let Some(p) = self.sampling.min_p {
            // The most probable one weighs 1.
            candidates.retain(|(_, weight)| *weight >= p);
        }
        candidates
    }

    fn draw(&self, candidates: &[(usize, f64)], position: u64) -> usize {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(self.sample);
        // A block of its own for each position.
        rng.set_word_pos(u128::from(position) * 16);
        // 53 random bits: a number in [0, 1).
        let uniform = (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
        let total: f64 = candidates.iter().map(|c| c.1).sum();
        let mut left = uniform * total;
        for &(token, weight) in candidates {
            if left < weight {
                return token;
            }
            left -= weight;
        }
        // Rounding can leave a little over; it belongs to the most probable token.
        candidates[0].0
    }
}

/// Tokens with their logits, most probable first; of equal ones the lower id, so that the order is the same everywhere.
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
