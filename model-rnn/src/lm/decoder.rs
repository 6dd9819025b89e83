//! From the outputs of the last layer to the words of the vocabulary.

use burn::module::{Module, Param};
use burn::nn::{Embedding, Initializer, Linear};
use burn::tensor::{Device, Tensor};
use tinderbox_kernels::linear::linear_transposed;

/// From the outputs of the last layer to logits.
#[derive(Module, Debug)]
pub enum Decoder {
    /// With a weight of its own.
    Linear(Linear),
    /// With the encoder's.
    Tied(TiedDecoder),
}

/// A decoder whose weight is the encoder's, `[vocabulary, embedding]` (Press and Wolf 2017,
/// <https://arxiv.org/abs/1608.05859>; Inan et al. 2017). Its only parameter is the bias.
#[derive(Module, Debug)]
pub struct TiedDecoder {
    bias: Param<Tensor<1>>,
}

/// What a [`Decoder`] is made from.
pub(super) struct DecoderOptions {
    pub(super) input_size: usize,
    pub(super) vocab_size: usize,
    pub(super) tied: bool,
    pub(super) weight: Initializer,
    pub(super) bias: Initializer,
}

impl Decoder {
    pub(super) fn new(options: &DecoderOptions, device: &Device) -> Self {
        let bias = options.bias.init([options.vocab_size], device);
        if options.tied {
            return Self::Tied(TiedDecoder { bias });
        }
        // Burn keeps the weight of a linear layer as [in, out], and turns it around in a file.
        let shape = [options.input_size, options.vocab_size];
        Self::Linear(Linear {
            weight: options.weight.init(shape, device),
            bias: Some(bias),
        })
    }

    /// `[batch, time, width]` to `[batch, time, vocabulary]`.
    pub(super) fn forward(&self, x: Tensor<3>, encoder: &Embedding) -> Tensor<3> {
        match self {
            Self::Linear(decoder) => tinderbox_kernels::nn::linear(decoder, x),
            Self::Tied(decoder) => {
                linear_transposed(x, encoder.weight.val(), Some(decoder.bias.val()))
            }
        }
    }
}
