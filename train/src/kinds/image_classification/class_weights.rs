//! Weights of the classes in the training loss, for classes of different frequency.

use serde::{Deserialize, Serialize};

use crate::TrainError;

/// Weight of each class in the loss.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "expected \"balanced\" or a list with a number for each class"
)]
pub enum ClassWeights {
    /// Weights from the training images.
    Rule(ClassWeightRule),
    /// One weight for each class, in the order of the labels.
    Given(Vec<f64>),
}

/// A rule for the weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClassWeightRule {
    /// `images / (classes * images of the class)`, scikit-learn's `class_weight="balanced"`.
    Balanced,
}

impl ClassWeights {
    /// A problem with the weights themselves.
    pub(super) fn problem(&self) -> Option<String> {
        let Self::Given(weights) = self else {
            return None;
        };
        let wrong = weights
            .iter()
            .find(|weight| !(weight.is_finite() && **weight > 0.0));
        wrong.map(|weight| format!("must be above 0, got {weight}"))
    }

    /// The weights of a model with `outputs` classes that is trained on classes called `labels`
    /// with `counts` images each.
    ///
    /// # Errors
    /// There are more or fewer weights than outputs, or a class to balance has no images.
    pub fn resolve(
        &self,
        labels: &[String],
        counts: &[usize],
        outputs: usize,
    ) -> Result<Vec<f32>, TrainError> {
        let wrong = |reason: String| TrainError::Mismatch(format!("data.class_weights {reason}"));
        let weights = match self {
            Self::Given(weights) => weights.clone(),
            Self::Rule(ClassWeightRule::Balanced) => {
                if let Some(class) = counts.iter().position(|count| *count == 0) {
                    let name = labels.get(class).map_or("", String::as_str);
                    return Err(wrong(format!(
                        "cannot be balanced: the class `{name}` has no training images; give a list"
                    )));
                }
                let images: usize = counts.iter().sum();
                let share = images as f64 / counts.len() as f64;
                counts.iter().map(|count| share / *count as f64).collect()
            }
        };
        if weights.len() != outputs {
            let found = weights.len();
            return Err(wrong(format!(
                "are {found} for a model of {outputs} classes"
            )));
        }
        Ok(weights.into_iter().map(|weight| weight as f32).collect())
    }
}
