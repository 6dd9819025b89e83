//! Maximum pooling. The forward pass notes for each window which of its numbers won, in a byte; the backward pass needs
//! nothing else.

use burn::tensor::ops::MaxPoolOptions;
use burn::tensor::{Shape, Tensor};

use super::axis::{Axis, in_parallel, planes_per_task};
use crate::flex::{Array, Backward, Buffer, array, record};

mod backward;
mod forward;

/// In place of the number of a tap: the window is empty.
const NONE: u8 = u8::MAX;

/// None where Burn is to do it: the taps of a larger window would not fit into a byte.
pub(super) fn max_pool2d(x: &Tensor<4>, options: &MaxPoolOptions<2>) -> Option<Tensor<4>> {
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
    if windows.rows.kernel * windows.cols.kernel > usize::from(NONE) {
        return None;
    }
    let values = array(x)?;
    let shape = [batch, channels, windows.rows.output, windows.cols.output];
    let mut output = Buffer::new(shape.iter().product());
    let mut chosen = Buffer::new(output.len().div_ceil(4));
    windows.forward(values.values(), &mut output, bytes_mut(&mut chosen));
    let words = chosen.len();
    let saved = MaxPool {
        windows,
        chosen: Array::new(chosen, [words]),
        input: values.shape(),
    };
    let inputs = [Some(x.clone().into_dispatch())];
    Some(record(Array::new(output, shape), saved, inputs))
}

/// Bytes in memory that is handed out as numbers.
fn bytes_mut(buffer: &mut Buffer) -> &mut [u8] {
    bytemuck::cast_slice_mut(buffer)
}

#[derive(Clone, Debug)]
struct MaxPool {
    windows: Windows,
    /// For each window the tap that won, row by row, or [`NONE`]; four in the place of a number.
    chosen: Array,
    /// The shape of the input.
    input: Shape,
}

impl Backward<1> for MaxPool {
    fn backward(self, gradient: Array, _: [bool; 1]) -> [Option<Array>; 1] {
        let mut dx = Buffer::new(self.input.num_elements());
        let chosen = bytemuck::cast_slice(self.chosen.values());
        self.windows.backward(gradient.values(), chosen, &mut dx);
        [Some(Array::new(dx, self.input))]
    }
}

/// The windows of a plane.
#[derive(Clone, Copy, Debug)]
struct Windows {
    rows: Axis,
    cols: Axis,
}

impl Windows {
    /// Numbers in a plane of the input and of the output.
    fn plane(&self) -> [usize; 2] {
        [
            self.rows.input * self.cols.input,
            self.rows.output * self.cols.output,
        ]
    }

    fn forward(&self, x: &[f32], output: &mut [f32], chosen: &mut [u8]) {
        let [input, windows] = self.plane();
        if windows == 0 {
            return;
        }
        let planes = planes_per_task(input.max(windows));
        let tasks = output
            .chunks_mut(planes * windows)
            .zip(chosen.chunks_mut(planes * windows))
            .enumerate();
        in_parallel(tasks.collect(), |(task, (output, chosen))| {
            let x = &x[task * planes * input..];
            forward::planes(self, x, output, chosen);
        });
    }

    fn backward(&self, dy: &[f32], chosen: &[u8], dx: &mut [f32]) {
        let [input, windows] = self.plane();
        if input == 0 {
            return;
        }
        let planes = planes_per_task(input.max(windows));
        let tasks = dx.chunks_mut(planes * input).enumerate();
        in_parallel(tasks.collect(), |(task, dx)| {
            let from = task * planes * windows;
            backward::planes(self, &dy[from..], &chosen[from..], dx);
        });
    }
}
