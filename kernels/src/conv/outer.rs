//! The inner loop of the gradient of the weight: a few kernel elements by a panel of output channels, summed over pixels.

use std::ops::Range;

use multiversion::multiversion;
use multiversion::target::target_cfg_f;
use rayon::prelude::*;

use super::pixels::{LANES, Lanes};
use super::tile::{add_product, lanes, wide_registers};

/// The output channels, cut into panels of a few vectors each; the last may have fewer. Channels that are not there fill
/// it up to whole vectors.
#[derive(Clone, Copy, Debug)]
pub(super) struct Panels {
    padded: usize,
    width: usize,
}

/// Some elements of a panel.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    /// Which panel.
    pub(super) index: usize,
    /// Channels of the panel.
    pub(super) width: usize,
    pub(super) elements: Range<usize>,
}

impl Panels {
    pub(super) fn new(channels: usize) -> Self {
        let width = if wide_registers() { 4 * LANES } else { LANES };
        Self {
            padded: channels.next_multiple_of(LANES),
            width,
        }
    }

    /// The number of channels, with those that are not there.
    pub(super) fn padded(&self) -> usize {
        self.padded
    }

    /// Channels of a panel that is not the last.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// Where a panel is in something of `[panels, elements, channels of the panel]`.
    pub(super) fn range(&self, panel: usize, elements: usize) -> Range<usize> {
        let (from, to) = (panel * self.width, (panel + 1) * self.width);
        from * elements..to.min(self.padded) * elements
    }

    /// Cuts `values`, of `[panels, elements, channels of the panel]`, into pieces of at most `most` elements.
    pub(super) fn pieces<'a>(
        &self,
        values: &'a mut [f32],
        elements: usize,
        most: usize,
    ) -> Vec<(Piece, &'a mut [f32])> {
        let mut pieces = Vec::new();
        for (index, panel) in values.chunks_mut(self.width * elements).enumerate() {
            let width = panel.len() / elements;
            for (i, values) in panel.chunks_mut(width * most).enumerate() {
                let elements = i * most..elements.min((i + 1) * most);
                let piece = Piece {
                    index,
                    width,
                    elements,
                };
                pieces.push((piece, values));
            }
        }
        pieces
    }
}

/// Pixels to sum over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pixels<'a> {
    /// The copy of the images.
    pub(super) source: &'a [f32],
    /// Where each row of pixels begins in it.
    pub(super) rows: &'a [usize],
    pub(super) cols: usize,
    /// The gradient, `[pixels, channels of a panel]`.
    pub(super) dy: &'a [f32],
}

/// Pixels that are gone through for all elements before the next: their gradients stay in the cache (256 KB).
const TOGETHER: usize = 1024;

/// Adds to `sums`, `[elements, width]`, where element `i` reads at `at[i]`.
pub(super) fn add(pixels: &Pixels<'_>, at: &[usize], width: usize, sums: &mut [f32]) {
    let rows = TOGETHER.div_ceil(pixels.cols);
    let dy = pixels.dy.chunks(rows * pixels.cols * width);
    for (rows, dy) in pixels.rows.chunks(rows).zip(dy) {
        add_rows(
            &Pixels {
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
fn add_rows(pixels: &Pixels<'_>, at: &[usize], width: usize, sums: &mut [f32]) {
    const FMA: bool = target_cfg_f!(any(target_feature = "fma", target_arch = "aarch64"));
    match width / LANES {
        4 => elements::<6, 4, FMA>(pixels, at, sums),
        3 => elements::<8, 3, FMA>(pixels, at, sums),
        2 => elements::<9, 2, FMA>(pixels, at, sums),
        _ if wide_registers() => elements::<9, 1, FMA>(pixels, at, sums),
        _ => elements::<6, 1, FMA>(pixels, at, sums),
    }
}

/// `E` elements by `V` vectors at a time.
#[inline(always)]
fn elements<const E: usize, const V: usize, const FMA: bool>(
    pixels: &Pixels<'_>,
    at: &[usize],
    sums: &mut [f32],
) {
    for (at, sums) in at.chunks(E).zip(sums.chunks_mut(E * V * LANES)) {
        // Beyond the last element the first is computed again, and forgotten.
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
    pixels: &Pixels<'_>,
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
                *vector = lanes(dy, v * LANES);
            }
            for (sums, run) in sums.iter_mut().zip(&runs) {
                add_product::<V, FMA>(run[i], &vectors, sums);
            }
        }
    }
    sums
}

/// The numbers of some pixels and channels of `dy`, planes of `plane`, with the channels, `width` of them, innermost.
/// Those that are not there are 0.
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

/// A transposed square, by exchanging the off-diagonal quarters of it, of its quarters, and so on.
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

/// The sum of `parts`, which follow one another, in their order.
pub(super) fn add_up(parts: &[f32], out: &mut [f32]) {
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

/// `sums`, `[panels, elements, channels of the panel]`, as `[channels, elements]`.
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
