//! Evaluation of a language model: loss and perplexity.

use std::path::Path;

use serde::Serialize;
use tinderbox_data::Split;
use tinderbox_data::text::language::{Corpus, Tokens};

use super::bundle::check_tokens;
use super::data::{evaluation_loader, open_corpus};
use super::open::LoadedLanguageModel;
use super::recipe::LanguageRecipe;
use super::task::LanguageModelingTask;
use crate::TrainError;
use crate::metrics::Tally;
use crate::task::{HiddenState, Task};

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
        } = open_corpus(&recipe.data, recipe.seed)?;
        check_tokens(&tokenizer, &self.tokenizer)?;
        let (tokens, index) = match split {
            Split::Train => (Some(train), 0),
            Split::Validation => (Some(validation), 1),
            Split::Test => (test, 2),
        };
        let missing = || TrainError::Mismatch("these data have no test split".into());
        self.measure(recipe, tokens.ok_or_else(missing)?, characters[index])
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
        let mut ids = Vec::new();
        let characters = self.tokenizer.encode_file(path.as_ref(), |part| {
            ids.extend_from_slice(part);
            Ok(())
        })?;
        self.measure(recipe, ids.into(), characters)
    }

    /// `characters` is 0 where unknown.
    fn measure(
        &self,
        recipe: &LanguageRecipe,
        tokens: Tokens,
        characters: u64,
    ) -> Result<LanguageEvaluation, TrainError> {
        let unknown = || TrainError::Usage("only models of runs can be evaluated".into());
        let config = self.config.as_ref().ok_or_else(unknown)?;
        let task = LanguageModelingTask::new(recipe, &self.tokenizer);
        let start = self.tokenizer.end_of_text();
        let loader = evaluation_loader(recipe, config, tokens, start)?;
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
