//! Shared parts of the text encoders BERT, RoBERTa, MPNet and DistilBERT: input, heads and layers.
//!
//! An encoder reads a whole text at once: every token attends to every other, before and after it.
//! Devlin et al. 2018, <https://arxiv.org/abs/1810.04805>. Layers are post-norm (add, then
//! normalise), unlike GPT's.

mod add_norm;
mod attention;
mod backbone;
mod config;
mod embeddings;
mod heads;
mod layer;
mod roberta_heads;
mod spec;

use burn::tensor::{Bool, Int, Tensor};

use crate::attention::Mask;

pub(crate) use add_norm::AddNorm;
pub(crate) use attention::Projections;
pub(crate) use backbone::{Backbone, Pooler};
pub(crate) use config::bert_config;
pub(crate) use embeddings::{Embeddings, Positions};
pub use heads::{Head, MissingHead, ProblemType};
pub(crate) use heads::{VocabularyTransform, first_token, tied_logits, vocabulary_bias};
pub(crate) use layer::Intermediate;
pub(crate) use roberta_heads::{Classifier, LmHead};
pub(crate) use spec::{Spec, dropout};

/// A batch of tokenised texts, padded to the longest.
#[derive(Clone, Debug)]
pub struct EncoderInput {
    /// Token ids `[batch, time]`.
    pub tokens: Tensor<2, Int>,
    /// `[batch, time]`: 0, or 1 in the second text of a pair. `None` is all 0. Ignored by models
    /// with one token type.
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

    /// Mask of all layers: padding is not attended to.
    pub(crate) fn mask(&self) -> Mask {
        self.attention_mask
            .clone()
            .map_or_else(Mask::none, Mask::padding)
    }
}
