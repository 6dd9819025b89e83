//! DistilBERT: half of BERT's layers, taught by BERT, without segments and without a pooler.
//!
//! ```text
//! tokens [batch, time] -> word + position -> LayerNorm -> dropout
//!     -> n_layers x { x = LayerNorm(x + attention(x)); x = LayerNorm(x + ffn(x)) } -> features -> a head
//! ```
//!
//! Sanh et al. 2019, <https://arxiv.org/abs/1910.01108>: 66,362,880 parameters without a head. Names and layouts are those of
//! Hugging Face's `DistilBertModel`, `DistilBertForMaskedLM` and so on.

mod config;
mod layer;

use burn::module::{Module, Param};
use burn::nn::{Dropout, Linear};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};
use tinderbox_kernels::nn;

use crate::encoder::{
    Embeddings, EncoderInput, Head, Parts, Positions, first_token, tied_logits, vocabulary_bias,
};
use crate::layers::{Activation, LayerNorm};
use layer::TransformerBlock;

pub use config::DistilBertConfig;

/// DistilBERT with at most one head; see the [module documentation](self).
#[derive(Module, Debug)]
pub struct DistilBert {
    pub(crate) distilbert: DistilBertModel,
    vocab_transform: Option<Linear>,
    vocab_layer_norm: Option<LayerNorm>,
    vocab_projector: Option<VocabularyBias>,
    #[module(skip)]
    activation: Activation,
    dropout: Dropout,
    pre_classifier: Option<Linear>,
    classifier: Option<Linear>,
    qa_outputs: Option<Linear>,
}

/// The half of a linear layer that is not the table of embeddings.
#[derive(Module, Debug)]
struct VocabularyBias {
    bias: Param<Tensor<1>>,
}

/// Everything below the head.
#[derive(Module, Debug)]
pub(crate) struct DistilBertModel {
    pub(crate) embeddings: Embeddings,
    transformer: Transformer,
}

#[derive(Module, Debug)]
struct Transformer {
    layer: Vec<TransformerBlock>,
}

impl DistilBert {
    fn new(config: &DistilBertConfig, parts: &Parts, device: &Device) -> Self {
        let head = config.head;
        let is_masked_lm = head == Head::MaskedLm;
        let bias = || VocabularyBias {
            bias: vocabulary_bias(parts, device),
        };
        let labels = || parts.labels(device);
        Self {
            distilbert: DistilBertModel::new(config, parts, device),
            vocab_transform: is_masked_lm.then(|| parts.square(device)),
            vocab_layer_norm: is_masked_lm.then(|| parts.norm(device)),
            vocab_projector: is_masked_lm.then(bias),
            activation: config.activation,
            dropout: config.head_dropout(),
            pre_classifier: (head == Head::SequenceClassification).then(|| parts.square(device)),
            classifier: matches!(
                head,
                Head::SequenceClassification | Head::TokenClassification
            )
            .then(labels),
            qa_outputs: (head == Head::QuestionAnswering).then(labels),
        }
    }

    /// Tokens `[batch, time]` to what the last layer knows of each: `[batch, time, dim]`.
    ///
    /// # Panics
    /// If `time` is more than `max_position_embeddings`.
    pub fn forward_features(&self, input: &EncoderInput) -> Tensor<3> {
        let words = self.distilbert.embeddings.words(input.tokens.clone());
        self.distilbert.forward(words, input)
    }

    /// Features `[batch, time, dim]` to logits `[batch, num_labels]`; `None` without that head.
    pub fn sequence_classification_head(&self, features: Tensor<3>) -> Option<Tensor<2>> {
        let (first, second) = (self.pre_classifier.as_ref()?, self.classifier.as_ref()?);
        let x = relu(first.forward(first_token(features)));
        Some(second.forward(nn::dropout(&self.dropout, x)))
    }

    /// Features `[batch, time, dim]` to logits `[batch, time, num_labels]`; `None` without that head.
    pub fn token_classification_head(&self, features: Tensor<3>) -> Option<Tensor<3>> {
        let classifier = self.classifier.as_ref()?;
        let is_of_tokens = self.pre_classifier.is_none();
        is_of_tokens.then(|| nn::linear(classifier, nn::dropout(&self.dropout, features)))
    }

    /// Features `[batch, time, dim]` to the logits of start and end `[batch, time, 2]`; `None` without that head.
    pub fn question_answering_head(&self, features: Tensor<3>) -> Option<Tensor<3>> {
        let outputs = self.qa_outputs.as_ref()?;
        Some(nn::linear(outputs, nn::dropout(&self.dropout, features)))
    }

    /// Features of chosen tokens `[count, dim]` to logits `[count, vocab_size]`; `None` without that head.
    pub fn masked_lm_head(&self, features: Tensor<2>) -> Option<Tensor<2>> {
        let (transform, norm) = (
            self.vocab_transform.as_ref()?,
            self.vocab_layer_norm.as_ref()?,
        );
        let x = self.activation.forward(nn::linear(transform, features));
        let table = self.distilbert.embeddings.table();
        let bias = self.vocab_projector.as_ref()?.bias.val();
        Some(tied_logits(norm.forward(x), table, bias))
    }
}

impl DistilBertModel {
    fn new(config: &DistilBertConfig, parts: &Parts, device: &Device) -> Self {
        let embeddings = Embeddings::new(parts, Positions::Absolute, device);
        let layers = 0..config.n_layers;
        Self {
            embeddings: match config.sinusoidal_pos_embds {
                true => embeddings.with_sinusoidal_positions(),
                false => embeddings,
            },
            transformer: Transformer {
                layer: layers
                    .map(|_| TransformerBlock::new(parts, device))
                    .collect(),
            },
        }
    }

    /// Embeddings of words `[batch, time, dim]` to features of the same shape.
    pub(crate) fn forward(&self, words: Tensor<3>, input: &EncoderInput) -> Tensor<3> {
        let mask = input.mask();
        let x = self.embeddings.forward(words, input);
        let layers = self.transformer.layer.iter();
        layers.fold(x, |x, layer| layer.forward(x, &mask))
    }

    /// How much each token looks at each, in every layer: `[batch, heads, time, time]`.
    pub(crate) fn attentions(&self, words: Tensor<3>, input: &EncoderInput) -> Vec<Tensor<4>> {
        let mask = input.mask();
        let mut x = self.embeddings.forward(words, input);
        let mut all = Vec::with_capacity(self.num_layers());
        for layer in &self.transformer.layer {
            all.push(layer.probabilities(&x, &mask));
            x = layer.forward(x, &mask);
        }
        all
    }

    pub(crate) fn num_layers(&self) -> usize {
        self.transformer.layer.len()
    }
}
