//! The samples of one component in a part of the image.

use super::header::Component;
use crate::image::transforms::Rect;

/// Width and height of a block.
const SIDE: usize = 8;

/// Whole blocks of samples that cover what is needed.
#[derive(Debug)]
pub(super) struct Plane {
    /// Which blocks, counted from the image's top left one.
    pub(super) blocks: Blocks,
    pub(super) samples: Vec<u8>,
    /// From one row to the next.
    pub(super) stride: usize,
    /// Of the whole component, in samples, without what only fills its last blocks.
    width: usize,
    height: usize,
    /// Pixels for each sample, across and down.
    pub(super) across: usize,
    pub(super) down: usize,
}

/// A rectangle of blocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Blocks {
    top: usize,
    left: usize,
    down: usize,
    across: usize,
}

impl Blocks {
    /// The first row below.
    pub(super) fn bottom(&self) -> usize {
        self.top + self.down
    }

    /// The first column to the right.
    pub(super) fn right(&self) -> usize {
        self.left + self.across
    }
}

impl Plane {
    /// Room for the samples of `component` that the pixels of `part` depend on, in an image of `width` x `height` pixels
    /// with `luma` as its first component.
    pub(super) fn new(
        component: Component,
        luma: Component,
        (width, height): (usize, usize),
        part: Rect,
    ) -> Self {
        let (across, down) = (luma.across / component.across, luma.down / component.down);
        let (width, height) = (width.div_ceil(across), height.div_ceil(down));
        let (left, columns) = blocks(part.left, part.width, across, width);
        let (top, rows) = blocks(part.top, part.height, down, height);
        let stride = columns * SIDE;
        Self {
            blocks: Blocks {
                top,
                left,
                down: rows,
                across: columns,
            },
            samples: vec![0; stride * rows * SIDE],
            stride,
            width,
            height,
            across,
            down,
        }
    }

    /// Of the whole component, in samples.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// Where the samples of block (`x`, `y`) begin, if there is room for it.
    #[inline(always)]
    pub(super) fn place(&self, x: usize, y: usize) -> Option<usize> {
        // What is less than the first one wraps around to very much.
        let x = x.wrapping_sub(self.blocks.left);
        let y = y.wrapping_sub(self.blocks.top);
        let is_inside = x < self.blocks.across && y < self.blocks.down;
        is_inside.then(|| (y * self.stride + x) * SIDE)
    }

    /// The samples `first..first + count` of row `y`, which are as many as the rows have where they would be more, and
    /// the last row if there is no such row.
    pub(super) fn row(&self, y: usize, first: usize, count: usize) -> &[u8] {
        let y = y.min(self.height - 1) - self.blocks.top * SIDE;
        let end = (first + count).min(self.width) - self.blocks.left * SIDE;
        let start = first - self.blocks.left * SIDE;
        &self.samples[y * self.stride..][start..end]
    }
}

/// The first block, and how many there are, of those that `count` pixels from `first` on depend on: a sample that
/// stands for two pixels is mixed with the neighbours on both sides. Of `len` samples in all.
fn blocks(first: usize, count: usize, pixels: usize, len: usize) -> (usize, usize) {
    let more = usize::from(pixels > 1);
    let from = (first / pixels).saturating_sub(more);
    let to = ((first + count - 1) / pixels + more).min(len - 1);
    (from / SIDE, to / SIDE - from / SIDE + 1)
}
