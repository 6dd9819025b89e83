//! The forward pass and the gradient of the input: one computation, by [`Layout`]s that differ.

use rayon::prelude::*;

use super::layout::Layout;
use super::panel::{self, Scratch};
use super::pixels::{LANES, Pixels};
use super::shape::ConvShape;
use super::tile::{self, Sum, TileShape};
use crate::flex::Buffer;

/// Multiplications that are worth a task of their own.
const TASK: usize = 1 << 20;

/// Vectors of pixels that are worth a task of their own, if an image has fewer.
const VECTORS: usize = 16;

/// Blocks of channels from which on copying a panel costs little, if that needs fewer vectors.
const PANEL_BLOCKS: usize = 3;

/// Blocks of channels from which on a panel is worth it even if it does not.
const MANY_BLOCKS: usize = 8;

/// Kernel elements of all channels from which on the image itself is too much for the nearest cache.
const MANY_ELEMENTS: usize = 256;

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
    let pass = Pass {
        layout: Layout::forward(shape, shape.output[0]),
        shape,
        from: inputs,
        to: outputs,
        from_plane: shape.input_plane(),
        to_plane: shape.output_plane(),
        size: shape.output,
        strides: [taps, inputs * taps],
        relu,
    };
    pass.run(x, weight, bias, out);
}

/// Computes the gradient of the input.
pub(super) fn input_gradient(shape: &ConvShape, dy: &[f32], weight: &[f32], dx: &mut [f32]) {
    let [inputs, outputs] = shape.group_channels();
    let taps = shape.kernel_plane();
    let pass = Pass {
        layout: Layout::input_gradient(shape),
        shape,
        from: outputs,
        to: inputs,
        from_plane: shape.output_plane(),
        to_plane: shape.input_plane(),
        size: shape.input,
        strides: [inputs * taps, taps],
        relu: false,
    };
    pass.run(dy, weight, None, dx);
}

struct Pass<'a> {
    shape: &'a ConvShape,
    layout: Layout,
    /// Channels of a group in what is read and in what is written, and the numbers of each.
    from: usize,
    to: usize,
    from_plane: usize,
    to_plane: usize,
    /// Height and width of what is written.
    size: [usize; 2],
    /// From one channel that is read, or written, to the next in the weight.
    strides: [usize; 2],
    relu: bool,
}

/// The pixels of a residue in either axis, and the weights for them.
struct Part {
    pixels: Pixels,
    /// What each kernel element of each channel adds to the place of a pixel.
    offsets: Vec<usize>,
    /// `[groups, blocks, from, kernel elements, channels of a tile]`; channels that are not there weigh 0.
    weights: Buffer,
}

/// Some channels of a group that are written.
struct Channels {
    /// The first of the blocks that they are in, counted over all groups.
    block: usize,
    count: usize,
}

impl Pass<'_> {
    fn run(&self, from: &[f32], weight: &[f32], bias: Option<&[f32]>, out: &mut [f32]) {
        let tile = TileShape::new(self.to);
        let one = self.shape.options.groups == 1;
        match self.shape.batch {
            ..4 if one => self.by_channels(tile, weight, bias, from, out),
            _ if one => self.by_images(tile, weight, bias, from, out),
            _ => self.by_groups(tile, weight, bias, from, out),
        }
    }

    /// Whether what the tiles read is copied together first.
    fn by_panels(&self, tile: TileShape) -> bool {
        let blocks = self.to.div_ceil(tile.channels);
        let whole_rows = self.layout.axes[1].count().is_multiple_of(LANES);
        let many = blocks >= MANY_BLOCKS && self.from * self.shape.kernel_plane() >= MANY_ELEMENTS;
        many || (blocks >= PANEL_BLOCKS && !whole_rows)
    }

    /// Every task takes an image, or some if they are small.
    fn by_images(
        &self,
        tile: TileShape,
        weight: &[f32],
        bias: Option<&[f32]>,
        from: &[f32],
        out: &mut [f32],
    ) {
        let vectors = self.to_plane.div_ceil(LANES);
        let together = match self.by_panels(tile) {
            true => divisor(self.shape.batch, VECTORS.div_ceil(vectors)),
            false => 1,
        };
        let (parts, bias) = (self.parts(tile, together, weight), self.bias(tile, bias));
        let (from_image, to_image) = (self.from * self.from_plane, self.to * self.to_plane);
        let task = |(task, out): (usize, &mut [f32])| {
            let mut source = Buffer::new(together * self.layout.len(self.from));
            let first = task * together;
            let images = &from[first * from_image..(first + together) * from_image];
            self.copy(images, &mut source);
            let all = Channels {
                block: 0,
                count: self.to,
            };
            self.write(tile, &parts, &bias, &all, &source, out);
        };
        out.par_chunks_mut(together * to_image)
            .enumerate()
            .for_each(task);
    }

    /// Every task takes some groups of an image.
    fn by_groups(
        &self,
        tile: TileShape,
        weight: &[f32],
        bias: Option<&[f32]>,
        from: &[f32],
        out: &mut [f32],
    ) {
        let groups = self.shape.options.groups;
        let (parts, bias) = (self.parts(tile, 1, weight), self.bias(tile, bias));
        let (from_group, to_group) = (self.from * self.from_plane, self.to * self.to_plane);
        let work = self.from * to_group.max(self.to * self.from_plane) * self.shape.kernel_plane();
        let together = divisor(groups, TASK.div_ceil(work.max(1)));
        let task = |(task, out): (usize, &mut [f32])| {
            let mut source = Buffer::new(self.layout.len(self.from));
            for (i, out) in out.chunks_exact_mut(to_group).enumerate() {
                let i = task * together + i;
                self.copy(&from[i * from_group..(i + 1) * from_group], &mut source);
                let group = Channels {
                    block: i % groups * self.to.div_ceil(tile.channels),
                    count: self.to,
                };
                self.write(tile, &parts, &bias, &group, &source, out);
            }
        };
        out.par_chunks_mut(together * to_group)
            .enumerate()
            .for_each(task);
    }

    /// One image after the other; every task takes some blocks of channels.
    fn by_channels(
        &self,
        tile: TileShape,
        weight: &[f32],
        bias: Option<&[f32]>,
        from: &[f32],
        out: &mut [f32],
    ) {
        let (parts, bias) = (self.parts(tile, 1, weight), self.bias(tile, bias));
        let blocks = self.to.div_ceil(tile.channels);
        let blocks = match self.by_panels(tile) {
            true => blocks.div_ceil(8).max(PANEL_BLOCKS),
            false => 1,
        };
        let outs = out.chunks_exact_mut(self.to * self.to_plane);
        for (image, out) in outs.enumerate() {
            let from = &from[image * self.from * self.from_plane..];
            let mut source = Buffer::new(self.layout.len(self.from));
            let channels = source.par_chunks_mut(self.layout.channel()).take(self.from);
            channels.enumerate().for_each(|(i, source)| {
                let channel = &from[i * self.from_plane..(i + 1) * self.from_plane];
                self.layout.fill(channel, 0, source);
            });
            let channels = blocks * tile.channels;
            let task = |(task, out): (usize, &mut [f32])| {
                let some = Channels {
                    block: task * blocks,
                    count: out.len() / self.to_plane,
                };
                self.write(tile, &parts, &bias, &some, &source, out);
            };
            out.par_chunks_mut(channels * self.to_plane)
                .enumerate()
                .for_each(task);
        }
    }

    /// Makes a copy of each image.
    fn copy(&self, images: &[f32], source: &mut [f32]) {
        let image = self.from * self.from_plane;
        if image == 0 {
            return source.fill(0.0);
        }
        let sources = source.chunks_exact_mut(self.layout.len(self.from));
        let images = images.chunks_exact(image);
        for (source, image) in sources.zip(images) {
            self.layout.fill(image, 0, source);
        }
    }

    /// Writes some channels to `out`, which begins with the first of them.
    fn write(
        &self,
        tile: TileShape,
        parts: &[Part],
        bias: &[f32],
        channels: &Channels,
        source: &[f32],
        out: &mut [f32],
    ) {
        let blocks = channels.count.div_ceil(tile.channels);
        let mut scratch = self.by_panels(tile).then(|| Scratch::new(tile, blocks));
        for part in parts {
            let block_len = part.offsets.len() * tile.channels;
            let block = |block: usize, blocks: usize| {
                let first = channels.block + block;
                let count = channels.count - block * tile.channels;
                Sum {
                    source,
                    offsets: &part.offsets,
                    weights: &part.weights[first * block_len..(first + blocks) * block_len],
                    bias: &bias[first * tile.channels..(first + blocks) * tile.channels],
                    channels: count.min(blocks * tile.channels),
                    relu: self.relu,
                }
            };
            match &mut scratch {
                Some(scratch) => {
                    let all = block(0, blocks);
                    panel::write(tile, &all, &part.pixels, scratch, out);
                }
                None => {
                    for vectors in part.pixels.vectors.chunks(tile.vectors) {
                        for i in 0..blocks {
                            let out = &mut out[i * tile.channels * self.to_plane..];
                            tile::tile(tile, &block(i, 1), &part.pixels, vectors, out);
                        }
                    }
                }
            }
        }
    }

    /// What is to be done for tasks of so many images.
    fn parts(&self, tile: TileShape, images: usize, weight: &[f32]) -> Vec<Part> {
        let [y, x] = [0, 1].map(|axis| self.layout.axes[axis].residues.len());
        let residues = (0..y).flat_map(|y| (0..x).map(move |x| [y, x]));
        let part = |residues| {
            let taps = self.layout.taps(residues, self.shape.kernel[1]);
            let channels = (0..self.from).map(|channel| channel * self.layout.channel());
            let apart = [self.layout.len(self.from), self.to * self.to_plane];
            Part {
                pixels: match self.by_panels(tile) {
                    true => Pixels::dense(&self.layout, residues, self.size, images, apart),
                    false => Pixels::running(&self.layout, residues, self.size),
                },
                weights: self.weights(tile, &taps, weight),
                offsets: channels
                    .flat_map(|channel| taps.iter().map(move |[_, offset]| channel + offset))
                    .collect(),
            }
        };
        residues.map(part).collect()
    }

    /// The weights in the order in which the tiles read them.
    fn weights(&self, tile: TileShape, taps: &[[usize; 2]], weight: &[f32]) -> Buffer {
        let groups = self.shape.options.groups;
        let blocks = self.to.div_ceil(tile.channels);
        let block_len = self.from * taps.len() * tile.channels;
        let mut packed = Buffer::new(groups * blocks * block_len);
        if packed.is_empty() {
            return packed;
        }
        let group_len = self.from * self.to * self.shape.kernel_plane();
        let kernel = self.shape.kernel_plane();
        let pack = |(i, packed): (usize, &mut [f32])| {
            let (group, first) = (i / blocks, i % blocks * tile.channels);
            let weight = &weight[group * group_len..(group + 1) * group_len];
            let present = tile.channels.min(self.to - first);
            for (from, packed) in packed
                .chunks_exact_mut(taps.len() * tile.channels)
                .enumerate()
            {
                // The kernel of each channel of the tile.
                let mut kernels: [&[f32]; 8] = [&[]; 8];
                for (channel, values) in kernels.iter_mut().enumerate().take(present) {
                    let at = from * self.strides[0] + (first + channel) * self.strides[1];
                    *values = &weight[at..at + kernel];
                }
                let rows = packed.chunks_exact_mut(tile.channels);
                for (row, [element, _]) in rows.zip(taps) {
                    for (out, kernel) in row.iter_mut().zip(&kernels) {
                        *out = kernel.get(*element).copied().unwrap_or(0.0);
                    }
                }
            }
        };
        packed
            .par_chunks_mut(block_len)
            .with_min_len(1 + (1 << 14) / block_len)
            .enumerate()
            .for_each(pack);
        packed
    }

    /// The bias of every block, 0 where there is none.
    fn bias(&self, tile: TileShape, bias: Option<&[f32]>) -> Vec<f32> {
        let blocks = self.to.div_ceil(tile.channels);
        let mut padded = vec![0.0; self.shape.options.groups * blocks * tile.channels];
        if let Some(bias) = bias {
            let groups = padded.chunks_exact_mut(blocks * tile.channels);
            for (padded, bias) in groups.zip(bias.chunks_exact(self.to)) {
                padded[..self.to].copy_from_slice(bias);
            }
        }
        padded
    }
}

/// The largest divisor of `number` that is at most `most`, at least 1.
fn divisor(number: usize, most: usize) -> usize {
    (1..=most.min(number))
        .rev()
        .find(|divisor| number.is_multiple_of(*divisor))
        .unwrap_or(1)
}
