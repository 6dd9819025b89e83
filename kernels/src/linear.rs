//! Linear layers.

mod transposed;

use burn::tensor::Tensor;

pub use transposed::linear_transposed;

/// `x W + b`: rows `[.., in_features]` to `[.., out_features]`, with a weight `[in_features, out_features]` as in Burn's
/// `Linear` and GPT-2's `Conv1D`, and a bias `[out_features]`.
pub fn linear<const D: usize>(
    x: Tensor<D>,
    weight: Tensor<2>,
    bias: Option<Tensor<1>>,
) -> Tensor<D> {
    #[cfg(feature = "flex")]
    if let Some(output) = fast::linear(&x, &weight, bias.as_ref()) {
        return output;
    }
    burn::tensor::module::linear(x, weight, bias)
}

#[cfg(feature = "flex")]
mod fast {
    use burn::tensor::Tensor;
    use rayon::prelude::*;

    use crate::flex::{
        Array, Backward, Buffer, GRAIN, Matrix, MatrixMut, Threads, array, multiply, record,
    };

    pub(super) fn linear<const D: usize>(
        x: &Tensor<D>,
        weight: &Tensor<2>,
        bias: Option<&Tensor<1>>,
    ) -> Option<Tensor<D>> {
        let bias_values = match bias {
            Some(bias) => Some(array(bias)?),
            None => None,
        };
        let saved = Linear {
            x: array(x)?,
            weight: array(weight)?,
        };
        let mut shape = x.dims();
        shape[D - 1] = weight.dims()[1];
        let output = saved.forward(bias_values.as_ref());
        let inputs = [
            Some(x.clone().into_dispatch()),
            Some(weight.clone().into_dispatch()),
            bias.map(|bias| bias.clone().into_dispatch()),
        ];
        Some(record(Array::new(output, shape), saved, inputs))
    }

    #[derive(Clone, Debug)]
    struct Linear {
        x: Array,
        weight: Array,
    }

    impl Linear {
        fn sizes(&self) -> [usize; 3] {
            let [inputs, outputs] = self.weight.dims();
            [self.x.values().len() / inputs.max(1), inputs, outputs]
        }

        fn forward(&self, bias: Option<&Array>) -> Buffer {
            let [rows, inputs, outputs] = self.sizes();
            let mut output = Buffer::new(rows * outputs);
            if let Some(bias) = bias {
                // The product is added to it.
                let rows = (GRAIN / outputs.max(1)).max(1) * outputs;
                output.par_chunks_mut(rows.max(1)).for_each(|part| {
                    for row in part.chunks_exact_mut(outputs) {
                        row.copy_from_slice(bias.values());
                    }
                });
            }
            multiply(
                MatrixMut::new(&mut output, rows, outputs),
                if bias.is_some() { 1.0 } else { 0.0 },
                Matrix::new(self.x.values(), rows, inputs),
                Matrix::new(self.weight.values(), inputs, outputs),
                Threads::All,
            );
            output
        }
    }

    impl Backward<3> for Linear {
        fn backward(self, gradient: Array, needed: [bool; 3]) -> [Option<Array>; 3] {
            let [rows, inputs, outputs] = self.sizes();
            let dy = Matrix::new(gradient.values(), rows, outputs);
            let x = Matrix::new(self.x.values(), rows, inputs);
            let weight = Matrix::new(self.weight.values(), inputs, outputs);
            let product = |lhs, rhs, [rows, cols]: [usize; 2]| {
                let mut out = Buffer::new(rows * cols);
                multiply(
                    MatrixMut::new(&mut out, rows, cols),
                    0.0,
                    lhs,
                    rhs,
                    Threads::All,
                );
                out
            };
            let dx = needed[0].then(|| product(dy, weight.t(), [rows, inputs]));
            let dw = needed[1].then(|| product(x.t(), dy, [inputs, outputs]));
            let db = needed[2].then(|| sum_rows(gradient.values(), outputs));
            [
                dx.map(|dx| Array::new(dx, self.x.shape())),
                dw.map(|dw| Array::new(dw, [inputs, outputs])),
                db.map(|db| Array::new(db, [outputs])),
            ]
        }
    }

    /// The sum of all rows of `cols` numbers.
    fn sum_rows(values: &[f32], cols: usize) -> Buffer {
        let mut sums = Buffer::zeros(cols);
        for row in values.chunks_exact(cols.max(1)) {
            for (sum, value) in sums.iter_mut().zip(row) {
                *sum += value;
            }
        }
        sums
    }
}
