//! What the encoders of text share: their input, their heads' kinds, and the parts that BERT, RoBERTa and DistilBERT are
//! built of.
//!
//! An encoder reads a whole text at once: every token sees every other, before and after it. Devlin et al. 2018,
//! <https://arxiv.org/abs/1810.04805>. A layer adds first and normalises then ("post-norm"), unlike GPT's.

mod attention;
mod backbone;
mod embeddings;
mod heads;
mod layer;
mod parts;

use burn::tensor::{Bool, Int, Tensor};
use serde::{Deserialize, Serialize};

use crate::attention::Mask;

pub(crate) use attention::Projections;
pub(crate) use backbone::Backbone;
pub(crate) use embeddings::{Embeddings, Positions};
pub(crate) use heads::{VocabularyTransform, first_token, tied_logits, vocabulary_bias};
pub(crate) use parts::{Parts, dropout};

/// A batch of tokenised texts, padded to the longest.
#[derive(Clone, Debug)]
pub struct EncoderInput {
    /// Token ids `[batch, time]`.
    pub tokens: Tensor<2, Int>,
    /// `[batch, time]`: 0, or 1 in the second text of a pair. `None` is all 0. Ignored by models with
    /// one token type.
    pub token_type_ids: Option<Tensor<2, Int>>,
    /// `[batch, time]`: `true` for tokens, `false` for padding. `None` is all `true`.
    pub attention_mask: Option<Tensor<2, Bool>>,
}

impl EncoderInput {
    /// Single texts of equal length, without padding.
    pub fn new(tokens: Tensor<2, Int>) -> Self {
        Self {
            tokens,
            token_type_ids: None,
            attention_mask: None,
        }
    }

    /// What each token may look at, for all layers.
    pub(crate) fn mask(&self) -> Mask {
        self.attention_mask
            .clone()
            .map_or_else(Mask::none, Mask::padding)
    }
}

/// Head of an encoder. The logits are those of the Hugging Face classes named here.
///
/// Serialised under short names; Hugging Face's are read, too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Head {
    /// No head: the features themselves (`BertModel`).
    #[default]
    None,
    /// Logits over the vocabulary, tied to the word embeddings (`BertForMaskedLM`).
    MaskedLm,
    /// One label per text or pair of texts (`BertForSequenceClassification`).
    #[serde(rename = "sequence", alias = "sequence_classification")]
    SequenceClassification,
    /// One label per token (`BertForTokenClassification`).
    #[serde(rename = "token", alias = "token_classification")]
    TokenClassification,
    /// Start and end of an answer (`BertForQuestionAnswering`).
    #[serde(rename = "span", alias = "question_answering")]
    QuestionAnswering,
}
