//! How maps are cut into tiles, and how they come into and out of vectors.

use std::ops::Range;

use rayon::prelude::*;

use super::lanes::{LANES, Lanes, Place, apart, gather, groups, lanes_mut, scatter, scratch};
use super::transform::{PRODUCTS, Rows, SEEN, Slots, TILE};
use crate::conv::shape::ConvShape;
use crate::flex::Buffer;

/// Maps on one side of a convolution.
#[derive(Clone, Copy, Debug)]
pub(super) struct Maps {
    pub(super) channels: usize,
    pub(super) size: [usize; 2],
    /// Zeros above and on the left.
    pub(super) padding: [usize; 2],
    /// How far what a tile sees reaches into the next one.
    overlap: usize,
}

impl Maps {
    pub(super) fn pixels(&self) -> usize {
        self.size[0] * self.size[1]
    }
}

/// A convolution of 3 x 3 in tiles of 4 x 4 outputs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tiling {
    pub(super) inputs: Maps,
    pub(super) outputs: Maps,
    pub(super) batch: usize,
    /// Tiles of a map, downwards and across.
    tiles: [usize; 2],
}

impl Tiling {
    pub(super) fn new(shape: &ConvShape) -> Self {
        let sizes = [shape.input, shape.output];
        let channels = [shape.in_channels, shape.out_channels];
        Self::of(shape.batch, channels, sizes, shape.options.padding)
    }

    /// The convolution of the outputs' gradient that gives the inputs'.
    pub(super) fn transposed(shape: &ConvShape) -> Self {
        let sizes = [shape.output, shape.input];
        let channels = [shape.out_channels, shape.in_channels];
        let padding = shape.options.padding.map(|padding| 2 - padding);
        Self::of(shape.batch, channels, sizes, padding)
    }

    fn of(batch: usize, channels: [usize; 2], sizes: [[usize; 2]; 2], padding: [usize; 2]) -> Self {
        let maps = |i: usize, padding, overlap| Maps {
            channels: channels[i],
            size: sizes[i],
            padding,
            overlap,
        };
        Self {
            inputs: maps(0, padding, SEEN - TILE),
            outputs: maps(1, [0, 0], 0),
            batch,
            tiles: sizes[1].map(|size| size.div_ceil(TILE)),
        }
    }

    /// Tiles of all maps of a channel.
    pub(super) fn count(&self) -> usize {
        self.batch * self.tiles[0] * self.tiles[1]
    }

    /// All tiles in blocks of at most about `tiles`: whole rows of tiles, at least one.
    pub(super) fn blocks(&self, tiles: usize) -> Vec<Block> {
        let [down, across] = self.tiles;
        let all = self.batch * down;
        let most = (tiles / across.max(1)).max(1);
        // As few blocks as that takes, but all of about the same size.
        let rows = all.div_ceil(all.div_ceil(most).max(1)).max(1);
        let ranges = (0..all)
            .step_by(rows)
            .map(|first| first..all.min(first + rows));
        ranges.map(|rows| self.block(rows)).collect()
    }

    /// The rows of tiles in `rows`, counted through all images.
    fn block(&self, rows: Range<usize>) -> Block {
        let [down, across] = self.tiles;
        let mut parts = Vec::new();
        let mut row = rows.start;
        while row < rows.end {
            let image = row / down;
            let end = rows.end.min((image + 1) * down);
            parts.push(Part {
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

    /// Which pixels of `maps` the tiles of `part` see.
    fn strip(&self, maps: &Maps, part: &Part) -> Strip {
        let rows = part.rows.len();
        let stride = TILE * self.tiles[1] + maps.overlap;
        let height = TILE * rows + maps.overlap;
        // The first row of the strip is this one of the map, counted with the padding above it.
        let top = TILE * part.rows.start;
        let [pad, left] = maps.padding;
        let first = top.saturating_sub(pad).min(maps.size[0]);
        let last = (top + height).saturating_sub(pad).min(maps.size[0]);
        Strip {
            pixels: first * maps.size[1]..last * maps.size[1],
            place: Place {
                start: (first + pad - top.min(first + pad)) * stride + left,
                width: maps.size[1],
                stride,
            },
            rows: Rows {
                rows,
                cols: self.tiles[1],
                stride,
            },
            len: height * stride,
        }
    }
}

/// Some tiles of all maps.
#[derive(Clone, Debug)]
pub(super) struct Block {
    pub(super) parts: Vec<Part>,
    pub(super) tiles: usize,
}

impl Block {
    /// Vectors of a group of channels when transformed: `[36, tiles]`.
    pub(super) fn size(&self) -> usize {
        PRODUCTS * apart(self.tiles)
    }
}

/// Rows of tiles of one image.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) image: usize,
    rows: Range<usize>,
    /// The place of its first tile in the block.
    first: usize,
}

/// The pixels of a part in a strip of vectors with zeros around them.
#[derive(Clone, Debug)]
struct Strip {
    /// Which pixels of a map.
    pixels: Range<usize>,
    /// Where they lie in the strip.
    place: Place,
    rows: Rows,
    len: usize,
}

/// A transform of tiles: strip, tiles of the strip, result, slots in the result.
pub(super) type Transform = fn(&[Lanes], Rows, &mut [Lanes], Slots);

/// The tiles of some groups of channels, the first one `group`, transformed: `[groups, 36, tiles]`.
pub(super) fn transform(
    tiling: &Tiling,
    maps: &Maps,
    values: &[f32],
    block: &Block,
    group: usize,
    transform: Transform,
    to: &mut [Lanes],
) {
    let most = block.parts.iter().map(|part| tiling.strip(maps, part).len);
    let mut strip = scratch(most.max().unwrap_or(0));
    let strip = lanes_mut(&mut strip);
    for part in &block.parts {
        let cut = tiling.strip(maps, part);
        let strip = &mut strip[..cut.len];
        // What is around the pixels stays zero for every group.
        strip.fill([0.0; LANES]);
        let slots = Slots {
            stride: apart(block.tiles),
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
            gather(&planes[..count], strip, cut.place);
            transform(strip, cut.rows, to, slots);
        }
    }
}

/// [`transform`] for all channels.
pub(super) fn transform_all(
    tiling: &Tiling,
    maps: &Maps,
    values: &[f32],
    block: &Block,
    function: Transform,
) -> Buffer {
    let mut to = scratch(groups(maps.channels) * block.size());
    transform(tiling, maps, values, block, 0, function, lanes_mut(&mut to));
    to
}

/// [`transform_all`] by all threads, each some groups.
pub(super) fn transform_together(
    tiling: &Tiling,
    maps: &Maps,
    values: &[f32],
    block: &Block,
    function: Transform,
) -> Buffer {
    let size = block.size();
    let mut to = scratch(groups(maps.channels) * size);
    let tasks = lanes_mut(&mut to).par_chunks_exact_mut(size).enumerate();
    tasks.for_each(|(group, to)| {
        transform(tiling, maps, values, block, group, function, to);
    });
    to
}

/// A part of the output: those rows of every channel's map that its tiles make.
pub(super) struct Piece<'a> {
    part: Part,
    /// Which channel the first of the planes is.
    channel: usize,
    planes: Vec<&'a mut [f32]>,
}

impl Piece<'_> {
    /// Makes the rows of sixteen channels beginning with `channel`; `make` fills the strip.
    pub(super) fn write(
        &mut self,
        tiling: &Tiling,
        tiles: usize,
        channel: usize,
        strip: &mut [Lanes],
        make: impl FnOnce(&mut [Lanes], Rows, Slots),
    ) {
        let cut = tiling.strip(&tiling.outputs, &self.part);
        let slots = Slots {
            stride: apart(tiles),
            first: self.part.first,
        };
        make(&mut strip[..cut.len], cut.rows, slots);
        let planes = &mut self.planes[channel - self.channel..];
        let count = LANES.min(planes.len());
        scatter(strip, cut.place, &mut planes[..count]);
    }

    /// Vectors that [`Piece::write`] needs room for.
    pub(super) fn strip_len(&self, tiling: &Tiling) -> usize {
        tiling.strip(&tiling.outputs, &self.part).len
    }
}

impl<'a> Piece<'a> {
    /// The same rows of `channels` maps each.
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

/// Cuts pieces of all channels into those of `channels` each.
pub(super) fn split<'a>(pieces: Vec<Piece<'a>>, channels: usize) -> Vec<Vec<Piece<'a>>> {
    let mut split: Vec<Vec<Piece<'a>>> = Vec::new();
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

/// Cuts the output `[batch, channels, height, width]` into the pieces of each block.
pub(super) fn pieces<'a>(
    tiling: &Tiling,
    blocks: &[Block],
    out: &'a mut [f32],
) -> Vec<Vec<Piece<'a>>> {
    let maps = &tiling.outputs;
    let mut pieces: Vec<Vec<Piece<'_>>> = Vec::with_capacity(blocks.len());
    for block in blocks {
        let parts = block.parts.iter();
        let empty = parts.map(|part| Piece {
            part: part.clone(),
            channel: 0,
            planes: Vec::with_capacity(maps.channels),
        });
        pieces.push(empty.collect());
    }
    let mut rest: Vec<&mut Piece<'a>> = pieces.iter_mut().flatten().collect();
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
