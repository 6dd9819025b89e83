//! Evaluation of a text encoder on its task.

use serde::Serialize;
use tinderbox_data::Split;
use tinderbox_data::loader::Loader;
use tinderbox_model_transformer::TextEncoder;

use super::data::Part;
use super::open::LoadedEncoder;
use super::recipe::{EncoderDataSource, EncoderRecipe};
use super::score::{ClassScore, per_class};
use super::{
    masked_lm, numbers, question_answering, sequence_classification, token_classification,
};
use crate::TrainError;
use crate::metrics::{Tally, Values};
use crate::task::{HiddenState, Task};

/// Metrics of a text encoder on a split.
#[derive(Clone, Debug, Serialize)]
pub struct EncoderEvaluation {
    /// Source of the weights.
    pub weights: String,
    /// Number of texts, words, masked tokens or questions.
    pub count: u64,
    /// Metrics of the task, by name.
    pub metrics: Values,
    /// Metrics per class, for tasks that have classes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<ClassScore>,
}

impl LoadedEncoder {
    /// Measures the model on a split of the data of `recipe`.
    ///
    /// # Errors
    /// The data cannot be read, have no such split or other labels than the model; the device
    /// failed.
    pub fn evaluate(
        &self,
        recipe: &EncoderRecipe,
        split: Split,
    ) -> Result<EncoderEvaluation, TrainError> {
        self.evaluate_part(recipe, Part::Split(split))
    }

    /// As [`evaluate`](Self::evaluate), on a split or all of a single file.
    ///
    /// # Errors
    /// As [`evaluate`](Self::evaluate).
    pub fn evaluate_part(
        &self,
        recipe: &EncoderRecipe,
        split: Part,
    ) -> Result<EncoderEvaluation, TrainError> {
        let recorded = self.bundle();
        let (tally, metrics) = match recipe.data.source {
            EncoderDataSource::Labelled if recipe.data.has_numbers() => {
                let (task, loader) = numbers::evaluation_of(recipe, recorded, split)?;
                self.tally(&task, &loader)?
            }
            EncoderDataSource::Sentiment
            | EncoderDataSource::Labelled
            | EncoderDataSource::TextFolder => {
                let (task, loader) =
                    sequence_classification::evaluation_of(recipe, recorded, split)?;
                self.tally(&task, &loader)?
            }
            EncoderDataSource::Tagged => {
                let (task, loader) = token_classification::evaluation_of(recipe, recorded, split)?;
                self.tally(&task, &loader)?
            }
            EncoderDataSource::Squad => {
                let (task, loader) = question_answering::evaluation_of(recipe, &recorded, split)?;
                self.tally(&task, &loader)?
            }
            EncoderDataSource::Masked => {
                let (task, loader) = masked_lm::evaluation_of(recipe, recorded, split)?;
                self.tally(&task, &loader)?
            }
        };
        Ok(EncoderEvaluation {
            weights: self.origin.clone(),
            count: tally.count,
            metrics,
            classes: per_class(&tally, &self.labels),
        })
    }

    fn tally<T: Task<Model = TextEncoder>>(
        &self,
        task: &T,
        loader: &Loader<T::Source>,
    ) -> Result<(Tally, Values), TrainError> {
        let mut tally = Tally::default();
        let mut hidden_state = HiddenState::new();
        for batch in loader.epoch(0, 0) {
            tally.add(&task.evaluate(&self.model, batch?, &mut hidden_state, &self.device)?);
        }
        let values = task.values(&tally);
        Ok((tally, values))
    }
}
