//! Next-token prediction with a memory: the hidden state of a recurrent model, the KV cache of an attention model.

use std::collections::VecDeque;

use burn::tensor::{Device, Int, Tensor, TensorData};
use tinderbox_model_rnn::RnnState;
use tinderbox_model_transformer::Cache;

use super::model::LanguageModel;
use crate::TrainError;

/// What a model remembers of the tokens it has seen.
enum Memory {
    Recurrent(Option<RnnState>),
    Attention(Cache),
}

/// A language model that is told tokens and gives the logits of the next.
///
/// A recurrent network goes on for ever. An attention model sees its context: when that is full, the older half is
/// forgotten and the rest is read again.
pub struct Predictor<'a> {
    model: &'a LanguageModel,
    memory: Memory,
    /// What an attention model has in its context.
    context: VecDeque<u32>,
    device: Device,
}

impl<'a> Predictor<'a> {
    /// A predictor that has seen nothing. The model must be on `device`, without gradients.
    pub fn new(model: &'a LanguageModel, device: &Device) -> Self {
        let memory = match model {
            LanguageModel::Recurrent(_) => Memory::Recurrent(None),
            LanguageModel::Attention(model) => Memory::Attention(model.new_cache(1)),
        };
        Self {
            model,
            memory,
            context: VecDeque::new(),
            device: device.clone(),
        }
    }

    /// The logits of the token after `tokens`, which follow those told before.
    ///
    /// # Errors
    /// No tokens at all, more than the model can see at once, or one that it does not know; the device failed.
    pub fn next_logits(&mut self, tokens: &[u32]) -> Result<Vec<f32>, TrainError> {
        self.check(tokens)?;
        let logits = match (self.model, &mut self.memory) {
            (LanguageModel::Recurrent(model), Memory::Recurrent(state)) => {
                let output = model.forward(row(tokens, &self.device), state.take());
                *state = Some(output.state);
                let [_, time, vocab] = output.logits.dims();
                let last = output.logits.slice([0..1, time - 1..time, 0..vocab]);
                last.reshape([1, vocab])
            }
            (LanguageModel::Attention(model), Memory::Attention(cache)) => {
                let length = model.context_length();
                let mut new = tokens.to_vec();
                if self.context.len() + new.len() > length {
                    self.context.extend(&new);
                    let keep = (length / 2).max(new.len());
                    let forgotten = self.context.len().saturating_sub(keep);
                    self.context.drain(..forgotten);
                    new = self.context.drain(..).collect();
                    *cache = model.new_cache(1);
                }
                self.context.extend(&new);
                model.forward_next(row(&new, &self.device), cache)
            }
            // `new` pairs them.
            _ => return Err(TrainError::Execution("a memory of another model".into())),
        };
        logits
            .try_into_vec_as::<f32>()
            .map_err(|e| TrainError::Execution(e.to_string()))
    }

    fn check(&self, tokens: &[u32]) -> Result<(), TrainError> {
        let vocab_size = self.model.vocab_size();
        if tokens.is_empty() {
            return Err(TrainError::Prompt("there are no tokens".into()));
        }
        if let Some(token) = tokens.iter().find(|token| **token as usize >= vocab_size) {
            let reason = format!("token {token} is not one of the model's {vocab_size}");
            return Err(TrainError::Prompt(reason));
        }
        match self.model.context_length() {
            Some(length) if tokens.len() > length => Err(TrainError::Prompt(format!(
                "it has {} tokens, and the model sees {length} at once; shorten it",
                tokens.len()
            ))),
            _ => Ok(()),
        }
    }
}

/// `[1, time]`.
fn row(tokens: &[u32], device: &Device) -> Tensor<2, Int> {
    // Checked to be below the size of a vocabulary, and so of an i32.
    let ids: Vec<i32> = tokens.iter().map(|&id| id as i32).collect();
    Tensor::from_data(TensorData::new(ids, [1, tokens.len()]), device)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::LanguageModelConfig;
    use super::*;
    use tinderbox_model_rnn::RnnLmConfig;
    use tinderbox_model_transformer::GptConfig;

    fn models() -> [LanguageModelConfig; 2] {
        let gpt = GptConfig {
            vocab_size: 20,
            ..GptConfig::small(2, 2, 8, 6)
        };
        let lstm = RnnLmConfig::default()
            .with_vocab_size(20)
            .with_embedding_size(8)
            .with_hidden_size(8);
        [
            LanguageModelConfig::Attention(tinderbox_model_transformer::CausalLmConfig::Gpt(gpt)),
            LanguageModelConfig::Recurrent(lstm),
        ]
    }

    fn assert_close(got: &[f32], expected: &[f32]) {
        for (got, expected) in got.iter().zip(expected) {
            assert!((got - expected).abs() < 1e-5, "{got} {expected}");
        }
    }

    /// Whether they are told one by one or together.
    #[test]
    fn a_predictor_remembers_what_it_was_told() {
        let device = Device::flex();
        for config in models() {
            let model = config.init(&device).unwrap();
            let together = Predictor::new(&model, &device)
                .next_logits(&[3, 1, 4, 1, 5])
                .unwrap();
            let mut predictor = Predictor::new(&model, &device);
            predictor.next_logits(&[3, 1]).unwrap();
            predictor.next_logits(&[4]).unwrap();
            assert_close(&predictor.next_logits(&[1, 5]).unwrap(), &together);
        }
    }

    /// A context of 6 is full with the seventh token: the last three are read again.
    #[test]
    fn a_full_context_forgets_its_older_half() {
        let device = Device::flex();
        let model = models()[0].init(&device).unwrap();
        let mut predictor = Predictor::new(&model, &device);
        predictor.next_logits(&[1, 2, 3, 4, 5, 6]).unwrap();
        let after = predictor.next_logits(&[7]).unwrap();
        let fresh = Predictor::new(&model, &device)
            .next_logits(&[5, 6, 7])
            .unwrap();
        assert_close(&after, &fresh);
        // And goes on from there.
        let after = predictor.next_logits(&[8, 9]).unwrap();
        let fresh = Predictor::new(&model, &device)
            .next_logits(&[5, 6, 7, 8, 9])
            .unwrap();
        assert_close(&after, &fresh);
    }

    #[test]
    fn what_a_model_cannot_be_told_is_refused() {
        let device = Device::flex();
        let model = models()[0].init(&device).unwrap();
        let mut predictor = Predictor::new(&model, &device);
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
