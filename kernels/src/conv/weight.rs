//! The gradient of the weight: for kernel element `k` and output channel `o` the sum, over all pixels, of what `k` reads
//! there times the gradient of `o` there.
//!
//! A block of pixels is made ready (the copy of the image, and the gradient with its channels innermost) and added to the
//! sums of all `k` and `o`. Where there are few of those, tasks take blocks, each with sums of its own, which are added in
//! the end; where there are many, tasks take sums, and all of them read the same blocks.

use rayon::prelude::*;

use super::dot;
use super::layout::Layout;
use super::outer::{self, Panels, Pixels};
use super::shape::ConvShape;
use crate::flex::Buffer;

/// Sums up to which every task has its own (256 KB).
const FEW_SUMS: usize = 1 << 16;

/// Tasks that have sums of their own.
const TASKS: usize = 8;

/// Numbers of the gradient in a block of such a task (256 KB).
const BLOCK: usize = 1 << 16;

/// Numbers in a block that all tasks read (16 MB).
const SHARED_BLOCK: usize = 1 << 22;

/// Computes the gradient of the weight.
pub(super) fn gradient(shape: &ConvShape, x: &[f32], dy: &[f32], dw: &mut [f32]) {
    let [inputs, outputs] = shape.group_channels();
    if dot::pays(shape) {
        return dot::gradient(shape, x, dy, dw);
    }
    let panels = Panels::new(outputs);
    let elements = inputs * shape.kernel_plane();
    let few = elements * panels.padded() <= FEW_SUMS;
    let (images, rows) = match few {
        true => block_of_pixels(shape, (BLOCK / panels.padded()).clamp(256, 2048)),
        false => {
            let image = Layout::forward(shape, shape.output[0]).len(inputs)
                + shape.output_plane() * panels.padded();
            (
                (SHARED_BLOCK / image).clamp(1, shape.batch),
                shape.output[0],
            )
        }
    };
    let layout = Layout::forward(shape, rows);
    let taps = layout.taps([0, 0], shape.kernel[1]);
    let at = (0..inputs).flat_map(|channel| {
        let channel = channel * layout.channel();
        taps.iter().map(move |[_, offset]| channel + offset)
    });
    let blocks = (0..shape.batch).step_by(images).flat_map(|image| {
        (0..shape.output[0]).step_by(rows).map(move |row| Block {
            images: image..(image + images).min(shape.batch),
            rows: row..(row + rows).min(shape.output[0]),
        })
    });
    let work = Work {
        shape,
        x,
        dy,
        at: at.collect(),
        layout,
        panels,
        blocks: blocks.collect(),
    };
    for (group, dw) in dw.chunks_exact_mut(outputs * elements).enumerate() {
        let sums = match few {
            true => work.sums_by_blocks(group),
            false => work.sums_by_elements(group),
        };
        outer::transpose_sums(&panels, &sums, elements, dw);
    }
}

/// How many images, and how many rows of each, make about so many pixels.
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

struct Work<'a> {
    shape: &'a ConvShape,
    x: &'a [f32],
    dy: &'a [f32],
    layout: Layout,
    panels: Panels,
    /// What each kernel element of each channel adds to the place of a pixel.
    at: Vec<usize>,
    blocks: Vec<Block>,
}

impl Work<'_> {
    fn sums_by_blocks(&self, group: usize) -> Buffer {
        let len = self.at.len() * self.panels.padded();
        let each = self.blocks.len().div_ceil(TASKS);
        let tasks = self.blocks.len().div_ceil(each);
        let mut all = Buffer::new(tasks * len);
        let jobs = all.par_chunks_mut(len).zip(self.blocks.par_chunks(each));
        jobs.for_each(|(sums, blocks)| {
            sums.fill(0.0);
            for block in blocks {
                let ready = Ready::new(self, block, group);
                for (panel, sums) in self.panels.pieces(sums, self.at.len(), self.at.len()) {
                    outer::add(
                        &ready.pixels(&self.panels, panel.index),
                        &self.at[panel.elements],
                        panel.width,
                        sums,
                    );
                }
            }
        });
        let mut sums = Buffer::new(len);
        outer::add_up(&all, &mut sums);
        sums
    }

    fn sums_by_elements(&self, group: usize) -> Buffer {
        let mut sums = Buffer::zeros(self.at.len() * self.panels.padded());
        for block in &self.blocks {
            let ready = Ready::new_on_all_threads(self, block, group);
            let pieces = self.panels.pieces(&mut sums, self.at.len(), 144);
            pieces.into_par_iter().for_each(|(panel, sums)| {
                let pixels = ready.pixels(&self.panels, panel.index);
                outer::add(&pixels, &self.at[panel.elements], panel.width, sums);
            });
        }
        sums
    }
}

/// A block, ready to be read.
struct Ready {
    source: Buffer,
    /// `[panels, pixels, channels of the panel]`.
    dy: Buffer,
    /// Where each row of pixels begins in `source`.
    rows: Vec<usize>,
    cols: usize,
}

impl Ready {
    fn new(work: &Work<'_>, block: &Block, group: usize) -> Self {
        let mut ready = Self::empty(work, block);
        let [inputs, _] = work.shape.group_channels();
        let len = work.layout.len(inputs);
        for (source, image) in ready.source.chunks_exact_mut(len).zip(block.images.clone()) {
            work.layout
                .fill(work.images(image, group), block.rows.start, source);
        }
        let pixels = ready.rows.len() * ready.cols;
        for (panel, dy) in work.panels.pieces(&mut ready.dy, pixels, pixels) {
            work.transpose(block, group, &panel, dy);
        }
        ready
    }

    fn new_on_all_threads(work: &Work<'_>, block: &Block, group: usize) -> Self {
        let mut ready = Self::empty(work, block);
        let [inputs, _] = work.shape.group_channels();
        let len = work.layout.len(inputs);
        let sources = ready
            .source
            .par_chunks_exact_mut(len)
            .zip(block.images.clone());
        sources.for_each(|(source, image)| {
            work.layout
                .fill(work.images(image, group), block.rows.start, source);
        });
        let pixels = ready.rows.len() * ready.cols;
        let image = block.rows.len() * ready.cols;
        let pieces = work.panels.pieces(&mut ready.dy, pixels, image);
        pieces.into_par_iter().for_each(|(panel, dy)| {
            work.transpose(block, group, &panel, dy);
        });
        ready
    }

    fn empty(work: &Work<'_>, block: &Block) -> Self {
        let [inputs, _] = work.shape.group_channels();
        let (len, cols) = (work.layout.len(inputs), work.shape.output[1]);
        let row = |row: usize| row * work.layout.pitch;
        let image = |image: usize| (0..block.rows.len()).map(move |r| image * len + row(r));
        let rows: Vec<usize> = (0..block.images.len()).flat_map(image).collect();
        Self {
            source: Buffer::new(block.images.len() * len),
            dy: Buffer::new(rows.len() * cols * work.panels.padded()),
            rows,
            cols,
        }
    }

    fn pixels(&self, panels: &Panels, panel: usize) -> Pixels<'_> {
        let pixels = self.rows.len() * self.cols;
        Pixels {
            source: &self.source,
            rows: &self.rows,
            cols: self.cols,
            dy: &self.dy[panels.range(panel, pixels)],
        }
    }
}

impl Work<'_> {
    /// The channels of a group of an image.
    fn images(&self, image: usize, group: usize) -> &[f32] {
        let [inputs, _] = self.shape.group_channels();
        let len = inputs * self.shape.input_plane();
        let at = image * self.shape.options.groups + group;
        &self.x[at * len..(at + 1) * len]
    }

    /// The gradient at some pixels of a block with the channels of a panel innermost.
    fn transpose(&self, block: &Block, group: usize, panel: &outer::Piece, out: &mut [f32]) {
        let [_, outputs] = self.shape.group_channels();
        let plane = self.shape.output_plane();
        let width = self.shape.output[1];
        let image_pixels = block.rows.len() * width;
        let channels = panel.index * self.panels.width()..outputs;
        // The piece holds whole images.
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
