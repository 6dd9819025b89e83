//! Average pooling: rows are added first, a vector at a time, and then the column sums of each
//! window.

use burn::tensor::ops::AvgPoolOptions;
use burn::tensor::{Shape, Tensor};
use multiversion::multiversion;

use super::windows::{Axis, in_parallel, planes_per_task};
use crate::flex::{Array, Backward, Buffer, array, track};

pub(in crate::pool) fn avg_pool2d(x: &Tensor<4>, options: &AvgPoolOptions<2>) -> Option<Tensor<4>> {
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

/// `None` for windows of several sizes, which are left to Burn.
pub(in crate::pool) fn adaptive_avg_pool2d(x: &Tensor<4>, output: [usize; 2]) -> Option<Tensor<4>> {
    let [_, _, height, width] = x.dims();
    let axis = |input: usize, output| {
        let size = input.checked_div(output)?;
        if size * output == input {
            Axis::new(input, size, [size, 0, 1], false)
        } else {
            None
        }
    };
    let pool = AvgPool {
        rows: axis(height, output[0])?,
        cols: axis(width, output[1])?,
        padding_counts: false,
    };
    pool.apply(x)
}

/// Windows along both axes of a plane.
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
        Some(track(Array::new(output, shape), saved, inputs))
    }

    /// Elements of a plane of the input and of the output.
    fn plane(&self) -> [usize; 2] {
        [
            self.rows.input * self.cols.input,
            self.rows.output * self.cols.output,
        ]
    }

    /// Divisor of window `o` along one axis; the window's divisor is the product over both axes.
    fn size(&self, axis: &Axis, o: usize) -> f32 {
        let size = if self.padding_counts {
            // Up to the end of the padding; what `ceil_mode` adds beyond does not count.
            axis.kernel
                .min((axis.input + 2 * axis.padding).saturating_sub(o * axis.stride))
        } else {
            axis.taps(o).len()
        };
        size.max(1) as f32
    }

    /// True if one window is the whole plane.
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
            forward_planes(self, &x[task * planes * input..], output);
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
            backward_planes(self, &dy[task * planes * windows..], dx);
        });
    }
}

#[derive(Clone, Debug)]
struct Saved {
    pool: AvgPool,
    /// Shape of the input.
    input: Shape,
}

impl Backward<1> for Saved {
    fn backward(self, gradient: Array, _: [bool; 1]) -> [Option<Array>; 1] {
        let mut dx = Buffer::new(self.input.num_elements());
        self.pool.backward(gradient.values(), &mut dx);
        [Some(Array::new(dx, self.input))]
    }
}

/// Means of the windows of as many planes as `output` has room for.
#[multiversion(targets = "simd")]
fn forward_planes(pool: &AvgPool, x: &[f32], output: &mut [f32]) {
    let [input, windows] = pool.plane();
    if pool.is_global() {
        let area = pool.size(&pool.rows, 0) * pool.size(&pool.cols, 0);
        for (plane, output) in output.iter_mut().enumerate() {
            *output = sum(&x[plane * input..][..input]) / area;
        }
        return;
    }
    let AvgPool { rows, cols, .. } = pool;
    let widths: Vec<f32> = (0..cols.output).map(|o| pool.size(cols, o)).collect();
    let mut sums = vec![0.0; cols.input];
    for (plane, output) in output.chunks_exact_mut(windows).enumerate() {
        let x = &x[plane * input..][..input];
        for (o, output) in output.chunks_exact_mut(cols.output).enumerate() {
            sums.fill(0.0);
            for k in rows.taps(o) {
                add(&mut sums, &x[rows.position(o, k) * cols.input..]);
            }
            add_windows(pool, &sums, output);
            let height = pool.size(rows, o);
            for (output, width) in output.iter_mut().zip(&widths) {
                *output /= height * width;
            }
        }
    }
}

/// Input gradients of as many planes as `dx` has room for.
#[multiversion(targets = "simd")]
fn backward_planes(pool: &AvgPool, dy: &[f32], dx: &mut [f32]) {
    let [input, windows] = pool.plane();
    if pool.is_global() {
        let area = pool.size(&pool.rows, 0) * pool.size(&pool.cols, 0);
        for (dx, dy) in dx.chunks_exact_mut(input).zip(dy) {
            dx.fill(dy / area);
        }
        return;
    }
    let AvgPool { rows, cols, .. } = pool;
    let widths: Vec<f32> = (0..cols.output).map(|o| pool.size(cols, o)).collect();
    let mut shares = vec![0.0; cols.output];
    let mut line = vec![0.0; cols.input];
    for (plane, dx) in dx.chunks_exact_mut(input).enumerate() {
        dx.fill(0.0);
        for o in 0..rows.output {
            let dy = &dy[plane * windows + o * cols.output..];
            let height = pool.size(rows, o);
            for ((share, dy), width) in shares.iter_mut().zip(dy).zip(&widths) {
                *share = dy / (height * width);
            }
            line.fill(0.0);
            add_shares(pool, &shares, &mut line);
            for k in rows.taps(o) {
                add(&mut dx[rows.position(o, k) * cols.input..], &line);
            }
        }
    }
}

/// Adds element by element, up to the end of the shorter slice.
#[inline(always)]
fn add(sums: &mut [f32], values: &[f32]) {
    for (sum, value) in sums.iter_mut().zip(values) {
        *sum += value;
    }
}

/// Sum of a plane, in 16 partial sums that are added in pairs; most of a large plane in four times
/// as many.
#[inline(always)]
fn sum(values: &[f32]) -> f32 {
    let mut wide = [0.0; 64];
    let (chunks, rest) = values.as_chunks::<64>();
    for chunk in chunks {
        for (sum, value) in wide.iter_mut().zip(chunk) {
            *sum += value;
        }
    }
    let mut sums = [0.0; 16];
    for i in 0..16 {
        sums[i] = (wide[i] + wide[i + 16]) + (wide[i + 32] + wide[i + 48]);
    }
    let (chunks, rest) = rest.as_chunks::<16>();
    for chunk in chunks {
        for i in 0..16 {
            sums[i] += chunk[i];
        }
    }
    let mut half = 8;
    while half > 0 {
        for i in 0..half {
            sums[i] += sums[i + half];
        }
        half /= 2;
    }
    rest.iter().fold(sums[0], |sum, value| sum + value)
}

/// Sums the columns of each window.
#[inline(always)]
fn add_windows(pool: &AvgPool, columns: &[f32], output: &mut [f32]) {
    let cols = &pool.cols;
    if cols.stride > 2 {
        for (o, output) in output.iter_mut().enumerate() {
            let taps = cols.taps(o);
            *output = if taps.is_empty() {
                0.0
            } else {
                columns[cols.position(o, taps.start)..][..taps.len()]
                    .iter()
                    .sum()
            };
        }
        return;
    }
    output.fill(0.0);
    for k in 0..cols.kernel {
        let inside = cols.windows(k);
        if inside.is_empty() {
            continue;
        }
        let columns = &columns[cols.position(inside.start, k)..];
        let output = &mut output[inside];
        match cols.stride {
            1 => add(output, columns),
            _ => {
                // The last column of the line may have no other to make a pair with.
                let (pairs, rest) = columns.as_chunks::<2>();
                for (output, pair) in output.iter_mut().zip(pairs) {
                    *output += pair[0];
                }
                if let (Some(output), Some(column)) = (output.get_mut(pairs.len()), rest.first()) {
                    *output += column;
                }
            }
        }
    }
}

/// Adds the share of each window to its columns.
#[inline(always)]
fn add_shares(pool: &AvgPool, shares: &[f32], line: &mut [f32]) {
    let cols = &pool.cols;
    if cols.stride > 2 {
        for (o, share) in shares.iter().enumerate() {
            let taps = cols.taps(o);
            if !taps.is_empty() {
                for column in &mut line[cols.position(o, taps.start)..][..taps.len()] {
                    *column += share;
                }
            }
        }
        return;
    }
    for k in 0..cols.kernel {
        let inside = cols.windows(k);
        if inside.is_empty() {
            continue;
        }
        let line = &mut line[cols.position(inside.start, k)..];
        let shares = &shares[inside];
        match cols.stride {
            1 => add(line, shares),
            _ => {
                let (pairs, rest) = line.as_chunks_mut::<2>();
                for (pair, share) in pairs.iter_mut().zip(shares) {
                    pair[0] += share;
                }
                if let (Some(column), Some(share)) = (rest.first_mut(), shares.get(pairs.len())) {
                    *column += share;
                }
            }
        }
    }
}
