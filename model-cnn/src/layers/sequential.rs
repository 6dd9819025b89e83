//! What PyTorch's `nn.Sequential` holds. A `Vec` of layers gives every parameter the number that it has there, because
//! layers without parameters count too.

use burn::module::Module;
use burn::nn::activation::Relu;
use burn::nn::conv::Conv2d;
use burn::nn::pool::MaxPool2d;
use burn::nn::{Dropout, Linear};
use burn::tensor::Tensor;
use tinderbox_kernels::activation::relu;

use super::{BatchNorm2d, LayerNorm2d, Tap};

/// A layer from images to images.
#[derive(Module, Debug)]
pub enum Layer {
    /// Convolution.
    Conv2d(Conv2d),
    /// Batch normalisation.
    BatchNorm2d(BatchNorm2d),
    /// Layer normalisation over channels.
    LayerNorm2d(LayerNorm2d),
    /// `max(x, 0)`.
    Relu(Relu),
    /// Max-pooling.
    MaxPool2d(MaxPool2d),
}

impl Layer {
    /// `[batch, channels, height, width]` to `[batch, channels', height', width']`.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        match self {
            Self::Conv2d(layer) => tinderbox_kernels::nn::conv2d(layer, x),
            Self::BatchNorm2d(layer) => layer.forward(x),
            Self::LayerNorm2d(layer) => layer.forward(x),
            Self::Relu(_) => relu(x),
            Self::MaxPool2d(layer) => tinderbox_kernels::nn::max_pool2d(layer, x),
        }
    }
}

/// One layer after the other; `tap` sees each as `name.index`, and the last also as `name`.
pub(crate) fn forward_layers(
    layers: &[Layer],
    mut x: Tensor<4>,
    name: &str,
    tap: &mut Tap,
) -> Tensor<4> {
    if tap.is_idle() {
        return forward_fused(layers, x);
    }
    for (index, layer) in layers.iter().enumerate() {
        x = tap.at(format_args!("{name}.{index}"), layer.forward(x));
    }
    tap.at(format_args!("{name}"), x)
}

/// One layer after the other, a ReLU together with the layer before it.
fn forward_fused(mut layers: &[Layer], mut x: Tensor<4>) -> Tensor<4> {
    loop {
        (x, layers) = match layers {
            [] => return x,
            [Layer::Conv2d(conv), Layer::Relu(_), rest @ ..] => {
                (tinderbox_kernels::nn::conv2d_relu(conv, x), rest)
            }
            [Layer::BatchNorm2d(norm), Layer::Relu(_), rest @ ..] => (norm.forward_relu(x), rest),
            [layer, rest @ ..] => (layer.forward(x), rest),
        };
    }
}

/// A layer from features to features.
#[derive(Module, Debug)]
pub enum Dense {
    /// Linear.
    Linear(Linear),
    /// `max(x, 0)`.
    Relu(Relu),
    /// Dropout.
    Dropout(Dropout),
}

/// One layer after the other, `[batch, features]` to `[batch, features']`.
pub(crate) fn forward_dense(layers: &[Dense], x: Tensor<2>) -> Tensor<2> {
    layers.iter().fold(x, |x, layer| match layer {
        Dense::Linear(layer) => tinderbox_kernels::nn::linear(layer, x),
        Dense::Relu(_) => relu(x),
        Dense::Dropout(layer) => tinderbox_kernels::nn::dropout(layer, x),
    })
}
