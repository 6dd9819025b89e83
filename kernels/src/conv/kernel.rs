//! The convolution kernel: chooses an algorithm and puts the result on the autodiff tape.

mod backward;
mod direct;
mod shape;
mod weight_gradient;
mod winograd;

use burn::tensor::Tensor;

use super::Conv2dOptions;
use crate::flex::{Array, Buffer, array, track};
use backward::Conv2d;
use shape::ConvShape;

pub(super) fn conv2d(
    x: &Tensor<4>,
    weight: &Tensor<4>,
    bias: Option<&Tensor<1>>,
    options: Conv2dOptions,
    relu: bool,
) -> Option<Tensor<4>> {
    let shape = ConvShape::new(x.dims(), weight.dims(), options)?;
    let bias_values = match bias {
        Some(bias) if bias.dims() == [shape.out_channels] => Some(array(bias)?),
        Some(_) => return None,
        None => None,
    };
    let (x_values, weight_values) = (array(x)?, array(weight)?);
    let output = forward(
        &shape,
        x_values.values(),
        weight_values.values(),
        bias_values.as_ref().map(Array::values),
        relu,
    );
    let [height, width] = shape.output;
    let output = Array::new(output, [shape.batch, shape.out_channels, height, width]);
    let saved = Conv2d {
        shape,
        x: x_values,
        weight: weight_values,
        output: relu.then(|| output.clone()),
    };
    let inputs = [
        Some(x.clone().into_dispatch()),
        Some(weight.clone().into_dispatch()),
        bias.map(|bias| bias.clone().into_dispatch()),
    ];
    Some(track(output, saved, inputs))
}

fn forward(
    shape: &ConvShape,
    x: &[f32],
    weight: &[f32],
    bias: Option<&[f32]>,
    relu: bool,
) -> Buffer {
    let mut out = Buffer::new(shape.batch * shape.out_channels * shape.output_plane());
    if out.is_empty() {
        return out;
    }
    if winograd::is_faster(shape) {
        winograd::forward(shape, x, weight, bias, relu, &mut out);
    } else {
        direct::forward(shape, x, weight, bias, relu, &mut out);
    }
    out
}

fn input_gradient(shape: &ConvShape, dy: &[f32], weight: &[f32]) -> Buffer {
    let mut dx = Buffer::new(shape.batch * shape.in_channels * shape.input_plane());
    if dx.is_empty() {
        return dx;
    }
    if winograd::is_faster(shape) {
        winograd::input_gradient(shape, dy, weight, &mut dx);
    } else {
        direct::input_gradient(shape, dy, weight, &mut dx);
    }
    dx
}

fn weight_gradient(shape: &ConvShape, x: &[f32], dy: &[f32]) -> Buffer {
    let [inputs, _] = shape.group_channels();
    let mut dw = Buffer::new(shape.out_channels * inputs * shape.kernel_plane());
    if dw.is_empty() || dy.is_empty() {
        dw.fill(0.0);
        return dw;
    }
    if winograd::is_faster(shape) {
        winograd::weight_gradient(shape, x, dy, &mut dw);
    } else {
        weight_gradient::weight_gradient(shape, x, dy, &mut dw);
    }
    dw
}
