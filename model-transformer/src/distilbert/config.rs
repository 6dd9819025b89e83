use burn::nn::Dropout;
use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use super::DistilBert;
use crate::ConfigError;
use crate::encoder::{Head, Parts, dropout};
use crate::layers::Activation;

/// What DistilBERT's norms add to the variance. There is no option for it.
const EPSILON: f64 = 1e-12;

/// Configuration of a [`DistilBert`], in the words of Hugging Face's `DistilBertConfig`. The default is the base model
/// without a head.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DistilBertConfig {
    /// Number of tokens that there are.
    pub vocab_size: usize,
    /// The longest text, in tokens.
    pub max_position_embeddings: usize,
    /// Whether the table of positions begins as sines and cosines.
    pub sinusoidal_pos_embds: bool,
    /// Number of layers.
    pub n_layers: usize,
    /// Number of attention heads, which share the width.
    pub n_heads: usize,
    /// The width of the stream through the layers.
    pub dim: usize,
    /// The width inside a feed-forward layer.
    pub hidden_dim: usize,
    /// Dropout of the embeddings, of the feed-forward layers, and before the classifier of tokens.
    pub dropout: f64,
    /// Dropout of attention's probabilities.
    pub attention_dropout: f64,
    /// The nonlinearity of the feed-forward layers.
    pub activation: Activation,
    /// Dropout before the layer that finds answers.
    pub qa_dropout: f64,
    /// Dropout before the classifier of texts.
    pub seq_classif_dropout: f64,
    /// Standard deviation of the first weights.
    pub initializer_range: f64,
    /// The token that fills up; its embedding begins as zeros.
    pub pad_token_id: usize,
    /// What stands on top.
    pub head: Head,
    /// Number of labels of a [`SequenceClassification`](Head::SequenceClassification) or [`TokenClassification`](Head::TokenClassification) head.
    pub num_labels: usize,
}

impl Default for DistilBertConfig {
    fn default() -> Self {
        Self {
            vocab_size: 30522,
            max_position_embeddings: 512,
            sinusoidal_pos_embds: false,
            n_layers: 6,
            n_heads: 12,
            dim: 768,
            hidden_dim: 3072,
            dropout: 0.1,
            attention_dropout: 0.1,
            activation: Activation::Gelu,
            qa_dropout: 0.1,
            seq_classif_dropout: 0.2,
            initializer_range: 0.02,
            pad_token_id: 0,
            head: Head::None,
            num_labels: 2,
        }
    }
}

impl DistilBertConfig {
    /// Number of parameters, without building anything.
    pub fn num_parameters(&self) -> usize {
        let parts = self.parts();
        let head = match self.head {
            Head::None => 0,
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
        ConfigError::require_dropout("qa_dropout", self.qa_dropout)?;
        ConfigError::require_dropout("seq_classif_dropout", self.seq_classif_dropout)?;
        self.parts().validate()
    }

    /// Builds the network on `device` with BERT's initialisation: `N(0, initializer_range²)`, biases of zero.
    ///
    /// # Errors
    /// See [`validate`](Self::validate).
    pub fn init(&self, device: &Device) -> Result<DistilBert, ConfigError> {
        self.validate()?;
        Ok(DistilBert::new(self, &self.parts(), device))
    }

    pub(super) fn head_dropout(&self) -> Dropout {
        dropout(match self.head {
            Head::SequenceClassification => self.seq_classif_dropout,
            Head::QuestionAnswering => self.qa_dropout,
            Head::None | Head::MaskedLm | Head::TokenClassification => self.dropout,
        })
    }

    fn parts(&self) -> Parts {
        Parts {
            vocab_size: self.vocab_size,
            width: ("dim", self.dim),
            inner: ("hidden_dim", self.hidden_dim),
            layers: ("n_layers", self.n_layers),
            heads: ("n_heads", self.n_heads),
            positions: self.max_position_embeddings,
            segments: None,
            activation: self.activation,
            dropout: ("dropout", self.dropout),
            attention_dropout: ("attention_dropout", self.attention_dropout),
            epsilon: EPSILON,
            std: self.initializer_range,
            pad: self.pad_token_id,
            head: self.head,
            num_labels: self.num_labels,
        }
    }
}
