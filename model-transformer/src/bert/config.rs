use burn::nn::Dropout;
use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use super::Bert;
use crate::ConfigError;
use crate::encoder::{Head, Parts, dropout};
use crate::layers::Activation;

/// Configuration of a [`Bert`], in the words of Hugging Face's `BertConfig`. The default is the base model without a head.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BertConfig {
    /// Number of tokens that there are.
    pub vocab_size: usize,
    /// The width of the stream through the layers.
    pub hidden_size: usize,
    /// Number of layers.
    pub num_hidden_layers: usize,
    /// Number of attention heads, which share the width.
    pub num_attention_heads: usize,
    /// The width inside a feed-forward layer.
    pub intermediate_size: usize,
    /// The nonlinearity of the feed-forward layers.
    pub hidden_act: Activation,
    /// Dropout of the embeddings and of what each half of a layer adds.
    pub hidden_dropout_prob: f64,
    /// Dropout of attention's probabilities.
    pub attention_probs_dropout_prob: f64,
    /// Dropout before the classifier; by default `hidden_dropout_prob`.
    pub classifier_dropout: Option<f64>,
    /// The longest text, in tokens.
    pub max_position_embeddings: usize,
    /// Number of kinds of segments: 2 for the first and the second text of a pair.
    pub type_vocab_size: usize,
    /// What normalisation adds to the variance.
    pub layer_norm_eps: f64,
    /// Standard deviation of the first weights.
    pub initializer_range: f64,
    /// The token that fills up; its embedding begins as zeros.
    pub pad_token_id: usize,
    /// What stands on top.
    pub head: Head,
    /// Number of labels of a [`SequenceClassification`](Head::SequenceClassification) or [`TokenClassification`](Head::TokenClassification) head.
    pub num_labels: usize,
}

impl Default for BertConfig {
    fn default() -> Self {
        Self {
            vocab_size: 30522,
            hidden_size: 768,
            num_hidden_layers: 12,
            num_attention_heads: 12,
            intermediate_size: 3072,
            hidden_act: Activation::Gelu,
            hidden_dropout_prob: 0.1,
            attention_probs_dropout_prob: 0.1,
            classifier_dropout: None,
            max_position_embeddings: 512,
            type_vocab_size: 2,
            layer_norm_eps: 1e-12,
            initializer_range: 0.02,
            pad_token_id: 0,
            head: Head::None,
            num_labels: 2,
        }
    }
}

impl BertConfig {
    /// BERT with `layers` layers of width `hidden_size` and feed-forward layers of four times that width.
    pub fn new(layers: usize, heads: usize, hidden_size: usize) -> Self {
        Self {
            hidden_size,
            num_hidden_layers: layers,
            num_attention_heads: heads,
            intermediate_size: 4 * hidden_size,
            ..Self::default()
        }
    }

    /// Two layers of width 64 for a processor and sentences of a few words: a vocabulary of 512 until the data set gives
    /// its own, 64 positions, and no dropout.
    pub fn nano() -> Self {
        Self {
            vocab_size: 512,
            max_position_embeddings: 64,
            hidden_dropout_prob: 0.0,
            attention_probs_dropout_prob: 0.0,
            ..Self::new(2, 2, 64)
        }
    }

    /// Number of parameters, without building anything.
    pub fn num_parameters(&self) -> usize {
        let parts = self.parts();
        let head = match self.head {
            Head::None => parts.square_parameters(),
            Head::MaskedLm => parts.masked_lm_parameters(),
            Head::SequenceClassification => parts.square_parameters() + parts.label_parameters(),
            Head::TokenClassification | Head::QuestionAnswering => parts.label_parameters(),
        };
        parts.num_parameters() + head
    }

    /// Checks that the options describe a network.
    ///
    /// # Errors
    /// Names the first option that is zero, absurdly large, or does not go with the others.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let rate = self.classifier_dropout.unwrap_or(0.0);
        ConfigError::require_dropout("classifier_dropout", rate)?;
        self.parts().validate()
    }

    /// Builds the network on `device` with BERT's initialisation: `N(0, initializer_range²)`, biases of zero.
    ///
    /// # Errors
    /// See [`validate`](Self::validate).
    pub fn init(&self, device: &Device) -> Result<Bert, ConfigError> {
        self.validate()?;
        Ok(Bert::new(self, &self.parts(), device))
    }

    pub(super) fn head_dropout(&self) -> Dropout {
        dropout(self.classifier_dropout.unwrap_or(self.hidden_dropout_prob))
    }

    fn parts(&self) -> Parts {
        Parts {
            vocab_size: self.vocab_size,
            width: ("hidden_size", self.hidden_size),
            inner: ("intermediate_size", self.intermediate_size),
            layers: ("num_hidden_layers", self.num_hidden_layers),
            heads: ("num_attention_heads", self.num_attention_heads),
            positions: self.max_position_embeddings,
            segments: Some(self.type_vocab_size),
            activation: self.hidden_act,
            dropout: ("hidden_dropout_prob", self.hidden_dropout_prob),
            attention_dropout: (
                "attention_probs_dropout_prob",
                self.attention_probs_dropout_prob,
            ),
            epsilon: self.layer_norm_eps,
            std: self.initializer_range,
            pad: self.pad_token_id,
            head: self.head,
            num_labels: self.num_labels,
        }
    }
}
