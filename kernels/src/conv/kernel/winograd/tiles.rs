//! Tiling of feature maps, and their way into and out of vectors.

use std::ops::Range;

use rayon::prelude::*;

use super::channel_blocks::{
    PlaneLayout, as_lanes_mut, channel_blocks, gather, padded_stride, scatter, scratch,
};
use super::transform::{INPUT_TILE, OUTPUT_TILE, PRODUCTS, Slots, TileGrid};
use crate::conv::kernel::shape::ConvShape;
use crate::flex::Buffer;
use crate::simd::{LANES, Lanes};

/// Feature maps on one side of a convolution.
#[derive(Clone, Copy, Debug)]
pub(super) struct FeatureMaps {
    pub(super) channels: usize,
    pub(super) size: [usize; 2],
    /// Zeros above and to the left.
    pub(super) padding: [usize; 2],
    /// Overlap of adjacent tiles.
    overlap: usize,
}

impl FeatureMaps {
    pub(super) fn pixels(&self) -> usize {
        self.size[0] * self.size[1]
    }
}

/// A 3 x 3 convolution in tiles of 4 x 4 outputs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tiling {
    pub(super) inputs: FeatureMaps,
    pub(super) outputs: FeatureMaps,
    pub(super) batch: usize,
    /// Tiles of a map, vertically and horizontally.
    tiles: [usize; 2],
}

impl Tiling {
    pub(super) fn new(shape: &ConvShape) -> Self {
        let sizes = [shape.input, shape.output];
        let channels = [shape.in_channels, shape.out_channels];
        Self::of(shape.batch, channels, sizes, shape.options.padding)
    }

    /// The convolution from the gradient of the output to that of the input.
    pub(super) fn transposed(shape: &ConvShape) -> Self {
        let sizes = [shape.output, shape.input];
        let channels = [shape.out_channels, shape.in_channels];
        let padding = shape.options.padding.map(|padding| 2 - padding);
        Self::of(shape.batch, channels, sizes, padding)
    }

    fn of(batch: usize, channels: [usize; 2], sizes: [[usize; 2]; 2], padding: [usize; 2]) -> Self {
        let maps = |i: usize, padding, overlap| FeatureMaps {
            channels: channels[i],
            size: sizes[i],
            padding,
            overlap,
        };
        Self {
            inputs: maps(0, padding, INPUT_TILE - OUTPUT_TILE),
            outputs: maps(1, [0, 0], 0),
            batch,
            tiles: sizes[1].map(|size| size.div_ceil(OUTPUT_TILE)),
        }
    }

    /// Tiles of one channel, over all images.
    pub(super) fn count(&self) -> usize {
        self.batch * self.tiles[0] * self.tiles[1]
    }

    /// All tiles, in blocks of about `tiles` at most: whole rows of tiles, at least one.
    pub(super) fn blocks(&self, tiles: usize) -> Vec<Block> {
        let [down, across] = self.tiles;
        let all = self.batch * down;
        let most = (tiles / across.max(1)).max(1);
        // The fewest blocks possible, but all of about the same size.
        let rows = all.div_ceil(all.div_ceil(most).max(1)).max(1);
        let ranges = (0..all)
            .step_by(rows)
            .map(|first| first..all.min(first + rows));
        ranges.map(|rows| self.block(rows)).collect()
    }

    /// The rows of tiles in `rows`, counted over all images.
    fn block(&self, rows: Range<usize>) -> Block {
        let [down, across] = self.tiles;
        let mut parts = Vec::new();
        let mut row = rows.start;
        while row < rows.end {
            let image = row / down;
            let end = rows.end.min((image + 1) * down);
            parts.push(TileRows {
                image,
                rows: row - image * down..end - image * down,
                first: (row - rows.start) * across,
            });
            row = end;
        }
        Block {
            parts,
            tiles: rows.len() * across,
        }
    }

    /// The pixels of `maps` that the tiles of `part` read or write.
    fn strip(&self, maps: &FeatureMaps, part: &TileRows) -> Strip {
        let rows = part.rows.len();
        let stride = OUTPUT_TILE * self.tiles[1] + maps.overlap;
        let height = OUTPUT_TILE * rows + maps.overlap;
        // First row of the strip, counted from the top of the padding.
        let top = OUTPUT_TILE * part.rows.start;
        let [pad, left] = maps.padding;
        let first = top.saturating_sub(pad).min(maps.size[0]);
        let last = (top + height).saturating_sub(pad).min(maps.size[0]);
        Strip {
            pixels: first * maps.size[1]..last * maps.size[1],
            layout: PlaneLayout {
                start: (first + pad - top.min(first + pad)) * stride + left,
                width: maps.size[1],
                stride,
            },
            rows: TileGrid {
                rows,
                cols: self.tiles[1],
                stride,
            },
            len: height * stride,
        }
    }
}

/// Some tiles of all channels.
#[derive(Clone, Debug)]
pub(super) struct Block {
    pub(super) parts: Vec<TileRows>,
    pub(super) tiles: usize,
}

impl Block {
    /// Vectors of a transformed block of channels: `[36, tiles]`.
    pub(super) fn size(&self) -> usize {
        PRODUCTS * padded_stride(self.tiles)
    }
}

/// Rows of tiles of one image.
#[derive(Clone, Debug)]
pub(super) struct TileRows {
    pub(super) image: usize,
    rows: Range<usize>,
    /// Index of its first tile in the block.
    first: usize,
}

/// The pixels of a part as vectors, surrounded by zeros.
#[derive(Clone, Debug)]
struct Strip {
    /// Range of the pixels in a map.
    pixels: Range<usize>,
    /// Their position in the strip.
    layout: PlaneLayout,
    rows: TileGrid,
    len: usize,
}

/// A transform of tiles: strip, its tiles, result, slots in the result.
pub(super) type Transform = fn(&[Lanes], TileGrid, &mut [Lanes], Slots);

/// Transforms the tiles of some blocks of channels, beginning with `group`:
/// `[channel blocks, 36, tiles]`.
pub(super) fn transform(
    tiling: &Tiling,
    maps: &FeatureMaps,
    values: &[f32],
    block: &Block,
    group: usize,
    transform: Transform,
    to: &mut [Lanes],
) {
    let most = block.parts.iter().map(|part| tiling.strip(maps, part).len);
    let mut strip = scratch(most.max().unwrap_or(0));
    let strip = as_lanes_mut(&mut strip);
    for part in &block.parts {
        let cut = tiling.strip(maps, part);
        let strip = &mut strip[..cut.len];
        // The zeros around the pixels are the same for every block of channels.
        strip.fill([0.0; LANES]);
        let slots = Slots {
            stride: padded_stride(block.tiles),
            first: part.first,
        };
        let image = part.image * maps.channels * maps.pixels();
        let image = &values[image..][..maps.channels * maps.pixels()];
        let groups = image.chunks(LANES * maps.pixels()).skip(group);
        for (maps_of, to) in groups.zip(to.chunks_exact_mut(block.size())) {
            let mut planes = [&[][..]; LANES];
            let mut count = 0;
            for (plane, map) in planes.iter_mut().zip(maps_of.chunks_exact(maps.pixels())) {
                *plane = &map[cut.pixels.clone()];
                count += 1;
            }
            gather(&planes[..count], strip, cut.layout);
            transform(strip, cut.rows, to, slots);
        }
    }
}

/// [`transform`] for all channels.
pub(super) fn transform_all(
    tiling: &Tiling,
    maps: &FeatureMaps,
    values: &[f32],
    block: &Block,
    function: Transform,
) -> Buffer {
    let mut to = scratch(channel_blocks(maps.channels) * block.size());
    transform(
        tiling,
        maps,
        values,
        block,
        0,
        function,
        as_lanes_mut(&mut to),
    );
    to
}

/// [`transform_all`] on all threads, each some blocks of channels.
pub(super) fn transform_together(
    tiling: &Tiling,
    maps: &FeatureMaps,
    values: &[f32],
    block: &Block,
    function: Transform,
) -> Buffer {
    let size = block.size();
    let mut to = scratch(channel_blocks(maps.channels) * size);
    let tasks = as_lanes_mut(&mut to).par_chunks_exact_mut(size).enumerate();
    tasks.for_each(|(group, to)| {
        transform(tiling, maps, values, block, group, function, to);
    });
    to
}

/// A part of the output: the rows of every channel that its tiles compute.
pub(super) struct OutputRows<'a> {
    part: TileRows,
    /// Channel of the first plane.
    channel: usize,
    planes: Vec<&'a mut [f32]>,
}

impl OutputRows<'_> {
    /// Writes the rows of sixteen channels beginning with `channel`; `make` computes the strip.
    pub(super) fn write(
        &mut self,
        tiling: &Tiling,
        tiles: usize,
        channel: usize,
        strip: &mut [Lanes],
        make: impl FnOnce(&mut [Lanes], TileGrid, Slots),
    ) {
        let cut = tiling.strip(&tiling.outputs, &self.part);
        let slots = Slots {
            stride: padded_stride(tiles),
            first: self.part.first,
        };
        make(&mut strip[..cut.len], cut.rows, slots);
        let planes = &mut self.planes[channel - self.channel..];
        let count = LANES.min(planes.len());
        scatter(strip, cut.layout, &mut planes[..count]);
    }

    /// Vectors of the strip that [`OutputRows::write`] needs.
    pub(super) fn strip_len(&self, tiling: &Tiling) -> usize {
        tiling.strip(&tiling.outputs, &self.part).len
    }
}

impl<'a> OutputRows<'a> {
    /// Splits off pieces of `channels` channels each.
    fn split(self, channels: usize) -> Vec<Self> {
        let mut planes = self.planes.into_iter().peekable();
        let mut split = Vec::new();
        while planes.peek().is_some() {
            split.push(Self {
                part: self.part.clone(),
                channel: self.channel + split.len() * channels,
                planes: planes.by_ref().take(channels).collect(),
            });
        }
        split
    }
}

/// Splits pieces of all channels into pieces of `channels` channels each.
pub(super) fn split<'a>(pieces: Vec<OutputRows<'a>>, channels: usize) -> Vec<Vec<OutputRows<'a>>> {
    let mut split: Vec<Vec<OutputRows<'a>>> = Vec::new();
    for piece in pieces {
        for (i, piece) in piece.split(channels).into_iter().enumerate() {
            match split.get_mut(i) {
                Some(pieces) => pieces.push(piece),
                None => split.push(vec![piece]),
            }
        }
    }
    split
}

/// Splits the output `[batch, channels, height, width]` into the pieces of each block.
pub(super) fn output_rows<'a>(
    tiling: &Tiling,
    blocks: &[Block],
    out: &'a mut [f32],
) -> Vec<Vec<OutputRows<'a>>> {
    let maps = &tiling.outputs;
    let mut pieces: Vec<Vec<OutputRows<'_>>> = Vec::with_capacity(blocks.len());
    for block in blocks {
        let parts = block.parts.iter();
        let empty = parts.map(|part| OutputRows {
            part: part.clone(),
            channel: 0,
            planes: Vec::with_capacity(maps.channels),
        });
        pieces.push(empty.collect());
    }
    let mut rest: Vec<&mut OutputRows<'a>> = pieces.iter_mut().flatten().collect();
    let mut rest = &mut rest[..];
    for (image, map) in out
        .chunks_exact_mut(maps.channels * maps.pixels())
        .enumerate()
    {
        let count = rest
            .iter()
            .take_while(|piece| piece.part.image == image)
            .count();
        let (of_image, others) = std::mem::take(&mut rest).split_at_mut(count);
        rest = others;
        for mut plane in map.chunks_exact_mut(maps.pixels()) {
            for piece in of_image.iter_mut() {
                let len = tiling.strip(maps, &piece.part).pixels.len();
                let (rows, below) = plane.split_at_mut(len);
                piece.planes.push(rows);
                plane = below;
            }
        }
    }
    pieces
}
