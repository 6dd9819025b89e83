//! RoBERTa: BERT's network, trained for longer on more text, with other places, one kind of segment and other heads.
//!
//! ```text
//! tokens [batch, time] -> word + position (from pad_token_id + 1 on) + segment 0 -> LayerNorm -> dropout
//!     -> BERT's layers -> features -> a head
//! ```
//!
//! Liu et al. 2019, <https://arxiv.org/abs/1907.11692>: 124,645,632 parameters for the base model without a head, 355,359,744
//! for the large one. Names and layouts are those of Hugging Face's `RobertaModel`, `RobertaForMaskedLM` and so on.

mod config;

use burn::module::{Module, Param};
use burn::nn::{Dropout, Linear};
use burn::tensor::{Device, Tensor};
use tinderbox_kernels::activation::gelu;
use tinderbox_kernels::nn;

use crate::encoder::{
    Backbone, EncoderInput, Head, Parts, Positions, first_token, tied_logits, vocabulary_bias,
};
use crate::layers::LayerNorm;

pub use config::RobertaConfig;

/// RoBERTa with at most one head; see the [module documentation](self).
#[derive(Module, Debug)]
pub struct Roberta {
    pub(crate) roberta: Backbone,
    lm_head: Option<LmHead>,
    dropout: Dropout,
    classifier: Option<Classifier>,
    qa_outputs: Option<Linear>,
}

/// The masked-language-model head.
#[derive(Module, Debug)]
struct LmHead {
    dense: Linear,
    layer_norm: LayerNorm,
    bias: Param<Tensor<1>>,
}

/// Two heads of one name. A variant adds nothing to the names of its parameters.
#[derive(Module, Debug)]
enum Classifier {
    Sequence(SequenceClassifier),
    Token(Linear),
}

/// What BERT's pooler and classifier do, in one.
#[derive(Module, Debug)]
struct SequenceClassifier {
    dense: Linear,
    out_proj: Linear,
}

impl Roberta {
    fn new(config: &RobertaConfig, parts: &Parts, device: &Device) -> Self {
        let positions = Positions::After {
            pad: config.pad_token_id,
        };
        let lm_head = || LmHead {
            dense: parts.square(device),
            layer_norm: parts.norm(device),
            bias: vocabulary_bias(parts, device),
        };
        let has_pooler = config.head == Head::None;
        Self {
            roberta: Backbone::new(parts, positions, has_pooler, device),
            lm_head: (config.head == Head::MaskedLm).then(lm_head),
            dropout: config.head_dropout(),
            classifier: Classifier::new(parts, device),
            qa_outputs: (config.head == Head::QuestionAnswering).then(|| parts.labels(device)),
        }
    }

    /// Tokens `[batch, time]` to what the last layer knows of each: `[batch, time, hidden_size]`.
    ///
    /// # Panics
    /// If `time` is more than `max_position_embeddings - pad_token_id - 1`.
    pub fn forward_features(&self, input: &EncoderInput) -> Tensor<3> {
        let words = self.roberta.embeddings.words(input.tokens.clone());
        self.roberta.forward(words, input)
    }

    /// Features `[batch, time, hidden_size]` to logits `[batch, num_labels]`; `None` without that head.
    pub fn sequence_classification_head(&self, features: Tensor<3>) -> Option<Tensor<2>> {
        let Some(Classifier::Sequence(classifier)) = &self.classifier else {
            return None;
        };
        let x = nn::dropout(&self.dropout, first_token(features));
        let x = nn::dropout(&self.dropout, classifier.dense.forward(x).tanh());
        Some(classifier.out_proj.forward(x))
    }

    /// Features `[batch, time, hidden_size]` to logits `[batch, time, num_labels]`; `None` without that head.
    pub fn token_classification_head(&self, features: Tensor<3>) -> Option<Tensor<3>> {
        let Some(Classifier::Token(classifier)) = &self.classifier else {
            return None;
        };
        let features = nn::dropout(&self.dropout, features);
        Some(nn::linear(classifier, features))
    }

    /// Features `[batch, time, hidden_size]` to the logits of start and end `[batch, time, 2]`; `None` without that head.
    pub fn question_answering_head(&self, features: Tensor<3>) -> Option<Tensor<3>> {
        let outputs = self.qa_outputs.as_ref()?;
        Some(nn::linear(outputs, features))
    }

    /// Features of chosen tokens `[count, hidden_size]` to logits `[count, vocab_size]`; `None` without that head.
    pub fn masked_lm_head(&self, features: Tensor<2>) -> Option<Tensor<2>> {
        let head = self.lm_head.as_ref()?;
        // The exact nonlinearity, whatever the layers have.
        let x = head
            .layer_norm
            .forward(gelu(nn::linear(&head.dense, features)));
        let table = self.roberta.embeddings.table();
        Some(tied_logits(x, table, head.bias.val()))
    }
}

impl Classifier {
    fn new(parts: &Parts, device: &Device) -> Option<Self> {
        match parts.head {
            Head::SequenceClassification => Some(Self::Sequence(SequenceClassifier {
                dense: parts.square(device),
                out_proj: parts.labels(device),
            })),
            Head::TokenClassification => Some(Self::Token(parts.labels(device))),
            Head::None | Head::MaskedLm | Head::QuestionAnswering => None,
        }
    }
}
