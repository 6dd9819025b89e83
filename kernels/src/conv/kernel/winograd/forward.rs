//! The forward pass and the gradient of the input.

use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;

use super::channel_blocks::{
    PlaneLayout, as_lanes, as_lanes_mut, channel_blocks, gather, padded_stride, scratch,
};
use super::gemm;
use super::tiles::{OutputRows, Tiling, output_rows, split, transform_all, transform_together};
use super::transform::{PRODUCTS, inverse_transform_outputs, transform_inputs, transform_weights};
use crate::conv::kernel::shape::ConvShape;
use crate::flex::Buffer;
use crate::simd::{LANES, Lanes};

/// Weights of a convolution in either direction.
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

    /// For the gradient of the input: rotated by 180 degrees, from `out_channels` to `in_channels`.
    pub(super) fn transposed(shape: &ConvShape, values: &'a [f32]) -> Self {
        Self {
            transposed: true,
            ..Self::new(shape, values)
        }
    }

    /// Input and output channels of this direction.
    fn channels(&self) -> [usize; 2] {
        if self.transposed {
            [self.out_channels, self.in_channels]
        } else {
            [self.in_channels, self.out_channels]
        }
    }

    /// Transforms the weights to one block of output channels: `[36, inputs]`, zero for padded
    /// inputs.
    fn transform(&self, group: usize, to: &mut [Lanes]) {
        let [from, _] = self.channels();
        let mut gathered = scratch(channel_blocks(from) * LANES * 9);
        let gathered = as_lanes_mut(&mut gathered);
        gathered[from * 9..].fill([0.0; LANES]);
        if self.transposed {
            self.gather_transposed(group, gathered);
        } else {
            self.gather(group, gathered);
        }
        transform_weights(gathered, to);
    }

    /// Gathers the weights to a block of output channels as vectors `[inputs, 9]`.
    fn gather(&self, group: usize, to: &mut [Lanes]) {
        let row = self.in_channels * 9;
        let mut planes = [&[][..]; LANES];
        let mut count = 0;
        let rows = self.values.chunks_exact(row).skip(group * LANES);
        for (plane, row) in planes.iter_mut().zip(rows) {
            *plane = row;
            count += 1;
        }
        gather(&planes[..count], to, PlaneLayout::dense(row));
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

    /// Vectors of the transformed weights to a block of output channels: `[36, inputs]`.
    fn size(&self) -> usize {
        let [from, _] = self.channels();
        PRODUCTS * padded_stride(channel_blocks(from) * LANES)
    }

    /// Transforms all weights: `[output blocks, 36, inputs]`.
    fn transform_all(&self) -> Buffer {
        let [_, channels] = self.channels();
        let size = self.size();
        let mut all = scratch(channel_blocks(channels) * size);
        let tasks = as_lanes_mut(&mut all)
            .par_chunks_exact_mut(size)
            .enumerate();
        tasks.for_each(|(group, to)| self.transform(group, to));
        all
    }
}

/// Maximum tiles for tasks to take channels rather than tiles. Never takes twice as long on 512
/// channels at 14x14 (one image, two threads), and the same time on 256; always takes 0.9 of the
/// time on 128 channels at 28x28.
const FEW_TILES: usize = 96;

/// Computes a convolution. Returns false if a result is not finite; then others may be wrong.
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
    let stage = OutputStage {
        tiling,
        bias,
        relu,
        finite: AtomicBool::new(true),
    };
    if tiling.count() <= FEW_TILES {
        by_channels(&stage, x, weights, out);
    } else {
        by_tiles(&stage, x, weights, out);
    }
    stage.finite.into_inner()
}

/// Each task computes all channels of some tiles.
fn by_tiles(stage: &OutputStage<'_>, x: &[f32], weights: Weights<'_>, out: &mut [f32]) {
    let tiling = stage.tiling;
    let u = weights.transform_all();
    let blocks_at_once = blocks_at_once(tiling);
    let blocks = tiling.blocks(block_tiles(tiling));
    let tasks = blocks.par_iter().zip(output_rows(tiling, &blocks, out));
    tasks.for_each(|(block, mut pieces)| {
        let v = transform_all(tiling, &tiling.inputs, x, block, transform_inputs);
        for (i, u) in as_lanes(&u)
            .chunks(blocks_at_once * weights.size())
            .enumerate()
        {
            stage.compute_blocks(
                as_lanes(&v),
                u,
                block.tiles,
                i * blocks_at_once,
                &mut pieces,
            );
        }
    });
}

/// Each task computes some channels of all tiles and transforms only the weights to these.
fn by_channels(stage: &OutputStage<'_>, x: &[f32], weights: Weights<'_>, out: &mut [f32]) {
    let tiling = stage.tiling;
    let blocks_at_once = blocks_at_once(tiling);
    let blocks = tiling.blocks(FEW_TILES);
    for (block, pieces) in blocks.iter().zip(output_rows(tiling, &blocks, out)) {
        let v = transform_together(tiling, &tiling.inputs, x, block, transform_inputs);
        let tasks = split(pieces, blocks_at_once * LANES)
            .into_par_iter()
            .enumerate();
        tasks.for_each(|(i, mut pieces)| {
            let first = i * blocks_at_once;
            let count = blocks_at_once.min(channel_blocks(tiling.outputs.channels) - first);
            let mut u = scratch(count * weights.size());
            for (i, u) in as_lanes_mut(&mut u)
                .chunks_exact_mut(weights.size())
                .enumerate()
            {
                weights.transform(first + i, u);
            }
            stage.compute_blocks(as_lanes(&v), as_lanes(&u), block.tiles, first, &mut pieces);
        });
    }
}

/// Tiles per block: enough that reading the transformed weights again costs no more than writing
/// and reading the transformed tiles, but few enough that every thread gets blocks. Relative time
/// of 16, 128 and 256 tiles (64 channels at 56x56, 256 at 28x28, one thread): 1.1 to 1.2, 0.95 to
/// 1.0 and 0.6 to 0.9.
fn block_tiles(tiling: &Tiling) -> usize {
    let [inputs, outputs] = [tiling.inputs.channels, tiling.outputs.channels];
    (inputs * outputs / (2 * (inputs + outputs))).clamp(48, 64)
}

/// Blocks of output channels whose products are computed together. More of them read the
/// transformed inputs less often, and take more memory. Below 512 channels 1 takes 1.2 times as
/// long and 8 the same; from 512 on 4 takes 0.8 to 0.9 of the time and 16 1.3 times as long (one
/// thread).
fn blocks_at_once(tiling: &Tiling) -> usize {
    if tiling.outputs.channels < 512 { 4 } else { 8 }
}

/// Inverse transform of the products with its epilogue: bias and ReLU.
struct OutputStage<'a> {
    tiling: &'a Tiling,
    bias: Option<&'a [f32]>,
    relu: bool,
    /// True if all outputs so far are finite.
    finite: AtomicBool,
}

impl OutputStage<'_> {
    /// Computes some blocks of output channels, beginning with `group`, of the tiles in `pieces`
    /// from transformed inputs `v` and weights `u`.
    fn compute_blocks(
        &self,
        v: &[Lanes],
        u: &[Lanes],
        tiles: usize,
        group: usize,
        pieces: &mut [OutputRows<'_>],
    ) {
        let inputs = channel_blocks(self.tiling.inputs.channels) * LANES;
        let size = PRODUCTS * padded_stride(tiles);
        let mut m = scratch(u.len() / (PRODUCTS * padded_stride(inputs)) * size);
        gemm::forward(v, tiles, u, inputs, as_lanes_mut(&mut m));
        let most = pieces.iter().map(|piece| piece.strip_len(self.tiling));
        let mut strip = scratch(most.max().unwrap_or(0));
        let strip = as_lanes_mut(&mut strip);
        let mut finite = true;
        for (i, m) in as_lanes(&m).chunks_exact(size).enumerate() {
            let channel = (group + i) * LANES;
            let bias = self.bias(channel);
            for piece in &mut *pieces {
                piece.write(self.tiling, tiles, channel, strip, |strip, rows, slots| {
                    finite &= inverse_transform_outputs(m, slots, &bias, self.relu, strip, rows);
                });
            }
        }
        if !finite {
            self.finite.store(false, Ordering::Relaxed);
        }
    }

    /// Bias of sixteen channels.
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
