//! Target pixels cut into vectors.

use super::axis::Residue;
use super::layout::Layout;
use crate::simd::LANES;

/// The pixels of one residue per axis, of one or more images, cut into vectors.
#[derive(Clone, Debug)]
pub(super) struct PixelVectors {
    pub(super) vectors: Vec<Vector>,
    reads: Vec<Read>,
    writes: Vec<Write>,
    /// Distance in the target between adjacent lanes.
    step: usize,
    /// Row width and plane size of the target.
    width: usize,
    pub(super) plane: usize,
}

/// [`LANES`] pixels, by what they read and write.
#[derive(Clone, Copy, Debug)]
pub(super) struct Vector {
    /// Position in the [`Layout`] that lane 0 reads, without the offset of the kernel element.
    pub(super) at: usize,
    /// Ranges of its reads and writes.
    reads: [usize; 2],
    writes: [usize; 2],
}

/// Lanes from `lane` up to the next read, which read contiguously from `at`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Read {
    pub(super) lane: usize,
    pub(super) at: usize,
}

/// Lanes that are written contiguously (up to `step`).
#[derive(Clone, Copy, Debug)]
struct Write {
    lane: usize,
    len: usize,
    /// Position of the first lane in the first channel of the target.
    out: usize,
    /// True if a whole vector may be written though fewer lanes count, because what follows is
    /// written later. It is faster.
    overrun: bool,
}

impl PixelVectors {
    /// The pixels of a residue in images of this height and width, so that each vector reads
    /// contiguously: where rows are not a multiple of [`LANES`] long, vectors run on through the
    /// padding between two rows.
    pub(super) fn contiguous(layout: &Layout, residues: [usize; 2], size: [usize; 2]) -> Self {
        let (mut pixels, y, x) = Self::empty(layout, residues, size);
        let (rows, cols, pitch) = (y.count, x.count, layout.pitch);
        let running = (rows.saturating_sub(1) * pitch + cols).div_ceil(LANES);
        if rows * cols.div_ceil(LANES) <= running {
            for row in 0..rows {
                for col in (0..cols).step_by(LANES) {
                    pixels.read(0, row * pitch + col);
                    pixels.write([y, x], [row, col], 0, LANES.min(cols - col));
                    pixels.end();
                }
            }
            return pixels;
        }
        for from in (0..running).map(|i| i * LANES) {
            pixels.read(0, from);
            for row in from / pitch..rows.min((from + LANES).div_ceil(pitch)) {
                let start = from.max(row * pitch);
                let end = (from + LANES).min(row * pitch + cols);
                if start < end {
                    let col = start - row * pitch;
                    pixels.write([y, x], [row, col], start - from, end - start);
                }
            }
            pixels.end();
        }
        pixels
    }

    /// The same in as few vectors as possible, some of which read from more than one row. For
    /// `images` images; `read` and `written` are their distances in source and target.
    pub(super) fn gathered(
        layout: &Layout,
        residues: [usize; 2],
        size: [usize; 2],
        images: usize,
        [read, written]: [usize; 2],
    ) -> Self {
        let (mut pixels, y, x) = Self::empty(layout, residues, size);
        let mut lane = 0;
        for image in 0..images {
            for row in 0..y.count {
                let mut col = 0;
                while col < x.count {
                    let len = (x.count - col).min(LANES - lane);
                    pixels.read(lane, image * read + row * layout.pitch + col);
                    pixels.write([y, x], [row, col], lane, len);
                    if let Some(write) = pixels.writes.last_mut() {
                        write.out += image * written;
                    }
                    pixels.join();
                    (col, lane) = (col + len, lane + len);
                    if lane == LANES {
                        pixels.end();
                        lane = 0;
                    }
                }
            }
        }
        if lane > 0 {
            pixels.end();
        }
        pixels
    }

    fn empty(
        layout: &Layout,
        residues: [usize; 2],
        size: [usize; 2],
    ) -> (Self, &Residue, &Residue) {
        let [y, x] = [0, 1].map(|axis| &layout.axes[axis].residues[residues[axis]]);
        let pixels = Self {
            vectors: Vec::with_capacity(y.count * x.count / LANES + y.count),
            reads: Vec::new(),
            writes: Vec::new(),
            step: x.step,
            width: size[1],
            plane: size[0] * size[1],
        };
        (pixels, y, x)
    }

    fn read(&mut self, lane: usize, at: usize) {
        self.reads.push(Read { lane, at });
    }

    /// Writes `len` pixels of a row of the residue.
    fn write(&mut self, [y, x]: [&Residue; 2], [row, col]: [usize; 2], lane: usize, len: usize) {
        let out = (y.first + row * y.step) * self.width + x.first + col * x.step;
        self.writes.push(Write {
            lane,
            len,
            out,
            overrun: y.step == 1 && x.step == 1 && out + LANES <= self.plane,
        });
    }

    /// Merges the last two writes if the second continues the first in the same vector.
    fn join(&mut self) {
        let begin = self.vectors.last().map_or(0, |vector| vector.writes[1]);
        if let [.., before, last] = &mut self.writes[begin..]
            && self.step == 1
            && before.out + before.len == last.out
            && before.lane + before.len == last.lane
        {
            before.len += last.len;
            self.writes.pop();
        }
    }

    /// Makes a vector of the reads and writes since the last.
    fn end(&mut self) {
        let [reads, writes] = match self.vectors.last() {
            Some(vector) => [vector.reads[1], vector.writes[1]],
            None => [0, 0],
        };
        self.vectors.push(Vector {
            at: self.reads[reads].at,
            reads: [reads, self.reads.len()],
            writes: [writes, self.writes.len()],
        });
    }

    /// Reads of a vector, in the order of its lanes.
    #[inline(always)]
    pub(super) fn reads(&self, vector: &Vector) -> &[Read] {
        &self.reads[vector.reads[0]..vector.reads[1]]
    }

    /// Writes the sums of some vectors (followed by any [`LANES`] floats) to a channel.
    #[inline(always)]
    pub(super) fn store(&self, sums: &[f32], vectors: &[Vector], out: &mut [f32]) {
        for (v, vector) in vectors.iter().enumerate() {
            for write in &self.writes[vector.writes[0]..vector.writes[1]] {
                let sums = &sums[v * LANES + write.lane..][..LANES];
                if write.overrun {
                    out[write.out..write.out + LANES].copy_from_slice(sums);
                } else {
                    let out = out[write.out..].iter_mut().step_by(self.step);
                    for (out, sum) in out.zip(&sums[..write.len]) {
                        *out = *sum;
                    }
                }
            }
        }
    }
}
