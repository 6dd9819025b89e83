use burn::module::Module;
use burn::nn::{Dropout, Linear};
use burn::tensor::{Device, Tensor};
use tinderbox_kernels::activation::add;
use tinderbox_kernels::nn;

use crate::attention::Mask;
use crate::encoder::{Parts, Projections};
use crate::layers::{Activation, LayerNorm};

/// A layer: attention, then two matrices with a nonlinearity between, each added to what came in and normalised. What BERT's
/// does, under other names, and without dropout of what attention gives.
#[derive(Module, Debug)]
pub(super) struct TransformerBlock {
    attention: Attention,
    sa_layer_norm: LayerNorm,
    ffn: FeedForward,
    output_layer_norm: LayerNorm,
}

impl TransformerBlock {
    pub(super) fn new(parts: &Parts, device: &Device) -> Self {
        let (width, inner) = (parts.width.1, parts.inner.1);
        Self {
            attention: Attention {
                q_lin: parts.square(device),
                k_lin: parts.square(device),
                v_lin: parts.square(device),
                out_lin: parts.square(device),
                dropout: parts.probability_dropout(),
                heads: parts.heads.1,
            },
            sa_layer_norm: parts.norm(device),
            ffn: FeedForward {
                lin1: parts.linear(width, inner, device),
                lin2: parts.linear(inner, width, device),
                activation: parts.activation,
                dropout: parts.hidden_dropout(),
            },
            output_layer_norm: parts.norm(device),
        }
    }

    /// `[batch, time, dim]` to the same.
    pub(super) fn forward(&self, x: Tensor<3>, mask: &Mask) -> Tensor<3> {
        let mixed = self.attention.forward(&x, mask);
        let x = self.sa_layer_norm.forward(add(mixed, x));
        let inner = self.ffn.forward(x.clone());
        self.output_layer_norm.forward(add(inner, x))
    }

    /// How much each token looks at each: `[batch, heads, time, time]`.
    pub(super) fn probabilities(&self, x: &Tensor<3>, mask: &Mask) -> Tensor<4> {
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
        nn::linear(&self.out_lin, self.projections().mix(x, mask))
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
        let inner = self.activation.forward(nn::linear(&self.lin1, x));
        nn::dropout(&self.dropout, nn::linear(&self.lin2, inner))
    }
}
