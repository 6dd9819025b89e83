//! Elements of PyTorch's `nn.Sequential`. In a `Vec` of them every parameter gets PyTorch's index,
//! because layers without parameters count too.

use burn::module::Module;
use burn::nn::activation::Relu;
use burn::nn::conv::Conv2d;
use burn::nn::pool::MaxPool2d;
use burn::nn::{Dropout, Linear};
use burn::tensor::Tensor;
use tinderbox_kernels::activation::relu;
use tinderbox_kernels::nn;

use super::{BatchNorm2d, FeatureLayer, LayerNorm2d};

/// A layer on feature maps.
#[derive(Module, Debug)]
pub enum Layer {
    /// Convolution.
    Conv2d(Conv2d),
    /// Batch normalisation.
    BatchNorm2d(BatchNorm2d),
    /// Layer normalisation over channels.
    LayerNorm2d(LayerNorm2d),
    /// ReLU.
    Relu(Relu),
    /// Max-pooling.
    MaxPool2d(MaxPool2d),
}

impl Layer {
    /// `[batch, channels, height, width]` to `[batch, channels', height', width']`.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        match self {
            Self::Conv2d(layer) => nn::conv2d(layer, x),
            Self::BatchNorm2d(layer) => layer.forward(x),
            Self::LayerNorm2d(layer) => layer.forward(x),
            Self::Relu(_) => relu(x),
            Self::MaxPool2d(layer) => nn::max_pool2d(layer, x),
        }
    }
}

impl FeatureLayer for Layer {
    fn apply(&self, x: Tensor<4>) -> Tensor<4> {
        self.forward(x)
    }

    fn apply_relu(&self, x: Tensor<4>) -> Tensor<4> {
        match self {
            Self::Conv2d(layer) => nn::conv2d_relu(layer, x),
            Self::BatchNorm2d(layer) => layer.forward_relu(x),
            layer => relu(layer.forward(x)),
        }
    }

    fn is_relu(&self) -> bool {
        matches!(self, Self::Relu(_))
    }
}

/// A layer on flat features.
#[derive(Module, Debug)]
pub enum Dense {
    /// Linear.
    Linear(Linear),
    /// ReLU.
    Relu(Relu),
    /// Dropout.
    Dropout(Dropout),
}

/// Applies layers one after the other: `[batch, features]` to `[batch, features']`.
pub(crate) fn forward_dense(layers: &[Dense], x: Tensor<2>) -> Tensor<2> {
    layers.iter().fold(x, |x, layer| match layer {
        Dense::Linear(layer) => nn::linear(layer, x),
        Dense::Relu(_) => relu(x),
        Dense::Dropout(layer) => nn::dropout(layer, x),
    })
}
