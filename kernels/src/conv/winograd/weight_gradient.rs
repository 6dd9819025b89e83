//! From inputs and the gradient of the outputs to that of the weights.

use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;

use super::lanes::{LANES, Lanes, groups, lanes, lanes_mut, scratch};
use super::tiles::{Block, Tiling, transform_all, transform_together};
use super::transform::{PRODUCTS, inputs, output_gradients, weight_gradient as untransformed};
use super::{exact, product};
use crate::conv::shape::ConvShape;
use crate::flex::Buffer;

/// Vectors of sixteen by sixteen channels.
const SQUARE: usize = PRODUCTS * LANES;

/// Squares whose sums a thread keeps for itself: about what its cache holds.
const MOST_PRIVATE: usize = 32;

/// Groups of outputs and groups of inputs whose sums are made together. They fit in a thread's cache with what they are
/// made from.
const OUTPUTS: usize = 2;
const INPUTS: usize = 4;

/// The gradient of the weights `[out_channels, in_channels, 3, 3]` from that of the output.
pub(in crate::conv) fn weight_gradient(shape: &ConvShape, x: &[f32], dy: &[f32], dw: &mut [f32]) {
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
    match groups(shape.in_channels) * groups(shape.out_channels) <= MOST_PRIVATE {
        true => pass.by_tiles(dw),
        false => pass.by_channels(dw),
    }
    if !pass.finite.into_inner() {
        exact::weight_gradient(shape, x, dy, dw);
    }
}

struct Pass<'a> {
    tiling: Tiling,
    x: &'a [f32],
    dy: &'a [f32],
    /// Weights of an output.
    row: usize,
    /// Whether all gradients so far are.
    finite: AtomicBool,
}

impl Pass<'_> {
    /// Groups of inputs and of outputs.
    fn groups(&self) -> [usize; 2] {
        let Tiling {
            inputs, outputs, ..
        } = &self.tiling;
        [groups(inputs.channels), groups(outputs.channels)]
    }

    /// As many tiles as make going through the sums once more as dear as writing and reading what is transformed of them.
    fn balance(&self) -> usize {
        let [inputs, outputs] =
            [&self.tiling.inputs, &self.tiling.outputs].map(|maps| maps.channels);
        inputs * outputs / (inputs + outputs)
    }

    /// Few channels: each task sums over some tiles for all channels; their sums are added in order.
    fn by_tiles(&self, dw: &mut [f32]) {
        let [ins, _] = self.groups();
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
            let total = lanes_mut(&mut total);
            for (k, total) in total.chunks_exact_mut(ins * LANES).enumerate() {
                total.fill([0.0; LANES]);
                for sum in &sums {
                    let stride = lanes(sum).len() / PRODUCTS;
                    add(total, &lanes(sum)[k * stride + group * ins * LANES..]);
                }
            }
            self.finish(total, ins, dw, 0);
        });
    }

    /// The sums over the tiles of `blocks`: `[36, outputs, groups of inputs]`.
    fn sum(&self, blocks: &[Block]) -> Buffer {
        let [ins, outs] = self.groups();
        let mut sum = scratch(outs * ins * SQUARE);
        lanes_mut(&mut sum).fill([0.0; LANES]);
        for block in blocks {
            let tiling = &self.tiling;
            let v = transform_all(tiling, &tiling.inputs, self.x, block, inputs);
            let d = transform_all(tiling, &tiling.outputs, self.dy, block, output_gradients);
            product::weight_gradient(lanes(&d), lanes(&v), block.tiles, lanes_mut(&mut sum));
        }
        sum
    }

    /// Many channels: the tiles are transformed together, then each task sums over them for some channels. Tiles that are
    /// transformed together should stay in the last cache, about 16 MB.
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

    /// With one block, the sums need not be kept.
    fn at_once(&self, block: &Block, dw: &mut [f32]) {
        let [v, d] = self.transform(block);
        let size = block.size();
        let tasks = dw.par_chunks_mut(OUTPUTS * LANES * self.row);
        let tasks = tasks.zip(lanes(&d).par_chunks(OUTPUTS * size));
        tasks.for_each(|(dw, d)| {
            let mut sum = scratch(OUTPUTS * INPUTS * SQUARE);
            for (i, v) in lanes(&v).chunks(INPUTS * size).enumerate() {
                let width = v.len() / size;
                let sum = &mut lanes_mut(&mut sum)[..d.len() / size * width * SQUARE];
                sum.fill([0.0; LANES]);
                product::weight_gradient(d, v, block.tiles, sum);
                self.finish(sum, width, dw, i * INPUTS);
            }
        });
    }

    fn block_by_block(&self, blocks: &[Block], dw: &mut [f32]) {
        let [ins, outs] = self.groups();
        let mut sums = scratch(outs * ins * SQUARE);
        let sums = lanes_mut(&mut sums);
        let of_task = OUTPUTS * ins * SQUARE;
        sums.par_chunks_mut(of_task)
            .for_each(|sums| sums.fill([0.0; LANES]));
        for block in blocks {
            let [v, d] = self.transform(block);
            let size = block.size();
            let tasks = sums
                .par_chunks_mut(of_task)
                .zip(lanes(&d).par_chunks(OUTPUTS * size));
            tasks.for_each(|(sums, d)| {
                let sums = sums.chunks_mut(d.len() / size * INPUTS * SQUARE);
                for (sum, v) in sums.zip(lanes(&v).chunks(INPUTS * size)) {
                    product::weight_gradient(d, v, block.tiles, sum);
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

    /// The inputs and the gradient of the outputs `[groups, 36, tiles]`.
    fn transform(&self, block: &Block) -> [Buffer; 2] {
        let tiling = &self.tiling;
        [
            transform_together(tiling, &tiling.inputs, self.x, block, inputs),
            transform_together(tiling, &tiling.outputs, self.dy, block, output_gradients),
        ]
    }

    /// Writes the gradients of `width` groups of inputs beginning with `group`, from sums `[36, outputs, width]`, into the
    /// rows of as many outputs.
    fn finish(&self, sum: &[Lanes], width: usize, dw: &mut [f32], group: usize) {
        let stride = sum.len() / PRODUCTS;
        // Zero times a number that is not finite is NaN, and stays it.
        let mut zeros = [0.0; LANES];
        for (o, dw) in dw.chunks_exact_mut(self.row).enumerate() {
            let kernels = dw[group * LANES * 9..].chunks_mut(LANES * 9).take(width);
            for (j, kernels) in kernels.enumerate() {
                let gradient = untransformed(&sum[o * width + j..], stride);
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
