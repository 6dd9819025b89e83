//! Forward passes of Burn's layers by the operations of this crate:
//! `tinderbox_kernels::nn::conv2d(&self.conv1, x)` is `self.conv1.forward(x)`.

use burn::nn::conv::Conv2d;
use burn::nn::pool::{AdaptiveAvgPool2d, MaxPool2d};
use burn::nn::{Dropout, Embedding, Linear, PaddingConfig2d};
use burn::tensor::activation::relu;
use burn::tensor::{Int, Tensor};

use crate::conv::Conv2dOptions;

/// `[batch, in_channels, height, width]` to `[batch, out_channels, height', width']`.
pub fn conv2d(layer: &Conv2d, x: Tensor<4>) -> Tensor<4> {
    match options(layer) {
        Some(options) => crate::conv::conv2d(x, layer.weight.val(), bias(layer), options),
        None => layer.forward(x),
    }
}

/// `relu(conv2d(layer, x))`, fused.
pub fn conv2d_relu(layer: &Conv2d, x: Tensor<4>) -> Tensor<4> {
    match options(layer) {
        Some(options) => crate::conv::conv2d_relu(x, layer.weight.val(), bias(layer), options),
        None => relu(layer.forward(x)),
    }
}

fn bias(layer: &Conv2d) -> Option<Tensor<1>> {
    layer.bias.as_ref().map(|bias| bias.val())
}

/// `None` for asymmetric padding.
fn options(layer: &Conv2d) -> Option<Conv2dOptions> {
    Some(Conv2dOptions {
        stride: layer.stride,
        padding: symmetric(&layer.padding)?,
        dilation: layer.dilation,
        groups: layer.groups,
    })
}

fn symmetric(padding: &PaddingConfig2d) -> Option<[usize; 2]> {
    match *padding {
        PaddingConfig2d::Valid => Some([0, 0]),
        PaddingConfig2d::Explicit(top, left, bottom, right) => {
            (top == bottom && left == right).then_some([top, left])
        }
        PaddingConfig2d::Same => None,
    }
}

/// `[batch, channels, height, width]` to `[batch, channels, height', width']`.
pub fn max_pool2d(layer: &MaxPool2d, x: Tensor<4>) -> Tensor<4> {
    let Some(padding) = symmetric(&layer.padding) else {
        return layer.forward(x);
    };
    let (kernel, stride) = (layer.kernel_size, layer.stride);
    crate::pool::max_pool2d(x, kernel, stride, padding, layer.dilation, layer.ceil_mode)
}

/// `[batch, channels, height, width]` to `[batch, channels, ..output_size]`.
pub fn adaptive_avg_pool2d(layer: &AdaptiveAvgPool2d, x: Tensor<4>) -> Tensor<4> {
    crate::pool::adaptive_avg_pool2d(x, layer.output_size)
}

/// `[.., in_features]` to `[.., out_features]`.
pub fn linear<const D: usize>(layer: &Linear, x: Tensor<D>) -> Tensor<D> {
    let bias = layer.bias.as_ref().map(|bias| bias.val());
    crate::linear::linear(x, layer.weight.val(), bias)
}

/// Indices `[batch, time]` to embeddings `[batch, time, features]`.
pub fn embedding(layer: &Embedding, indices: Tensor<2, Int>) -> Tensor<3> {
    crate::embedding::embedding(layer.weight.val(), indices)
}

/// Dropout as in Burn's layer: only on devices with autodiff, and not if the layer is frozen.
pub fn dropout<const D: usize>(layer: &Dropout, x: Tensor<D>) -> Tensor<D> {
    if !layer.training.is_enabled() || !x.device().is_autodiff() || layer.prob == 0.0 {
        return x;
    }
    crate::dropout::dropout(x, layer.prob)
}
