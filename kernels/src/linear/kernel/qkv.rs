//! The projections to queries, keys and values: three linear layers with the same input, their
//! outputs side by side.

use burn::tensor::Tensor;

use super::broadcast_rows;
use crate::flex::{
    Array, Backward, Buffer, Matrix, MatrixMut, Threads, array, multiply, product, sum_rows, track,
};

/// Applies three linear layers `[in_features, out_features]` to `x` `[batch, time, in_features]`.
/// Returns `[batch, time, 3 * out_features]`, or `None` if there is no kernel or the layers differ
/// in size.
pub(crate) fn qkv_projection(
    x: &Tensor<3>,
    weights: &[Tensor<2>; 3],
    biases: &[Option<Tensor<1>>; 3],
) -> Option<Tensor<3>> {
    let [inputs, outputs] = weights[0].dims();
    if weights
        .iter()
        .any(|weight| weight.dims() != [inputs, outputs])
    {
        return None;
    }
    let [a, b, c] = weights;
    let saved = QkvProjection {
        x: array(x)?,
        weights: [array(a)?, array(b)?, array(c)?],
    };
    let mut bias = Buffer::zeros(3 * outputs);
    for (values, tensor) in bias.chunks_exact_mut(outputs.max(1)).zip(biases) {
        if let Some(tensor) = tensor {
            values.copy_from_slice(array(tensor)?.values());
        }
    }
    let [batch, time, _] = x.dims();
    let output = Array::new(saved.forward(&bias), [batch, time, 3 * outputs]);
    let weight = |i: usize| Some(weights[i].clone().into_dispatch());
    let bias = |i: usize| biases[i].clone().map(Tensor::into_dispatch);
    let inputs = [
        Some(x.clone().into_dispatch()),
        weight(0),
        weight(1),
        weight(2),
        bias(0),
        bias(1),
        bias(2),
    ];
    Some(track(output, saved, inputs))
}

#[derive(Clone, Debug)]
struct QkvProjection {
    x: Array,
    weights: [Array; 3],
}

impl QkvProjection {
    fn sizes(&self) -> [usize; 3] {
        let [inputs, outputs] = self.weights[0].dims();
        [self.x.values().len() / inputs.max(1), inputs, outputs]
    }

    fn weights(&self) -> [Matrix<'_>; 3] {
        let [_, inputs, outputs] = self.sizes();
        let weights = self.weights.each_ref();
        weights.map(|weight| Matrix::new(weight.values(), inputs, outputs))
    }

    fn forward(&self, bias: &[f32]) -> Buffer {
        let [rows, inputs, outputs] = self.sizes();
        let mut output = broadcast_rows(bias, rows);
        let x = Matrix::new(self.x.values(), rows, inputs);
        for (i, weight) in self.weights().into_iter().enumerate() {
            let third = output.get_mut(i * outputs..).unwrap_or_default();
            let third = MatrixMut::strided(third, rows, outputs, 3 * outputs);
            multiply(third, 1.0, x, weight, Threads::All);
        }
        output
    }
}

impl Backward<7> for QkvProjection {
    fn backward(self, gradient: Array, needed: [bool; 7]) -> [Option<Array>; 7] {
        let [rows, inputs, outputs] = self.sizes();
        let thirds = [0, 1, 2].map(|i| {
            let third = gradient.values().get(i * outputs..).unwrap_or_default();
            Matrix::strided(third, rows, outputs, [3 * outputs, 1])
        });
        let dx = needed[0].then(|| {
            let [a, b, c] = self.weights();
            let mut dx = product(thirds[0], a.t());
            for (third, weight) in [(thirds[1], b), (thirds[2], c)] {
                let to = MatrixMut::new(&mut dx, rows, inputs);
                multiply(to, 1.0, third, weight.t(), Threads::All);
            }
            Array::new(dx, self.x.shape())
        });
        let x = Matrix::new(self.x.values(), rows, inputs);
        let dw = |i: usize| {
            needed[1 + i].then(|| Array::new(product(x.t(), thirds[i]), [inputs, outputs]))
        };
        let has_bias = needed[4..].contains(&true);
        let sums = has_bias.then(|| sum_rows(gradient.values(), 3 * outputs));
        let db = |i: usize| {
            let sums = sums.as_ref().filter(|_| needed[4 + i])?;
            let sums = Buffer::copy(&sums[i * outputs..(i + 1) * outputs]);
            Some(Array::new(sums, [outputs]))
        };
        [dx, dw(0), dw(1), dw(2), db(0), db(1), db(2)]
    }
}
