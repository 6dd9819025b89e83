//! The samples of one component in a region of the image.

use crate::Rect;
use crate::frame::{Component, Frame, SIDE};

/// Samples of one component: the whole blocks that cover a region.
#[derive(Debug)]
pub(crate) struct Plane {
    /// The blocks, counted from the image's top left one.
    pub(crate) blocks: Blocks,
    pub(crate) samples: Vec<u8>,
    /// Distance between rows, in samples.
    pub(crate) stride: usize,
    /// Size of the whole component in samples, without the padding in its last blocks.
    width: usize,
    height: usize,
    /// Pixels per sample, across and down.
    pub(crate) across: usize,
    pub(crate) down: usize,
}

/// A rectangle of blocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Blocks {
    pub(crate) top: usize,
    pub(crate) left: usize,
    down: usize,
    across: usize,
}

impl Blocks {
    /// First row below.
    pub(crate) fn bottom(&self) -> usize {
        self.top + self.down
    }

    /// First column to the right.
    pub(crate) fn right(&self) -> usize {
        self.left + self.across
    }
}

impl Plane {
    /// Allocates the samples of `component` that the pixels of `region` depend on.
    pub(crate) fn new(component: &Component, frame: &Frame, region: Rect) -> Self {
        let (across, down) = frame.pixels_per_sample(component);
        let (width, height) = (frame.width.div_ceil(across), frame.height.div_ceil(down));
        let (left, columns) = blocks(region.left, region.width, across, width);
        let (top, rows) = blocks(region.top, region.height, down, height);
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

    /// Width of the whole component in samples.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// Offset of the samples of block (`x`, `y`), if the plane has that block.
    #[inline(always)]
    pub(crate) fn offset(&self, x: usize, y: usize) -> Option<usize> {
        // Blocks before the first wrap around to a huge number.
        let x = x.wrapping_sub(self.blocks.left);
        let y = y.wrapping_sub(self.blocks.top);
        let is_inside = x < self.blocks.across && y < self.blocks.down;
        is_inside.then(|| (y * self.stride + x) * SIDE)
    }

    /// Writes the rows of a block whose samples begin at `start`.
    #[inline(always)]
    pub(crate) fn write(&mut self, start: usize, block: &[u64; SIDE]) {
        let rows = self.samples[start..].chunks_mut(self.stride);
        for (to, row) in rows.zip(block) {
            to[..SIDE].copy_from_slice(&row.to_le_bytes());
        }
    }

    /// The samples `first..first + count` of row `y`, both clamped to the component's size.
    pub(crate) fn row(&self, y: usize, first: usize, count: usize) -> &[u8] {
        let y = y.min(self.height - 1) - self.blocks.top * SIDE;
        let end = (first + count).min(self.width) - self.blocks.left * SIDE;
        let start = first - self.blocks.left * SIDE;
        &self.samples[y * self.stride..][start..end]
    }
}

/// The first block and the number of blocks that `count` pixels from `first` on depend on, along an
/// axis of `len` samples. A sample that covers two pixels is interpolated with its neighbours on
/// both sides.
fn blocks(first: usize, count: usize, pixels: usize, len: usize) -> (usize, usize) {
    let more = usize::from(pixels > 1);
    let from = (first / pixels).saturating_sub(more);
    let to = ((first + count - 1) / pixels + more).min(len - 1);
    (from / SIDE, to / SIDE - from / SIDE + 1)
}
