//! Sequence classification: the class of a text or a pair of texts.

use burn::tensor::Tensor;
use tinderbox_data::text::encoder::Encoding;
use tinderbox_model_transformer::ProblemType;
use tinderbox_model_transformer::layers::Activation;

use super::open::LoadedEncoder;
use crate::TrainError;
use crate::kinds::classes::{ClassProbability, named, probabilities, sigmoid};

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
    /// Of several independent labels each has its own sigmoid; a regression model's numbers are
    /// given as they are.
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
            .map(|text| self.encode(text))
            .collect::<Result<_, _>>()?;
        let forward = |input: &_| {
            let logits = self.model.forward_sequence_classification(input)?;
            Ok(self.activated(logits))
        };
        let logits = self.forward_rows(&rows, forward)?;
        let rows = rows.iter().zip(logits);
        Ok(rows
            .map(|(row, logits)| TextClasses {
                classes: named(&self.labels, &self.scores(&logits)),
                truncated: row.truncated,
            })
            .collect())
    }

    /// The row of a text or a pair, the prompt of the model included.
    ///
    /// # Errors
    /// It cannot be tokenized.
    pub(super) fn encode(&self, text: &TextInput) -> Result<Encoding, TrainError> {
        let first = format!("{}{}", self.prompt, text.text);
        Ok(self.inputs.encode(&first, text.pair.as_deref())?)
    }

    /// Logits after the folder's own function, if it has one.
    pub(super) fn activated(&self, logits: Tensor<2>) -> Tensor<2> {
        match self.activation {
            Some(activation) => activation.forward(logits),
            None => logits,
        }
    }

    /// Scores of one row of [`activated`](Self::activated) logits, highest first, by class.
    pub(super) fn scores(&self, logits: &[f32]) -> Vec<(usize, f64)> {
        let mut scores: Vec<(usize, f64)> = match (self.activation, self.config.problem_type()) {
            (Some(_), _) | (None, ProblemType::Regression) => {
                logits.iter().map(|x| f64::from(*x)).enumerate().collect()
            }
            (None, ProblemType::MultiLabel) => {
                logits.iter().map(|x| sigmoid(*x)).enumerate().collect()
            }
            (None, ProblemType::SingleLabel) => return probabilities(logits),
        };
        scores.sort_by(|a, b| b.1.total_cmp(&a.1));
        scores
    }

    /// True if the scores of classes are probabilities.
    pub fn gives_probabilities(&self) -> bool {
        match self.activation {
            Some(activation) => activation == Activation::Sigmoid,
            None => self.config.problem_type() != ProblemType::Regression,
        }
    }
}
