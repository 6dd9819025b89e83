//! Any encoder of this crate, chosen at run time.

mod config;
mod names;

use burn::module::Module;
use burn::tensor::{Bool, Int, Tensor};

use crate::encoder::{Embeddings, EncoderInput};
use crate::{Bert, DistilBert, Roberta};

pub use config::TextEncoderConfig;

/// The lowest number that every float type has.
const LOWEST: f64 = -65504.0;

/// Any encoder of this crate: one type for code that chooses by name.
///
/// Methods that need a head panic without it: what the head is, the configuration says, and the code that asks for labels of
/// a model has chosen it.
// There is one of them in a program, and a box would only add a step to every access.
#[allow(clippy::large_enum_variant)]
#[derive(Module, Debug)]
pub enum TextEncoder {
    /// See [`bert`](crate::bert).
    Bert(Bert),
    /// See [`distilbert`](crate::distilbert).
    DistilBert(DistilBert),
    /// See [`roberta`](crate::roberta).
    Roberta(Roberta),
}

/// Features.
impl TextEncoder {
    /// Tokens `[batch, time]` to what the last layer knows of each: `[batch, time, hidden]`. Of what fills up, the features
    /// mean nothing.
    ///
    /// # Panics
    /// If `time` is more than [`max_length`](Self::max_length).
    pub fn forward_features(&self, input: &EncoderInput) -> Tensor<3> {
        self.forward_features_from(self.word_embeddings(input.tokens.clone()), input)
    }

    /// As [`forward_features`](Self::forward_features) with `embeddings` `[batch, time, hidden]` in place of
    /// [`word_embeddings`](Self::word_embeddings) of the tokens, which are then not looked at. For asking what each token
    /// contributes.
    ///
    /// # Panics
    /// As [`forward_features`](Self::forward_features).
    pub fn forward_features_from(&self, embeddings: Tensor<3>, input: &EncoderInput) -> Tensor<3> {
        match self {
            Self::Bert(model) => model.bert.forward(embeddings, input),
            Self::DistilBert(model) => model.distilbert.forward(embeddings, input),
            Self::Roberta(model) => model.roberta.forward(embeddings, input),
        }
    }

    /// The rows of the table of words: tokens `[batch, time]` to `[batch, time, hidden]`.
    pub fn word_embeddings(&self, tokens: Tensor<2, Int>) -> Tensor<3> {
        self.embeddings().words(tokens)
    }

    /// How much each token looks at each, in every layer: probabilities `[batch, heads, time, time]`, of which the last
    /// dimension sums to one. What fills up is not looked at.
    ///
    /// # Panics
    /// As [`forward_features`](Self::forward_features).
    pub fn attentions(&self, input: &EncoderInput) -> Vec<Tensor<4>> {
        let words = self.word_embeddings(input.tokens.clone());
        match self {
            Self::Bert(model) => model.bert.attentions(words, input),
            Self::DistilBert(model) => model.distilbert.attentions(words, input),
            Self::Roberta(model) => model.roberta.attentions(words, input),
        }
    }

    /// Features `[batch, time, hidden]` to what the pooler makes of the first token, `[batch, hidden]`. BERT has a pooler
    /// without a head and with one for sequences, RoBERTa without a head, DistilBERT never.
    pub fn pool(&self, features: Tensor<3>) -> Option<Tensor<2>> {
        match self {
            Self::Bert(model) => model.bert.pool(features),
            Self::DistilBert(_) => None,
            Self::Roberta(model) => model.roberta.pool(features),
        }
    }

    /// The same model without its pooler, if it has one.
    #[must_use]
    pub(crate) fn without_pooler(self) -> Self {
        match self {
            Self::Bert(mut model) => {
                model.bert = model.bert.without_pooler();
                Self::Bert(model)
            }
            Self::DistilBert(model) => Self::DistilBert(model),
            Self::Roberta(mut model) => {
                model.roberta = model.roberta.without_pooler();
                Self::Roberta(model)
            }
        }
    }

    /// Number of layers.
    pub fn num_layers(&self) -> usize {
        match self {
            Self::Bert(model) => model.bert.num_layers(),
            Self::DistilBert(model) => model.distilbert.num_layers(),
            Self::Roberta(model) => model.roberta.num_layers(),
        }
    }

    /// The longest text, in tokens.
    pub fn max_length(&self) -> usize {
        self.embeddings().max_length()
    }

    /// Number of tokens that there are.
    pub fn vocab_size(&self) -> usize {
        self.embeddings().vocab_size()
    }

    fn embeddings(&self) -> &Embeddings {
        match self {
            Self::Bert(model) => &model.bert.embeddings,
            Self::DistilBert(model) => &model.distilbert.embeddings,
            Self::Roberta(model) => &model.roberta.embeddings,
        }
    }
}

/// Logits.
impl TextEncoder {
    /// Logits of each text's label: `[batch, num_labels]`.
    ///
    /// # Panics
    /// Without a [`SequenceClassification`](crate::Head::SequenceClassification) head, and as [`forward_features`](Self::forward_features).
    pub fn forward_sequence_classification(&self, input: &EncoderInput) -> Tensor<2> {
        self.sequence_classification_head(self.forward_features(input))
    }

    /// As [`forward_sequence_classification`](Self::forward_sequence_classification) with `embeddings` in place of those of the tokens; see
    /// [`forward_features_from`](Self::forward_features_from).
    ///
    /// # Panics
    /// As [`forward_sequence_classification`](Self::forward_sequence_classification).
    pub fn forward_sequence_classification_from(
        &self,
        embeddings: Tensor<3>,
        input: &EncoderInput,
    ) -> Tensor<2> {
        self.sequence_classification_head(self.forward_features_from(embeddings, input))
    }

    /// Logits of each token's label: `[batch, time, num_labels]`.
    ///
    /// # Panics
    /// Without a [`TokenClassification`](crate::Head::TokenClassification) head, and as [`forward_features`](Self::forward_features).
    pub fn forward_token_classification(&self, input: &EncoderInput) -> Tensor<3> {
        let features = self.forward_features(input);
        let logits = match self {
            Self::Bert(model) => model.token_classification_head(features),
            Self::DistilBert(model) => model.token_classification_head(features),
            Self::Roberta(model) => model.token_classification_head(features),
        };
        wanted(logits, "of tokens")
    }

    /// Logits of an answer's start and of its end, `[batch, time]` each. What fills up gets a large negative number.
    ///
    /// # Panics
    /// Without a [`QuestionAnswering`](crate::Head::QuestionAnswering) head, and as [`forward_features`](Self::forward_features).
    pub fn forward_question_answering(&self, input: &EncoderInput) -> [Tensor<2>; 2] {
        self.question_answering_head(self.forward_features(input), input.attention_mask.as_ref())
    }

    /// As [`forward_question_answering`](Self::forward_question_answering) with `embeddings` in place of those of the tokens; see
    /// [`forward_features_from`](Self::forward_features_from).
    ///
    /// # Panics
    /// As [`forward_question_answering`](Self::forward_question_answering).
    pub fn forward_question_answering_from(
        &self,
        embeddings: Tensor<3>,
        input: &EncoderInput,
    ) -> [Tensor<2>; 2] {
        let features = self.forward_features_from(embeddings, input);
        self.question_answering_head(features, input.attention_mask.as_ref())
    }

    /// Logits of which token stands at each place: `[batch, time, vocab_size]`. For a few places,
    /// [`masked_lm_head`](Self::masked_lm_head) of their features costs less.
    ///
    /// # Panics
    /// Without a [`MaskedLm`](crate::Head::MaskedLm) head, and as [`forward_features`](Self::forward_features).
    pub fn forward_masked_lm(&self, input: &EncoderInput) -> Tensor<3> {
        let features = self.forward_features(input);
        let [batch, time, width] = features.dims();
        let logits = self.masked_lm_head(features.reshape([batch * time, width]));
        let [_, vocab_size] = logits.dims();
        logits.reshape([batch, time, vocab_size])
    }

    /// Features of chosen tokens `[count, hidden]` to logits `[count, vocab_size]`.
    ///
    /// # Panics
    /// Without a [`MaskedLm`](crate::Head::MaskedLm) head.
    pub fn masked_lm_head(&self, features: Tensor<2>) -> Tensor<2> {
        let logits = match self {
            Self::Bert(model) => model.masked_lm_head(features),
            Self::DistilBert(model) => model.masked_lm_head(features),
            Self::Roberta(model) => model.masked_lm_head(features),
        };
        wanted(logits, "of masked tokens")
    }

    fn sequence_classification_head(&self, features: Tensor<3>) -> Tensor<2> {
        let logits = match self {
            Self::Bert(model) => model.sequence_classification_head(features),
            Self::DistilBert(model) => model.sequence_classification_head(features),
            Self::Roberta(model) => model.sequence_classification_head(features),
        };
        wanted(logits, "of sequences")
    }

    fn question_answering_head(
        &self,
        features: Tensor<3>,
        attention_mask: Option<&Tensor<2, Bool>>,
    ) -> [Tensor<2>; 2] {
        let logits = match self {
            Self::Bert(model) => model.question_answering_head(features),
            Self::DistilBert(model) => model.question_answering_head(features),
            Self::Roberta(model) => model.question_answering_head(features),
        };
        let logits = wanted(logits, "of spans");
        [0, 1].map(|side| {
            let side: Tensor<2> = logits.clone().narrow(2, side, 1).squeeze_dim(2);
            match attention_mask {
                Some(attention_mask) => side.mask_fill(attention_mask.clone().bool_not(), LOWEST),
                None => side,
            }
        })
    }
}

/// The logits of a head that the caller says is there.
fn wanted<T>(logits: Option<T>, of_what: &str) -> T {
    match logits {
        Some(logits) => logits,
        None => panic!("this encoder has no head {of_what}"),
    }
}

impl From<Bert> for TextEncoder {
    fn from(model: Bert) -> Self {
        Self::Bert(model)
    }
}

impl From<DistilBert> for TextEncoder {
    fn from(model: DistilBert) -> Self {
        Self::DistilBert(model)
    }
}

impl From<Roberta> for TextEncoder {
    fn from(model: Roberta) -> Self {
        Self::Roberta(model)
    }
}
