//! The inner loop for many channels: what the tiles read is copied together first, a panel that fits the nearest cache,
//! because every block of channels reads it again.

use multiversion::multiversion;
use multiversion::target::target_cfg_f;

use super::pixels::{LANES, Lanes, Pixels, Read, Vector};
use super::tile::{Sum, TileShape, add_product, lanes, store};
use crate::flex::Buffer;

/// Kernel elements of a panel: 24 KB with tiles of three vectors.
const ELEMENTS: usize = 128;

/// Tiles that go through the same elements before the next: the weights of those, too, are read more than once while
/// they are near.
const TILES: usize = 4;

/// What tiles need besides the registers.
pub(super) struct Scratch {
    /// `[elements, vectors]`.
    panel: Buffer,
    /// What the vectors of a tile read.
    reads: Vec<Read>,
    /// `[tiles, blocks, channels, vectors]`.
    sums: Buffer,
}

impl Scratch {
    pub(super) fn new(shape: TileShape, blocks: usize) -> Self {
        let vectors = shape.most() * LANES;
        Self {
            panel: Buffer::new(ELEMENTS * vectors + LANES),
            reads: Vec::new(),
            sums: Buffer::new(TILES * blocks * shape.channels * vectors),
        }
    }
}

/// Writes `vectors` of `pixels` for all channels: `sum` has weights, bias and channels of all blocks.
pub(super) fn write(
    shape: TileShape,
    sum: &Sum<'_>,
    pixels: &Pixels,
    scratch: &mut Scratch,
    out: &mut [f32],
) {
    let together = TILES * shape.vectors;
    for vectors in cut(
        &pixels.vectors,
        together,
        together + shape.most() - shape.vectors,
    ) {
        tiles(shape, sum, pixels, vectors, scratch, out);
    }
}

/// Cuts off `each` vectors as long as there are more than `most`, so that no piece is much smaller than the others.
fn cut(vectors: &[Vector], each: usize, most: usize) -> impl Iterator<Item = &[Vector]> {
    let mut rest = vectors;
    std::iter::from_fn(move || {
        let count = if rest.len() > most { each } else { rest.len() };
        let piece;
        (piece, rest) = rest.split_at(count);
        (!piece.is_empty()).then_some(piece)
    })
}

/// [`write`] for as many vectors as go through the same elements together.
#[multiversion(targets(
    "x86_64+avx+avx2+avx512bw+avx512cd+avx512dq+avx512f+avx512vl+bmi1+bmi2+fma",
    "x86_64+avx+avx2+bmi1+bmi2+fma"
))]
fn tiles(
    shape: TileShape,
    sum: &Sum<'_>,
    pixels: &Pixels,
    vectors: &[Vector],
    scratch: &mut Scratch,
    out: &mut [f32],
) {
    const FMA: bool = target_cfg_f!(any(target_feature = "fma", target_arch = "aarch64"));
    let each = shape.channels * shape.most() * LANES;
    let blocks = sum.channels.div_ceil(shape.channels);
    let count = sum.offsets.len();
    let parts = count.div_ceil(ELEMENTS).max(1);
    for part in 0..parts {
        let elements = part * ELEMENTS..count.min((part + 1) * ELEMENTS);
        let offsets = &sum.offsets[elements.clone()];
        let tiles = cut(vectors, shape.vectors, shape.most());
        for (vectors, sums) in tiles.zip(scratch.sums.chunks_exact_mut(blocks * each)) {
            copy(
                sum.source,
                offsets,
                pixels,
                vectors,
                &mut scratch.reads,
                &mut scratch.panel,
            );
            for (block, sums) in sums.chunks_exact_mut(each).enumerate() {
                let first = block * shape.channels;
                let weights = block * count + elements.start..block * count + elements.end;
                let task = Task {
                    weights: &sum.weights
                        [weights.start * shape.channels..weights.end * shape.channels],
                    bias: &sum.bias[first..first + shape.channels],
                    channels: shape.channels.min(sum.channels - first),
                    relu: sum.relu,
                    first: part == 0,
                    last: part + 1 == parts,
                };
                let (panel, out) = (&scratch.panel, &mut out[first * pixels.plane..]);
                match (shape.channels, vectors.len()) {
                    (8, 5) => run::<8, 4, 5, FMA>(&task, panel, sums, pixels, vectors, out),
                    (8, 4) => run::<8, 4, 4, FMA>(&task, panel, sums, pixels, vectors, out),
                    (8, 3) => run::<8, 8, 3, FMA>(&task, panel, sums, pixels, vectors, out),
                    (8, 2) => run::<8, 4, 2, FMA>(&task, panel, sums, pixels, vectors, out),
                    (8, _) => run::<8, 4, 1, FMA>(&task, panel, sums, pixels, vectors, out),
                    (_, _) => run::<4, 4, 1, FMA>(&task, panel, sums, pixels, vectors, out),
                }
            }
        }
    }
}

/// Copies what `vectors` read for each element, an element after the other. A read copies whole vectors; what is too much
/// is overwritten by the next, or beyond the end.
#[inline(always)]
fn copy(
    source: &[f32],
    offsets: &[usize],
    pixels: &Pixels,
    vectors: &[Vector],
    reads: &mut Vec<Read>,
    panel: &mut [f32],
) {
    reads.clear();
    for (v, vector) in vectors.iter().enumerate() {
        reads.extend(pixels.reads(vector).iter().map(|read| Read {
            lane: v * LANES + read.lane,
            ..*read
        }));
    }
    for (i, offset) in offsets.iter().enumerate() {
        let panel = &mut panel[i * vectors.len() * LANES..][..(vectors.len() + 1) * LANES];
        let source = &source[*offset..];
        for read in &*reads {
            let read_from = lanes(source, read.at);
            panel[read.lane..read.lane + LANES].copy_from_slice(&read_from);
        }
    }
}

/// Some elements of a block of channels.
struct Task<'a> {
    weights: &'a [f32],
    bias: &'a [f32],
    channels: usize,
    relu: bool,
    /// Whether the sums begin here, at the bias, and end here, in the output.
    first: bool,
    last: bool,
}

#[inline(always)]
fn run<const W: usize, const C: usize, const V: usize, const FMA: bool>(
    task: &Task<'_>,
    panel: &[f32],
    saved: &mut [f32],
    pixels: &Pixels,
    vectors: &[Vector],
    out: &mut [f32],
) {
    let (weights, _) = task.weights.as_chunks::<W>();
    let (saved, _) = saved.as_chunks_mut::<LANES>();
    let (saved, _) = saved.as_chunks_mut::<V>();
    let (saved, _) = saved.as_chunks_mut::<C>();
    for (first, saved) in (0..W).step_by(C).zip(saved) {
        let mut sums = [[[0.0; LANES]; V]; C];
        if task.first {
            for (sums, bias) in sums.iter_mut().zip(&task.bias[first..first + C]) {
                *sums = [[*bias; LANES]; V];
            }
        } else {
            sums = *saved;
        }
        let sums = products::<W, C, V, FMA>(panel, weights, first, sums);
        if task.last {
            for (channel, sums) in (first..task.channels).zip(&sums) {
                let out = &mut out[channel * pixels.plane..];
                store(sums, task.relu, pixels, vectors, out);
            }
        } else {
            *saved = sums;
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
            *pixels = lanes(row, v * LANES);
        }
        for (sums, weight) in sums.iter_mut().zip(&weights[first..first + C]) {
            add_product::<V, FMA>(*weight, &pixels, sums);
        }
    }
    sums
}
