//! Sampling settings: those asked for, those of a model folder, the usual ones.

use tinderbox_generate::Sampling;

use super::open::LoadedLanguageModel;

/// Temperature without any other setting.
const USUAL_TEMPERATURE: f64 = 0.8;

/// Sampling settings that may be left to the model; see [`LoadedLanguageModel::sampling`].
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct SamplingOptions {
    /// Divisor of the logits; 0 is greedy decoding.
    pub temperature: Option<f64>,
    /// Number of most probable tokens to sample from.
    pub top_k: Option<usize>,
    /// Probability of the most probable tokens to sample from.
    pub top_p: Option<f64>,
    /// Probability of a token to sample, as a fraction of the largest.
    pub min_p: Option<f64>,
    /// Penalty of tokens that have occurred; 1 is off.
    pub repetition_penalty: Option<f64>,
}

impl SamplingOptions {
    /// Sets the temperature.
    #[must_use]
    pub fn with_temperature(mut self, temperature: Option<f64>) -> Self {
        self.temperature = temperature;
        self
    }

    /// Sets the number of most probable tokens.
    #[must_use]
    pub fn with_top_k(mut self, top_k: Option<usize>) -> Self {
        self.top_k = top_k;
        self
    }

    /// Sets the probability of the most probable tokens.
    #[must_use]
    pub fn with_top_p(mut self, top_p: Option<f64>) -> Self {
        self.top_p = top_p;
        self
    }

    /// Sets the smallest fraction of the largest probability.
    #[must_use]
    pub fn with_min_p(mut self, min_p: Option<f64>) -> Self {
        self.min_p = min_p;
        self
    }

    /// Sets the penalty of tokens that have occurred.
    #[must_use]
    pub fn with_repetition_penalty(mut self, penalty: Option<f64>) -> Self {
        self.repetition_penalty = penalty;
        self
    }

    /// The settings without a model folder: temperature 0.8, everything else off.
    pub fn usual(&self) -> Sampling {
        Sampling::default()
            .with_temperature(self.temperature.unwrap_or(USUAL_TEMPERATURE))
            .with_top_k(self.top_k)
            .with_top_p(self.top_p)
            .with_min_p(self.min_p)
            .with_repetition_penalty(self.repetition_penalty.unwrap_or(1.0))
    }
}

impl LoadedLanguageModel {
    /// Sampling with the settings of `asked` and, where it has none, those that a model folder
    /// names in `generation_config.json`, as Hugging Face's `generate` reads them: with `do_sample`
    /// all of them, without it only the penalty, and if it is false the most probable token is
    /// taken. What neither names is [usual](SamplingOptions::usual).
    pub fn sampling(&self, asked: &SamplingOptions) -> Sampling {
        let Some(defaults) = &self.defaults else {
            return asked.usual();
        };
        let mut options = asked.clone();
        options.repetition_penalty = options.repetition_penalty.or(defaults.repetition_penalty);
        match defaults.do_sample {
            Some(false) if asked.temperature.is_none() => options.temperature = Some(0.0),
            Some(true) => {
                let temperature = defaults.temperature.unwrap_or(1.0);
                options.temperature = options.temperature.or(Some(temperature));
                // Zero, and a probability of 1, are off.
                options.top_k = options.top_k.or(defaults.top_k.filter(|k| *k > 0));
                options.top_p = options.top_p.or(defaults.top_p.filter(|p| *p < 1.0));
                options.min_p = options.min_p.or(defaults.min_p.filter(|p| *p > 0.0));
            }
            _ => {}
        }
        options.usual()
    }

    /// The settings that [`sampling`](Self::sampling) takes from the model folder, in words; `None`
    /// if there are none.
    pub fn sampling_note(&self, asked: &SamplingOptions) -> Option<String> {
        let (asked, used) = (asked.usual(), self.sampling(asked));
        let number = |value: Option<f64>| value.map_or("off".into(), |value| value.to_string());
        let top_k = |k: Option<usize>| number(k.map(|k| k as f64));
        let settings = [
            (
                "temperature",
                number(Some(asked.temperature)),
                number(Some(used.temperature)),
            ),
            ("top-k", top_k(asked.top_k), top_k(used.top_k)),
            ("top-p", number(asked.top_p), number(used.top_p)),
            ("min-p", number(asked.min_p), number(used.min_p)),
            (
                "repetition penalty",
                number(Some(asked.repetition_penalty)),
                number(Some(used.repetition_penalty)),
            ),
        ];
        let taken = settings
            .into_iter()
            .filter(|(_, asked, used)| asked != used);
        let taken: Vec<String> = taken
            .map(|(name, _, used)| format!("{name} {used}"))
            .collect();
        let path = &self.defaults.as_ref()?.path;
        (!taken.is_empty()).then(|| format!("as {} says: {}", path.display(), taken.join(", ")))
    }
}
