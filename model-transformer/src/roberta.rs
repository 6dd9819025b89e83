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

use burn::module::{Module, Param};
use burn::nn::{Dropout, Linear};
use burn::tensor::{Device, Tensor};
use derive_setters::Setters;
use serde::{Deserialize, Serialize};
use tinderbox_kernels::activation::gelu;
use tinderbox_kernels::nn;

use crate::ConfigError;
use crate::encoder::{
    Backbone, EncoderInput, Head, Positions, Spec, bert_config, dropout, first_token, tied_logits,
    vocabulary_bias,
};
use crate::layers::{Activation, LayerNorm};

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

/// Masked-language-model head.
#[derive(Module, Debug)]
struct LmHead {
    dense: Linear,
    layer_norm: LayerNorm,
    bias: Param<Tensor<1>>,
}

/// The two heads that Hugging Face calls `classifier`. A variant adds nothing to parameter names.
#[derive(Module, Debug)]
enum Classifier {
    Sequence(SequenceClassifier),
    Token(Linear),
}

/// BERT's pooler and classifier in one module.
#[derive(Module, Debug)]
struct SequenceClassifier {
    dense: Linear,
    out_proj: Linear,
}

impl Roberta {
    fn new(config: &RobertaConfig, spec: &Spec, device: &Device) -> Self {
        let positions = Positions::AfterPadding {
            pad: config.pad_token_id,
        };
        let lm_head = || LmHead {
            dense: spec.square(device),
            layer_norm: spec.norm(device),
            bias: vocabulary_bias(spec, device),
        };
        let has_pooler = config.head == Head::None;
        Self {
            roberta: Backbone::new(spec, positions, has_pooler, device),
            lm_head: (config.head == Head::MaskedLm).then(lm_head),
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
        let Some(Classifier::Sequence(classifier)) = &self.classifier else {
            return None;
        };
        let x = nn::dropout(&self.dropout, first_token(features)); // [batch, hidden_size]
        let x = nn::dropout(&self.dropout, classifier.dense.forward(x).tanh());
        Some(classifier.out_proj.forward(x))
    }

    /// Features `[batch, time, hidden_size]` to logits `[batch, time, num_labels]`; `None` without
    /// this head.
    pub fn token_classification_head(&self, features: Tensor<3>) -> Option<Tensor<3>> {
        let Some(Classifier::Token(classifier)) = &self.classifier else {
            return None;
        };
        let features = nn::dropout(&self.dropout, features);
        Some(nn::linear(classifier, features))
    }

    /// Features `[batch, time, hidden_size]` to start and end logits `[batch, time, 2]`; `None`
    /// without this head.
    pub fn question_answering_head(&self, features: Tensor<3>) -> Option<Tensor<3>> {
        let outputs = self.qa_outputs.as_ref()?;
        Some(nn::linear(outputs, features))
    }

    /// Features of selected tokens `[count, hidden_size]` to logits `[count, vocab_size]`; `None`
    /// without this head.
    pub fn masked_lm_head(&self, features: Tensor<2>) -> Option<Tensor<2>> {
        let head = self.lm_head.as_ref()?;
        // Exact GELU, whatever the activation of the layers.
        let x = gelu(nn::linear(&head.dense, features));
        let x = head.layer_norm.forward(x);
        let table = self.roberta.embeddings.table();
        Some(tied_logits(x, table, head.bias.val()))
    }
}

impl Classifier {
    fn new(spec: &Spec, device: &Device) -> Option<Self> {
        match spec.head {
            Head::SequenceClassification => Some(Self::Sequence(SequenceClassifier {
                dense: spec.square(device),
                out_proj: spec.labels(device),
            })),
            Head::TokenClassification => Some(Self::Token(spec.labels(device))),
            Head::None | Head::MaskedLm | Head::QuestionAnswering => None,
        }
    }
}
