//! BERT: post-norm layers of bidirectional attention over word, position and token type embeddings.
//!
//! ```text
//! tokens [batch, time] -> word + position + token type -> LayerNorm -> dropout
//!     -> num_hidden_layers x { x = LayerNorm(x + attention(x)); x = LayerNorm(x + mlp(x)) }
//!     -> features [batch, time, hidden_size] -> head
//! ```
//!
//! Devlin et al. 2018, <https://arxiv.org/abs/1810.04805>: 109,482,240 parameters for the base
//! model without a head, 335,141,888 for the large one. The smaller sizes are those of Turc et al.
//! 2019, <https://arxiv.org/abs/1908.08962>. Names and layouts are those of Hugging Face's
//! `BertModel`, `BertForMaskedLM` and so on.

use burn::module::{Module, Param};
use burn::nn::{Dropout, Linear};
use burn::tensor::{Device, Tensor};
use derive_setters::Setters;
use serde::{Deserialize, Serialize};
use tinderbox_kernels::nn;

use crate::ConfigError;
use crate::encoder::{
    Backbone, EncoderInput, Head, Positions, ProblemType, Spec, VocabularyTransform, bert_config,
    dropout, tied_logits, vocabulary_bias,
};
use crate::layers::Activation;

bert_config! {
    /// Configuration of a [`Bert`], with the option names of Hugging Face's `BertConfig`. The
    /// default is the base model without a head.
    BertConfig for Bert {
        vocab_size: 30522,
        /// Maximum length of a text, in tokens.
        max_position_embeddings: 512,
        /// Number of token types: 2 for the first and the second text of a pair.
        type_vocab_size: 2,
        layer_norm_eps: 1e-12,
        /// Padding token; its word embedding is initialised to zero.
        pad_token_id: 0,
    }
}

impl BertConfig {
    /// Two layers of width 64 for short sentences on a CPU: 64 positions, no dropout, and a
    /// vocabulary of 512 until the tokenizer's size is known.
    pub fn nano() -> Self {
        Self {
            vocab_size: 512,
            max_position_embeddings: 64,
            hidden_dropout_prob: 0.0,
            attention_probs_dropout_prob: 0.0,
            ..Self::new(2, 2, 64)
        }
    }

    /// Checks the options.
    ///
    /// # Errors
    /// Names the first option that is zero, absurdly large, or inconsistent with another.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.validate_shared()
    }
}

/// BERT with at most one head; see the [module documentation](self).
#[derive(Module, Debug)]
pub struct Bert {
    pub(crate) bert: Backbone,
    cls: Option<Cls>,
    dropout: Dropout,
    classifier: Option<Linear>,
    qa_outputs: Option<Linear>,
}

/// Masked-language-model head.
#[derive(Module, Debug)]
struct Cls {
    predictions: Predictions,
}

#[derive(Module, Debug)]
struct Predictions {
    transform: VocabularyTransform,
    bias: Param<Tensor<1>>,
}

impl Bert {
    fn new(config: &BertConfig, spec: &Spec, device: &Device) -> Self {
        let has_pooler = matches!(config.head, Head::None | Head::SequenceClassification);
        let cls = || Cls {
            predictions: Predictions {
                transform: VocabularyTransform::new(spec, device),
                bias: vocabulary_bias(spec, device),
            },
        };
        let labels = || spec.labels(device);
        Self {
            bert: Backbone::new(spec, Positions::Absolute, has_pooler, device),
            cls: (config.head == Head::MaskedLm).then(cls),
            dropout: config.head_dropout(),
            classifier: config.head.has_labels().then(labels),
            qa_outputs: (config.head == Head::QuestionAnswering).then(labels),
        }
    }

    /// Tokens `[batch, time]` to the last hidden states `[batch, time, hidden_size]`.
    ///
    /// # Panics
    /// If `time` is more than `max_position_embeddings`.
    pub fn forward_features(&self, input: &EncoderInput) -> Tensor<3> {
        let words = self.bert.embeddings.words(input.tokens.clone());
        self.bert.forward(words, input)
    }

    /// Features `[batch, time, hidden_size]` to logits `[batch, num_labels]`; `None` without this
    /// head.
    pub fn sequence_classification_head(&self, features: Tensor<3>) -> Option<Tensor<2>> {
        let classifier = self.classifier.as_ref()?;
        let pooled = nn::dropout(&self.dropout, self.bert.pool(features)?); // [batch, hidden_size]
        Some(classifier.forward(pooled))
    }

    /// Features `[batch, time, hidden_size]` to logits `[batch, time, num_labels]`; `None` without
    /// this head.
    pub fn token_classification_head(&self, features: Tensor<3>) -> Option<Tensor<3>> {
        let classifier = self.classifier.as_ref()?;
        // A classifier beside a pooler is the sequence classification head.
        let is_of_tokens = !self.bert.has_pooler();
        is_of_tokens.then(|| nn::linear(classifier, nn::dropout(&self.dropout, features)))
    }

    /// Features `[batch, time, hidden_size]` to start and end logits `[batch, time, 2]`; `None`
    /// without this head.
    pub fn question_answering_head(&self, features: Tensor<3>) -> Option<Tensor<3>> {
        let outputs = self.qa_outputs.as_ref()?;
        Some(nn::linear(outputs, features))
    }

    /// Output layer of a sequence or token classification head, with its name.
    pub(crate) fn output_layer(&self) -> Option<(&'static str, &Linear)> {
        Some(("classifier", self.classifier.as_ref()?))
    }

    /// Features of selected tokens `[count, hidden_size]` to logits `[count, vocab_size]`; `None`
    /// without this head.
    pub fn masked_lm_head(&self, features: Tensor<2>) -> Option<Tensor<2>> {
        let Predictions { transform, bias } = &self.cls.as_ref()?.predictions;
        let table = self.bert.embeddings.table();
        Some(tied_logits(transform.forward(features), table, bias.val()))
    }
}
