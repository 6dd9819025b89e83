//! The cache-blocked loop for many output channels. The rows that the microkernel reads are first
//! packed into a panel that fits the L1 cache, because every block of output channels reads the
//! panel again.
//!
//! In the terms of BLIS (Van Zee & van de Geijn 2015): `mr` is the channels and `nr` the vectors of
//! the register tile, `kc` is [`KC`], and `nc` is [`TILES_AT_ONCE`] tiles. Output channels are not
//! blocked (`mc` is all of them).

use multiversion::multiversion;
use multiversion::target::target_cfg_f;

use super::microkernel::{BlockOperands, RegisterTile, add_product, store};
use super::pack::pack_panel;
use super::pixels::{PixelVectors, Read, Vector};
use crate::flex::Buffer;
use crate::simd::{LANES, Lanes, load};

/// Kernel elements per panel: 24 KB with tiles of three vectors, half of an L1 cache of 48 KB. Not
/// measured.
const KC: usize = 128;

/// Tiles that go through the same kernel elements before the next ones, so that the weights, too,
/// are read several times while they are in the cache. 1, 2 and 16 take the same time within 3 %.
const TILES_AT_ONCE: usize = 4;

/// Working memory of [`compute`].
pub(super) struct Scratch {
    /// `[kernel elements, vectors]`.
    panel: Buffer,
    /// Reads of the vectors of a tile.
    reads: Vec<Read>,
    /// Partial sums, `[tiles, blocks, channels, vectors]`.
    sums: Buffer,
}

impl Scratch {
    pub(super) fn new(tile: RegisterTile, blocks: usize) -> Self {
        let vectors = tile.max_vectors() * LANES;
        Self {
            panel: Buffer::new(KC * vectors + LANES),
            reads: Vec::new(),
            sums: Buffer::new(TILES_AT_ONCE * blocks * tile.channels * vectors),
        }
    }
}

/// Computes all vectors of `pixels` for all channels; `operands` has the weights, bias and channels
/// of all blocks.
pub(super) fn compute(
    tile: RegisterTile,
    operands: &BlockOperands<'_>,
    pixels: &PixelVectors,
    scratch: &mut Scratch,
    out: &mut [f32],
) {
    let len = TILES_AT_ONCE * tile.vectors;
    let limit = len + tile.max_vectors() - tile.vectors;
    for vectors in split(&pixels.vectors, len, limit) {
        compute_tiles(tile, operands, pixels, vectors, scratch, out);
    }
}

/// Splits off `len` vectors as long as there are more than `limit`, so that no part is much smaller
/// than the others.
fn split(vectors: &[Vector], len: usize, limit: usize) -> impl Iterator<Item = &[Vector]> {
    let mut rest = vectors;
    std::iter::from_fn(move || {
        let count = if rest.len() > limit { len } else { rest.len() };
        let part;
        (part, rest) = rest.split_at(count);
        (!part.is_empty()).then_some(part)
    })
}

/// [`compute`] for up to [`TILES_AT_ONCE`] tiles.
#[multiversion(targets(
    "x86_64+avx+avx2+avx512bw+avx512cd+avx512dq+avx512f+avx512vl+bmi1+bmi2+fma",
    "x86_64+avx+avx2+bmi1+bmi2+fma"
))]
fn compute_tiles(
    tile: RegisterTile,
    operands: &BlockOperands<'_>,
    pixels: &PixelVectors,
    vectors: &[Vector],
    scratch: &mut Scratch,
    out: &mut [f32],
) {
    const FMA: bool = target_cfg_f!(any(target_feature = "fma", target_arch = "aarch64"));
    let tile_len = tile.channels * tile.max_vectors() * LANES;
    let blocks = operands.channels.div_ceil(tile.channels);
    let depth = operands.offsets.len();
    let slices = depth.div_ceil(KC).max(1);
    for slice in 0..slices {
        let elements = slice * KC..depth.min((slice + 1) * KC);
        let offsets = &operands.offsets[elements.clone()];
        let tiles = split(vectors, tile.vectors, tile.max_vectors());
        for (vectors, sums) in tiles.zip(scratch.sums.chunks_exact_mut(blocks * tile_len)) {
            pack_panel(
                operands.source,
                offsets,
                pixels,
                vectors,
                &mut scratch.reads,
                &mut scratch.panel,
            );
            for (block, sums) in sums.chunks_exact_mut(tile_len).enumerate() {
                let first = block * tile.channels;
                let weights = block * depth + elements.start..block * depth + elements.end;
                let slice = DepthSlice {
                    weights: &operands.weights
                        [weights.start * tile.channels..weights.end * tile.channels],
                    bias: &operands.bias[first..first + tile.channels],
                    channels: tile.channels.min(operands.channels - first),
                    relu: operands.relu,
                    first: slice == 0,
                    last: slice + 1 == slices,
                };
                let (panel, out) = (&scratch.panel, &mut out[first * pixels.plane..]);
                match (tile.channels, vectors.len()) {
                    (8, 5) => run::<8, 4, 5, FMA>(&slice, panel, sums, pixels, vectors, out),
                    (8, 4) => run::<8, 4, 4, FMA>(&slice, panel, sums, pixels, vectors, out),
                    (8, 3) => run::<8, 8, 3, FMA>(&slice, panel, sums, pixels, vectors, out),
                    (8, 2) => run::<8, 4, 2, FMA>(&slice, panel, sums, pixels, vectors, out),
                    (8, _) => run::<8, 4, 1, FMA>(&slice, panel, sums, pixels, vectors, out),
                    (_, _) => run::<4, 4, 1, FMA>(&slice, panel, sums, pixels, vectors, out),
                }
            }
        }
    }
}

/// Up to [`KC`] kernel elements of a block of channels.
struct DepthSlice<'a> {
    weights: &'a [f32],
    bias: &'a [f32],
    channels: usize,
    relu: bool,
    /// True if the sums begin here, with the bias.
    first: bool,
    /// True if the sums are complete after this slice and go to the output.
    last: bool,
}

/// The microkernel on a packed panel: the tile's `W` channels, `C` at a time, by `V` vectors.
#[inline(always)]
fn run<const W: usize, const C: usize, const V: usize, const FMA: bool>(
    slice: &DepthSlice<'_>,
    panel: &[f32],
    partial: &mut [f32],
    pixels: &PixelVectors,
    vectors: &[Vector],
    out: &mut [f32],
) {
    let (weights, _) = slice.weights.as_chunks::<W>();
    let (partial, _) = partial.as_chunks_mut::<LANES>();
    let (partial, _) = partial.as_chunks_mut::<V>();
    let (partial, _) = partial.as_chunks_mut::<C>();
    for (first, partial) in (0..W).step_by(C).zip(partial) {
        let mut sums = [[[0.0; LANES]; V]; C];
        if slice.first {
            for (sums, bias) in sums.iter_mut().zip(&slice.bias[first..first + C]) {
                *sums = [[*bias; LANES]; V];
            }
        } else {
            sums = *partial;
        }
        let sums = products::<W, C, V, FMA>(panel, weights, first, sums);
        if slice.last {
            for (channel, sums) in (first..slice.channels).zip(&sums) {
                let out = &mut out[channel * pixels.plane..];
                store(sums, slice.relu, pixels, vectors, out);
            }
        } else {
            *partial = sums;
        }
    }
}

#[inline(always)]
fn products<const W: usize, const C: usize, const V: usize, const FMA: bool>(
    panel: &[f32],
    weights: &[[f32; W]],
    first: usize,
    mut sums: [[Lanes; V]; C],
) -> [[Lanes; V]; C] {
    for (row, weights) in panel.chunks_exact(V * LANES).zip(weights) {
        let mut pixels = [[0.0; LANES]; V];
        for (v, pixels) in pixels.iter_mut().enumerate() {
            *pixels = load(row, v * LANES);
        }
        for (sums, weight) in sums.iter_mut().zip(&weights[first..first + C]) {
            add_product::<V, FMA>(*weight, &pixels, sums);
        }
    }
    sums
}
