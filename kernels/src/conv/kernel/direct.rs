//! Direct convolution: the forward pass and the gradient of the input, which are the same
//! computation on different [`Layout`]s.
//!
//! It is the loop of a blocked GEMM without its im2col matrix. The matrix that im2col would build
//! (Chellapilla et al. 2006) has one row per kernel element of each input channel and one column
//! per output pixel. Along a run of output pixels a row of it is a contiguous run of the padded
//! image, at an offset that depends only on the kernel element. So the microkernel reads the rows
//! straight from the padded image; only where many blocks of output channels would read them again
//! are they first packed into panels, a cache block at a time (`blocked`).

mod axis;
mod blocked;
pub(super) mod layout;
pub(super) mod microkernel;
mod pack;
mod pixels;

use rayon::prelude::*;

use super::shape::ConvShape;
use crate::flex::Buffer;
use crate::simd::LANES;
use blocked::Scratch;
use layout::Layout;
use microkernel::{BlockOperands, RegisterTile, microkernel};
use pixels::PixelVectors;

/// Multiplications per task of a grouped convolution. Relative time of 1/16 of it and of 32
/// times as many: 0.75 to 1.4 and 0.7 to 1.3 (7x7 depthwise, 96 channels, two threads), so no value
/// wins.
const TASK_MULTIPLICATIONS: usize = 1 << 20;

/// Vectors of pixels per task: smaller images are convolved several at a time. 1 takes 1.2 to 1.5
/// times as long (4x4 and 7x7 images, two threads); 64 takes 1.0 to 1.1 times as long.
const TASK_VECTORS: usize = 16;

/// Minimum blocks of output channels for packing to pay, if it also needs fewer vectors. 1 takes
/// 1.1 to 1.4 times as long with 16 output channels; 8 takes 0.8 to 1.0 of the time with 32.
const PACK_MIN_BLOCKS: usize = 3;

/// Minimum blocks of output channels for packing to pay in any case. 4 takes 1.1 times as long with
/// 32 to 48 output channels; no packing takes 0.9 to 1.0 of the time with 128.
const ALWAYS_PACK_MIN_BLOCKS: usize = 8;

/// Minimum depth of the sums (input channels times kernel elements) for packing to pay in any case:
/// with fewer, the image itself stays in the L1 cache. Relative time of 32 and 1024: 0.95
/// to 1.0 and 1.0 (64 to 512 channels).
const ALWAYS_PACK_MIN_DEPTH: usize = 256;

/// Computes the output.
pub(super) fn forward(
    shape: &ConvShape,
    x: &[f32],
    weight: &[f32],
    bias: Option<&[f32]>,
    relu: bool,
    out: &mut [f32],
) {
    let [inputs, outputs] = shape.group_channels();
    let taps = shape.kernel_plane();
    let conv = DirectConv {
        layout: Layout::forward(shape, shape.output[0]),
        shape,
        source_channels: inputs,
        target_channels: outputs,
        source_plane: shape.input_plane(),
        target_plane: shape.output_plane(),
        target_size: shape.output,
        weight_strides: [taps, inputs * taps],
        relu,
    };
    conv.run(x, weight, bias, out);
}

/// Computes the gradient of the input.
pub(super) fn input_gradient(shape: &ConvShape, dy: &[f32], weight: &[f32], dx: &mut [f32]) {
    let [inputs, outputs] = shape.group_channels();
    let taps = shape.kernel_plane();
    let conv = DirectConv {
        layout: Layout::input_gradient(shape),
        shape,
        source_channels: outputs,
        target_channels: inputs,
        source_plane: shape.output_plane(),
        target_plane: shape.input_plane(),
        target_size: shape.input,
        weight_strides: [inputs * taps, taps],
        relu: false,
    };
    conv.run(dy, weight, None, dx);
}

/// A convolution from `source` to `target` images: from `x` to `y`, or from `dy` to `dx`.
struct DirectConv<'a> {
    shape: &'a ConvShape,
    layout: Layout,
    /// Channels of a group.
    source_channels: usize,
    target_channels: usize,
    /// Pixels per channel.
    source_plane: usize,
    target_plane: usize,
    /// Height and width.
    target_size: [usize; 2],
    /// Strides of the weight along source and target channels.
    weight_strides: [usize; 2],
    relu: bool,
}

/// The target pixels of one residue per axis, and the weights that contribute to them.
struct ResiduePass {
    pixels: PixelVectors,
    /// Offset of each kernel element of each source channel, relative to a pixel.
    offsets: Vec<usize>,
    /// `[groups, blocks, source channels, kernel elements, channels of a tile]`, zero where the
    /// last block has fewer channels.
    weights: Buffer,
}

/// Target channels of one group that are computed together.
struct ChannelRange {
    /// First block of channels, counted over all groups.
    block: usize,
    count: usize,
}

impl DirectConv<'_> {
    fn run(&self, source: &[f32], weight: &[f32], bias: Option<&[f32]>, out: &mut [f32]) {
        let tile = RegisterTile::new(self.target_channels);
        if self.shape.options.groups == 1 && self.shape.batch < 4 {
            self.by_channels(tile, weight, bias, source, out);
        } else {
            self.by_images(tile, weight, bias, source, out);
        }
    }

    /// True if the operands of the microkernel are packed into panels first.
    fn packs_panels(&self, tile: RegisterTile) -> bool {
        let blocks = self.target_channels.div_ceil(tile.channels);
        let whole_rows = self.layout.axes[1].count().is_multiple_of(LANES);
        let depth = self.source_channels * self.shape.kernel_plane();
        let always = blocks >= ALWAYS_PACK_MIN_BLOCKS && depth >= ALWAYS_PACK_MIN_DEPTH;
        always || (blocks >= PACK_MIN_BLOCKS && !whole_rows)
    }

    /// Tasks take images: one or, if they are small, several that are convolved at once. With
    /// groups, a task takes some groups of an image, one after the other.
    fn by_images(
        &self,
        tile: RegisterTile,
        weight: &[f32],
        bias: Option<&[f32]>,
        source: &[f32],
        out: &mut [f32],
    ) {
        let groups = self.shape.options.groups;
        let (images, groups_per_task) = match groups {
            1 => (self.images_at_once(tile), 1),
            _ => (1, self.groups_per_task()),
        };
        let passes = self.residue_passes(tile, images, weight);
        let bias = self.pack_bias(tile, bias);
        let source_len = images * self.source_channels * self.source_plane;
        let target_len = images * self.target_channels * self.target_plane;
        let task = |(task, out): (usize, &mut [f32])| {
            let mut padded = Buffer::new(images * self.layout.len(self.source_channels));
            for (i, out) in out.chunks_exact_mut(target_len).enumerate() {
                let i = task * groups_per_task + i;
                self.pad(&source[i * source_len..(i + 1) * source_len], &mut padded);
                let channels = ChannelRange {
                    block: i % groups * self.target_channels.div_ceil(tile.channels),
                    count: self.target_channels,
                };
                self.write(tile, &passes, &bias, &channels, &padded, out);
            }
        };
        out.par_chunks_mut(groups_per_task * target_len)
            .enumerate()
            .for_each(task);
    }

    fn images_at_once(&self, tile: RegisterTile) -> usize {
        if !self.packs_panels(tile) {
            return 1;
        }
        let vectors = self.target_plane.div_ceil(LANES);
        largest_divisor(self.shape.batch, TASK_VECTORS.div_ceil(vectors))
    }

    fn groups_per_task(&self) -> usize {
        let target_len = self.target_channels * self.target_plane;
        let work = self.source_channels
            * target_len.max(self.target_channels * self.source_plane)
            * self.shape.kernel_plane();
        largest_divisor(
            self.shape.options.groups,
            TASK_MULTIPLICATIONS.div_ceil(work.max(1)),
        )
    }

    /// For few images: one image after the other, and tasks take blocks of its channels.
    fn by_channels(
        &self,
        tile: RegisterTile,
        weight: &[f32],
        bias: Option<&[f32]>,
        source: &[f32],
        out: &mut [f32],
    ) {
        let passes = self.residue_passes(tile, 1, weight);
        let bias = self.pack_bias(tile, bias);
        let blocks = self.target_channels.div_ceil(tile.channels);
        let blocks_per_task = if self.packs_panels(tile) {
            blocks.div_ceil(8).max(PACK_MIN_BLOCKS)
        } else {
            1
        };
        let outs = out.chunks_exact_mut(self.target_channels * self.target_plane);
        for (image, out) in outs.enumerate() {
            let image = &source[image * self.source_channels * self.source_plane..];
            let mut padded = Buffer::new(self.layout.len(self.source_channels));
            let channels = padded
                .par_chunks_mut(self.layout.channel())
                .take(self.source_channels);
            channels.enumerate().for_each(|(i, padded)| {
                let channel = &image[i * self.source_plane..(i + 1) * self.source_plane];
                self.layout.fill(channel, 0, padded);
            });
            let task = |(task, out): (usize, &mut [f32])| {
                let channels = ChannelRange {
                    block: task * blocks_per_task,
                    count: out.len() / self.target_plane,
                };
                self.write(tile, &passes, &bias, &channels, &padded, out);
            };
            out.par_chunks_mut(blocks_per_task * tile.channels * self.target_plane)
                .enumerate()
                .for_each(task);
        }
    }

    /// Copies images with their padding.
    fn pad(&self, images: &[f32], padded: &mut [f32]) {
        let image = self.source_channels * self.source_plane;
        if image == 0 {
            return padded.fill(0.0);
        }
        let copies = padded.chunks_exact_mut(self.layout.len(self.source_channels));
        for (padded, image) in copies.zip(images.chunks_exact(image)) {
            self.layout.fill(image, 0, padded);
        }
    }

    /// Computes some channels into `out`, which begins with the first of them.
    fn write(
        &self,
        tile: RegisterTile,
        passes: &[ResiduePass],
        bias: &[f32],
        channels: &ChannelRange,
        source: &[f32],
        out: &mut [f32],
    ) {
        let blocks = channels.count.div_ceil(tile.channels);
        let mut scratch = self.packs_panels(tile).then(|| Scratch::new(tile, blocks));
        for pass in passes {
            let block_len = pass.offsets.len() * tile.channels;
            let operands = |block: usize, blocks: usize| {
                let first = channels.block + block;
                let count = channels.count - block * tile.channels;
                BlockOperands {
                    source,
                    offsets: &pass.offsets,
                    weights: &pass.weights[first * block_len..(first + blocks) * block_len],
                    bias: &bias[first * tile.channels..(first + blocks) * tile.channels],
                    channels: count.min(blocks * tile.channels),
                    relu: self.relu,
                }
            };
            if let Some(scratch) = &mut scratch {
                let all = operands(0, blocks);
                blocked::compute(tile, &all, &pass.pixels, scratch, out);
                continue;
            }
            for vectors in pass.pixels.vectors.chunks(tile.vectors) {
                for i in 0..blocks {
                    let out = &mut out[i * tile.channels * self.target_plane..];
                    microkernel(tile, &operands(i, 1), &pass.pixels, vectors, out);
                }
            }
        }
    }

    /// The passes over all residues, for `images` images at once.
    fn residue_passes(
        &self,
        tile: RegisterTile,
        images: usize,
        weight: &[f32],
    ) -> Vec<ResiduePass> {
        let [y, x] = [0, 1].map(|axis| self.layout.axes[axis].residues.len());
        let residues = (0..y).flat_map(|y| (0..x).map(move |x| [y, x]));
        let pass = |residues| {
            let taps = self.layout.taps(residues, self.shape.kernel[1]);
            let channels = (0..self.source_channels).map(|channel| channel * self.layout.channel());
            let image_strides = [
                self.layout.len(self.source_channels),
                self.target_channels * self.target_plane,
            ];
            let size = self.target_size;
            ResiduePass {
                pixels: if self.packs_panels(tile) {
                    PixelVectors::gathered(&self.layout, residues, size, images, image_strides)
                } else {
                    PixelVectors::contiguous(&self.layout, residues, size)
                },
                weights: self.pack_weights(tile, &taps, weight),
                offsets: channels
                    .flat_map(|channel| taps.iter().map(move |[_, offset]| channel + offset))
                    .collect(),
            }
        };
        residues.map(pass).collect()
    }
}

/// The largest divisor of `number` that is at most `limit`.
fn largest_divisor(number: usize, limit: usize) -> usize {
    (1..=limit.min(number))
        .rev()
        .find(|divisor| number.is_multiple_of(*divisor))
        .unwrap_or(1)
}
