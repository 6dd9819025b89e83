//! Max pooling. The forward pass saves the argmax of each window in a byte; the backward pass needs
//! nothing else.

use burn::tensor::ops::MaxPoolOptions;
use burn::tensor::{Shape, Tensor};

use super::windows::{Axis, in_parallel, planes_per_task};
use crate::flex::{Array, Backward, Buffer, array, track};

mod backward;
mod forward;

/// Argmax of an empty window.
const NO_WINNER: u8 = u8::MAX;

/// `None` for windows whose argmax does not fit in a byte, which are left to Burn.
pub(in crate::pool) fn max_pool2d(x: &Tensor<4>, options: &MaxPoolOptions<2>) -> Option<Tensor<4>> {
    let [batch, channels, height, width] = x.dims();
    let axis = |i: usize, input| {
        let MaxPoolOptions {
            kernel_size,
            stride,
            padding,
            dilation,
            ceil_mode,
        } = options;
        Axis::new(
            input,
            kernel_size[i],
            [stride[i], padding[i].0, dilation[i]],
            *ceil_mode,
        )
    };
    let windows = Windows {
        rows: axis(0, height)?,
        cols: axis(1, width)?,
    };
    if windows.rows.kernel * windows.cols.kernel > usize::from(NO_WINNER) {
        return None;
    }
    let values = array(x)?;
    let shape = [batch, channels, windows.rows.output, windows.cols.output];
    let mut output = Buffer::new(shape.iter().product());
    let mut argmax = Buffer::new(output.len().div_ceil(4));
    windows.forward(values.values(), &mut output, bytes_mut(&mut argmax));
    let words = argmax.len();
    let saved = MaxPool {
        windows,
        argmax: Array::new(argmax, [words]),
        input: values.shape(),
    };
    let inputs = [Some(x.clone().into_dispatch())];
    Some(track(Array::new(output, shape), saved, inputs))
}

/// The bytes of a buffer of floats.
fn bytes_mut(buffer: &mut Buffer) -> &mut [u8] {
    bytemuck::cast_slice_mut(buffer)
}

#[derive(Clone, Debug)]
struct MaxPool {
    windows: Windows,
    /// Index of the winning tap of each window, row by row, or [`NO_WINNER`]; four bytes per float.
    argmax: Array,
    /// Shape of the input.
    input: Shape,
}

impl Backward<1> for MaxPool {
    fn backward(self, gradient: Array, _: [bool; 1]) -> [Option<Array>; 1] {
        let mut dx = Buffer::new(self.input.num_elements());
        let argmax = bytemuck::cast_slice(self.argmax.values());
        self.windows.backward(gradient.values(), argmax, &mut dx);
        [Some(Array::new(dx, self.input))]
    }
}

/// Windows along both axes of a plane.
#[derive(Clone, Copy, Debug)]
struct Windows {
    rows: Axis,
    cols: Axis,
}

impl Windows {
    /// Elements of a plane of the input and of the output.
    fn plane(&self) -> [usize; 2] {
        [
            self.rows.input * self.cols.input,
            self.rows.output * self.cols.output,
        ]
    }

    fn forward(&self, x: &[f32], output: &mut [f32], argmax: &mut [u8]) {
        let [input, windows] = self.plane();
        if windows == 0 {
            return;
        }
        let planes = planes_per_task(input.max(windows));
        let tasks = output
            .chunks_mut(planes * windows)
            .zip(argmax.chunks_mut(planes * windows))
            .enumerate();
        in_parallel(tasks.collect(), |(task, (output, argmax))| {
            let x = &x[task * planes * input..];
            forward::planes(self, x, output, argmax);
        });
    }

    fn backward(&self, dy: &[f32], argmax: &[u8], dx: &mut [f32]) {
        let [input, windows] = self.plane();
        if input == 0 {
            return;
        }
        let planes = planes_per_task(input.max(windows));
        let tasks = dx.chunks_mut(planes * input).enumerate();
        in_parallel(tasks.collect(), |(task, dx)| {
            let from = task * planes * windows;
            backward::planes(self, &dy[from..], &argmax[from..], dx);
        });
    }
}
