//! RoBERTa: BERT's network with other positions, one token type and other heads, trained for longer
//! on more text.
//!
//! ```text
//! tokens [batch, time] -> word + position (from pad_token_id + 1 on) + token type 0 -> LayerNorm
//!     -> dropout -> BERT's layers -> features [batch, time, hidden_size] -> head
//! ```
//!
//! Liu et al. 2019, <https://arxiv.org/abs/1907.11692>: 124,645,632 parameters for the base model
//! without a head, 355,359,744 for the large one. Names and layouts are those of Hugging Face's
//! `RobertaModel`, `RobertaForMaskedLM` and so on.

use burn::module::Module;
use burn::nn::{Dropout, Linear};
use burn::tensor::{Device, Tensor};
use derive_setters::Setters;
use serde::{Deserialize, Serialize};
use tinderbox_kernels::nn;

use crate::ConfigError;
use crate::encoder::{
    Backbone, Classifier, EncoderInput, Head, LmHead, Positions, ProblemType, Spec, bert_config,
    dropout,
};
use crate::layers::Activation;

bert_config! {
    /// Configuration of a [`Roberta`], with the option names of Hugging Face's `RobertaConfig`. The
    /// default is the base model without a head.
    RobertaConfig for Roberta {
        vocab_size: 50265,
        /// Rows of the position embeddings; the first `pad_token_id + 1` belong to no token.
        max_position_embeddings: 514,
        /// Number of token types. RoBERTa has one and separates a pair by tokens alone.
        type_vocab_size: 1,
        layer_norm_eps: 1e-5,
        /// Padding token; its word embedding is initialised to zero, and positions start after it.
        pad_token_id: 1,
    }
}

impl RobertaConfig {
    /// Maximum length of a text, in tokens.
    pub fn max_length(&self) -> usize {
        self.max_position_embeddings
            .saturating_sub(self.pad_token_id.saturating_add(1))
    }

    /// Checks the options.
    ///
    /// # Errors
    /// Names the first option that is zero, absurdly large, or inconsistent with another.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.validate_shared()?;
        if self.max_length() > 0 {
            return Ok(());
        }
        let reason = format!(
            "leaves no position after `pad_token_id`, {}",
            self.pad_token_id
        );
        Err(ConfigError::new("max_position_embeddings", reason))
    }
}

/// RoBERTa with at most one head; see the [module documentation](self).
#[derive(Module, Debug)]
pub struct Roberta {
    pub(crate) roberta: Backbone,
    lm_head: Option<LmHead>,
    dropout: Dropout,
    classifier: Option<Classifier>,
    qa_outputs: Option<Linear>,
}

impl Roberta {
    fn new(config: &RobertaConfig, spec: &Spec, device: &Device) -> Self {
        let positions = Positions::AfterPadding {
            pad: config.pad_token_id,
        };
        let has_pooler = config.head == Head::None;
        Self {
            roberta: Backbone::new(spec, positions, has_pooler, device),
            lm_head: (config.head == Head::MaskedLm).then(|| LmHead::new(spec, device)),
            dropout: config.head_dropout(),
            classifier: Classifier::new(spec, device),
            qa_outputs: (config.head == Head::QuestionAnswering).then(|| spec.labels(device)),
        }
    }

    /// Tokens `[batch, time]` to the last hidden states `[batch, time, hidden_size]`.
    ///
    /// # Panics
    /// If `time` is more than `max_position_embeddings - pad_token_id - 1`.
    pub fn forward_features(&self, input: &EncoderInput) -> Tensor<3> {
        let words = self.roberta.embeddings.words(input.tokens.clone());
        self.roberta.forward(words, input)
    }

    /// Features `[batch, time, hidden_size]` to logits `[batch, num_labels]`; `None` without this
    /// head.
    pub fn sequence_classification_head(&self, features: Tensor<3>) -> Option<Tensor<2>> {
        let classifier = self.classifier.as_ref()?;
        classifier.of_sequences(features, &self.dropout)
    }

    /// Features `[batch, time, hidden_size]` to logits `[batch, time, num_labels]`; `None` without
    /// this head.
    pub fn token_classification_head(&self, features: Tensor<3>) -> Option<Tensor<3>> {
        let classifier = self.classifier.as_ref()?;
        classifier.of_tokens(features, &self.dropout)
    }

    /// Features `[batch, time, hidden_size]` to start and end logits `[batch, time, 2]`; `None`
    /// without this head.
    pub fn question_answering_head(&self, features: Tensor<3>) -> Option<Tensor<3>> {
        let outputs = self.qa_outputs.as_ref()?;
        Some(nn::linear(outputs, features))
    }

    /// Output layer of a sequence or token classification head, with its name.
    pub(crate) fn output_layer(&self) -> Option<(&'static str, &Linear)> {
        Some(self.classifier.as_ref()?.output_layer())
    }

    /// Features of selected tokens `[count, hidden_size]` to logits `[count, vocab_size]`; `None`
    /// without this head.
    pub fn masked_lm_head(&self, features: Tensor<2>) -> Option<Tensor<2>> {
        let head = self.lm_head.as_ref()?;
        Some(head.forward(features, self.roberta.embeddings.table()))
    }
}
