//! Next-token prediction with either kind of language model.

use tinderbox_generate::{NextToken, PredictError};

use super::model::LanguageModel;

/// Reads tokens and predicts the next one.
pub enum Predictor<'a> {
    /// Carries a hidden state.
    Recurrent(tinderbox_model_rnn::Predictor<'a>),
    /// Keeps a KV cache of its context.
    Attention(tinderbox_model_transformer::Predictor<'a>),
}

impl<'a> Predictor<'a> {
    /// Predictor that has read nothing. The model must be without gradients.
    pub fn new(model: &'a LanguageModel) -> Self {
        match model {
            LanguageModel::Recurrent(model) => {
                Self::Recurrent(tinderbox_model_rnn::Predictor::new(model))
            }
            LanguageModel::Attention(model) => {
                Self::Attention(tinderbox_model_transformer::Predictor::new(model))
            }
        }
    }
}

impl NextToken for Predictor<'_> {
    type Error = PredictError;

    fn next_logits(&mut self, tokens: &[u32]) -> Result<Vec<f32>, PredictError> {
        match self {
            Self::Recurrent(predictor) => predictor.next_logits(tokens),
            Self::Attention(predictor) => predictor.next_logits(tokens),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::LanguageModelConfig;
    use super::*;
    use burn::tensor::Device;
    use tinderbox_model_rnn::RnnLmConfig;
    use tinderbox_model_transformer::{CausalLmConfig, GptConfig};

    fn models() -> [LanguageModelConfig; 2] {
        let gpt = GptConfig::small(2, 2, 8, 6).with_vocab_size(20);
        let lstm = RnnLmConfig::default()
            .with_vocab_size(20)
            .with_embedding_size(8)
            .with_hidden_size(8);
        [
            LanguageModelConfig::Attention(CausalLmConfig::Gpt(gpt)),
            LanguageModelConfig::Recurrent(lstm),
        ]
    }

    /// The context of 6 tokens overflows in the GPT.
    #[test]
    fn either_kind_of_model_reads_token_by_token() {
        for config in models() {
            let model = config.init(&Device::flex()).unwrap();
            let mut predictor = Predictor::new(&model);
            for token in 0..10 {
                assert_eq!(predictor.next_logits(&[token]).unwrap().len(), 20);
            }
            assert!(predictor.next_logits(&[20]).is_err());
        }
    }
}
