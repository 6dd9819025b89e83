//! The gradient of the weight in vectors along the rows of pixels, without transposing the gradient
//! of the output: for few output channels (one per group in a depthwise convolution) or few kernel
//! elements (the first layer of a network).

use multiversion::multiversion;
use multiversion::target::target_cfg_f;
use rayon::prelude::*;

use super::outer;
use crate::conv::kernel::direct::layout::Layout;
use crate::conv::kernel::shape::ConvShape;
use crate::flex::Buffer;
use crate::simd::{LANES, Lanes, fused, has_wide_registers, load};

/// Number of tasks with private sums. Relative time of 2 and 32: 0.8 to 1.0 and 1.2 (7x7 of stride
/// 2, 3 to 64 channels at 112x112, two threads).
const PRIVATE_TASKS: usize = 8;

/// Pixels per band: the gradients of a tile's channels fit half of an L1 cache (24 KB). Not
/// measured.
const BAND_PIXELS: usize = 768;

/// True if this is expected to be faster than `blocks`. On one thread rows take a quarter of the
/// time of `blocks` for a 7x7 depthwise convolution, but 1.1 times (7x7 of stride 2 on 3 channels)
/// to 1.6 times (5x5 on 16 to 64 channels) as long where the thresholds choose them too: measured
/// after they were set.
pub(super) fn is_faster(shape: &ConvShape) -> bool {
    let [inputs, outputs] = shape.group_channels();
    let elements = inputs * shape.kernel_plane();
    let cols = shape.output[1];
    let full = cols * 8 >= cols.next_multiple_of(LANES) * 6;
    match shape.options.groups {
        1 => full && outputs >= 4 && (outputs <= 16 || elements <= 160) && elements <= 640,
        _ => outputs < 16,
    }
}

/// Computes the gradient of the weight.
pub(super) fn weight_gradient(shape: &ConvShape, x: &[f32], dy: &[f32], dw: &mut [f32]) {
    let [inputs, outputs] = shape.group_channels();
    let [height, width] = shape.output;
    let one = shape.options.groups == 1;
    let rows = if one {
        (BAND_PIXELS / width).clamp(1, height)
    } else {
        height
    };
    let layout = Layout::forward(shape, rows);
    let taps = layout.taps([0, 0], shape.kernel[1]);
    let offsets: Vec<usize> = (0..inputs)
        .flat_map(|channel| taps.iter().map(move |[_, offset]| (channel, offset)))
        .map(|(channel, offset)| channel * layout.channel() + offset)
        .collect();
    let pass = RowGradient {
        shape,
        x,
        dy,
        layout,
        offsets,
        rows,
        tile: Tile::new(outputs),
    };
    if one {
        pass.by_bands(dw);
    } else {
        pass.by_groups(dw);
    }
}

/// Output channels and kernel elements that are summed at a time: the register tile.
#[derive(Clone, Copy, Debug)]
struct Tile {
    outputs: usize,
    elements: usize,
}

impl Tile {
    fn new(outputs: usize) -> Self {
        let [outputs, elements] = match (has_wide_registers(), outputs) {
            (true, 3..) => [4, 4],
            (true, 2) => [2, 8],
            (true, _) => [1, 8],
            (false, _) => [1, 4],
        };
        Self { outputs, elements }
    }
}

struct RowGradient<'a> {
    shape: &'a ConvShape,
    x: &'a [f32],
    dy: &'a [f32],
    layout: Layout,
    /// Offset of each kernel element of each channel relative to a pixel.
    offsets: Vec<usize>,
    /// Rows per band.
    rows: usize,
    tile: Tile,
}

impl RowGradient<'_> {
    /// Tasks take bands of rows; their sums are added in order at the end.
    fn by_bands(&self, dw: &mut [f32]) {
        let height = self.shape.output[0];
        let bands: Vec<[usize; 2]> = (0..self.shape.batch)
            .flat_map(|image| (0..height).step_by(self.rows).map(move |row| [image, row]))
            .collect();
        let each = bands.len().div_ceil(PRIVATE_TASKS);
        let mut parts = Buffer::new(bands.len().div_ceil(each) * dw.len());
        let tasks = parts.par_chunks_mut(dw.len()).zip(bands.par_chunks(each));
        tasks.for_each(|(dw, bands)| {
            self.sum(bands, dw);
        });
        outer::sum_parts(&parts, dw);
    }

    /// Each task takes a group, in all images.
    fn by_groups(&self, dw: &mut [f32]) {
        let [_, outputs] = self.shape.group_channels();
        let groups = self.shape.options.groups;
        let tasks = dw
            .par_chunks_exact_mut(outputs * self.offsets.len())
            .enumerate();
        tasks.for_each(|(group, dw)| {
            let images = (0..self.shape.batch).map(|image| [image * groups + group, 0]);
            self.sum(&images.collect::<Vec<_>>(), dw);
        });
    }

    /// Sums some bands, each given by its group, counted over all images, and its first row.
    fn sum(&self, bands: &[[usize; 2]], dw: &mut [f32]) {
        let [inputs, outputs] = self.shape.group_channels();
        let (from, to) = (inputs * self.shape.input_plane(), self.shape.output_plane());
        let [height, width] = self.shape.output;
        let tiles = [
            outputs.div_ceil(self.tile.outputs),
            self.offsets.len().div_ceil(self.tile.elements),
        ];
        let tile = self.tile.outputs * self.tile.elements * LANES;
        let mut sums = Buffer::zeros(tiles[0] * tiles[1] * tile);
        let mut source = Buffer::new(self.layout.len(inputs));
        let padded = width.next_multiple_of(LANES);
        let mut copy = Buffer::new(if padded > width {
            outputs * self.rows * padded
        } else {
            0
        });
        for [group, row] in bands {
            let x = &self.x[group * from..(group + 1) * from];
            self.layout.fill(x, *row, &mut source);
            let rows = self.rows.min(height - row);
            let dy = &self.dy[group * outputs * to + row * width..(group + 1) * outputs * to];
            let (dy, plane) = if padded > width {
                let strides = [self.rows * padded, padded];
                pad(dy, [to, width], rows, strides, &mut copy);
                (&copy[..], self.rows * padded)
            } else {
                (dy, to)
            };
            let band = Band {
                source: &source,
                pitch: self.layout.pitch,
                offsets: &self.offsets,
                dy,
                plane,
                outputs,
                rows,
                cols: width,
                padded,
            };
            add(self.tile, &band, &mut sums);
        }
        for (i, dw) in dw.iter_mut().enumerate() {
            let [output, element] = [i / self.offsets.len(), i % self.offsets.len()];
            let tile = output / self.tile.outputs * tiles[1] + element / self.tile.elements;
            let in_tile = [output % self.tile.outputs, element % self.tile.elements];
            let at = (tile * self.tile.outputs + in_tile[0]) * self.tile.elements + in_tile[1];
            *dw = sums[at * LANES..(at + 1) * LANES].iter().sum();
        }
    }
}

/// Rows of pixels of one group.
struct Band<'a> {
    source: &'a [f32],
    pitch: usize,
    offsets: &'a [usize],
    /// Begins with the first pixel of the first channel; each row is padded with zeros to whole
    /// vectors.
    dy: &'a [f32],
    plane: usize,
    outputs: usize,
    rows: usize,
    cols: usize,
    padded: usize,
}

impl Band<'_> {
    /// The floats that the kernel elements and the channels read, from the first pixel to the last.
    #[inline(always)]
    fn runs<const O: usize, const E: usize>(
        &self,
        offsets: [usize; E],
        planes: [usize; O],
    ) -> ([&[f32]; E], [&[f32]; O]) {
        let mut xs: [&[f32]; E] = [&[]; E];
        for (x, offset) in xs.iter_mut().zip(offsets) {
            *x = &self.source[offset..][..(self.rows - 1) * self.pitch + self.padded];
        }
        let mut dys: [&[f32]; O] = [&[]; O];
        for (dy, plane) in dys.iter_mut().zip(planes) {
            *dy = &self.dy[plane..][..self.rows * self.padded];
        }
        (xs, dys)
    }
}

/// Copies some rows of each channel and pads them with zeros. `strides` and `padded` are the
/// distances between planes and between rows, in the source and in the copy.
fn pad(from: &[f32], strides: [usize; 2], rows: usize, padded: [usize; 2], out: &mut [f32]) {
    for (from, out) in from.chunks(strides[0]).zip(out.chunks_exact_mut(padded[0])) {
        let out = out.chunks_exact_mut(padded[1]).take(rows);
        for (from, out) in from.chunks_exact(strides[1]).zip(out) {
            out[..strides[1]].copy_from_slice(from);
            out[strides[1]..].fill(0.0);
        }
    }
}

/// Adds a band to `sums`,
/// `[output tiles, element tiles, outputs of a tile, elements of a tile, lanes]`.
#[multiversion(targets(
    "x86_64+avx+avx2+avx512bw+avx512cd+avx512dq+avx512f+avx512vl+bmi1+bmi2+fma",
    "x86_64+avx+avx2+bmi1+bmi2+fma"
))]
fn add(tile: Tile, band: &Band<'_>, sums: &mut [f32]) {
    const FMA: bool = target_cfg_f!(any(target_feature = "fma", target_arch = "aarch64"));
    match (tile.outputs, tile.elements) {
        (4, _) => tiles::<4, 4, FMA>(band, sums),
        (2, _) => tiles::<2, 8, FMA>(band, sums),
        (_, 8) => tiles::<1, 8, FMA>(band, sums),
        (_, _) => tiles::<1, 4, FMA>(band, sums),
    }
}

#[inline(always)]
fn tiles<const O: usize, const E: usize, const FMA: bool>(band: &Band<'_>, sums: &mut [f32]) {
    let (sums, _) = sums.as_chunks_mut::<LANES>();
    let (sums, _) = sums.as_chunks_mut::<E>();
    let (sums, _) = sums.as_chunks_mut::<O>();
    let elements = band.offsets.len().div_ceil(E);
    for (output, sums) in sums.chunks_exact_mut(elements).enumerate() {
        for (block, sums) in band.offsets.chunks(E).zip(sums) {
            // Out-of-range kernel elements and channels repeat the last one and are discarded.
            let mut offsets = [0; E];
            for (e, offset) in offsets.iter_mut().enumerate() {
                *offset = block[e.min(block.len() - 1)];
            }
            let mut planes = [0; O];
            for (o, plane) in planes.iter_mut().enumerate() {
                *plane = (output * O + o).min(band.outputs - 1) * band.plane;
            }
            add_all(&products::<O, E, FMA, false>(band, offsets, planes), sums);
            if band.padded > band.cols {
                add_all(&products::<O, E, FMA, true>(band, offsets, planes), sums);
            }
        }
    }
}

#[inline(always)]
fn add_all<const O: usize, const E: usize>(new: &[[Lanes; E]; O], sums: &mut [[Lanes; E]; O]) {
    let sums = sums.as_flattened_mut().as_flattened_mut();
    for (sum, new) in sums.iter_mut().zip(new.as_flattened().as_flattened()) {
        *sum += new;
    }
}

/// Sums over the whole vectors of each row or, with `TAIL`, over the partial vector at its end.
/// Lanes beyond the end of the row are masked, even if they read NaN.
#[inline(always)]
fn products<const O: usize, const E: usize, const FMA: bool, const TAIL: bool>(
    band: &Band<'_>,
    offsets: [usize; E],
    planes: [usize; O],
) -> [[Lanes; E]; O] {
    let mut sums = [[[0.0; LANES]; E]; O];
    let (xs, dys) = band.runs(offsets, planes);
    let whole = band.cols / LANES * LANES;
    let (first, end) = if TAIL { (whole, band.cols) } else { (0, whole) };
    let mut keep = [false; LANES];
    keep[..band.cols - whole].fill(true);
    for row in 0..band.rows {
        for col in (first..end).step_by(LANES) {
            let mut x = [[0.0; LANES]; E];
            for (x, run) in x.iter_mut().zip(&xs) {
                *x = load(run, row * band.pitch + col);
                if TAIL {
                    *x = masked(*x, keep);
                }
            }
            for (sums, run) in sums.iter_mut().zip(&dys) {
                let dy = load(run, row * band.padded + col);
                add_products::<E, FMA>(&x, dy, sums);
            }
        }
    }
    sums
}

#[inline(always)]
fn masked(values: Lanes, keep: [bool; LANES]) -> Lanes {
    let mut masked = [0.0; LANES];
    for ((masked, value), keep) in masked.iter_mut().zip(values).zip(keep) {
        *masked = if keep { value } else { 0.0 };
    }
    masked
}

/// Adds `x dy` to `sums`. The kernel elements are flattened into one loop: nested loops are
/// vectorised along the wrong one.
#[inline(always)]
fn add_products<const E: usize, const FMA: bool>(x: &[Lanes; E], dy: Lanes, sums: &mut [Lanes; E]) {
    let dy = [dy; E];
    let sums = sums.as_flattened_mut().iter_mut();
    for ((sum, x), dy) in sums.zip(x.as_flattened()).zip(dy.as_flattened()) {
        *sum = fused::<FMA>(*x, *dy, *sum);
    }
}
