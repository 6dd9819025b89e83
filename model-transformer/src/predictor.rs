//! Next-token prediction with a KV cache.

use burn::tensor::{Device, Int, Tensor, TensorData};
use tinderbox_generate::{Generation, NextToken, PredictError, Sampler, generate};

use crate::{Cache, CausalLm};

/// Reads tokens and predicts the next one, with a KV cache, so that each new token costs one row.
///
/// When the context is full, its older half is dropped and the newer half is read again, so
/// generation never ends by itself.
///
/// ```
/// use burn::tensor::Device;
/// use tinderbox_model_transformer::{CausalLm, GptConfig, NextToken, Predictor};
///
/// let model = CausalLm::from(GptConfig::small(1, 2, 16, 8).init(&Device::flex())?);
/// let mut predictor = Predictor::new(&model);
/// let logits = predictor.next_logits(&[3, 1, 4])?;
/// assert_eq!(logits.len(), model.vocab_size());
/// let logits = predictor.next_logits(&[1])?; // after 3, 1, 4, 1
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Predictor<'a> {
    model: &'a CausalLm,
    cache: Cache,
    /// The tokens in the cache.
    context: Vec<u32>,
    device: Device,
}

impl<'a> Predictor<'a> {
    /// Predictor with an empty context, on the device of `model`, which must have no gradients.
    pub fn new(model: &'a CausalLm) -> Self {
        Self {
            model,
            cache: model.new_cache(1),
            context: Vec::new(),
            device: model.device(),
        }
    }

    /// The tokens to run after those in the cache: `tokens`, or, if these do not fit, the newer
    /// half of the context with an empty cache.
    fn make_room(&mut self, tokens: &[u32]) -> Vec<u32> {
        self.context.extend(tokens);
        let length = self.model.context_length();
        if self.context.len() <= length {
            return tokens.to_vec();
        }
        let kept = (length / 2).max(tokens.len());
        self.context.drain(..self.context.len() - kept);
        self.cache = self.model.new_cache(1);
        self.context.clone()
    }
}

impl NextToken for Predictor<'_> {
    type Error = PredictError;

    fn next_logits(&mut self, tokens: &[u32]) -> Result<Vec<f32>, PredictError> {
        PredictError::check_tokens(tokens, self.model.vocab_size())?;
        PredictError::check_length(tokens, self.model.context_length())?;
        // Ids below a vocabulary size fit in an i32.
        let ids: Vec<i32> = self.make_room(tokens).iter().map(|&id| id as i32).collect();
        let shape = [1, ids.len()];
        let ids = Tensor::<2, Int>::from_data(TensorData::new(ids, shape), &self.device);
        let logits = self.model.forward_next(ids, &mut self.cache);
        let logits = logits.try_into_vec_as::<f32>();
        logits.map_err(|e| PredictError::Device(e.to_string()))
    }
}

impl CausalLm {
    /// Continues `prompt`, one token per call of `next`; see [`generate`]. Hugging Face's
    /// `model.generate`.
    ///
    /// ```
    /// use burn::tensor::Device;
    /// use tinderbox_model_transformer::{CausalLm, GptConfig, Sampler, Sampling};
    ///
    /// let model = CausalLm::from(GptConfig::small(1, 2, 16, 8).init(&Device::flex())?);
    /// let sampler = Sampler::new(Sampling::default().with_top_k(Some(50)), 42)?;
    /// for next in model.generate(&[3, 1, 4], sampler).take(20) {
    ///     let token: u32 = next?.token;
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn generate(&self, prompt: &[u32], sampler: Sampler) -> Generation<Predictor<'_>> {
        generate(Predictor::new(self), prompt, sampler)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::GptConfig;

    /// A GPT with a context of 6.
    fn model() -> CausalLm {
        let mut config = GptConfig::small(2, 2, 8, 6);
        config.vocab_size = 20;
        config.init(&Device::flex()).unwrap().into()
    }

    fn assert_close(got: &[f32], expected: &[f32]) {
        for (got, expected) in got.iter().zip(expected) {
            assert!((got - expected).abs() < 1e-5, "{got} {expected}");
        }
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
        assert_close(&predictor.next_logits(&[1, 5]).unwrap(), &together);
    }

    /// A context of 6 overflows with the seventh token: the last three are read again.
    #[test]
    fn a_full_context_drops_its_older_half() {
        let model = model();
        let mut predictor = Predictor::new(&model);
        predictor.next_logits(&[1, 2, 3, 4, 5, 6]).unwrap();
        let after = predictor.next_logits(&[7]).unwrap();
        let fresh = Predictor::new(&model).next_logits(&[5, 6, 7]).unwrap();
        assert_close(&after, &fresh);
        // Continues from there.
        let after = predictor.next_logits(&[8, 9]).unwrap();
        let fresh = Predictor::new(&model)
            .next_logits(&[5, 6, 7, 8, 9])
            .unwrap();
        assert_close(&after, &fresh);
    }

    #[test]
    fn invalid_tokens_are_errors() {
        let model = model();
        let mut predictor = Predictor::new(&model);
        for (tokens, words) in [
            (&[][..], "no tokens"),
            (&[20], "token 20"),
            (&[1; 7], "7 tokens"),
        ] {
            let error = predictor.next_logits(tokens).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}
