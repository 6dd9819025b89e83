//! Next-token prediction with a hidden state.

use burn::tensor::{Device, Int, Tensor, TensorData};
use tinderbox_generate::{Generation, NextToken, PredictError, Sampler, generate};

use crate::{RnnLm, RnnState};

/// Reads tokens and predicts the next one. The hidden state carries what was read, without a limit
/// on the length of the text.
///
/// ```
/// use burn::tensor::Device;
/// use tinderbox_model_rnn::{NextToken, Predictor, RnnLmConfig};
///
/// let model = RnnLmConfig::default().with_vocab_size(50).init(&Device::flex())?;
/// let mut predictor = Predictor::new(&model);
/// let logits = predictor.next_logits(&[3, 14, 15])?;
/// assert_eq!(logits.len(), 50);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Predictor<'a> {
    model: &'a RnnLm,
    /// `None` until tokens were read.
    state: Option<RnnState>,
    device: Device,
}

impl<'a> Predictor<'a> {
    /// Predictor that has read nothing, on the device of `model`, which must have no gradients.
    pub fn new(model: &'a RnnLm) -> Self {
        Self {
            model,
            state: None,
            device: model.device(),
        }
    }
}

impl NextToken for Predictor<'_> {
    type Error = PredictError;

    fn next_logits(&mut self, tokens: &[u32]) -> Result<Vec<f32>, PredictError> {
        PredictError::check_tokens(tokens, self.model.vocab_size())?;
        // Ids below a vocabulary size fit in an i32.
        let ids: Vec<i32> = tokens.iter().map(|&id| id as i32).collect();
        let shape = [1, ids.len()];
        let ids = Tensor::<2, Int>::from_data(TensorData::new(ids, shape), &self.device);
        let output = self.model.forward(ids, self.state.take());
        self.state = Some(output.state);
        let [_, time, vocab] = output.logits.dims();
        let last = output.logits.slice([0..1, time - 1..time, 0..vocab]);
        let logits = last.try_into_vec_as::<f32>();
        logits.map_err(|e| PredictError::Device(e.to_string()))
    }
}

impl RnnLm {
    /// Continues `prompt`, one token per call of `next`; see [`generate`].
    pub fn generate(&self, prompt: &[u32], sampler: Sampler) -> Generation<Predictor<'_>> {
        generate(Predictor::new(self), prompt, sampler)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::RnnLmConfig;

    fn model() -> RnnLm {
        let mut config = RnnLmConfig::default().with_vocab_size(20);
        config.embedding_size = 8;
        config.hidden_size = 8;
        config.init(&Device::flex()).unwrap()
    }

    #[test]
    fn tokens_may_come_one_by_one_or_together() {
        let model = model();
        let together = Predictor::new(&model)
            .next_logits(&[3, 1, 4, 1, 5])
            .unwrap();
        let mut predictor = Predictor::new(&model);
        predictor.next_logits(&[3, 1]).unwrap();
        predictor.next_logits(&[4]).unwrap();
        let apart = predictor.next_logits(&[1, 5]).unwrap();
        for (apart, together) in apart.iter().zip(together) {
            assert!((apart - together).abs() < 1e-5, "{apart} {together}");
        }
    }

    #[test]
    fn invalid_tokens_are_errors() {
        let model = model();
        let mut predictor = Predictor::new(&model);
        for (tokens, words) in [(&[][..], "no tokens"), (&[20], "token 20")] {
            let error = predictor.next_logits(tokens).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}
