//! The gradient of the weight by blocks of pixels.
//!
//! A block is packed (the padded copy of the image, and the gradient of the output with its
//! channels innermost) and added to the sums of all kernel elements and output channels. If there
//! are few sums, tasks take blocks, each with private sums that are added in order at the end; if
//! there are many, tasks take sums, and all tasks read the same blocks.

use rayon::prelude::*;

use super::outer::{self, Panels, PixelRows};
use crate::conv::kernel::direct::layout::Layout;
use crate::conv::kernel::shape::ConvShape;
use crate::flex::Buffer;

/// Maximum sums for each task to have its own (256 KB). Never and always takes the same time within
/// 4 % on one thread (three layers of 16 to 512 channels); only more threads could tell.
const MAX_PRIVATE_SUMS: usize = 1 << 16;

/// Number of tasks with private sums. 2 and 32 take the same time (5x5, 16 to 32 channels at 32x32,
/// two threads).
const PRIVATE_TASKS: usize = 8;

/// Gradients per block of such a task (256 KB). A quarter of it takes the same time, four times as
/// much 1.0 to 1.05 of it.
const PRIVATE_BLOCK_LEN: usize = 1 << 16;

/// Floats of a block that all tasks read (16 MB). Relative time of 1, 4 and 128 MB (1x1, 256 to 512
/// channels at 14x14): 1.05 to 1.2, 1.05 and 1.0.
const SHARED_BLOCK_LEN: usize = 1 << 22;

/// Computes the gradient of the weight.
pub(super) fn weight_gradient(shape: &ConvShape, x: &[f32], dy: &[f32], dw: &mut [f32]) {
    let [inputs, outputs] = shape.group_channels();
    let panels = Panels::new(outputs);
    let elements = inputs * shape.kernel_plane();
    let few = elements * panels.padded() <= MAX_PRIVATE_SUMS;
    let (images, rows) = if few {
        block_of_pixels(
            shape,
            (PRIVATE_BLOCK_LEN / panels.padded()).clamp(256, 2048),
        )
    } else {
        let image = Layout::forward(shape, shape.output[0]).len(inputs)
            + shape.output_plane() * panels.padded();
        (
            (SHARED_BLOCK_LEN / image).clamp(1, shape.batch),
            shape.output[0],
        )
    };
    let layout = Layout::forward(shape, rows);
    let taps = layout.taps([0, 0], shape.kernel[1]);
    let offsets = (0..inputs).flat_map(|channel| {
        let channel = channel * layout.channel();
        taps.iter().map(move |[_, offset]| channel + offset)
    });
    let blocks = (0..shape.batch).step_by(images).flat_map(|image| {
        (0..shape.output[0]).step_by(rows).map(move |row| Block {
            images: image..(image + images).min(shape.batch),
            rows: row..(row + rows).min(shape.output[0]),
        })
    });
    let pass = WeightGradient {
        shape,
        x,
        dy,
        offsets: offsets.collect(),
        layout,
        panels,
        blocks: blocks.collect(),
    };
    for (group, dw) in dw.chunks_exact_mut(outputs * elements).enumerate() {
        let sums = if few {
            pass.sums_by_blocks(group)
        } else {
            pass.sums_by_elements(group)
        };
        outer::transpose_sums(&panels, &sums, elements, dw);
    }
}

/// Numbers of images and of rows of each that make about `pixels` pixels.
fn block_of_pixels(shape: &ConvShape, pixels: usize) -> (usize, usize) {
    let [height, width] = shape.output;
    match pixels / shape.output_plane() {
        0 => (1, pixels.div_ceil(width).min(height)),
        images => (images.min(shape.batch), height),
    }
}

/// Some rows of some images.
#[derive(Clone, Debug)]
struct Block {
    images: std::ops::Range<usize>,
    rows: std::ops::Range<usize>,
}

struct WeightGradient<'a> {
    shape: &'a ConvShape,
    x: &'a [f32],
    dy: &'a [f32],
    layout: Layout,
    panels: Panels,
    /// Offset of each kernel element of each channel relative to a pixel.
    offsets: Vec<usize>,
    blocks: Vec<Block>,
}

impl WeightGradient<'_> {
    fn sums_by_blocks(&self, group: usize) -> Buffer {
        let len = self.offsets.len() * self.panels.padded();
        let each = self.blocks.len().div_ceil(PRIVATE_TASKS);
        let tasks = self.blocks.len().div_ceil(each);
        let mut all = Buffer::new(tasks * len);
        let jobs = all.par_chunks_mut(len).zip(self.blocks.par_chunks(each));
        jobs.for_each(|(sums, blocks)| {
            sums.fill(0.0);
            for block in blocks {
                let packed = PackedBlock::new(self, block, group);
                for (panel, sums) in
                    self.panels
                        .slices(sums, self.offsets.len(), self.offsets.len())
                {
                    outer::add(
                        &packed.pixels(&self.panels, panel.index),
                        &self.offsets[panel.elements],
                        panel.width,
                        sums,
                    );
                }
            }
        });
        let mut sums = Buffer::new(len);
        outer::sum_parts(&all, &mut sums);
        sums
    }

    fn sums_by_elements(&self, group: usize) -> Buffer {
        let mut sums = Buffer::zeros(self.offsets.len() * self.panels.padded());
        for block in &self.blocks {
            let packed = PackedBlock::new_on_all_threads(self, block, group);
            let pieces = self.panels.slices(&mut sums, self.offsets.len(), 144);
            pieces.into_par_iter().for_each(|(panel, sums)| {
                let pixels = packed.pixels(&self.panels, panel.index);
                outer::add(&pixels, &self.offsets[panel.elements], panel.width, sums);
            });
        }
        sums
    }
}

/// A packed block.
struct PackedBlock {
    source: Buffer,
    /// `[panels, pixels, channels of the panel]`.
    dy: Buffer,
    /// Position of each row of pixels in `source`.
    rows: Vec<usize>,
    cols: usize,
}

impl PackedBlock {
    fn new(pass: &WeightGradient<'_>, block: &Block, group: usize) -> Self {
        let mut packed = Self::empty(pass, block);
        let [inputs, _] = pass.shape.group_channels();
        let len = pass.layout.len(inputs);
        for (source, image) in packed
            .source
            .chunks_exact_mut(len)
            .zip(block.images.clone())
        {
            pass.layout
                .fill(pass.images(image, group), block.rows.start, source);
        }
        let pixels = packed.rows.len() * packed.cols;
        for (panel, dy) in pass.panels.slices(&mut packed.dy, pixels, pixels) {
            pass.transpose(block, group, &panel, dy);
        }
        packed
    }

    fn new_on_all_threads(pass: &WeightGradient<'_>, block: &Block, group: usize) -> Self {
        let mut packed = Self::empty(pass, block);
        let [inputs, _] = pass.shape.group_channels();
        let len = pass.layout.len(inputs);
        let sources = packed
            .source
            .par_chunks_exact_mut(len)
            .zip(block.images.clone());
        sources.for_each(|(source, image)| {
            pass.layout
                .fill(pass.images(image, group), block.rows.start, source);
        });
        let pixels = packed.rows.len() * packed.cols;
        let image = block.rows.len() * packed.cols;
        let pieces = pass.panels.slices(&mut packed.dy, pixels, image);
        pieces.into_par_iter().for_each(|(panel, dy)| {
            pass.transpose(block, group, &panel, dy);
        });
        packed
    }

    fn empty(pass: &WeightGradient<'_>, block: &Block) -> Self {
        let [inputs, _] = pass.shape.group_channels();
        let (len, cols) = (pass.layout.len(inputs), pass.shape.output[1]);
        let row = |row: usize| row * pass.layout.pitch;
        let image = |image: usize| (0..block.rows.len()).map(move |r| image * len + row(r));
        let rows: Vec<usize> = (0..block.images.len()).flat_map(image).collect();
        Self {
            source: Buffer::new(block.images.len() * len),
            dy: Buffer::new(rows.len() * cols * pass.panels.padded()),
            rows,
            cols,
        }
    }

    fn pixels(&self, panels: &Panels, panel: usize) -> PixelRows<'_> {
        let pixels = self.rows.len() * self.cols;
        PixelRows {
            source: &self.source,
            rows: &self.rows,
            cols: self.cols,
            dy: &self.dy[panels.range(panel, pixels)],
        }
    }
}

impl WeightGradient<'_> {
    /// Channels of one group of an image.
    fn images(&self, image: usize, group: usize) -> &[f32] {
        let [inputs, _] = self.shape.group_channels();
        let len = inputs * self.shape.input_plane();
        let at = image * self.shape.options.groups + group;
        &self.x[at * len..(at + 1) * len]
    }

    /// Packs the gradient at some pixels of a block, with the channels of a panel innermost.
    fn transpose(&self, block: &Block, group: usize, panel: &outer::PanelSlice, out: &mut [f32]) {
        let [_, outputs] = self.shape.group_channels();
        let plane = self.shape.output_plane();
        let width = self.shape.output[1];
        let image_pixels = block.rows.len() * width;
        let channels = panel.index * self.panels.width()..outputs;
        // The slice holds whole images.
        let first = panel.elements.start / image_pixels;
        for (i, out) in out.chunks_exact_mut(image_pixels * panel.width).enumerate() {
            let image = block.images.start + first + i;
            let at = image * self.shape.options.groups + group;
            let dy = &self.dy[at * outputs * plane..(at + 1) * outputs * plane];
            let pixels = block.rows.start * width..block.rows.end * width;
            outer::transpose(dy, plane, channels.clone(), pixels, panel.width, out);
        }
    }
}
