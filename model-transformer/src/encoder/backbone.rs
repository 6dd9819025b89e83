use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor};

use super::embeddings::{Embeddings, Positions};
use super::layer::Layer;
use super::{EncoderInput, Spec, first_token};

/// BERT and RoBERTa below the head: embeddings, layers, and for some heads a pooler.
#[derive(Module, Debug)]
pub(crate) struct Backbone {
    pub(crate) embeddings: Embeddings,
    encoder: Encoder,
    pooler: Option<Pooler>,
}

#[derive(Module, Debug)]
struct Encoder {
    layer: Vec<Layer>,
}

/// `tanh(dense(first token))`, BERT's representation of a whole text.
#[derive(Module, Debug)]
pub(crate) struct Pooler {
    dense: Linear,
}

impl Pooler {
    pub(crate) fn new(spec: &Spec, device: &Device) -> Self {
        Self {
            dense: spec.square(device),
        }
    }

    /// Features `[batch, time, hidden]` to `[batch, hidden]`.
    pub(crate) fn forward(&self, features: Tensor<3>) -> Tensor<2> {
        self.dense.forward(first_token(features)).tanh()
    }
}

impl Backbone {
    pub(crate) fn new(
        spec: &Spec,
        positions: Positions,
        with_pooler: bool,
        device: &Device,
    ) -> Self {
        let layers = 0..spec.layers.1;
        Self {
            embeddings: Embeddings::new(spec, positions, device),
            encoder: Encoder {
                layer: layers.map(|_| Layer::new(spec, device)).collect(),
            },
            pooler: with_pooler.then(|| Pooler::new(spec, device)),
        }
    }

    /// Word embeddings `[batch, time, hidden]` to features of the same shape.
    pub(crate) fn forward(&self, words: Tensor<3>, input: &EncoderInput) -> Tensor<3> {
        let mask = input.mask();
        let x = self.embeddings.forward(words, input);
        let layers = self.encoder.layer.iter();
        layers.fold(x, |x, layer| layer.forward(x, &mask))
    }

    /// Attention probabilities of every layer, `[batch, heads, time, time]` each.
    pub(crate) fn attentions(&self, words: Tensor<3>, input: &EncoderInput) -> Vec<Tensor<4>> {
        let mask = input.mask();
        let mut x = self.embeddings.forward(words, input);
        let mut all = Vec::with_capacity(self.num_layers());
        for layer in &self.encoder.layer {
            all.push(layer.probabilities(&x, &mask));
            x = layer.forward(x, &mask);
        }
        all
    }

    /// Features `[batch, time, hidden]` to `[batch, hidden]`; `None` without a pooler.
    pub(crate) fn pool(&self, features: Tensor<3>) -> Option<Tensor<2>> {
        let pooler = self.pooler.as_ref()?;
        Some(pooler.forward(features))
    }

    /// The same backbone without its pooler.
    #[must_use]
    pub(crate) fn without_pooler(mut self) -> Self {
        self.pooler = None;
        self
    }

    pub(crate) fn has_pooler(&self) -> bool {
        self.pooler.is_some()
    }

    pub(crate) fn num_layers(&self) -> usize {
        self.encoder.layer.len()
    }
}
