//! The microkernel of the gradient of the weight: an outer product of a few kernel elements and a
//! panel of output channels, summed over pixels.

use std::ops::Range;

use multiversion::multiversion;
use multiversion::target::target_cfg_f;
use rayon::prelude::*;

use crate::conv::kernel::direct::microkernel::add_product;
use crate::simd::{LANES, Lanes, has_wide_registers, load};

/// Output channels cut into panels of a few vectors each, padded to whole vectors; the last panel
/// may be narrower.
#[derive(Clone, Copy, Debug)]
pub(super) struct Panels {
    padded: usize,
    width: usize,
}

/// Some kernel elements of a panel.
#[derive(Clone, Debug)]
pub(super) struct PanelSlice {
    /// Index of the panel.
    pub(super) index: usize,
    /// Channels of the panel.
    pub(super) width: usize,
    pub(super) elements: Range<usize>,
}

impl Panels {
    pub(super) fn new(channels: usize) -> Self {
        let width = if has_wide_registers() {
            4 * LANES
        } else {
            LANES
        };
        Self {
            padded: channels.next_multiple_of(LANES),
            width,
        }
    }

    /// Number of channels, padded to whole vectors.
    pub(super) fn padded(&self) -> usize {
        self.padded
    }

    /// Channels of every panel but the last.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// Range of a panel in an array `[panels, elements, channels of the panel]`.
    pub(super) fn range(&self, panel: usize, elements: usize) -> Range<usize> {
        let (from, to) = (panel * self.width, (panel + 1) * self.width);
        from * elements..to.min(self.padded) * elements
    }

    /// Splits `values`, `[panels, elements, channels of the panel]`, into slices of at most `most`
    /// elements.
    pub(super) fn slices<'a>(
        &self,
        values: &'a mut [f32],
        elements: usize,
        most: usize,
    ) -> Vec<(PanelSlice, &'a mut [f32])> {
        let mut slices = Vec::new();
        for (index, panel) in values.chunks_mut(self.width * elements).enumerate() {
            let width = panel.len() / elements;
            for (i, values) in panel.chunks_mut(width * most).enumerate() {
                let elements = i * most..elements.min((i + 1) * most);
                let slice = PanelSlice {
                    index,
                    width,
                    elements,
                };
                slices.push((slice, values));
            }
        }
        slices
    }
}

/// Rows of pixels to sum over.
#[derive(Clone, Copy, Debug)]
pub(super) struct PixelRows<'a> {
    /// Padded copy of the images.
    pub(super) source: &'a [f32],
    /// Position of each row of pixels in `source`.
    pub(super) rows: &'a [usize],
    pub(super) cols: usize,
    /// Gradient of the output, `[pixels, channels of a panel]`.
    pub(super) dy: &'a [f32],
}

/// Pixels that are processed for all kernel elements before the next: their gradients stay in the
/// L2 cache (256 KB). 128 and 16384 take the same time within 3 % (1x1, 256 to 512 channels at
/// 14x14; 3x3 of stride 2, 128 channels at 56x56).
const PIXELS_PER_PASS: usize = 1024;

/// Adds to `sums` `[elements, width]`; kernel element `i` reads at `at[i]`.
pub(super) fn add(pixels: &PixelRows<'_>, at: &[usize], width: usize, sums: &mut [f32]) {
    let rows = PIXELS_PER_PASS.div_ceil(pixels.cols);
    let dy = pixels.dy.chunks(rows * pixels.cols * width);
    for (rows, dy) in pixels.rows.chunks(rows).zip(dy) {
        add_rows(
            &PixelRows {
                rows,
                dy,
                ..*pixels
            },
            at,
            width,
            sums,
        );
    }
}

#[multiversion(targets(
    "x86_64+avx+avx2+avx512bw+avx512cd+avx512dq+avx512f+avx512vl+bmi1+bmi2+fma",
    "x86_64+avx+avx2+bmi1+bmi2+fma"
))]
fn add_rows(pixels: &PixelRows<'_>, at: &[usize], width: usize, sums: &mut [f32]) {
    const FMA: bool = target_cfg_f!(any(target_feature = "fma", target_arch = "aarch64"));
    match width / LANES {
        4 => elements::<6, 4, FMA>(pixels, at, sums),
        3 => elements::<8, 3, FMA>(pixels, at, sums),
        2 => elements::<9, 2, FMA>(pixels, at, sums),
        _ if has_wide_registers() => elements::<9, 1, FMA>(pixels, at, sums),
        _ => elements::<6, 1, FMA>(pixels, at, sums),
    }
}

/// `E` kernel elements by `V` vectors at a time.
#[inline(always)]
fn elements<const E: usize, const V: usize, const FMA: bool>(
    pixels: &PixelRows<'_>,
    at: &[usize],
    sums: &mut [f32],
) {
    for (at, sums) in at.chunks(E).zip(sums.chunks_mut(E * V * LANES)) {
        // Beyond the last kernel element the first is repeated and discarded.
        let at = std::array::from_fn(|e| at.get(e).copied().unwrap_or(at[0]));
        let new = products::<E, V, FMA>(pixels, at);
        for (sums, new) in sums.chunks_exact_mut(V * LANES).zip(new) {
            for (sum, new) in sums.iter_mut().zip(new.as_flattened()) {
                *sum += new;
            }
        }
    }
}

#[inline(always)]
fn products<const E: usize, const V: usize, const FMA: bool>(
    pixels: &PixelRows<'_>,
    at: [usize; E],
) -> [[Lanes; V]; E] {
    let mut sums = [[[0.0; LANES]; V]; E];
    let cols = pixels.cols;
    let rows = pixels.dy.chunks_exact(cols * V * LANES);
    for (row, dy) in pixels.rows.iter().zip(rows) {
        let mut runs: [&[f32]; E] = [&[]; E];
        for (run, at) in runs.iter_mut().zip(at) {
            *run = &pixels.source[at + row..][..cols];
        }
        for (i, dy) in dy.chunks_exact(V * LANES).enumerate() {
            let mut vectors = [[0.0; LANES]; V];
            for (v, vector) in vectors.iter_mut().enumerate() {
                *vector = load(dy, v * LANES);
            }
            for (sums, run) in sums.iter_mut().zip(&runs) {
                add_product::<V, FMA>(run[i], &vectors, sums);
            }
        }
    }
    sums
}

/// Transposes some pixels and channels of `dy` so that the channels, padded with zeros to `width`,
/// are innermost.
#[multiversion(targets(
    "x86_64+avx+avx2+avx512bw+avx512cd+avx512dq+avx512f+avx512vl+bmi1+bmi2+fma",
    "x86_64+avx+avx2+bmi1+bmi2+fma"
))]
pub(super) fn transpose(
    dy: &[f32],
    plane: usize,
    channels: Range<usize>,
    pixels: Range<usize>,
    width: usize,
    out: &mut [f32],
) {
    for v in 0..width / LANES {
        let first = channels.start + v * LANES;
        let channel = |c: usize| {
            let channel = first + c;
            (channel < channels.end).then(|| &dy[channel * plane..][pixels.clone()])
        };
        let planes: [&[f32]; LANES] = std::array::from_fn(|c| channel(c).unwrap_or(&[]));
        let whole = if first + LANES <= channels.end {
            pixels.len() / LANES * LANES
        } else {
            0
        };
        for from in (0..whole).step_by(LANES) {
            let mut square = [[0.0; LANES]; LANES];
            for (row, plane) in square.iter_mut().zip(&planes) {
                row.copy_from_slice(&plane[from..from + LANES]);
            }
            let square = transposed(square);
            for (i, row) in square.iter().enumerate() {
                out[(from + i) * width + v * LANES..][..LANES].copy_from_slice(row);
            }
        }
        for i in whole..pixels.len() {
            let out = &mut out[i * width + v * LANES..][..LANES];
            for (out, plane) in out.iter_mut().zip(&planes) {
                *out = plane.get(i).copied().unwrap_or(0.0);
            }
        }
    }
}

/// Transposes a square by exchanging its off-diagonal quarters, then those of its quarters, and so
/// on.
#[inline(always)]
fn transposed(rows: [Lanes; LANES]) -> [Lanes; LANES] {
    let rows = exchanged::<8>(rows);
    let rows = exchanged::<4>(rows);
    let rows = exchanged::<2>(rows);
    exchanged::<1>(rows)
}

#[inline(always)]
fn exchanged<const S: usize>(rows: [Lanes; LANES]) -> [Lanes; LANES] {
    let mut out = rows;
    for (i, out) in out.iter_mut().enumerate() {
        for (lane, out) in out.iter_mut().enumerate() {
            *out = match (i & S == 0, lane & S == 0) {
                (true, false) => rows[i + S][lane - S],
                (false, true) => rows[i - S][lane + S],
                _ => rows[i][lane],
            };
        }
    }
    out
}

/// Adds consecutive `parts` in order.
pub(super) fn sum_parts(parts: &[f32], out: &mut [f32]) {
    let len = out.len();
    out.par_chunks_mut(1 << 13)
        .enumerate()
        .for_each(|(i, out)| {
            for (part, values) in parts.chunks_exact(len).enumerate() {
                let values = &values[i << 13..][..out.len()];
                match part {
                    0 => out.copy_from_slice(values),
                    _ => {
                        for (out, value) in out.iter_mut().zip(values) {
                            *out += value;
                        }
                    }
                }
            }
        });
}

/// Transposes `sums` `[panels, elements, channels of the panel]` to `[channels, elements]`.
pub(super) fn transpose_sums(panels: &Panels, sums: &[f32], elements: usize, out: &mut [f32]) {
    let rows = out.par_chunks_mut(LANES * elements).enumerate();
    rows.with_min_len(1 + (1 << 12) / elements)
        .for_each(|(block, out)| {
            let (panel, first) = (block * LANES / panels.width, block * LANES % panels.width);
            let sums = &sums[panels.range(panel, elements)];
            let width = sums.len() / elements;
            for from in (0..elements).step_by(LANES) {
                for (channel, out) in out.chunks_exact_mut(elements).enumerate() {
                    let column = sums[from * width + first + channel..].iter().step_by(width);
                    for (out, sum) in out[from..].iter_mut().take(LANES).zip(column) {
                        *out = *sum;
                    }
                }
            }
        });
}
