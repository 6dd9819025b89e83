//! Any encoder of this crate, chosen at run time.

mod config;
mod names;

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Bool, Int, Tensor};

use crate::encoder::{Embeddings, EncoderInput, Head, MissingHead};
use crate::{Bert, DistilBert, MpNet, Roberta};

pub use config::TextEncoderConfig;

/// Logit of padding: the lowest number of every float type, float16 included.
const LOWEST: f64 = -65504.0;

/// Any encoder of this crate: one type for code that chooses a model by name.
///
/// Methods that need a head return [`MissingHead`] on a model without it. A model opened from a
/// folder has the head that its `config.json` names.
// A program has one of them; a box would only add an indirection to every access.
#[allow(clippy::large_enum_variant)]
#[derive(Module, Debug)]
pub enum TextEncoder {
    /// See [`bert`](crate::bert).
    Bert(Bert),
    /// See [`distilbert`](crate::distilbert).
    DistilBert(DistilBert),
    /// See [`mpnet`](crate::mpnet).
    MpNet(MpNet),
    /// See [`roberta`](crate::roberta).
    Roberta(Roberta),
}

/// Features.
impl TextEncoder {
    /// Tokens `[batch, time]` to the last hidden states `[batch, time, hidden]`. Those of padding
    /// are meaningless.
    ///
    /// # Panics
    /// If `time` is more than [`max_length`](Self::max_length).
    pub fn forward_features(&self, input: &EncoderInput) -> Tensor<3> {
        self.forward_features_from(self.word_embeddings(input.tokens.clone()), input)
    }

    /// As [`forward_features`](Self::forward_features), with `embeddings` `[batch, time, hidden]`
    /// in place of the [`word_embeddings`](Self::word_embeddings) of the tokens (Hugging Face's
    /// `inputs_embeds`), for attribution methods.
    ///
    /// # Panics
    /// As [`forward_features`](Self::forward_features).
    pub fn forward_features_from(&self, embeddings: Tensor<3>, input: &EncoderInput) -> Tensor<3> {
        match self {
            Self::Bert(model) => model.bert.forward(embeddings, input),
            Self::DistilBert(model) => model.distilbert.forward(embeddings, input),
            Self::MpNet(model) => model.mpnet.forward(embeddings, input),
            Self::Roberta(model) => model.roberta.forward(embeddings, input),
        }
    }

    /// Word embeddings of tokens `[batch, time]`: `[batch, time, hidden]`.
    pub fn word_embeddings(&self, tokens: Tensor<2, Int>) -> Tensor<3> {
        self.embeddings().words(tokens)
    }

    /// Attention probabilities of every layer, `[batch, heads, queries, keys]` each; the keys of a
    /// query sum to 1, and padding gets 0.
    ///
    /// # Panics
    /// As [`forward_features`](Self::forward_features).
    pub fn attentions(&self, input: &EncoderInput) -> Vec<Tensor<4>> {
        let words = self.word_embeddings(input.tokens.clone());
        match self {
            Self::Bert(model) => model.bert.attentions(words, input),
            Self::DistilBert(model) => model.distilbert.attentions(words, input),
            Self::MpNet(model) => model.mpnet.attentions(words, input),
            Self::Roberta(model) => model.roberta.attentions(words, input),
        }
    }

    /// Features `[batch, time, hidden]` to the pooler's output `[batch, hidden]`. BERT has a pooler
    /// without a head and with a sequence classification head, RoBERTa and MPNet without a head,
    /// DistilBERT never.
    pub fn pool(&self, features: Tensor<3>) -> Option<Tensor<2>> {
        match self {
            Self::Bert(model) => model.bert.pool(features),
            Self::DistilBert(_) => None,
            Self::MpNet(model) => model.mpnet.pool(features),
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
            Self::MpNet(mut model) => {
                model.mpnet = model.mpnet.without_pooler();
                Self::MpNet(model)
            }
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
            Self::MpNet(model) => model.mpnet.num_layers(),
            Self::Roberta(model) => model.roberta.num_layers(),
        }
    }

    /// Maximum length of a text, in tokens.
    pub fn max_length(&self) -> usize {
        self.embeddings().max_length()
    }

    /// Vocabulary size.
    pub fn vocab_size(&self) -> usize {
        self.embeddings().vocab_size()
    }

    /// Output layer of a sequence or token classification head, with its name.
    pub(crate) fn output_layer(&self) -> Option<(&'static str, &Linear)> {
        match self {
            Self::Bert(model) => model.output_layer(),
            Self::DistilBert(model) => model.output_layer(),
            Self::MpNet(model) => model.output_layer(),
            Self::Roberta(model) => model.output_layer(),
        }
    }

    fn embeddings(&self) -> &Embeddings {
        match self {
            Self::Bert(model) => &model.bert.embeddings,
            Self::DistilBert(model) => &model.distilbert.embeddings,
            Self::MpNet(model) => &model.mpnet.embeddings,
            Self::Roberta(model) => &model.roberta.embeddings,
        }
    }
}

/// Logits.
impl TextEncoder {
    /// Sequence classification logits `[batch, num_labels]`.
    ///
    /// # Errors
    /// [`MissingHead`] without that head.
    ///
    /// # Panics
    /// As [`forward_features`](Self::forward_features).
    pub fn forward_sequence_classification(
        &self,
        input: &EncoderInput,
    ) -> Result<Tensor<2>, MissingHead> {
        self.sequence_classification_head(self.forward_features(input))
    }

    /// As [`forward_sequence_classification`](Self::forward_sequence_classification), from
    /// `embeddings`; see [`forward_features_from`](Self::forward_features_from).
    ///
    /// # Errors
    /// [`MissingHead`] without that head.
    ///
    /// # Panics
    /// As [`forward_features`](Self::forward_features).
    pub fn forward_sequence_classification_from(
        &self,
        embeddings: Tensor<3>,
        input: &EncoderInput,
    ) -> Result<Tensor<2>, MissingHead> {
        self.sequence_classification_head(self.forward_features_from(embeddings, input))
    }

    /// Token classification logits `[batch, time, num_labels]`.
    ///
    /// # Errors
    /// [`MissingHead`] without that head.
    ///
    /// # Panics
    /// As [`forward_features`](Self::forward_features).
    pub fn forward_token_classification(
        &self,
        input: &EncoderInput,
    ) -> Result<Tensor<3>, MissingHead> {
        let features = self.forward_features(input);
        let logits = match self {
            Self::Bert(model) => model.token_classification_head(features),
            Self::DistilBert(model) => model.token_classification_head(features),
            Self::MpNet(model) => model.token_classification_head(features),
            Self::Roberta(model) => model.token_classification_head(features),
        };
        require(logits, Head::TokenClassification)
    }

    /// Question answering logits of the answer's start and end, `[batch, time]` each. Padding gets
    /// a large negative number.
    ///
    /// # Errors
    /// [`MissingHead`] without that head.
    ///
    /// # Panics
    /// As [`forward_features`](Self::forward_features).
    pub fn forward_question_answering(
        &self,
        input: &EncoderInput,
    ) -> Result<[Tensor<2>; 2], MissingHead> {
        let features = self.forward_features(input);
        self.question_answering_head(features, input.attention_mask.as_ref())
    }

    /// As [`forward_question_answering`](Self::forward_question_answering), from `embeddings`; see
    /// [`forward_features_from`](Self::forward_features_from).
    ///
    /// # Errors
    /// [`MissingHead`] without that head.
    ///
    /// # Panics
    /// As [`forward_features`](Self::forward_features).
    pub fn forward_question_answering_from(
        &self,
        embeddings: Tensor<3>,
        input: &EncoderInput,
    ) -> Result<[Tensor<2>; 2], MissingHead> {
        let features = self.forward_features_from(embeddings, input);
        self.question_answering_head(features, input.attention_mask.as_ref())
    }

    /// Masked-language-model logits `[batch, time, vocab_size]`. For a few positions,
    /// [`masked_lm_head`](Self::masked_lm_head) of their features costs less.
    ///
    /// # Errors
    /// [`MissingHead`] without that head.
    ///
    /// # Panics
    /// As [`forward_features`](Self::forward_features).
    pub fn forward_masked_lm(&self, input: &EncoderInput) -> Result<Tensor<3>, MissingHead> {
        let features = self.forward_features(input);
        let [batch, time, hidden] = features.dims();
        let logits = self.masked_lm_head(features.reshape([batch * time, hidden]))?;
        let [_, vocab_size] = logits.dims();
        Ok(logits.reshape([batch, time, vocab_size]))
    }

    /// Features of selected tokens `[count, hidden]` to logits `[count, vocab_size]`.
    ///
    /// # Errors
    /// [`MissingHead`] without a masked-language-model head.
    pub fn masked_lm_head(&self, features: Tensor<2>) -> Result<Tensor<2>, MissingHead> {
        let logits = match self {
            Self::Bert(model) => model.masked_lm_head(features),
            Self::DistilBert(model) => model.masked_lm_head(features),
            Self::MpNet(model) => model.masked_lm_head(features),
            Self::Roberta(model) => model.masked_lm_head(features),
        };
        require(logits, Head::MaskedLm)
    }

    fn sequence_classification_head(&self, features: Tensor<3>) -> Result<Tensor<2>, MissingHead> {
        let logits = match self {
            Self::Bert(model) => model.sequence_classification_head(features),
            Self::DistilBert(model) => model.sequence_classification_head(features),
            Self::MpNet(model) => model.sequence_classification_head(features),
            Self::Roberta(model) => model.sequence_classification_head(features),
        };
        require(logits, Head::SequenceClassification)
    }

    fn question_answering_head(
        &self,
        features: Tensor<3>,
        attention_mask: Option<&Tensor<2, Bool>>,
    ) -> Result<[Tensor<2>; 2], MissingHead> {
        let logits = match self {
            Self::Bert(model) => model.question_answering_head(features),
            Self::DistilBert(model) => model.question_answering_head(features),
            Self::MpNet(model) => model.question_answering_head(features),
            Self::Roberta(model) => model.question_answering_head(features),
        };
        let logits = require(logits, Head::QuestionAnswering)?; // [batch, time, 2]
        Ok([0, 1].map(|side| {
            let side: Tensor<2> = logits.clone().narrow(2, side, 1).squeeze_dim(2);
            match attention_mask {
                Some(mask) => side.mask_fill(mask.clone().bool_not(), LOWEST),
                None => side,
            }
        }))
    }
}

fn require<T>(logits: Option<T>, wanted: Head) -> Result<T, MissingHead> {
    logits.ok_or(MissingHead { wanted })
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

impl From<MpNet> for TextEncoder {
    fn from(model: MpNet) -> Self {
        Self::MpNet(model)
    }
}

impl From<Roberta> for TextEncoder {
    fn from(model: Roberta) -> Self {
        Self::Roberta(model)
    }
}
