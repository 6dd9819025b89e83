//! Evaluation of a text encoder on its task.

use serde::Serialize;
use tinderbox_data::Split;
use tinderbox_data::loader::Loader;
use tinderbox_model_transformer::TextEncoder;

use super::score::{ClassScore, per_class};
use super::{EncoderDataSource, LoadedEncoder, data};
use crate::TrainError;
use crate::metrics::{Tally, Values};
use crate::recipe::Recipe;
use crate::task::{Carry, Task};

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
    pub fn evaluate(&self, recipe: &Recipe, split: Split) -> Result<EncoderEvaluation, TrainError> {
        let known = self.bundle();
        let (tally, metrics) = match recipe.sequences()?.source {
            EncoderDataSource::Sentiment
            | EncoderDataSource::Labelled
            | EncoderDataSource::TextFolder => {
                let (task, loader) = data::evaluate_classified(recipe, known, split)?;
                self.tally(&task, &loader)?
            }
            EncoderDataSource::Tagged => {
                let (task, loader) = data::evaluate_tagged(recipe, known, split)?;
                self.tally(&task, &loader)?
            }
            EncoderDataSource::Squad => {
                let (task, loader) = data::evaluate_squad(recipe, &known, split)?;
                self.tally(&task, &loader)?
            }
            EncoderDataSource::Masked => {
                let (task, loader) = data::evaluate_masked(recipe, known, split)?;
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
        let mut carry = Carry::new();
        for batch in loader.epoch(0, 0) {
            tally.add(&task.evaluate(&self.model, batch?, &mut carry, &self.device)?);
        }
        let values = task.values(&tally);
        Ok((tally, values))
    }
}
