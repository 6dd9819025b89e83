//! Sequence classification: the class of a text or a pair of texts.

use tinderbox_data::text::encoder::Encoding;

use super::open::LoadedEncoder;
use crate::TrainError;
use crate::kinds::classes::{ClassProbability, named, probabilities};

/// A text or a pair of texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextInput {
    /// The text, or the first of a pair.
    pub text: String,
    /// Second text of a pair.
    pub pair: Option<String>,
}

impl TextInput {
    /// A single text.
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            pair: None,
        }
    }

    /// Adds the second text of a pair.
    #[must_use]
    pub fn with_pair(mut self, pair: impl Into<String>) -> Self {
        self.pair = Some(pair.into());
        self
    }
}

/// Classes of a text.
#[derive(Clone, Debug, PartialEq)]
pub struct TextClasses {
    /// All classes, most probable first. A model with a single logit gives one, with the sigmoid.
    pub classes: Vec<ClassProbability>,
    /// Number of tokens cut off at the end, beyond what the model reads.
    pub truncated: usize,
}

impl LoadedEncoder {
    /// Classifies texts, in their order. Needs a sequence classification head.
    ///
    /// # Errors
    /// The model has another head, a text cannot be tokenized, or the device failed.
    pub fn classify(&self, texts: &[TextInput]) -> Result<Vec<TextClasses>, TrainError> {
        let rows: Vec<Encoding> = texts
            .iter()
            .map(|text| self.inputs.encode(&text.text, text.pair.as_deref()))
            .collect::<Result<_, _>>()?;
        let forward = |input: &_| Ok(self.model.forward_sequence_classification(input)?);
        let logits = self.forward_rows(&rows, forward)?;
        let rows = rows.iter().zip(logits);
        Ok(rows
            .map(|(row, logits)| TextClasses {
                classes: named(&self.labels, &probabilities(&logits)),
                truncated: row.truncated,
            })
            .collect())
    }
}
