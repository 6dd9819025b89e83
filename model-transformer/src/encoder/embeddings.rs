// Fields have Hugging Face's names.
#![allow(non_snake_case)]

use burn::module::Module;
use burn::nn::{Dropout, Embedding};
use burn::tensor::{Device, Int, Tensor};
use tinderbox_kernels::nn;

use super::{EncoderInput, Spec};
use crate::layers::{LayerNorm, positions};

/// Numbering of positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Positions {
    /// From 0, padding included: BERT.
    Absolute,
    /// Tokens other than `pad` from `pad + 1` on, `pad` itself at `pad`: RoBERTa, as in fairseq.
    /// The token ids decide, not the attention mask: a tokenizer may pad with another token than
    /// the model's configuration names.
    AfterPadding {
        /// Padding token of the configuration.
        pad: usize,
    },
}

/// Sum of word, position and token type embeddings, normalised.
#[derive(Module, Debug)]
pub(crate) struct Embeddings {
    word_embeddings: Embedding,
    position_embeddings: Embedding,
    token_type_embeddings: Option<Embedding>,
    LayerNorm: LayerNorm,
    dropout: Dropout,
    #[module(skip)]
    positions: Positions,
}

impl Embeddings {
    pub(crate) fn new(spec: &Spec, positions: Positions, device: &Device) -> Self {
        let padding = match positions {
            Positions::Absolute => None,
            Positions::AfterPadding { pad } => Some(pad),
        };
        let token_types = spec.token_types;
        Self {
            word_embeddings: spec.embedding(spec.vocab_size, Some(spec.pad), device),
            position_embeddings: spec.embedding(spec.positions, padding, device),
            token_type_embeddings: token_types.map(|rows| spec.embedding(rows, None, device)),
            LayerNorm: spec.norm(device),
            dropout: spec.hidden_dropout(),
            positions,
        }
    }

    /// Initialises the position embeddings with the fixed table of sines and cosines.
    pub(crate) fn with_sinusoidal_positions(mut self) -> Self {
        let sinusoidal = |table: Tensor<2>| {
            let [rows, width] = table.dims();
            positions::sinusoidal(rows, width, &table.device())
        };
        let weight = self.position_embeddings.weight.init_mapper(sinusoidal);
        self.position_embeddings.weight = weight;
        self
    }

    /// Maximum length of a text, in tokens.
    pub(crate) fn max_length(&self) -> usize {
        let rows = self.position_embeddings.weight.lazy_shape()[0];
        rows.saturating_sub(self.first_position())
    }

    pub(crate) fn vocab_size(&self) -> usize {
        self.word_embeddings.weight.lazy_shape()[0]
    }

    /// Word embeddings of tokens `[batch, time]`: `[batch, time, hidden]`.
    pub(crate) fn words(&self, tokens: Tensor<2, Int>) -> Tensor<3> {
        nn::embedding(&self.word_embeddings, tokens)
    }

    /// Word embedding table `[vocab_size, hidden]`, which the masked-language-model head is tied
    /// to.
    pub(crate) fn table(&self) -> Tensor<2> {
        self.word_embeddings.weight.val()
    }

    /// Word embeddings `[batch, time, hidden]` to the input of the first layer, of the same shape.
    ///
    /// # Panics
    /// If `time` is more than [`max_length`](Self::max_length).
    pub(crate) fn forward(&self, words: Tensor<3>, input: &EncoderInput) -> Tensor<3> {
        let [_, time, _] = words.dims();
        let max_length = self.max_length();
        assert!(
            time <= max_length,
            "{time} tokens exceed the maximum length of {max_length}"
        );
        let mut sum = words + self.positions(time, &input.tokens);
        if let Some(table) = &self.token_type_embeddings {
            sum = sum + token_types(table, input.token_type_ids.clone());
        }
        nn::dropout(&self.dropout, self.LayerNorm.forward(sum))
    }

    fn first_position(&self) -> usize {
        match self.positions {
            Positions::Absolute => 0,
            Positions::AfterPadding { pad } => pad + 1,
        }
    }

    /// Position embeddings `[1 or batch, time, hidden]` of tokens `[batch, time]`.
    fn positions(&self, time: usize, tokens: &Tensor<2, Int>) -> Tensor<3> {
        let table = &self.position_embeddings;
        match self.positions {
            Positions::Absolute => positions::learned(table, 0, time),
            Positions::AfterPadding { pad } => {
                // 1, 2, 3, .. for tokens, 0 for padding.
                let counts = tokens.clone().not_equal_elem(pad as i64).int();
                let counted = counts.clone().cumsum(1) * counts;
                nn::embedding(table, counted + pad as i64)
            }
        }
    }
}

/// Token type embeddings `[1 or batch, 1 or time, hidden]`.
fn token_types(table: &Embedding, ids: Option<Tensor<2, Int>>) -> Tensor<3> {
    let rows = table.weight.lazy_shape()[0];
    match ids.filter(|_| rows > 1) {
        Some(ids) => nn::embedding(table, ids),
        None => positions::learned(table, 0, 1),
    }
}
