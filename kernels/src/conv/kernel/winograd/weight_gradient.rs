//! The gradient of the weight.

use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;

use super::channel_blocks::{as_lanes, as_lanes_mut, channel_blocks, scratch};
use super::tiles::{Block, Tiling, transform_all, transform_together};
use super::transform::{
    PRODUCTS, inverse_transform_weight_gradient, transform_inputs, transform_output_gradients,
};
use super::{gemm, im2col};
use crate::conv::kernel::shape::ConvShape;
use crate::flex::Buffer;
use crate::simd::{LANES, Lanes};

/// Vectors of sixteen by sixteen channels.
const SQUARE: usize = PRODUCTS * LANES;

/// Maximum squares whose sums a thread keeps privately: about 1 MB, the L2 cache. Never takes 1.2
/// to 1.4 times as long on 64 channels at 56x56, always 1.2 times as long on 256 at 14x14.
const MOST_PRIVATE: usize = 32;

/// Blocks of output channels and of input channels that are summed together. Their sums fit in a
/// thread's L2 cache with the operands. Relative time of blocks of 1x1, 1x4 and 4x8: 1.05, 1.0 and
/// 1.05 to 1.1 (256 channels at 14x14).
const OUTPUTS: usize = 2;
const INPUTS: usize = 4;

/// Computes the gradient of the weight `[out_channels, in_channels, 3, 3]`.
pub(in crate::conv::kernel) fn weight_gradient(
    shape: &ConvShape,
    x: &[f32],
    dy: &[f32],
    dw: &mut [f32],
) {
    if dw.is_empty() {
        return;
    }
    if x.is_empty() || dy.is_empty() {
        return dw.fill(0.0);
    }
    let pass = Pass {
        tiling: Tiling::new(shape),
        x,
        dy,
        row: shape.in_channels * 9,
        finite: AtomicBool::new(true),
    };
    if channel_blocks(shape.in_channels) * channel_blocks(shape.out_channels) <= MOST_PRIVATE {
        pass.by_tiles(dw);
    } else {
        pass.by_channels(dw);
    }
    if !pass.finite.into_inner() {
        im2col::weight_gradient(shape, x, dy, dw);
    }
}

struct Pass<'a> {
    tiling: Tiling,
    x: &'a [f32],
    dy: &'a [f32],
    /// Weights per output channel.
    row: usize,
    /// True if all gradients so far are finite.
    finite: AtomicBool,
}

impl Pass<'_> {
    /// Blocks of input and of output channels.
    fn channel_blocks(&self) -> [usize; 2] {
        let Tiling {
            inputs, outputs, ..
        } = &self.tiling;
        [
            channel_blocks(inputs.channels),
            channel_blocks(outputs.channels),
        ]
    }

    /// Number of tiles at which reading and writing the sums once more costs as much as writing and
    /// reading the transformed tiles.
    fn balance(&self) -> usize {
        let [inputs, outputs] =
            [&self.tiling.inputs, &self.tiling.outputs].map(|maps| maps.channels);
        inputs * outputs / (inputs + outputs)
    }

    /// For few channels: each task sums some tiles over all channels, and the sums are added in
    /// order.
    fn by_tiles(&self, dw: &mut [f32]) {
        let [ins, _] = self.channel_blocks();
        let segments = (self.tiling.count() / 192).clamp(1, 16);
        let blocks = self.tiling.blocks(self.balance().max(48));
        let segment = blocks.len().div_ceil(segments).max(1);
        let sums: Vec<Buffer> = blocks
            .par_chunks(segment)
            .map(|blocks| self.sum(blocks))
            .collect();
        let tasks = dw.par_chunks_mut(LANES * self.row).enumerate();
        tasks.for_each(|(group, dw)| {
            let mut total = scratch(ins * SQUARE);
            let total = as_lanes_mut(&mut total);
            for (k, total) in total.chunks_exact_mut(ins * LANES).enumerate() {
                total.fill([0.0; LANES]);
                for sum in &sums {
                    let stride = as_lanes(sum).len() / PRODUCTS;
                    add(total, &as_lanes(sum)[k * stride + group * ins * LANES..]);
                }
            }
            self.finish(total, ins, dw, 0);
        });
    }

    /// Sums over the tiles of `blocks`: `[36, outputs, input blocks]`.
    fn sum(&self, blocks: &[Block]) -> Buffer {
        let [ins, outs] = self.channel_blocks();
        let mut sum = scratch(outs * ins * SQUARE);
        as_lanes_mut(&mut sum).fill([0.0; LANES]);
        for block in blocks {
            let tiling = &self.tiling;
            let v = transform_all(tiling, &tiling.inputs, self.x, block, transform_inputs);
            let d = transform_all(
                tiling,
                &tiling.outputs,
                self.dy,
                block,
                transform_output_gradients,
            );
            gemm::weight_gradient(
                as_lanes(&d),
                as_lanes(&v),
                block.tiles,
                as_lanes_mut(&mut sum),
            );
        }
        sum
    }

    /// For many channels: the tiles are transformed by all threads, then each task sums them for
    /// some channels. The transformed tiles should stay in the L3 cache, about 16 MB.
    fn by_channels(&self, dw: &mut [f32]) {
        let [inputs, outputs] =
            [&self.tiling.inputs, &self.tiling.outputs].map(|maps| maps.channels);
        let tiles = 112 * 1024 / (inputs + outputs);
        let blocks = self.tiling.blocks(tiles.max(self.balance()));
        match &blocks[..] {
            [block] => self.at_once(block, dw),
            _ => self.block_by_block(&blocks, dw),
        }
    }

    /// With one block the sums need not be stored.
    fn at_once(&self, block: &Block, dw: &mut [f32]) {
        let [v, d] = self.transform(block);
        let size = block.size();
        let tasks = dw.par_chunks_mut(OUTPUTS * LANES * self.row);
        let tasks = tasks.zip(as_lanes(&d).par_chunks(OUTPUTS * size));
        tasks.for_each(|(dw, d)| {
            let mut sum = scratch(OUTPUTS * INPUTS * SQUARE);
            for (i, v) in as_lanes(&v).chunks(INPUTS * size).enumerate() {
                let width = v.len() / size;
                let sum = &mut as_lanes_mut(&mut sum)[..d.len() / size * width * SQUARE];
                sum.fill([0.0; LANES]);
                gemm::weight_gradient(d, v, block.tiles, sum);
                self.finish(sum, width, dw, i * INPUTS);
            }
        });
    }

    fn block_by_block(&self, blocks: &[Block], dw: &mut [f32]) {
        let [ins, outs] = self.channel_blocks();
        let mut sums = scratch(outs * ins * SQUARE);
        let sums = as_lanes_mut(&mut sums);
        let of_task = OUTPUTS * ins * SQUARE;
        sums.par_chunks_mut(of_task)
            .for_each(|sums| sums.fill([0.0; LANES]));
        for block in blocks {
            let [v, d] = self.transform(block);
            let size = block.size();
            let tasks = sums
                .par_chunks_mut(of_task)
                .zip(as_lanes(&d).par_chunks(OUTPUTS * size));
            tasks.for_each(|(sums, d)| {
                let sums = sums.chunks_mut(d.len() / size * INPUTS * SQUARE);
                for (sum, v) in sums.zip(as_lanes(&v).chunks(INPUTS * size)) {
                    gemm::weight_gradient(d, v, block.tiles, sum);
                }
            });
        }
        let tasks = dw
            .par_chunks_mut(OUTPUTS * LANES * self.row)
            .zip(sums.par_chunks(of_task));
        tasks.for_each(|(dw, sums)| {
            let outs = sums.len() / (ins * SQUARE);
            for (i, sum) in sums.chunks(outs * INPUTS * SQUARE).enumerate() {
                self.finish(sum, sum.len() / (outs * SQUARE), dw, i * INPUTS);
            }
        });
    }

    /// The transformed inputs and gradients of the output: `[channel blocks, 36, tiles]` each.
    fn transform(&self, block: &Block) -> [Buffer; 2] {
        let tiling = &self.tiling;
        [
            transform_together(tiling, &tiling.inputs, self.x, block, transform_inputs),
            transform_together(
                tiling,
                &tiling.outputs,
                self.dy,
                block,
                transform_output_gradients,
            ),
        ]
    }

    /// Writes the gradients of `width` blocks of input channels beginning with `group`, from sums
    /// `[36, outputs, width]`, into the rows of the output channels.
    fn finish(&self, sum: &[Lanes], width: usize, dw: &mut [f32], group: usize) {
        let stride = sum.len() / PRODUCTS;
        // Zero times a number that is not finite is NaN, and remains NaN in the sum.
        let mut zeros = [0.0; LANES];
        for (o, dw) in dw.chunks_exact_mut(self.row).enumerate() {
            let kernels = dw[group * LANES * 9..].chunks_mut(LANES * 9).take(width);
            for (j, kernels) in kernels.enumerate() {
                let gradient = inverse_transform_weight_gradient(&sum[o * width + j..], stride);
                for gradient in &gradient {
                    for l in 0..LANES {
                        zeros[l] += gradient[l] * 0.0;
                    }
                }
                for (c, kernel) in kernels.chunks_exact_mut(9).enumerate() {
                    for (weight, gradient) in kernel.iter_mut().zip(&gradient) {
                        *weight = gradient[c];
                    }
                }
            }
        }
        if zeros.iter().any(|zero| *zero != 0.0) {
            self.finite.store(false, Ordering::Relaxed);
        }
    }
}

fn add(total: &mut [Lanes], values: &[Lanes]) {
    for (total, value) in total
        .as_flattened_mut()
        .iter_mut()
        .zip(values.as_flattened())
    {
        *total += value;
    }
}
