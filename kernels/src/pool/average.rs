//! Average pooling: columns are added first, a vector at a time, and then the sums of the columns.

use burn::tensor::ops::AvgPoolOptions;
use burn::tensor::{Shape, Tensor};

use super::axis::{Axis, in_parallel, planes_per_task};
use crate::flex::{Array, Backward, Buffer, array, record};

mod planes;

pub(super) fn avg_pool2d(x: &Tensor<4>, options: &AvgPoolOptions<2>) -> Option<Tensor<4>> {
    let [_, _, height, width] = x.dims();
    let axis = |i: usize, input| {
        let shape = [options.stride[i], options.padding[i].0, 1];
        Axis::new(input, options.kernel_size[i], shape, options.ceil_mode)
    };
    let pool = AvgPool {
        rows: axis(0, height)?,
        cols: axis(1, width)?,
        padding_counts: options.count_include_pad,
    };
    pool.apply(x)
}

/// None where Burn is to do it: where the windows are of several sizes.
pub(super) fn adaptive_avg_pool2d(x: &Tensor<4>, output: [usize; 2]) -> Option<Tensor<4>> {
    let [_, _, height, width] = x.dims();
    let axis = |input: usize, output| {
        let size = input.checked_div(output)?;
        match size * output == input {
            true => Axis::new(input, size, [size, 0, 1], false),
            false => None,
        }
    };
    let pool = AvgPool {
        rows: axis(height, output[0])?,
        cols: axis(width, output[1])?,
        padding_counts: false,
    };
    pool.apply(x)
}

/// The windows of a plane.
#[derive(Clone, Copy, Debug)]
struct AvgPool {
    rows: Axis,
    cols: Axis,
    padding_counts: bool,
}

impl AvgPool {
    fn apply(self, x: &Tensor<4>) -> Option<Tensor<4>> {
        let [batch, channels, _, _] = x.dims();
        let values = array(x)?;
        let shape = [batch, channels, self.rows.output, self.cols.output];
        let mut output = Buffer::new(shape.iter().product());
        self.forward(values.values(), &mut output);
        let saved = Saved {
            pool: self,
            input: values.shape(),
        };
        let inputs = [Some(x.clone().into_dispatch())];
        Some(record(Array::new(output, shape), saved, inputs))
    }

    /// Numbers in a plane of the input and of the output.
    fn plane(&self) -> [usize; 2] {
        [
            self.rows.input * self.cols.input,
            self.rows.output * self.cols.output,
        ]
    }

    /// How much of window `o` counts: the product over both axes is what the window's sum is divided by.
    fn size(&self, axis: &Axis, o: usize) -> f32 {
        let size = match self.padding_counts {
            // Up to the end of the padding; what `ceil_mode` adds beyond does not count.
            true => axis
                .kernel
                .min((axis.input + 2 * axis.padding).saturating_sub(o * axis.stride)),
            false => axis.taps(o).len(),
        };
        size.max(1) as f32
    }

    /// One window that is the whole plane.
    fn is_global(&self) -> bool {
        [self.rows, self.cols]
            .iter()
            .all(|axis| axis.output == 1 && axis.taps(0).len() == axis.input)
    }

    fn forward(&self, x: &[f32], output: &mut [f32]) {
        let [input, windows] = self.plane();
        if windows == 0 {
            return;
        }
        let planes = planes_per_task(input.max(windows));
        let tasks = output.chunks_mut(planes * windows).enumerate();
        in_parallel(tasks.collect(), |(task, output)| {
            planes::forward(self, &x[task * planes * input..], output);
        });
    }

    fn backward(&self, dy: &[f32], dx: &mut [f32]) {
        let [input, windows] = self.plane();
        if input == 0 {
            return;
        }
        let planes = planes_per_task(input.max(windows));
        let tasks = dx.chunks_mut(planes * input).enumerate();
        in_parallel(tasks.collect(), |(task, dx)| {
            planes::backward(self, &dy[task * planes * windows..], dx);
        });
    }
}

#[derive(Clone, Debug)]
struct Saved {
    pool: AvgPool,
    /// The shape of the input.
    input: Shape,
}

impl Backward<1> for Saved {
    fn backward(self, gradient: Array, _: [bool; 1]) -> [Option<Array>; 1] {
        let mut dx = Buffer::new(self.input.num_elements());
        self.pool.backward(gradient.values(), &mut dx);
        [Some(Array::new(dx, self.input))]
    }
}
