//! Logits as classes with probabilities.

use burn::tensor::Tensor;
use serde::Serialize;

use crate::TrainError;

/// A class and the probability that a model gives it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClassProbability {
    /// Name of the class or, if the model has no names, its index.
    pub class: String,
    /// Softmax of the logits, in `[0, 1]`; of regression models and some cross-encoders a number of
    /// any size.
    pub probability: f64,
}

/// Reads logits of any shape from the device, row by row.
///
/// # Errors
/// The device failed.
pub fn read_logits<const D: usize>(logits: Tensor<D>) -> Result<Vec<f32>, TrainError> {
    let data = logits
        .try_into_data()
        .map_err(|e| TrainError::Execution(e.to_string()))?;
    Ok(data.iter::<f32>().collect())
}

/// Softmax of one row of logits: class indices with their probabilities, most probable first.
pub fn ranked(logits: &[f32]) -> Vec<(usize, f64)> {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let exp: Vec<f64> = logits
        .iter()
        .map(|logit| f64::from(logit - largest).exp())
        .collect();
    let sum: f64 = exp.iter().sum();
    let mut classes: Vec<(usize, f64)> = exp.into_iter().map(|e| e / sum).enumerate().collect();
    // A stable sort: equal logits keep the order of their classes on every machine.
    classes.sort_by(|a, b| b.1.total_cmp(&a.1));
    classes
}

/// Probabilities of one row of logits, most probable first. A single logit is binary, as those of
/// cross-encoders that score a pair of texts: its probability is the sigmoid.
pub(super) fn probabilities(logits: &[f32]) -> Vec<(usize, f64)> {
    match logits {
        [logit] => vec![(0, sigmoid(*logit))],
        logits => ranked(logits),
    }
}

/// Probability of a label that does not depend on others.
pub(super) fn sigmoid(logit: f32) -> f64 {
    1.0 / (1.0 + f64::from(-logit).exp())
}

/// Name of a class: its label or, without one, its index.
pub(super) fn class_name(labels: &[String], class: usize) -> String {
    labels
        .get(class)
        .cloned()
        .unwrap_or_else(|| class.to_string())
}

/// Gives ranked classes their names.
pub(super) fn named(labels: &[String], ranked: &[(usize, f64)]) -> Vec<ClassProbability> {
    let name = |&(class, probability): &(usize, f64)| ClassProbability {
        class: class_name(labels, class),
        probability,
    };
    ranked.iter().map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_logit_is_a_binary_probability() {
        assert_eq!(probabilities(&[0.0]), [(0, 0.5)]);
        assert!(probabilities(&[3.0])[0].1 > 0.95);
        assert_eq!(probabilities(&[0.0, 0.0]), [(0, 0.5), (1, 0.5)]);
    }
}
