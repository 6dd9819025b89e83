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

/// What an encoder reads: a batch of texts as tokens, all filled up to the length of the longest.
#[derive(Clone, Debug)]
pub struct EncoderInput {
    /// `[batch, time]`
    pub tokens: Tensor<2, Int>,
    /// `[batch, time]`: 0, and 1 for the second of two texts. `None` is all 0. A model that knows one kind of segment does
    /// not look at it.
    pub segments: Option<Tensor<2, Int>>,
    /// `[batch, time]`: `true` for a token, `false` for what fills up. `None` is all `true`.
    pub real: Option<Tensor<2, Bool>>,
}

impl EncoderInput {
    /// Single texts of one length, nothing to fill up.
    pub fn new(tokens: Tensor<2, Int>) -> Self {
        Self {
            tokens,
            segments: None,
            real: None,
        }
    }

    /// What each token may look at, for all layers.
    pub(crate) fn mask(&self) -> Mask {
        self.real.clone().map_or_else(Mask::none, Mask::padding)
    }
}

/// What stands on top of an encoder. The logits are those of Hugging Face's classes that are named here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Head {
    /// Nothing: the features themselves (`BertModel`).
    #[default]
    None,
    /// Which token stands here, from the table of embeddings (`BertForMaskedLM`).
    MaskedLm,
    /// One label for a text or a pair (`BertForSequenceClassification`).
    Sequence,
    /// A label for every token (`BertForTokenClassification`).
    Token,
    /// Where an answer starts and where it ends (`BertForQuestionAnswering`).
    Span,
}
