use burn::tensor::Tensor;

/// `x Wᵀ`: rows `[.., in_features]` to `[.., out_features]`, with a weight `[out_features, in_features]`, as a table of
/// embeddings is when logits come from it. Neither the table nor its gradient is turned around.
pub fn linear_transposed<const D: usize>(x: Tensor<D>, weight: Tensor<2>) -> Tensor<D> {
    #[cfg(feature = "flex")]
    if let Some(output) = fast::linear_transposed(&x, &weight) {
        return output;
    }
    let mut shape = x.dims();
    let [outputs, inputs] = weight.dims();
    shape[D - 1] = outputs;
    let rows = shape[..D - 1].iter().product();
    // As one matrix: Burn leaves many shapes as batches of them.
    let x = x.reshape([rows, inputs]);
    burn::tensor::module::linear(x, weight.transpose(), None).reshape(shape)
}

#[cfg(feature = "flex")]
mod fast {
    use burn::tensor::Tensor;
    use rayon::prelude::*;

    use crate::flex::{
        Array, Backward, Buffer, GRAIN, Matrix, MatrixMut, Threads, array, multiply, record,
    };

    pub(super) fn linear_transposed<const D: usize>(
        x: &Tensor<D>,
        weight: &Tensor<2>,
    ) -> Option<Tensor<D>> {
        let saved = Transposed {
            x: array(x)?,
            weight: array(weight)?,
        };
        let mut shape = x.dims();
        assert_eq!(shape[D - 1], weight.dims()[1], "numbers of a row");
        shape[D - 1] = weight.dims()[0];
        let output = Array::new(saved.forward(), shape);
        let inputs = [
            Some(x.clone().into_dispatch()),
            Some(weight.clone().into_dispatch()),
        ];
        Some(record(output, saved, inputs))
    }

    #[derive(Clone, Debug)]
    struct Transposed {
        x: Array,
        weight: Array,
    }

    impl Transposed {
        fn sizes(&self) -> [usize; 3] {
            let [outputs, inputs] = self.weight.dims();
            [self.x.values().len() / inputs.max(1), inputs, outputs]
        }

        fn forward(&self) -> Buffer {
            let [rows, inputs, outputs] = self.sizes();
            let mut output = Buffer::new(rows * outputs);
            let x = Matrix::new(self.x.values(), rows, inputs);
            if rows == 1 && inputs > 0 {
                // A single row: all of the work is to read the weight, and a product with it is not cut for all threads.
                let piece = (GRAIN / inputs).max(1);
                let weight = self.weight.values().par_chunks(piece * inputs);
                let pieces = output.par_chunks_mut(piece).zip(weight);
                pieces.for_each(|(output, weight)| {
                    let outputs = output.len();
                    let weight = Matrix::new(weight, outputs, inputs);
                    let output = MatrixMut::new(output, 1, outputs);
                    multiply(output, 0.0, x, weight.t(), Threads::One);
                });
                return output;
            }
            let weight = Matrix::new(self.weight.values(), outputs, inputs);
            let out = MatrixMut::new(&mut output, rows, outputs);
            multiply(out, 0.0, x, weight.t(), Threads::All);
            output
        }
    }

    impl Backward<2> for Transposed {
        fn backward(self, gradient: Array, needed: [bool; 2]) -> [Option<Array>; 2] {
            let [rows, inputs, outputs] = self.sizes();
            let dy = Matrix::new(gradient.values(), rows, outputs);
            let dx = needed[0].then(|| {
                let weight = Matrix::new(self.weight.values(), outputs, inputs);
                let mut dx = Buffer::new(rows * inputs);
                let out = MatrixMut::new(&mut dx, rows, inputs);
                multiply(out, 0.0, dy, weight, Threads::All);
                Array::new(dx, self.x.shape())
            });
            let dw = needed[1].then(|| {
                let x = Matrix::new(self.x.values(), rows, inputs);
                let mut dw = Buffer::new(outputs * inputs);
                let out = MatrixMut::new(&mut dw, outputs, inputs);
                multiply(out, 0.0, dy.t(), x, Threads::All);
                Array::new(dw, [outputs, inputs])
            });
            [dx, dw]
        }
    }
}
