//! Layout of the padded copy of an image that the microkernels read: its phases, with their
//! padding.

use multiversion::multiversion;

use super::axis::{Axis, Sizes, Tap};
use crate::conv::kernel::shape::ConvShape;

/// Floats that may be read beyond the last plane, by lanes whose sums are discarded.
const SLACK: usize = 16;

/// Position of each channel, phase, row and column. Rows share their padding: the zeros to the
/// right of a row are those to the left of the next.
#[derive(Clone, Debug)]
pub(in crate::conv::kernel) struct Layout {
    pub(in crate::conv::kernel) axes: [Axis; 2],
    /// Height and width of the image.
    image: [usize; 2],
    /// Rows of a plane.
    rows: usize,
    /// Distance between rows.
    pub(in crate::conv::kernel) pitch: usize,
    /// Distance between phases.
    plane: usize,
}

impl Layout {
    /// For the forward pass over bands of `rows` output rows.
    pub(in crate::conv::kernel) fn forward(shape: &ConvShape, rows: usize) -> Self {
        let axes = [0, 1].map(|axis| Axis::forward(sizes(shape, axis)));
        Self::new(axes, shape.input, rows)
    }

    /// For the gradient of the input, which reads the gradient of the output.
    pub(in crate::conv::kernel) fn input_gradient(shape: &ConvShape) -> Self {
        let axes = [0, 1].map(|axis| Axis::input_gradient(sizes(shape, axis)));
        let rows = axes[0].count();
        Self::new(axes, shape.output, rows)
    }

    fn new(axes: [Axis; 2], image: [usize; 2], rows: usize) -> Self {
        let [y, x] = &axes;
        let rows = rows + y.reach();
        let whole = x.count() + x.reach();
        let shared = x.phases.iter().map(|start| {
            let (left, content, _) = span(*start, x.step, whole, image[1]);
            left.min(whole - left - content)
        });
        let pitch = (whole - shared.min().unwrap_or(0)).max(x.count());
        Self {
            image,
            rows,
            pitch,
            plane: rows * pitch + (whole.max(pitch) - pitch),
            axes,
        }
    }

    /// Distance between channels.
    pub(in crate::conv::kernel) fn channel(&self) -> usize {
        self.axes[0].phases.len() * self.axes[1].phases.len() * self.plane
    }

    /// Length of a copy of `channels` channels.
    pub(in crate::conv::kernel) fn len(&self, channels: usize) -> usize {
        channels * self.channel() + SLACK
    }

    /// Offset of a kernel element relative to an output pixel.
    pub(in crate::conv::kernel) fn offset(&self, y: Tap, x: Tap) -> usize {
        let phase = y.phase * self.axes[1].phases.len() + x.phase;
        phase * self.plane + y.shift * self.pitch + x.shift
    }

    /// The kernel elements of one residue per axis (as indices into the flattened kernel), with
    /// their offsets.
    pub(in crate::conv::kernel) fn taps(
        &self,
        residues: [usize; 2],
        kernel_cols: usize,
    ) -> Vec<[usize; 2]> {
        let [y, x] = [0, 1].map(|axis| &self.axes[axis].residues[residues[axis]].taps);
        let row = |y: &Tap| {
            let y = *y;
            x.iter()
                .map(move |x| [y.element * kernel_cols + x.element, self.offset(y, *x)])
        };
        y.iter().flat_map(row).collect()
    }

    /// Copies `images`, one per channel, for the band of output rows that begins with `first_row`.
    pub(in crate::conv::kernel) fn fill(&self, images: &[f32], first_row: usize, out: &mut [f32]) {
        let image = self.image[0] * self.image[1];
        if self.channel() == 0 {
            return;
        }
        if image == 0 {
            return out.fill(0.0);
        }
        let channels = images.chunks_exact(image);
        for (image, out) in channels.zip(out.chunks_exact_mut(self.channel())) {
            self.fill_channel(image, first_row, out);
        }
    }

    fn fill_channel(&self, image: &[f32], first_row: usize, out: &mut [f32]) {
        let [y, x] = &self.axes;
        let mut planes = out.chunks_exact_mut(self.plane);
        for y_start in &y.phases {
            for x_start in &x.phases {
                let Some(plane) = planes.next() else { return };
                let span = span(*x_start, x.step, self.pitch, self.image[1]);
                let (rows, rest) = plane.split_at_mut(self.rows * self.pitch);
                rest.fill(0.0);
                for (row, out) in rows.chunks_exact_mut(self.pitch).enumerate() {
                    let at = ((first_row + row) * y.step) as isize + y_start;
                    match usize::try_from(at) {
                        Ok(at) if at < self.image[0] => {
                            copy_row(
                                &image[at * self.image[1]..][..self.image[1]],
                                span,
                                x.step,
                                out,
                            );
                        }
                        _ => out.fill(0.0),
                    }
                }
            }
        }
    }
}

fn sizes(shape: &ConvShape, axis: usize) -> Sizes {
    Sizes {
        kernel: shape.kernel[axis],
        stride: shape.options.stride[axis],
        padding: shape.options.padding[axis],
        dilation: shape.options.dilation[axis],
        input: shape.input[axis],
        output: shape.output[axis],
    }
}

/// For `len` elements of a phase: the number of zeros before the image, the number of elements
/// inside, and the first element inside.
fn span(start: isize, step: usize, len: usize, input: usize) -> (usize, usize, usize) {
    let left = start.min(0).unsigned_abs().div_ceil(step).min(len);
    let first = (start + (left * step) as isize).max(0) as usize;
    let content = input.saturating_sub(first).div_ceil(step).min(len - left);
    (left, content, first)
}

/// Copies a row of a phase: zeros, every `step`-th element of `row`, zeros.
#[inline]
fn copy_row(row: &[f32], span: (usize, usize, usize), step: usize, out: &mut [f32]) {
    let (left, content, first) = span;
    out[..left].fill(0.0);
    out[left + content..].fill(0.0);
    let out = &mut out[left..left + content];
    match step {
        _ if content == 0 => {}
        1 => out.copy_from_slice(&row[first..first + content]),
        2 => every_second(&row[first..], out),
        _ => {
            for (out, value) in out.iter_mut().zip(row[first..].iter().step_by(step)) {
                *out = *value;
            }
        }
    }
}

#[multiversion(targets = "simd")]
fn every_second(row: &[f32], out: &mut [f32]) {
    let (pairs, last) = row.as_chunks::<2>();
    for (out, pair) in out.iter_mut().zip(pairs) {
        *out = pair[0];
    }
    if let (Some(out), [last]) = (out.get_mut(pairs.len()), last) {
        *out = *last;
    }
}
