//! DistilBERT: half of BERT's layers, distilled from BERT, without token types and without a
//! pooler.
//!
//! ```text
//! tokens [batch, time] -> word + position -> LayerNorm -> dropout
//!     -> n_layers x { x = LayerNorm(x + attention(x)); x = LayerNorm(x + ffn(x)) }
//!     -> features [batch, time, dim] -> head
//! ```
//!
//! Sanh et al. 2019, <https://arxiv.org/abs/1910.01108>: 66,362,880 parameters without a head.
//! Names and layouts are those of Hugging Face's `DistilBertModel`, `DistilBertForMaskedLM` and so
//! on.

use burn::module::{Module, Param};
use burn::nn::{Dropout, Linear};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};
use derive_setters::Setters;
use serde::{Deserialize, Serialize};
use tinderbox_kernels::activation::add;
use tinderbox_kernels::nn;

use crate::ConfigError;
use crate::attention::Mask;
use crate::encoder::{
    Embeddings, EncoderInput, Head, Positions, ProblemType, Projections, Spec, dropout,
    first_token, tied_logits, vocabulary_bias,
};
use crate::layers::{Activation, LayerNorm};

/// Epsilon of layer normalisation, which is not an option.
const EPSILON: f64 = 1e-12;

/// Configuration of a [`DistilBert`], with the option names of Hugging Face's `DistilBertConfig`.
/// The default is the base model without a head.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Setters)]
#[serde(default, deny_unknown_fields)]
#[setters(prefix = "with_")]
#[non_exhaustive]
pub struct DistilBertConfig {
    /// Vocabulary size.
    pub vocab_size: usize,
    /// Maximum length of a text, in tokens.
    pub max_position_embeddings: usize,
    /// Initialises the position embeddings with sines and cosines.
    pub sinusoidal_pos_embds: bool,
    /// Number of layers.
    pub n_layers: usize,
    /// Number of attention heads, which divide the width among them.
    pub n_heads: usize,
    /// Width of the hidden states.
    pub dim: usize,
    /// Width inside the MLP.
    pub hidden_dim: usize,
    /// Dropout of the embeddings, of the MLP, and before the token classifier.
    pub dropout: f64,
    /// Dropout of the attention probabilities.
    pub attention_dropout: f64,
    /// Activation function of the MLP.
    pub activation: Activation,
    /// Dropout before the question answering head.
    pub qa_dropout: f64,
    /// Dropout before the sequence classifier.
    pub seq_classif_dropout: f64,
    /// Standard deviation of the initial weights.
    pub initializer_range: f64,
    /// Padding token; its word embedding is initialised to zero.
    pub pad_token_id: usize,
    /// Head.
    pub head: Head,
    /// Number of labels of a sequence or token classification head.
    pub num_labels: usize,
    /// Meaning of the logits of a sequence classification head.
    #[serde(skip_serializing_if = "ProblemType::is_default")]
    pub problem_type: ProblemType,
}

impl Default for DistilBertConfig {
    fn default() -> Self {
        Self {
            vocab_size: 30522,
            max_position_embeddings: 512,
            sinusoidal_pos_embds: false,
            n_layers: 6,
            n_heads: 12,
            dim: 768,
            hidden_dim: 3072,
            dropout: 0.1,
            attention_dropout: 0.1,
            activation: Activation::Gelu,
            qa_dropout: 0.1,
            seq_classif_dropout: 0.2,
            initializer_range: 0.02,
            pad_token_id: 0,
            head: Head::None,
            num_labels: 2,
            problem_type: ProblemType::SingleLabel,
        }
    }
}

impl DistilBertConfig {
    /// Number of parameters, computed without building the model.
    pub fn num_parameters(&self) -> usize {
        self.spec().num_parameters()
    }

    /// Checks the options.
    ///
    /// # Errors
    /// Names the first option that is zero, absurdly large, or inconsistent with another.
    pub fn validate(&self) -> Result<(), ConfigError> {
        ConfigError::require_dropout("qa_dropout", self.qa_dropout)?;
        ConfigError::require_dropout("seq_classif_dropout", self.seq_classif_dropout)?;
        self.spec().validate()
    }

    /// Builds the model on `device` with BERT's initialisation: `N(0, initializer_range²)`, biases
    /// of zero.
    ///
    /// # Errors
    /// See [`validate`](Self::validate).
    pub fn init(&self, device: &Device) -> Result<DistilBert, ConfigError> {
        self.validate()?;
        Ok(DistilBert::new(self, &self.spec(), device))
    }

    fn head_dropout(&self) -> Dropout {
        dropout(match self.head {
            Head::SequenceClassification => self.seq_classif_dropout,
            Head::QuestionAnswering => self.qa_dropout,
            Head::None | Head::MaskedLm | Head::TokenClassification => self.dropout,
        })
    }

    fn spec(&self) -> Spec {
        Spec {
            vocab_size: self.vocab_size,
            hidden: ("dim", self.dim),
            intermediate: ("hidden_dim", self.hidden_dim),
            layers: ("n_layers", self.n_layers),
            heads: ("n_heads", self.n_heads),
            positions: self.max_position_embeddings,
            token_types: None,
            activation: self.activation,
            dropout: ("dropout", self.dropout),
            attention_dropout: ("attention_dropout", self.attention_dropout),
            epsilon: EPSILON,
            std: self.initializer_range,
            pad: self.pad_token_id,
            head: self.head,
            num_labels: self.num_labels,
        }
    }
}

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

/// Bias of the decoder, whose weight is tied to the word embeddings.
#[derive(Module, Debug)]
struct VocabularyBias {
    bias: Param<Tensor<1>>,
}

impl DistilBert {
    fn new(config: &DistilBertConfig, spec: &Spec, device: &Device) -> Self {
        let head = config.head;
        let is_masked_lm = head == Head::MaskedLm;
        let is_sequence_classifier = head == Head::SequenceClassification;
        let bias = || VocabularyBias {
            bias: vocabulary_bias(spec, device),
        };
        let labels = || spec.labels(device);
        Self {
            distilbert: DistilBertModel::new(config, spec, device),
            vocab_transform: is_masked_lm.then(|| spec.square(device)),
            vocab_layer_norm: is_masked_lm.then(|| spec.norm(device)),
            vocab_projector: is_masked_lm.then(bias),
            activation: config.activation,
            dropout: config.head_dropout(),
            pre_classifier: is_sequence_classifier.then(|| spec.square(device)),
            classifier: head.has_labels().then(labels),
            qa_outputs: (head == Head::QuestionAnswering).then(labels),
        }
    }

    /// Tokens `[batch, time]` to the last hidden states `[batch, time, dim]`.
    ///
    /// # Panics
    /// If `time` is more than `max_position_embeddings`.
    pub fn forward_features(&self, input: &EncoderInput) -> Tensor<3> {
        let words = self.distilbert.embeddings.words(input.tokens.clone());
        self.distilbert.forward(words, input)
    }

    /// Features `[batch, time, dim]` to logits `[batch, num_labels]`; `None` without this head.
    pub fn sequence_classification_head(&self, features: Tensor<3>) -> Option<Tensor<2>> {
        let (first, second) = (self.pre_classifier.as_ref()?, self.classifier.as_ref()?);
        let x = relu(first.forward(first_token(features))); // [batch, dim]
        Some(second.forward(nn::dropout(&self.dropout, x)))
    }

    /// Features `[batch, time, dim]` to logits `[batch, time, num_labels]`; `None` without this
    /// head.
    pub fn token_classification_head(&self, features: Tensor<3>) -> Option<Tensor<3>> {
        let classifier = self.classifier.as_ref()?;
        let is_of_tokens = self.pre_classifier.is_none();
        is_of_tokens.then(|| nn::linear(classifier, nn::dropout(&self.dropout, features)))
    }

    /// Features `[batch, time, dim]` to start and end logits `[batch, time, 2]`; `None` without
    /// this head.
    pub fn question_answering_head(&self, features: Tensor<3>) -> Option<Tensor<3>> {
        let outputs = self.qa_outputs.as_ref()?;
        Some(nn::linear(outputs, nn::dropout(&self.dropout, features)))
    }

    /// Output layer of a sequence or token classification head, with its name.
    pub(crate) fn output_layer(&self) -> Option<(&'static str, &Linear)> {
        Some(("classifier", self.classifier.as_ref()?))
    }

    /// Features of selected tokens `[count, dim]` to logits `[count, vocab_size]`; `None` without
    /// this head.
    pub fn masked_lm_head(&self, features: Tensor<2>) -> Option<Tensor<2>> {
        let transform = self.vocab_transform.as_ref()?;
        let norm = self.vocab_layer_norm.as_ref()?;
        let x = self.activation.forward(nn::linear(transform, features));
        let table = self.distilbert.embeddings.table();
        let bias = self.vocab_projector.as_ref()?.bias.val();
        Some(tied_logits(norm.forward(x), table, bias))
    }
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

impl DistilBertModel {
    fn new(config: &DistilBertConfig, spec: &Spec, device: &Device) -> Self {
        let mut embeddings = Embeddings::new(spec, Positions::Absolute, device);
        if config.sinusoidal_pos_embds {
            embeddings = embeddings.with_sinusoidal_positions();
        }
        let layers = 0..config.n_layers;
        Self {
            embeddings,
            transformer: Transformer {
                layer: layers
                    .map(|_| TransformerBlock::new(spec, device))
                    .collect(),
            },
        }
    }

    /// Word embeddings `[batch, time, dim]` to features of the same shape.
    pub(crate) fn forward(&self, words: Tensor<3>, input: &EncoderInput) -> Tensor<3> {
        let mask = input.mask();
        let x = self.embeddings.forward(words, input);
        let layers = self.transformer.layer.iter();
        layers.fold(x, |x, layer| layer.forward(x, &mask))
    }

    /// Attention probabilities of every layer, `[batch, heads, time, time]` each.
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

/// Post-norm layer as BERT's, under other names and without dropout of the attention output.
#[derive(Module, Debug)]
struct TransformerBlock {
    attention: Attention,
    sa_layer_norm: LayerNorm,
    ffn: FeedForward,
    output_layer_norm: LayerNorm,
}

impl TransformerBlock {
    fn new(spec: &Spec, device: &Device) -> Self {
        let (dim, hidden_dim) = (spec.hidden.1, spec.intermediate.1);
        Self {
            attention: Attention {
                q_lin: spec.square(device),
                k_lin: spec.square(device),
                v_lin: spec.square(device),
                out_lin: spec.square(device),
                dropout: spec.attention_dropout(),
                heads: spec.heads.1,
            },
            sa_layer_norm: spec.norm(device),
            ffn: FeedForward {
                lin1: spec.linear(dim, hidden_dim, device),
                lin2: spec.linear(hidden_dim, dim, device),
                activation: spec.activation,
                dropout: spec.hidden_dropout(),
            },
            output_layer_norm: spec.norm(device),
        }
    }

    /// `[batch, time, dim]` to the same.
    fn forward(&self, x: Tensor<3>, mask: &Mask) -> Tensor<3> {
        let mixed = self.attention.forward(&x, mask);
        let x = self.sa_layer_norm.forward(add(mixed, x));
        let inner = self.ffn.forward(x.clone());
        self.output_layer_norm.forward(add(inner, x))
    }

    /// Attention probabilities `[batch, heads, time, time]`.
    fn probabilities(&self, x: &Tensor<3>, mask: &Mask) -> Tensor<4> {
        self.attention.projections().probabilities(x, mask)
    }
}

#[derive(Module, Debug)]
struct Attention {
    q_lin: Linear,
    k_lin: Linear,
    v_lin: Linear,
    out_lin: Linear,
    dropout: Dropout,
    heads: usize,
}

impl Attention {
    fn forward(&self, x: &Tensor<3>, mask: &Mask) -> Tensor<3> {
        nn::linear(&self.out_lin, self.projections().attend(x, mask))
    }

    fn projections(&self) -> Projections<'_> {
        Projections {
            query: &self.q_lin,
            key: &self.k_lin,
            value: &self.v_lin,
            heads: self.heads,
            dropout: &self.dropout,
        }
    }
}

#[derive(Module, Debug)]
struct FeedForward {
    lin1: Linear,
    lin2: Linear,
    #[module(skip)]
    activation: Activation,
    dropout: Dropout,
}

impl FeedForward {
    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let inner = self.activation.forward(nn::linear(&self.lin1, x)); // [batch, time, hidden_dim]
        nn::dropout(&self.dropout, nn::linear(&self.lin2, inner))
    }
}
