//! The microkernel: a register tile of output channels by vectors of pixels, summed over all input
//! channels and kernel elements.

use multiversion::multiversion;
use multiversion::target::target_cfg_f;

use super::pixels::{PixelVectors, Vector};
use crate::simd::{LANES, Lanes, fused, has_wide_registers, load};

/// Maximum vectors of a register tile.
pub(super) const MAX_TILE_VECTORS: usize = 8;

/// Shape of the register tile: as many sums as fit in the registers, in about a square, so that
/// each loaded value is used as often as possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RegisterTile {
    pub(super) channels: usize,
    pub(super) vectors: usize,
}

impl RegisterTile {
    /// The tile for `channels` output channels.
    pub(super) fn new(channels: usize) -> Self {
        let [channels, vectors] = match (has_wide_registers(), channels) {
            (true, 5..) => [8, 3],
            (true, 3..) => [4, 6],
            (true, 2) => [2, 8],
            (true, _) => [1, 8],
            (false, 3..) => [4, 1],
            (false, _) => [1, 4],
        };
        Self { channels, vectors }
    }

    /// Maximum vectors of the last of several tiles, rather than leave one or two for a tile of
    /// their own.
    pub(super) fn max_vectors(self) -> usize {
        match self.channels {
            8 => self.vectors + 2,
            _ => self.vectors,
        }
    }
}

/// Operands of a block of channels.
#[derive(Clone, Copy, Debug)]
pub(super) struct BlockOperands<'a> {
    /// Padded copy of the image.
    pub(super) source: &'a [f32],
    /// Offset of each kernel element of each channel relative to a pixel.
    pub(super) offsets: &'a [usize],
    /// Packed: `[kernel elements of all channels, channels of the tile]`.
    pub(super) weights: &'a [f32],
    /// One element per channel of the tile.
    pub(super) bias: &'a [f32],
    /// Number of channels that exist, at most those of the tile.
    pub(super) channels: usize,
    pub(super) relu: bool,
}

/// Computes one register tile: up to `tile.vectors` vectors of `pixels` of a block of channels.
/// `out` begins with the first of the channels.
#[multiversion(targets(
    "x86_64+avx+avx2+avx512bw+avx512cd+avx512dq+avx512f+avx512vl+bmi1+bmi2+fma",
    "x86_64+avx+avx2+bmi1+bmi2+fma"
))]
pub(super) fn microkernel(
    shape: RegisterTile,
    sum: &BlockOperands<'_>,
    pixels: &PixelVectors,
    vectors: &[Vector],
    out: &mut [f32],
) {
    const FMA: bool = target_cfg_f!(any(target_feature = "fma", target_arch = "aarch64"));
    match (shape.channels, vectors.len()) {
        (8, 3) => run::<8, 8, 3, FMA>(sum, pixels, vectors, out),
        (8, 2) => run::<8, 4, 2, FMA>(sum, pixels, vectors, out),
        (8, _) => run::<8, 4, 1, FMA>(sum, pixels, vectors, out),
        (4, 6) => run::<4, 4, 6, FMA>(sum, pixels, vectors, out),
        (4, 2..) => run::<4, 4, 2, FMA>(sum, pixels, vectors, out),
        (4, _) => run::<4, 4, 1, FMA>(sum, pixels, vectors, out),
        (2, 5..) => run::<2, 2, 8, FMA>(sum, pixels, vectors, out),
        (2, _) => run::<2, 2, 4, FMA>(sum, pixels, vectors, out),
        (_, 5..) => run::<1, 1, 8, FMA>(sum, pixels, vectors, out),
        (_, _) => run::<1, 1, 4, FMA>(sum, pixels, vectors, out),
    }
}

/// The tile's `W` channels, `C` at a time, by its vectors, `V` at a time.
#[inline(always)]
fn run<const W: usize, const C: usize, const V: usize, const FMA: bool>(
    sum: &BlockOperands<'_>,
    pixels: &PixelVectors,
    vectors: &[Vector],
    out: &mut [f32],
) {
    for first in (0..W).step_by(C) {
        for vectors in vectors.chunks(V) {
            let mut at = [0; V];
            for (at, vector) in at.iter_mut().zip(vectors) {
                *at = vector.at;
            }
            let sums = sums::<W, C, V, FMA>(sum, first, at);
            for (channel, sums) in (first..sum.channels).zip(&sums) {
                store(
                    sums,
                    sum.relu,
                    pixels,
                    vectors,
                    &mut out[channel * pixels.plane..],
                );
            }
        }
    }
}

/// Sums for the channels from `first` and the vectors at these positions.
#[inline(always)]
fn sums<const W: usize, const C: usize, const V: usize, const FMA: bool>(
    sum: &BlockOperands<'_>,
    first: usize,
    at: [usize; V],
) -> [[Lanes; V]; C] {
    let mut sums = [[[0.0; LANES]; V]; C];
    for (sums, bias) in sums.iter_mut().zip(&sum.bias[first..first + C]) {
        *sums = [[*bias; LANES]; V];
    }
    let (weights, _) = sum.weights.as_chunks::<W>();
    for (offset, weights) in sum.offsets.iter().zip(weights) {
        let mut pixels = [[0.0; LANES]; V];
        for (pixels, at) in pixels.iter_mut().zip(&at) {
            *pixels = load(sum.source, at + offset);
        }
        for (sums, weight) in sums.iter_mut().zip(&weights[first..first + C]) {
            add_product::<V, FMA>(*weight, &pixels, sums);
        }
    }
    sums
}

/// Adds `weight * pixels` to `sums`. The vectors are flattened into one loop: nested loops are
/// vectorised along the wrong one.
#[inline(always)]
pub(in crate::conv::kernel) fn add_product<const V: usize, const FMA: bool>(
    weight: f32,
    pixels: &[Lanes; V],
    sums: &mut [Lanes; V],
) {
    for (sum, pixel) in sums
        .as_flattened_mut()
        .iter_mut()
        .zip(pixels.as_flattened())
    {
        *sum = fused::<FMA>(weight, *pixel, *sum);
    }
}

/// Epilogue of a channel: applies ReLU and writes the sums.
#[inline(always)]
pub(super) fn store<const V: usize>(
    sums: &[Lanes; V],
    relu: bool,
    pixels: &PixelVectors,
    vectors: &[Vector],
    out: &mut [f32],
) {
    let mut padded = [0.0; (MAX_TILE_VECTORS + 1) * LANES];
    for (padded, sum) in padded.iter_mut().zip(sums.as_flattened()) {
        *padded = if relu { rectified(*sum) } else { *sum };
    }
    pixels.store(&padded, vectors, out);
}

/// ReLU; NaN stays NaN.
#[inline(always)]
fn rectified(value: f32) -> f32 {
    if value > 0.0 || value.is_nan() {
        value
    } else {
        0.0
    }
}
