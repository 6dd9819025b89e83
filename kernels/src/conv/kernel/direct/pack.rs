//! Packing: operands copied into the order in which the microkernel reads them.

use rayon::prelude::*;

use super::DirectConv;
use super::microkernel::RegisterTile;
use super::pixels::{PixelVectors, Read, Vector};
use crate::flex::Buffer;
use crate::simd::{LANES, load};

impl DirectConv<'_> {
    /// The weights of one residue, as [`ResiduePass::weights`](super::ResiduePass).
    pub(super) fn pack_weights(
        &self,
        tile: RegisterTile,
        taps: &[[usize; 2]],
        weight: &[f32],
    ) -> Buffer {
        let groups = self.shape.options.groups;
        let blocks = self.target_channels.div_ceil(tile.channels);
        let block_len = self.source_channels * taps.len() * tile.channels;
        let mut packed = Buffer::new(groups * blocks * block_len);
        if packed.is_empty() {
            return packed;
        }
        let kernel = self.shape.kernel_plane();
        let group_len = self.source_channels * self.target_channels * kernel;
        let pack = |(i, packed): (usize, &mut [f32])| {
            let (group, first) = (i / blocks, i % blocks * tile.channels);
            let weight = &weight[group * group_len..(group + 1) * group_len];
            let present = tile.channels.min(self.target_channels - first);
            for (source, packed) in packed
                .chunks_exact_mut(taps.len() * tile.channels)
                .enumerate()
            {
                // The kernel of each target channel of the tile.
                let mut kernels: [&[f32]; 8] = [&[]; 8];
                for (channel, values) in kernels.iter_mut().enumerate().take(present) {
                    let [source_stride, target_stride] = self.weight_strides;
                    let at = source * source_stride + (first + channel) * target_stride;
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

    /// The bias of every block, zero where there is none.
    pub(super) fn pack_bias(&self, tile: RegisterTile, bias: Option<&[f32]>) -> Vec<f32> {
        let blocks = self.target_channels.div_ceil(tile.channels);
        let mut padded = vec![0.0; self.shape.options.groups * blocks * tile.channels];
        if let Some(bias) = bias {
            let groups = padded.chunks_exact_mut(blocks * tile.channels);
            for (padded, bias) in groups.zip(bias.chunks_exact(self.target_channels)) {
                padded[..self.target_channels].copy_from_slice(bias);
            }
        }
        padded
    }
}

/// Packs the panel `[kernel elements, vectors]`: a block of rows of the im2col matrix, restricted
/// to the pixels of `vectors`. Each read copies a whole vector; lanes that are too many are
/// overwritten by the next read, or lie beyond the end.
#[inline(always)]
pub(super) fn pack_panel(
    source: &[f32],
    offsets: &[usize],
    pixels: &PixelVectors,
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
            panel[read.lane..read.lane + LANES].copy_from_slice(&load(source, read.at));
        }
    }
}
