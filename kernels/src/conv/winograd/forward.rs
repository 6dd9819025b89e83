//! From inputs and weights to outputs.

use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;

use super::lanes::{LANES, Lanes, Place, apart, gather, groups, lanes, lanes_mut, scratch};
use super::product;
use super::tiles::{Piece, Tiling, pieces, split, transform_all, transform_together};
use super::transform::{PRODUCTS, inputs, outputs, weights};
use crate::conv::shape::ConvShape;
use crate::flex::Buffer;

/// The weights of a convolution, in whichever direction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Weights<'a> {
    /// `[out_channels, in_channels, 3, 3]`.
    values: &'a [f32],
    in_channels: usize,
    out_channels: usize,
    transposed: bool,
}

impl<'a> Weights<'a> {
    pub(super) fn new(shape: &ConvShape, values: &'a [f32]) -> Self {
        Self {
            values,
            in_channels: shape.in_channels,
            out_channels: shape.out_channels,
            transposed: false,
        }
    }

    /// For the input gradient: turned by 180 degrees, from `out_channels` to `in_channels`.
    pub(super) fn transposed(shape: &ConvShape, values: &'a [f32]) -> Self {
        Self {
            transposed: true,
            ..Self::new(shape, values)
        }
    }

    /// Channels that are summed over, and channels that there are afterwards.
    fn channels(&self) -> [usize; 2] {
        match self.transposed {
            false => [self.in_channels, self.out_channels],
            true => [self.out_channels, self.in_channels],
        }
    }

    /// Those to group `group` of channels, transformed: `[36, from]`, with zeros where `from` is filled up.
    fn transform(&self, group: usize, to: &mut [Lanes]) {
        let [from, _] = self.channels();
        let mut gathered = scratch(groups(from) * LANES * 9);
        let gathered = lanes_mut(&mut gathered);
        gathered[from * 9..].fill([0.0; LANES]);
        match self.transposed {
            false => self.gather(group, gathered),
            true => self.gather_transposed(group, gathered),
        }
        weights(gathered, to);
    }

    /// Those to a group of channels as vectors `[from, 9]`.
    fn gather(&self, group: usize, to: &mut [Lanes]) {
        let row = self.in_channels * 9;
        let mut planes = [&[][..]; LANES];
        let mut count = 0;
        let rows = self.values.chunks_exact(row).skip(group * LANES);
        for (plane, row) in planes.iter_mut().zip(rows) {
            *plane = row;
            count += 1;
        }
        gather(&planes[..count], to, Place::dense(row));
    }

    fn gather_transposed(&self, group: usize, to: &mut [Lanes]) {
        let rows = self.values.chunks_exact(self.in_channels * 9);
        for (row, to) in rows.zip(to.as_chunks_mut::<9>().0) {
            *to = [[0.0; LANES]; 9];
            let kernels = row.as_chunks::<9>().0.iter().skip(group * LANES);
            for (c, kernel) in kernels.take(LANES).enumerate() {
                for k in 0..9 {
                    to[8 - k][c] = kernel[k];
                }
            }
        }
    }

    /// Vectors of a group of channels when transformed: `[36, from]`.
    fn size(&self) -> usize {
        let [from, _] = self.channels();
        PRODUCTS * apart(groups(from) * LANES)
    }

    /// All of them, transformed: `[groups of to, 36, from]`.
    fn transform_all(&self) -> Buffer {
        let [_, channels] = self.channels();
        let size = self.size();
        let mut all = scratch(groups(channels) * size);
        let tasks = lanes_mut(&mut all).par_chunks_exact_mut(size).enumerate();
        tasks.for_each(|(group, to)| self.transform(group, to));
        all
    }
}

/// With at most so many tiles, they are not enough to be shared out.
const FEW_TILES: usize = 96;

/// A convolution. Says whether it is done: where a number of the result is not finite, others may be wrong.
pub(super) fn convolve(
    tiling: &Tiling,
    x: &[f32],
    weights: Weights<'_>,
    bias: Option<&[f32]>,
    relu: bool,
    out: &mut [f32],
) -> bool {
    if x.is_empty() || out.is_empty() {
        return out.is_empty();
    }
    let finish = Finish {
        tiling,
        bias,
        relu,
        finite: AtomicBool::new(true),
    };
    match tiling.count() <= FEW_TILES {
        true => by_channels(&finish, x, weights, out),
        false => by_tiles(&finish, x, weights, out),
    }
    finish.finite.into_inner()
}

/// Each task makes all channels of some tiles.
fn by_tiles(finish: &Finish<'_>, x: &[f32], weights: Weights<'_>, out: &mut [f32]) {
    let tiling = finish.tiling;
    let u = weights.transform_all();
    let together = together(tiling);
    let blocks = tiling.blocks(block_tiles(tiling));
    let tasks = blocks.par_iter().zip(pieces(tiling, &blocks, out));
    tasks.for_each(|(block, mut pieces)| {
        let v = transform_all(tiling, &tiling.inputs, x, block, inputs);
        for (i, u) in lanes(&u).chunks(together * weights.size()).enumerate() {
            finish.groups(lanes(&v), u, block.tiles, i * together, &mut pieces);
        }
    });
}

/// Each task makes some channels of all tiles, and transforms the weights to them only then.
fn by_channels(finish: &Finish<'_>, x: &[f32], weights: Weights<'_>, out: &mut [f32]) {
    let tiling = finish.tiling;
    let together = together(tiling);
    let blocks = tiling.blocks(FEW_TILES);
    for (block, pieces) in blocks.iter().zip(pieces(tiling, &blocks, out)) {
        let v = transform_together(tiling, &tiling.inputs, x, block, inputs);
        let tasks = split(pieces, together * LANES).into_par_iter().enumerate();
        tasks.for_each(|(i, mut pieces)| {
            let first = i * together;
            let count = together.min(groups(tiling.outputs.channels) - first);
            let mut u = scratch(count * weights.size());
            for (i, u) in lanes_mut(&mut u)
                .chunks_exact_mut(weights.size())
                .enumerate()
            {
                weights.transform(first + i, u);
            }
            finish.groups(lanes(&v), lanes(&u), block.tiles, first, &mut pieces);
        });
    }
}

/// As many tiles as make reading the transformed weights once more as dear as writing and reading what is transformed of
/// the tiles; but not so many that there are few blocks.
fn block_tiles(tiling: &Tiling) -> usize {
    let [inputs, outputs] = [tiling.inputs.channels, tiling.outputs.channels];
    (inputs * outputs / (2 * (inputs + outputs))).clamp(48, 64)
}

/// Groups of output channels whose products are made together: the more, the less often the transformed inputs are gone
/// through, and the more room the products take.
fn together(tiling: &Tiling) -> usize {
    if tiling.outputs.channels < 512 { 4 } else { 8 }
}

/// What is done with the products.
struct Finish<'a> {
    tiling: &'a Tiling,
    bias: Option<&'a [f32]>,
    relu: bool,
    /// Whether all numbers so far are.
    finite: AtomicBool,
}

impl Finish<'_> {
    /// Makes some groups of output channels, the first one `group`, of the tiles in `pieces` from transformed inputs and
    /// weights.
    fn groups(
        &self,
        v: &[Lanes],
        u: &[Lanes],
        tiles: usize,
        group: usize,
        pieces: &mut [Piece<'_>],
    ) {
        let inputs = groups(self.tiling.inputs.channels) * LANES;
        let size = PRODUCTS * apart(tiles);
        let mut m = scratch(u.len() / (PRODUCTS * apart(inputs)) * size);
        product::forward(v, tiles, u, inputs, lanes_mut(&mut m));
        let most = pieces.iter().map(|piece| piece.strip_len(self.tiling));
        let mut strip = scratch(most.max().unwrap_or(0));
        let strip = lanes_mut(&mut strip);
        let mut finite = true;
        for (i, m) in lanes(&m).chunks_exact(size).enumerate() {
            let channel = (group + i) * LANES;
            let bias = self.bias(channel);
            for piece in &mut *pieces {
                piece.write(self.tiling, tiles, channel, strip, |strip, rows, slots| {
                    finite &= outputs(m, slots, &bias, self.relu, strip, rows);
                });
            }
        }
        if !finite {
            self.finite.store(false, Ordering::Relaxed);
        }
    }

    /// The bias of sixteen channels.
    fn bias(&self, channel: usize) -> Lanes {
        let mut lanes = [0.0; LANES];
        if let Some(bias) = self.bias {
            for (lane, bias) in lanes.iter_mut().zip(&bias[channel..]) {
                *lane = *bias;
            }
        }
        lanes
    }
}
