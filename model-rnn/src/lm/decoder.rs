//! From the outputs of the last layer to the logits.

use burn::module::{Module, Param};
use burn::nn::{Embedding, Initializer, Linear};
use burn::tensor::{Device, Tensor};
use tinderbox_kernels::linear::linear_transposed;

/// Output layer.
#[derive(Module, Debug)]
pub enum Decoder {
    /// Has a weight of its own.
    Linear(Linear),
    /// Shares the weight of the encoder.
    Tied(TiedDecoder),
}

/// A decoder that shares the weight `[vocabulary, embedding]` of the encoder (Press and Wolf 2017,
/// <https://arxiv.org/abs/1608.05859>; Inan et al. 2017). Its only parameter is the bias.
#[derive(Module, Debug)]
pub struct TiedDecoder {
    bias: Param<Tensor<1>>,
}

/// Options of a [`Decoder`].
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
        // Burn stores the weight of a linear layer as [in, out] and transposes it in files.
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
