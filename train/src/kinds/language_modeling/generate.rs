//! Text generation.

use std::ops::ControlFlow;

use serde::Serialize;
use tinderbox_data::text::chat::Conversation;
use tinderbox_generate::{Choice, GenerateError, PredictError, Sampler, Sampling, generate};

use super::open::LoadedLanguageModel;
use super::predictor::Predictor;
use super::stop::StopText;
use crate::TrainError;

/// Settings of [`LoadedLanguageModel::generate`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct GenerateOptions {
    /// Maximum number of tokens. Default: 200.
    pub max_tokens: usize,
    /// Temperature, top-k and so on. Default: temperature 0.8, everything else off.
    pub sampling: Sampling,
    /// Seed of the sampling. Default: 42.
    pub seed: u64,
    /// Number of the text among those of a seed, each of which draws its own random numbers.
    /// Default: 0.
    pub sample: u64,
    /// Strings before which the text ends.
    pub stop: Vec<String>,
}

impl Default for GenerateOptions {
    fn default() -> Self {
        Self {
            max_tokens: 200,
            sampling: Sampling::default().with_temperature(0.8),
            seed: 42,
            sample: 0,
            stop: Vec::new(),
        }
    }
}

impl GenerateOptions {
    /// Sets the maximum number of tokens.
    #[must_use]
    pub fn with_max_tokens(mut self, max_tokens: usize) -> Self {
        self.max_tokens = max_tokens;
        self
    }

    /// Sets temperature, top-k and so on.
    #[must_use]
    pub fn with_sampling(mut self, sampling: Sampling) -> Self {
        self.sampling = sampling;
        self
    }

    /// Sets the seed of the sampling.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets the number of the text among those of a seed.
    #[must_use]
    pub fn with_sample(mut self, sample: u64) -> Self {
        self.sample = sample;
        self
    }

    /// Sets the strings before which the text ends. Empty strings are ignored.
    #[must_use]
    pub fn with_stop(mut self, stop: Vec<String>) -> Self {
        self.stop = stop;
        self
    }
}

/// Continuation of a prompt.
#[derive(Clone, Debug, PartialEq)]
pub struct Generated {
    /// Text after the prompt.
    pub text: String,
    /// Why the text ended.
    pub finish_reason: FinishReason,
    /// Generated tokens, the one that ended the text included.
    pub tokens: Vec<GeneratedToken>,
}

/// Why a generated text ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// The maximum number of tokens was reached.
    Length,
    /// The model ended the text.
    EndOfText,
    /// A stop string occurred.
    Stop,
    /// The callback asked for it.
    Cancelled,
}

/// Generated token.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GeneratedToken {
    /// Id in the vocabulary.
    pub id: u32,
    /// The token's text; `None` if the tokenizer does not know the id.
    pub text: Option<String>,
    /// Natural logarithm of the model's probability, before sampling settings.
    pub log_prob: f64,
}

impl LoadedLanguageModel {
    /// Continues `prompt`; an empty one begins a text. The result is a function of model, prompt
    /// and options.
    ///
    /// # Errors
    /// An option is out of range, the prompt is longer than the model's context, it is empty and
    /// the model has no token to begin with, or the device failed.
    pub fn generate(
        &self,
        prompt: &str,
        options: &GenerateOptions,
    ) -> Result<Generated, TrainError> {
        self.generate_with(prompt, options, &mut |_| ControlFlow::Continue(()))
    }

    /// As [`generate`](Self::generate); calls `show` with each piece of text as soon as it is
    /// certain, and ends when that breaks.
    ///
    /// ```no_run
    /// use std::ops::ControlFlow;
    ///
    /// use burn::tensor::Device;
    /// use tinderbox_train::kinds::language_modeling::{self, GenerateOptions};
    ///
    /// let model = language_modeling::open("path/to/gpt2", &Device::flex())?;
    /// let options = GenerateOptions::default().with_stop(vec!["\n".into()]);
    /// model.generate_with("Once upon a time", &options, &mut |piece| {
    ///     print!("{piece}");
    ///     ControlFlow::Continue(())
    /// })?;
    /// # Ok::<(), tinderbox_train::TrainError>(())
    /// ```
    ///
    /// # Errors
    /// As [`generate`](Self::generate).
    pub fn generate_with(
        &self,
        prompt: &str,
        options: &GenerateOptions,
        show: &mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> Result<Generated, TrainError> {
        let ids = self.prompt_tokens(prompt)?;
        self.continue_with(&ids, options, show)
    }

    /// Answers a conversation, as [`generate_with`](Self::generate_with). The prompt is what the
    /// chat template of the model's folder makes of it
    /// ([`Tokenizer::chat_prompt`](tinderbox_data::text::Tokenizer::chat_prompt)).
    ///
    /// # Errors
    /// As [`generate`](Self::generate); the folder has no chat template, or it does not allow such
    /// a conversation.
    pub fn chat_with(
        &self,
        conversation: &Conversation,
        options: &GenerateOptions,
        show: &mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> Result<Generated, TrainError> {
        let prompt = self.tokenizer.chat_prompt(conversation)?;
        let ids = self.tokenizer.encode(&prompt)?;
        self.tokenizer.check_rows(&ids, self.model.vocab_size())?;
        self.continue_with(&ids, options, show)
    }

    fn continue_with(
        &self,
        ids: &[u32],
        options: &GenerateOptions,
        show: &mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> Result<Generated, TrainError> {
        if let Some(defaults) = &self.defaults {
            defaults.check(options.sampling.temperature == 0.0)?;
        }
        let sampler = Sampler::new(options.sampling.clone(), options.seed)?;
        let sampler = sampler.for_sample(options.sample);
        let stops = options.stop.iter().filter(|stop| !stop.is_empty());
        let stops: Vec<String> = stops.cloned().collect();
        let mut pieces = self.tokenizer.decode_stream();
        // The decoder needs the prompt, for the space that may follow it.
        for &id in ids {
            pieces.push(id);
        }
        let predictor = Predictor::new(&self.model);
        let mut text = StopText::new(&stops);
        let mut tokens = Vec::new();
        let mut finish_reason = FinishReason::Length;
        for choice in generate(predictor, ids, sampler).take(options.max_tokens) {
            let choice = choice.map_err(from_generate)?;
            tokens.push(self.token(choice));
            if self.ends_text(choice.token) {
                finish_reason = FinishReason::EndOfText;
                break;
            }
            if let Some(piece) = pieces.push(choice.token)
                && show(&text.push(&piece)).is_break()
            {
                finish_reason = FinishReason::Cancelled;
                break;
            }
            if text.is_stopped() {
                finish_reason = FinishReason::Stop;
                break;
            }
        }
        if !matches!(finish_reason, FinishReason::Stop | FinishReason::Cancelled) {
            let rest = text.push(&pieces.finish().unwrap_or_default());
            if show(&rest).is_break() || show(&text.finish()).is_break() {
                finish_reason = FinishReason::Cancelled;
            }
        }
        Ok(Generated {
            text: text.into_text(),
            finish_reason,
            tokens,
        })
    }

    /// Tokens of a prompt, framed as its tokenizer says. A text without any begins with the token
    /// that begins a text, after the end of another text, or at a new line.
    fn prompt_tokens(&self, prompt: &str) -> Result<Vec<u32>, TrainError> {
        let tokenizer = &self.tokenizer;
        let encoded = tokenizer.encode_prompt(prompt);
        let wrong = |error| TrainError::Usage(format!("the prompt: {error}"));
        let mut ids = encoded.map_err(wrong)?;
        if ids.is_empty() {
            let start = tokenizer.beginning_of_text().or(tokenizer.end_of_text());
            ids.push(start.or(tokenizer.id("\n")).ok_or_else(|| {
                let reason = "this model needs a prompt: it has no token that begins a text";
                TrainError::Usage(reason.into())
            })?);
        }
        tokenizer
            .check_rows(&ids, self.model.vocab_size())
            .map_err(wrong)?;
        Ok(ids)
    }

    fn token(&self, choice: Choice) -> GeneratedToken {
        GeneratedToken {
            id: choice.token,
            text: self.tokenizer.token(choice.token),
            log_prob: choice.log_prob,
        }
    }
}

fn from_generate(error: GenerateError<PredictError>) -> TrainError {
    match error {
        GenerateError::Model(error) => error.into(),
        GenerateError::Sampling(error) => error.into(),
        GenerateError::EmptyPrompt => PredictError::NoTokens.into(),
    }
}
