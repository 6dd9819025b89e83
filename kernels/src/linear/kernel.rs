//! The linear layer as one GEMM added onto the bias.

mod qkv;

use burn::tensor::Tensor;
use rayon::prelude::*;

use crate::flex::{
    Array, Backward, Buffer, GRAIN, Matrix, MatrixMut, Threads, array, for_each_rows, multiply,
    product, sum_rows, track,
};

pub(crate) use qkv::qkv_projection;

/// Memory layout of a weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WeightLayout {
    /// `[in_features, out_features]`
    InOut,
    /// `[out_features, in_features]`
    OutIn,
}

pub(super) fn linear<const D: usize>(
    x: &Tensor<D>,
    weight: &Tensor<2>,
    bias: Option<&Tensor<1>>,
    layout: WeightLayout,
) -> Option<Tensor<D>> {
    let bias_values = match bias {
        Some(bias) => Some(array(bias)?),
        None => None,
    };
    let saved = Linear {
        x: array(x)?,
        weight: array(weight)?,
        layout,
    };
    let [_, inputs, outputs] = saved.sizes();
    let mut shape = x.dims();
    assert_eq!(shape[D - 1], inputs, "in_features of the input");
    shape[D - 1] = outputs;
    let output = Array::new(saved.forward(bias_values.as_ref()), shape);
    let inputs = [
        Some(x.clone().into_dispatch()),
        Some(weight.clone().into_dispatch()),
        bias.map(|bias| bias.clone().into_dispatch()),
    ];
    Some(track(output, saved, inputs))
}

/// Repeats a row, so that a product can be added to it.
fn broadcast_rows(row: &[f32], rows: usize) -> Buffer {
    let width = row.len();
    let mut output = Buffer::new(rows * width);
    for_each_rows(&mut output, width, |_, output| {
        for output in output.chunks_exact_mut(width.max(1)) {
            output.copy_from_slice(row);
        }
    });
    output
}

#[derive(Clone, Debug)]
struct Linear {
    x: Array,
    weight: Array,
    layout: WeightLayout,
}

impl Linear {
    /// Numbers of rows, inputs and outputs.
    fn sizes(&self) -> [usize; 3] {
        let [first, second] = self.weight.dims();
        let [inputs, outputs] = match self.layout {
            WeightLayout::InOut => [first, second],
            WeightLayout::OutIn => [second, first],
        };
        [self.x.values().len() / inputs.max(1), inputs, outputs]
    }

    fn x(&self) -> Matrix<'_> {
        let [rows, inputs, _] = self.sizes();
        Matrix::new(self.x.values(), rows, inputs)
    }

    /// `W`, `[in_features, out_features]`.
    fn weight(&self) -> Matrix<'_> {
        let [_, inputs, outputs] = self.sizes();
        match self.layout {
            WeightLayout::InOut => Matrix::new(self.weight.values(), inputs, outputs),
            WeightLayout::OutIn => Matrix::new(self.weight.values(), outputs, inputs).t(),
        }
    }

    fn forward(&self, bias: Option<&Array>) -> Buffer {
        let [rows, inputs, outputs] = self.sizes();
        let (mut output, beta) = match bias {
            Some(bias) => (broadcast_rows(bias.values(), rows), 1.0),
            None => (Buffer::new(rows * outputs), 0.0),
        };
        if rows == 1 && inputs > 0 && self.layout == WeightLayout::OutIn {
            // A single row times a tied embedding table: all of the work is to read the table, and
            // `gemm` does not split a product of one row between threads. The weights of layers are
            // smaller: split for two threads, generation took 1.3 times as long.
            let piece = (GRAIN / inputs).max(1);
            let weight = self.weight.values().par_chunks(piece * inputs);
            let pieces = output.par_chunks_mut(piece).zip(weight);
            pieces.for_each(|(output, weight)| {
                let outputs = output.len();
                let weight = Matrix::new(weight, outputs, inputs).t();
                let output = MatrixMut::new(output, 1, outputs);
                multiply(output, beta, self.x(), weight, Threads::One);
            });
            return output;
        }
        let out = MatrixMut::new(&mut output, rows, outputs);
        multiply(out, beta, self.x(), self.weight(), Threads::All);
        output
    }
}

impl Backward<3> for Linear {
    fn backward(self, gradient: Array, needed: [bool; 3]) -> [Option<Array>; 3] {
        let [rows, _, outputs] = self.sizes();
        let dy = Matrix::new(gradient.values(), rows, outputs);
        let dx = needed[0].then(|| {
            let dx = product(dy, self.weight().t());
            Array::new(dx, self.x.shape())
        });
        let dw = needed[1].then(|| {
            let dw = match self.layout {
                WeightLayout::InOut => product(self.x().t(), dy),
                WeightLayout::OutIn => product(dy.t(), self.x()),
            };
            Array::new(dw, self.weight.shape())
        });
        let db = needed[2].then(|| {
            let sums = sum_rows(gradient.values(), outputs);
            Array::new(sums, [outputs])
        });
        [dx, dw, db]
    }
}
