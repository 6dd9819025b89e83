//! Heads of RoBERTa, which MPNet has as well.

use burn::module::{Module, Param};
use burn::nn::{Dropout, Linear};
use burn::tensor::{Device, Tensor};
use tinderbox_kernels::activation::gelu;
use tinderbox_kernels::nn;

use super::heads::{Head, first_token, tied_logits, vocabulary_bias};
use super::spec::Spec;
use crate::layers::LayerNorm;

/// Masked-language-model head.
#[derive(Module, Debug)]
pub(crate) struct LmHead {
    dense: Linear,
    layer_norm: LayerNorm,
    bias: Param<Tensor<1>>,
}

impl LmHead {
    pub(crate) fn new(spec: &Spec, device: &Device) -> Self {
        Self {
            dense: spec.square(device),
            layer_norm: spec.norm(device),
            bias: vocabulary_bias(spec, device),
        }
    }

    /// Features of selected tokens `[count, hidden_size]` to logits `[count, vocab_size]`, tied to
    /// the word embeddings `table` `[vocab_size, hidden_size]`.
    pub(crate) fn forward(&self, features: Tensor<2>, table: Tensor<2>) -> Tensor<2> {
        // Exact GELU, whatever the activation of the layers.
        let x = gelu(nn::linear(&self.dense, features));
        tied_logits(self.layer_norm.forward(x), table, self.bias.val())
    }
}

/// The two heads that Hugging Face calls `classifier`. A variant adds nothing to parameter names.
#[derive(Module, Debug)]
pub(crate) enum Classifier {
    Sequence(SequenceClassifier),
    Token(Linear),
}

/// BERT's pooler and classifier in one module.
#[derive(Module, Debug)]
pub(crate) struct SequenceClassifier {
    dense: Linear,
    out_proj: Linear,
}

impl Classifier {
    pub(crate) fn new(spec: &Spec, device: &Device) -> Option<Self> {
        match spec.head {
            Head::SequenceClassification => Some(Self::Sequence(SequenceClassifier {
                dense: spec.square(device),
                out_proj: spec.labels(device),
            })),
            Head::TokenClassification => Some(Self::Token(spec.labels(device))),
            Head::None | Head::MaskedLm | Head::QuestionAnswering => None,
        }
    }

    /// Features `[batch, time, hidden_size]` to logits `[batch, num_labels]`; `None` for tokens.
    pub(crate) fn of_sequences(&self, features: Tensor<3>, dropout: &Dropout) -> Option<Tensor<2>> {
        let Self::Sequence(SequenceClassifier { dense, out_proj }) = self else {
            return None;
        };
        let x = nn::dropout(dropout, first_token(features)); // [batch, hidden_size]
        let x = nn::dropout(dropout, dense.forward(x).tanh());
        Some(out_proj.forward(x))
    }

    /// Features `[batch, time, hidden_size]` to logits `[batch, time, num_labels]`; `None` for
    /// sequences.
    pub(crate) fn of_tokens(&self, features: Tensor<3>, dropout: &Dropout) -> Option<Tensor<3>> {
        match self {
            Self::Sequence(_) => None,
            Self::Token(layer) => Some(nn::linear(layer, nn::dropout(dropout, features))),
        }
    }

    /// Output layer, with its name.
    pub(crate) fn output_layer(&self) -> (&'static str, &Linear) {
        match self {
            Self::Sequence(head) => ("classifier.out_proj", &head.out_proj),
            Self::Token(layer) => ("classifier", layer),
        }
    }
}
