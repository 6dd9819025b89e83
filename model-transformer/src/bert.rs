//! BERT: a stack of bidirectional attention and feed-forward layers over the sum of three embeddings.
//!
//! ```text
//! tokens [batch, time] -> word + position + segment -> LayerNorm -> dropout
//!     -> num_hidden_layers x { x = LayerNorm(x + attention(x)); x = LayerNorm(x + mlp(x)) } -> features -> a head
//! ```
//!
//! Devlin et al. 2018, <https://arxiv.org/abs/1810.04805>: 109,482,240 parameters for the base model without a head,
//! 335,141,888 for the large one. The smaller sizes are those of Turc et al. 2019, <https://arxiv.org/abs/1908.08962>. Names
//! and layouts are those of Hugging Face's `BertModel`, `BertForMaskedLM` and so on.

mod config;

use burn::module::{Module, Param};
use burn::nn::{Dropout, Linear};
use burn::tensor::{Device, Tensor};
use tinderbox_kernels::nn;

use crate::encoder::{
    Backbone, EncoderInput, Head, Parts, Positions, VocabularyTransform, tied_logits,
    vocabulary_bias,
};

pub use config::BertConfig;

/// BERT with at most one head; see the [module documentation](self).
#[derive(Module, Debug)]
pub struct Bert {
    pub(crate) bert: Backbone,
    cls: Option<Cls>,
    dropout: Dropout,
    classifier: Option<Linear>,
    qa_outputs: Option<Linear>,
}

/// The masked-language-model head.
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
    fn new(config: &BertConfig, parts: &Parts, device: &Device) -> Self {
        let has_pooler = matches!(config.head, Head::None | Head::SequenceClassification);
        let cls = || Cls {
            predictions: Predictions {
                transform: VocabularyTransform::new(parts, device),
                bias: vocabulary_bias(parts, device),
            },
        };
        let labels = || parts.labels(device);
        let has_classifier = matches!(
            config.head,
            Head::SequenceClassification | Head::TokenClassification
        );
        Self {
            bert: Backbone::new(parts, Positions::Absolute, has_pooler, device),
            cls: (config.head == Head::MaskedLm).then(cls),
            dropout: config.head_dropout(),
            classifier: has_classifier.then(labels),
            qa_outputs: (config.head == Head::QuestionAnswering).then(labels),
        }
    }

    /// Tokens `[batch, time]` to what the last layer knows of each: `[batch, time, hidden_size]`.
    ///
    /// # Panics
    /// If `time` is more than `max_position_embeddings`.
    pub fn forward_features(&self, input: &EncoderInput) -> Tensor<3> {
        let words = self.bert.embeddings.words(input.tokens.clone());
        self.bert.forward(words, input)
    }

    /// Features `[batch, time, hidden_size]` to logits `[batch, num_labels]`; `None` without that head.
    pub fn sequence_classification_head(&self, features: Tensor<3>) -> Option<Tensor<2>> {
        let classifier = self.classifier.as_ref()?;
        let pooled = nn::dropout(&self.dropout, self.bert.pool(features)?);
        Some(classifier.forward(pooled))
    }

    /// Features `[batch, time, hidden_size]` to logits `[batch, time, num_labels]`; `None` without that head.
    pub fn token_classification_head(&self, features: Tensor<3>) -> Option<Tensor<3>> {
        let classifier = self.classifier.as_ref()?;
        // The classifier of whole texts reads the pooler.
        let is_of_tokens = !self.bert.has_pooler();
        is_of_tokens.then(|| nn::linear(classifier, nn::dropout(&self.dropout, features)))
    }

    /// Features `[batch, time, hidden_size]` to the logits of start and end `[batch, time, 2]`; `None` without that head.
    pub fn question_answering_head(&self, features: Tensor<3>) -> Option<Tensor<3>> {
        let outputs = self.qa_outputs.as_ref()?;
        Some(nn::linear(outputs, features))
    }

    /// Features of chosen tokens `[count, hidden_size]` to logits `[count, vocab_size]`; `None` without that head.
    pub fn masked_lm_head(&self, features: Tensor<2>) -> Option<Tensor<2>> {
        let Predictions { transform, bias } = &self.cls.as_ref()?.predictions;
        let table = self.bert.embeddings.table();
        Some(tied_logits(transform.forward(features), table, bias.val()))
    }
}
