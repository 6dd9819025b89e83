//! Heads of the encoders.

// Fields have Hugging Face's names.
#![allow(non_snake_case)]

use std::fmt;

use burn::module::{Module, Param};
use burn::nn::{Initializer, Linear};
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};
use tinderbox_kernels::linear::linear_transposed;
use tinderbox_kernels::nn;

use super::Spec;
use crate::layers::{Activation, LayerNorm};

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

impl Head {
    /// True for the heads whose logits are those of `num_labels` labels.
    pub fn has_labels(self) -> bool {
        matches!(
            self,
            Self::SequenceClassification | Self::TokenClassification
        )
    }
}

/// Meaning of the logits of a sequence classification head, with Hugging Face's names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProblemType {
    /// One of the labels holds: softmax of the logits, or the sigmoid of a single one.
    #[default]
    #[serde(rename = "single_label_classification")]
    SingleLabel,
    /// Any number of the labels hold: the sigmoid of each logit.
    #[serde(rename = "multi_label_classification")]
    MultiLabel,
    /// Each logit is a number.
    #[serde(rename = "regression")]
    Regression,
}

impl ProblemType {
    /// True for the default, which model files leave out.
    // Serde wants a reference.
    #[allow(clippy::trivially_copy_pass_by_ref)]
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "no head",
            Self::MaskedLm => "masked-language-model head",
            Self::SequenceClassification => "sequence classification head",
            Self::TokenClassification => "token classification head",
            Self::QuestionAnswering => "question answering head",
        })
    }
}

/// The encoder does not have the head that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this encoder has no {wanted}")]
pub struct MissingHead {
    /// The head asked for.
    pub wanted: Head,
}

/// Transform of BERT's masked-language-model head, before the tied decoder.
#[derive(Module, Debug)]
pub(crate) struct VocabularyTransform {
    dense: Linear,
    LayerNorm: LayerNorm,
    #[module(skip)]
    act: Activation,
}

impl VocabularyTransform {
    pub(crate) fn new(spec: &Spec, device: &Device) -> Self {
        Self {
            dense: spec.square(device),
            LayerNorm: spec.norm(device),
            act: spec.activation,
        }
    }

    /// `[count, hidden]` to the same.
    pub(crate) fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let x = self.act.forward(nn::linear(&self.dense, x));
        self.LayerNorm.forward(x)
    }
}

/// Bias of the tied decoder `[vocab_size]`.
pub(crate) fn vocabulary_bias(spec: &Spec, device: &Device) -> Param<Tensor<1>> {
    Initializer::Zeros.init([spec.vocab_size], device)
}

/// Logits `[count, vocab_size]` of `rows` `[count, hidden]`, tied to the word embeddings `table`
/// `[vocab_size, hidden]`.
pub(crate) fn tied_logits(rows: Tensor<2>, table: Tensor<2>, bias: Tensor<1>) -> Tensor<2> {
    linear_transposed(rows, table, Some(bias))
}

/// Features `[batch, time, hidden]` to those of the first token, `[CLS]` or `<s>`, which represents
/// the whole text: `[batch, hidden]`.
pub(crate) fn first_token(features: Tensor<3>) -> Tensor<2> {
    features.narrow(1, 0, 1).squeeze_dim(1)
}
