// Fields are called what Hugging Face calls them.
#![allow(non_snake_case)]

use burn::module::Module;
use burn::nn::{Dropout, Embedding};
use burn::tensor::{Bool, Device, Int, Tensor};
use tinderbox_kernels::nn;

use super::{EncoderInput, Parts};
use crate::layers::{LayerNorm, positions};

/// How the places of a text are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Positions {
    /// From 0, whether a place is filled or not: BERT.
    Absolute,
    /// Tokens from `pad + 1` on, and what fills up at `pad`: RoBERTa, as fairseq has it.
    After {
        /// The token that fills up.
        pad: usize,
    },
}

/// The sum of what a token is, where it stands and which text it belongs to, normalised.
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
    pub(crate) fn new(parts: &Parts, positions: Positions, device: &Device) -> Self {
        let zero = match positions {
            Positions::Absolute => None,
            Positions::After { pad } => Some(pad),
        };
        let segments = parts.segments;
        Self {
            word_embeddings: parts.table(parts.vocab_size, Some(parts.pad), device),
            position_embeddings: parts.table(parts.positions, zero, device),
            token_type_embeddings: segments.map(|kinds| parts.table(kinds, None, device)),
            LayerNorm: parts.norm(device),
            dropout: parts.hidden_dropout(),
            positions,
        }
    }

    /// The same with the fixed table of sines and cosines as the positions' first values.
    pub(crate) fn with_sinusoidal_positions(mut self) -> Self {
        let sinusoidal = |table: Tensor<2>| {
            let [rows, width] = table.dims();
            positions::sinusoidal(rows, width, &table.device())
        };
        let weight = self.position_embeddings.weight.init_mapper(sinusoidal);
        self.position_embeddings.weight = weight;
        self
    }

    /// The longest text, in tokens.
    pub(crate) fn max_length(&self) -> usize {
        let rows = self.position_embeddings.weight.lazy_shape()[0];
        rows.saturating_sub(self.first())
    }

    pub(crate) fn vocab_size(&self) -> usize {
        self.word_embeddings.weight.lazy_shape()[0]
    }

    /// The rows of the table: tokens `[batch, time]` to `[batch, time, width]`.
    pub(crate) fn words(&self, tokens: Tensor<2, Int>) -> Tensor<3> {
        nn::embedding(&self.word_embeddings, tokens)
    }

    /// The table of words `[vocab_size, width]`, from which the logits of masked tokens come, too.
    pub(crate) fn table(&self) -> Tensor<2> {
        self.word_embeddings.weight.val()
    }

    /// `words` `[batch, time, width]` where `input` says that they stand: what the first layer gets, of the same shape.
    ///
    /// # Panics
    /// If `time` is more than [`max_length`](Self::max_length).
    pub(crate) fn forward(&self, words: Tensor<3>, input: &EncoderInput) -> Tensor<3> {
        let [_, time, _] = words.dims();
        let most = self.max_length();
        assert!(time <= most, "{time} tokens, and {most} is the most");
        let mut sum = words + self.places(time, input.attention_mask.as_ref());
        if let Some(table) = &self.token_type_embeddings {
            sum = sum + segments(table, input.token_type_ids.clone());
        }
        nn::dropout(&self.dropout, self.LayerNorm.forward(sum))
    }

    /// The position of the first token.
    fn first(&self) -> usize {
        match self.positions {
            Positions::Absolute => 0,
            Positions::After { pad } => pad + 1,
        }
    }

    /// `[1 or batch, time, width]`
    fn places(&self, time: usize, attention_mask: Option<&Tensor<2, Bool>>) -> Tensor<3> {
        let table = &self.position_embeddings;
        match (self.positions, attention_mask) {
            (Positions::After { pad }, Some(attention_mask)) => {
                // 1, 2, 3, .. for tokens, 0 for what fills up.
                let attention_mask = attention_mask.clone().int();
                let counted = attention_mask.clone().cumsum(1) * attention_mask;
                nn::embedding(table, counted + pad as i64)
            }
            _ => positions::learned(table, self.first(), time),
        }
    }
}

/// `[1 or batch, 1 or time, width]`
fn segments(table: &Embedding, segments: Option<Tensor<2, Int>>) -> Tensor<3> {
    let kinds = table.weight.lazy_shape()[0];
    match segments.filter(|_| kinds > 1) {
        Some(segments) => nn::embedding(table, segments),
        None => positions::learned(table, 0, 1),
    }
}
