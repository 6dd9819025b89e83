//! Evaluation of a language model: loss and perplexity.

use std::path::Path;

use serde::Serialize;
use tinderbox_data::Split;
use tinderbox_data::text::language::{Corpus, Tokens};

use super::bundle::check_tokens;
use super::data::{EvaluationShape, evaluation_loader, open_corpus_with};
use super::fit::check_rows;
use super::open::LoadedLanguageModel;
use super::recipe::LanguageRecipe;
use super::task::LanguageModelingTask;
use crate::TrainError;
use crate::metrics::Tally;
use crate::task::{HiddenState, Task};

/// Maximum default length of the windows in which a published model reads a text.
pub const LONGEST_WINDOW: usize = 1024;

/// Metrics of a language model on a text.
#[derive(Clone, Debug, Serialize)]
pub struct LanguageEvaluation {
    /// Source of the weights.
    pub weights: String,
    /// Number of predicted tokens.
    pub tokens: u64,
    /// Mean negative log-probability of a token, in nats.
    pub loss: f64,
    /// `exp(loss)`.
    pub perplexity: f64,
    /// Loss in bits per character (Unicode scalar value), where the text's length is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bits_per_character: Option<f64>,
}

impl LoadedLanguageModel {
    /// Measures a run's model on a split of the data of `recipe`, every token once.
    ///
    /// # Errors
    /// The data cannot be read, have no such split or another tokenizer than the model; the device
    /// failed.
    pub fn evaluate(
        &self,
        recipe: &LanguageRecipe,
        split: Split,
    ) -> Result<LanguageEvaluation, TrainError> {
        let Corpus {
            tokenizer,
            train,
            validation,
            test,
            characters,
        } = open_corpus_with(&recipe.data, recipe.seed, Some(&self.tokenizer))?;
        check_tokens(&tokenizer, &self.tokenizer)?;
        let (tokens, index) = match split {
            Split::Train => (Some(train), 0),
            Split::Validation => (Some(validation), 1),
            Split::Test => (test, 2),
        };
        let missing = || TrainError::Mismatch("these data have no test split".into());
        let start = self.tokenizer.end_of_text();
        let task = LanguageModelingTask::new(recipe, &self.tokenizer);
        let tokens = tokens.ok_or_else(missing)?;
        self.measure(&task, &recipe.into(), tokens, start, characters[index])
    }

    /// Measures a run's model on a text file, every token once, in rows as long as in `recipe`.
    ///
    /// # Errors
    /// The file cannot be read; the device failed.
    pub fn evaluate_file(
        &self,
        recipe: &LanguageRecipe,
        path: impl AsRef<Path>,
    ) -> Result<LanguageEvaluation, TrainError> {
        let (tokens, characters) = self.read(path.as_ref())?;
        let start = self.tokenizer.end_of_text();
        let task = LanguageModelingTask::new(recipe, &self.tokenizer);
        self.measure(&task, &recipe.into(), tokens, start, characters)
    }

    /// Measures a published model on a text file, every token once. The text is cut into windows of
    /// `sequence_length` tokens side by side, by default the context length, but at most
    /// [`LONGEST_WINDOW`]. The first token is predicted from the token that begins a text.
    ///
    /// # Errors
    /// The file cannot be read; `sequence_length` is 0 or exceeds the context; the device failed.
    pub fn evaluate_text(
        &self,
        sequence_length: Option<usize>,
        path: impl AsRef<Path>,
    ) -> Result<LanguageEvaluation, TrainError> {
        let context = self.config.context_length().unwrap_or(LONGEST_WINDOW);
        let length = sequence_length.unwrap_or(context.min(LONGEST_WINDOW));
        if length > context {
            return Err(TrainError::Usage(format!(
                "a sequence of {length} tokens exceeds the model's context of {context}"
            )));
        }
        let shape = EvaluationShape {
            sequence_length: length,
            batch_size: 1,
            workers: 1,
            streams: 1,
            stride: None,
        };
        let (tokens, characters) = self.read(path.as_ref())?;
        let tokenizer = &self.tokenizer;
        let start = tokenizer.beginning_of_text().or(tokenizer.end_of_text());
        let task = LanguageModelingTask::new(&LanguageRecipe::default(), tokenizer);
        self.measure(&task, &shape, tokens, start, characters)
    }

    /// The tokens of a text file, and its number of characters.
    fn read(&self, path: &Path) -> Result<(Tokens, u64), TrainError> {
        let mut ids = Vec::new();
        let characters = self.tokenizer.encode_file(path, |part| {
            ids.extend_from_slice(part);
            Ok(())
        })?;
        Ok((ids.into(), characters))
    }

    /// `start` is the token before the first; `characters` is 0 where unknown.
    fn measure(
        &self,
        task: &LanguageModelingTask,
        shape: &EvaluationShape,
        tokens: Tokens,
        start: Option<u32>,
        characters: u64,
    ) -> Result<LanguageEvaluation, TrainError> {
        check_rows(&tokens, &self.tokenizer, self.config.vocab_size())?;
        let loader = evaluation_loader(shape, &self.config, tokens, start)?;
        let mut tally = Tally::default();
        let mut hidden_state = HiddenState::new();
        for batch in loader.epoch(0, 0) {
            tally.add(&task.evaluate(&self.model, batch?, &mut hidden_state, &self.device)?);
        }
        let loss = tally.means().get("loss").copied().unwrap_or(f64::NAN);
        let bits = loss * tally.count as f64 / std::f64::consts::LN_2;
        Ok(LanguageEvaluation {
            weights: self.origin.clone(),
            tokens: tally.count,
            loss,
            perplexity: loss.exp(),
            bits_per_character: (characters > 0).then(|| bits / characters as f64),
        })
    }
}
