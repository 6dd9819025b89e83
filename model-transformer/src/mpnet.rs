//! MPNet: BERT's layers with RoBERTa's positions and heads, no token types, and an attention bias
//! that depends on the distance of two tokens.
//!
//! ```text
//! tokens [batch, time] -> word + position (from 2 on) -> LayerNorm -> dropout
//!     -> num_hidden_layers x { x = LayerNorm(x + attention(x, bias)); x = LayerNorm(x + mlp(x)) }
//!     -> features [batch, time, hidden_size] -> head
//! ```
//!
//! Song et al. 2020, <https://arxiv.org/abs/2004.09297>. Names and layouts are those of Hugging
//! Face's `MPNetModel`, `MPNetForMaskedLM` and so on.

// Fields have Hugging Face's names.
#![allow(non_snake_case)]

mod attention;

use burn::module::Module;
use burn::nn::{Dropout, Embedding, Linear};
use burn::tensor::{Bool, Device, Tensor};
use derive_setters::Setters;
use serde::{Deserialize, Serialize};
use tinderbox_kernels::activation::add;
use tinderbox_kernels::nn;

use crate::ConfigError;
use crate::encoder::{
    AddNorm, Classifier, Embeddings, EncoderInput, Head, Intermediate, LmHead, Pooler, Positions,
    ProblemType, Spec, dropout,
};
use crate::layers::{Activation, LayerNorm};
use attention::{BUCKETS, SelfAttention, relative_bias};

/// Padding token that positions start after, which is not an option.
const PAD: usize = 1;

/// Configuration of an [`MpNet`], with the option names of Hugging Face's `MPNetConfig`. The default
/// is the base model without a head.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Setters)]
#[serde(default, deny_unknown_fields)]
#[setters(prefix = "with_")]
#[non_exhaustive]
pub struct MpNetConfig {
    /// Vocabulary size.
    pub vocab_size: usize,
    /// Width of the hidden states.
    pub hidden_size: usize,
    /// Number of layers.
    pub num_hidden_layers: usize,
    /// Number of attention heads, which divide the width among them.
    pub num_attention_heads: usize,
    /// Width inside the MLP.
    pub intermediate_size: usize,
    /// Activation function of the MLP.
    pub hidden_act: Activation,
    /// Dropout of the embeddings, of the output of attention and MLP, and before the classifier.
    pub hidden_dropout_prob: f64,
    /// Dropout of the attention probabilities.
    pub attention_probs_dropout_prob: f64,
    /// Rows of the position embeddings; the first two belong to no token.
    pub max_position_embeddings: usize,
    /// Rows of the table of attention biases, of which 32 are used.
    pub relative_attention_num_buckets: usize,
    /// Epsilon of layer normalisation.
    pub layer_norm_eps: f64,
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

impl Default for MpNetConfig {
    fn default() -> Self {
        Self {
            vocab_size: 30527,
            hidden_size: 768,
            num_hidden_layers: 12,
            num_attention_heads: 12,
            intermediate_size: 3072,
            hidden_act: Activation::Gelu,
            hidden_dropout_prob: 0.1,
            attention_probs_dropout_prob: 0.1,
            max_position_embeddings: 512,
            relative_attention_num_buckets: BUCKETS,
            layer_norm_eps: 1e-12,
            initializer_range: 0.02,
            pad_token_id: PAD,
            head: Head::None,
            num_labels: 2,
            problem_type: ProblemType::SingleLabel,
        }
    }
}

impl MpNetConfig {
    /// Maximum length of a text, in tokens.
    pub fn max_length(&self) -> usize {
        self.max_position_embeddings.saturating_sub(PAD + 1)
    }

    /// Number of parameters, computed without building the model.
    pub fn num_parameters(&self) -> usize {
        let spec = self.spec();
        let biases = self
            .relative_attention_num_buckets
            .saturating_mul(self.num_attention_heads);
        let pooler = match self.head {
            Head::None => spec.square_parameters(),
            _ => 0,
        };
        spec.num_parameters() + biases + pooler
    }

    /// Checks the options.
    ///
    /// # Errors
    /// Names the first option that is zero, absurdly large, or inconsistent with another.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.spec().validate()?;
        let buckets = "relative_attention_num_buckets";
        ConfigError::require_size(buckets, self.relative_attention_num_buckets)?;
        if self.relative_attention_num_buckets < BUCKETS {
            let reason = format!("must be at least {BUCKETS}, all of which are used");
            return Err(ConfigError::new(buckets, reason));
        }
        if self.max_length() == 0 {
            let reason = "leaves no position after the first two".to_string();
            return Err(ConfigError::new("max_position_embeddings", reason));
        }
        Ok(())
    }

    /// Builds the model on `device` with BERT's initialisation: `N(0, initializer_range²)`, biases
    /// of zero.
    ///
    /// # Errors
    /// See [`validate`](Self::validate).
    pub fn init(&self, device: &Device) -> Result<MpNet, ConfigError> {
        self.validate()?;
        Ok(MpNet::new(self, &self.spec(), device))
    }

    fn spec(&self) -> Spec {
        Spec {
            vocab_size: self.vocab_size,
            hidden: ("hidden_size", self.hidden_size),
            intermediate: ("intermediate_size", self.intermediate_size),
            layers: ("num_hidden_layers", self.num_hidden_layers),
            heads: ("num_attention_heads", self.num_attention_heads),
            positions: self.max_position_embeddings,
            token_types: None,
            activation: self.hidden_act,
            dropout: ("hidden_dropout_prob", self.hidden_dropout_prob),
            attention_dropout: (
                "attention_probs_dropout_prob",
                self.attention_probs_dropout_prob,
            ),
            epsilon: self.layer_norm_eps,
            std: self.initializer_range,
            pad: self.pad_token_id,
            head: self.head,
            num_labels: self.num_labels,
        }
    }
}

/// MPNet with at most one head; see the [module documentation](self).
#[derive(Module, Debug)]
pub struct MpNet {
    pub(crate) mpnet: MpNetModel,
    lm_head: Option<LmHead>,
    dropout: Dropout,
    classifier: Option<Classifier>,
    qa_outputs: Option<Linear>,
}

impl MpNet {
    fn new(config: &MpNetConfig, spec: &Spec, device: &Device) -> Self {
        let labels = || spec.labels(device);
        Self {
            mpnet: MpNetModel::new(config, spec, device),
            lm_head: (config.head == Head::MaskedLm).then(|| LmHead::new(spec, device)),
            dropout: dropout(config.hidden_dropout_prob),
            classifier: Classifier::new(spec, device),
            qa_outputs: (config.head == Head::QuestionAnswering).then(labels),
        }
    }

    /// Tokens `[batch, time]` to the last hidden states `[batch, time, hidden_size]`.
    ///
    /// # Panics
    /// If `time` is more than `max_position_embeddings - 2`.
    pub fn forward_features(&self, input: &EncoderInput) -> Tensor<3> {
        let words = self.mpnet.embeddings.words(input.tokens.clone());
        self.mpnet.forward(words, input)
    }

    /// Features `[batch, time, hidden_size]` to logits `[batch, num_labels]`; `None` without this
    /// head.
    pub fn sequence_classification_head(&self, features: Tensor<3>) -> Option<Tensor<2>> {
        let classifier = self.classifier.as_ref()?;
        classifier.of_sequences(features, &self.dropout)
    }

    /// Features `[batch, time, hidden_size]` to logits `[batch, time, num_labels]`; `None` without
    /// this head.
    pub fn token_classification_head(&self, features: Tensor<3>) -> Option<Tensor<3>> {
        let classifier = self.classifier.as_ref()?;
        classifier.of_tokens(features, &self.dropout)
    }

    /// Features `[batch, time, hidden_size]` to start and end logits `[batch, time, 2]`; `None`
    /// without this head.
    pub fn question_answering_head(&self, features: Tensor<3>) -> Option<Tensor<3>> {
        let outputs = self.qa_outputs.as_ref()?;
        Some(nn::linear(outputs, features))
    }

    /// Output layer of a sequence or token classification head, with its name.
    pub(crate) fn output_layer(&self) -> Option<(&'static str, &Linear)> {
        Some(self.classifier.as_ref()?.output_layer())
    }

    /// Features of selected tokens `[count, hidden_size]` to logits `[count, vocab_size]`; `None`
    /// without this head.
    pub fn masked_lm_head(&self, features: Tensor<2>) -> Option<Tensor<2>> {
        let head = self.lm_head.as_ref()?;
        Some(head.forward(features, self.mpnet.embeddings.table()))
    }
}

/// Everything below the head.
#[derive(Module, Debug)]
pub(crate) struct MpNetModel {
    pub(crate) embeddings: Embeddings,
    encoder: Encoder,
    pooler: Option<Pooler>,
}

#[derive(Module, Debug)]
struct Encoder {
    layer: Vec<Layer>,
    relative_attention_bias: Embedding,
}

impl MpNetModel {
    fn new(config: &MpNetConfig, spec: &Spec, device: &Device) -> Self {
        let layers = 0..config.num_hidden_layers;
        let buckets = config.relative_attention_num_buckets;
        Self {
            embeddings: Embeddings::new(spec, Positions::AfterPadding { pad: PAD }, device),
            encoder: Encoder {
                layer: layers.map(|_| Layer::new(spec, device)).collect(),
                relative_attention_bias: spec.biases(buckets, device),
            },
            pooler: (config.head == Head::None).then(|| Pooler::new(spec, device)),
        }
    }

    /// Word embeddings `[batch, time, hidden]` to features of the same shape.
    pub(crate) fn forward(&self, words: Tensor<3>, input: &EncoderInput) -> Tensor<3> {
        self.run(words, input, |_, _, _, _| {})
    }

    /// Attention probabilities of every layer, `[batch, heads, time, time]` each.
    pub(crate) fn attentions(&self, words: Tensor<3>, input: &EncoderInput) -> Vec<Tensor<4>> {
        let mut all = Vec::with_capacity(self.num_layers());
        self.run(words, input, |layer, x, bias, padding| {
            all.push(layer.attention.attn.probabilities(x.clone(), bias, padding));
        });
        all
    }

    /// Runs the layers; `see` gets each with its input.
    fn run(
        &self,
        words: Tensor<3>,
        input: &EncoderInput,
        mut see: impl FnMut(&Layer, &Tensor<3>, &Tensor<4>, Option<&Tensor<2, Bool>>),
    ) -> Tensor<3> {
        let time = words.dims()[1];
        let bias = relative_bias(&self.encoder.relative_attention_bias, time);
        let padding = input.attention_mask.clone().map(Tensor::bool_not);
        let mut x = self.embeddings.forward(words, input);
        for layer in &self.encoder.layer {
            see(layer, &x, &bias, padding.as_ref());
            x = layer.forward(x, &bias, padding.as_ref());
        }
        x
    }

    /// Features `[batch, time, hidden]` to `[batch, hidden]`; `None` without a pooler.
    pub(crate) fn pool(&self, features: Tensor<3>) -> Option<Tensor<2>> {
        Some(self.pooler.as_ref()?.forward(features))
    }

    /// The same without its pooler.
    #[must_use]
    pub(crate) fn without_pooler(mut self) -> Self {
        self.pooler = None;
        self
    }

    pub(crate) fn num_layers(&self) -> usize {
        self.encoder.layer.len()
    }
}

/// Post-norm layer as BERT's, under other names.
#[derive(Module, Debug)]
struct Layer {
    attention: Attention,
    intermediate: Intermediate,
    output: AddNorm,
}

#[derive(Module, Debug)]
struct Attention {
    attn: SelfAttention,
    LayerNorm: LayerNorm,
    dropout: Dropout,
}

impl Layer {
    fn new(spec: &Spec, device: &Device) -> Self {
        Self {
            attention: Attention {
                attn: SelfAttention::new(spec, device),
                LayerNorm: spec.norm(device),
                dropout: spec.hidden_dropout(),
            },
            intermediate: Intermediate::new(spec, device),
            output: AddNorm::new(spec, spec.intermediate.1, device),
        }
    }

    /// `[batch, time, hidden]` to the same.
    fn forward(
        &self,
        x: Tensor<3>,
        bias: &Tensor<4>,
        padding: Option<&Tensor<2, Bool>>,
    ) -> Tensor<3> {
        let attention = &self.attention;
        let mixed = attention.attn.forward(x.clone(), bias, padding);
        let mixed = nn::dropout(&attention.dropout, mixed);
        let x = attention.LayerNorm.forward(add(mixed, x));
        let inner = self.intermediate.forward(x.clone());
        self.output.forward(inner, x)
    }
}
