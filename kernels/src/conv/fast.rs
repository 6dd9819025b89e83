//! Convolution on the memory of tensors, and its place in Burn's record.

use burn::tensor::Tensor;

use super::shape::ConvShape;
use super::{Conv2dOptions, mask, pass, weight, winograd};
use crate::flex::{Array, Backward, Buffer, array, record};

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
    Some(record(output, saved, inputs))
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
    match winograd::pays(shape) {
        true => winograd::forward(shape, x, weight, bias, relu, &mut out),
        false => pass::forward(shape, x, weight, bias, relu, &mut out),
    }
    out
}

fn input_gradient(shape: &ConvShape, dy: &[f32], weight: &[f32]) -> Buffer {
    let mut dx = Buffer::new(shape.batch * shape.in_channels * shape.input_plane());
    if dx.is_empty() {
        return dx;
    }
    match winograd::pays(shape) {
        true => winograd::input_gradient(shape, dy, weight, &mut dx),
        false => pass::input_gradient(shape, dy, weight, &mut dx),
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
    match winograd::pays(shape) {
        true => winograd::weight_gradient(shape, x, dy, &mut dw),
        false => weight::gradient(shape, x, dy, &mut dw),
    }
    dw
}

#[derive(Clone, Debug)]
struct Conv2d {
    shape: ConvShape,
    x: Array,
    weight: Array,
    /// The output, if it was rectified: the gradient passes where it is not 0.
    output: Option<Array>,
}

impl Backward<3> for Conv2d {
    fn backward(self, gradient: Array, needed: [bool; 3]) -> [Option<Array>; 3] {
        let shape = &self.shape;
        let (dy, db) = match self.output {
            Some(output) => {
                let (dy, db) = mask::relu(shape, gradient.values(), output.values());
                (Array::new(dy, gradient.shape()), Some(db))
            }
            None => {
                let db = needed[2].then(|| mask::sum(shape, gradient.values()));
                (gradient, db)
            }
        };
        let (x, weight, dy) = (self.x.values(), self.weight.values(), dy.values());
        let dx = needed[0].then(|| input_gradient(shape, dy, weight));
        let dw = needed[1].then(|| weight_gradient(shape, x, dy));
        [
            dx.map(|dx| Array::new(dx, self.x.shape())),
            dw.map(|dw| Array::new(dw, self.weight.shape())),
            db.map(|db| Array::new(db, [shape.out_channels])),
        ]
    }
}
