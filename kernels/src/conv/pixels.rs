//! What is written, in vectors.

use super::axis::Residue;
use super::layout::Layout;

/// Numbers in a vector: one AVX-512 register, two of AVX2, four of NEON.
pub(super) const LANES: usize = 16;

pub(super) type Lanes = [f32; LANES];

/// The numbers of one residue in either axis, of one or more images, cut into vectors.
#[derive(Clone, Debug)]
pub(super) struct Pixels {
    pub(super) vectors: Vec<Vector>,
    reads: Vec<Read>,
    writes: Vec<Write>,
    /// Between neighbouring lanes in what is written.
    step: usize,
    /// Between rows and between channels in what is written.
    width: usize,
    pub(super) plane: usize,
}

/// [`LANES`] numbers, by what they read and write.
#[derive(Clone, Copy, Debug)]
pub(super) struct Vector {
    /// What lane 0 reads in the [`Layout`], but for what the kernel element adds.
    pub(super) at: usize,
    /// Its reads and writes: from which to before which.
    reads: [usize; 2],
    writes: [usize; 2],
}

/// The lanes from `lane` on read neighbouring numbers from `at` on, until the next read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Read {
    pub(super) lane: usize,
    pub(super) at: usize,
}

/// Lanes that are written as neighbours.
#[derive(Clone, Copy, Debug)]
struct Write {
    lane: usize,
    len: usize,
    /// The place of the first in the first channel of what is written.
    out: usize,
    /// Whether [`LANES`] numbers may be written though fewer count, because what follows is written later. That is faster.
    overrun: bool,
}

impl Pixels {
    /// The numbers of a residue in either axis, in images of this height and width, so that every vector reads neighbours:
    /// where rows are not a multiple of [`LANES`] long, it runs on through the padding between two of them.
    pub(super) fn running(layout: &Layout, residues: [usize; 2], size: [usize; 2]) -> Self {
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

    /// The same in as few vectors as can be, of which some read from more than one row. For `images` images: how far apart
    /// they are in what is read and in what is written.
    pub(super) fn dense(
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

    /// Writes `len` numbers of a row of the residues.
    fn write(&mut self, [y, x]: [&Residue; 2], [row, col]: [usize; 2], lane: usize, len: usize) {
        let out = (y.first + row * y.step) * self.width + x.first + col * x.step;
        self.writes.push(Write {
            lane,
            len,
            out,
            overrun: y.step == 1 && x.step == 1 && out + LANES <= self.plane,
        });
    }

    /// Makes one of the last two writes if the second continues the first in the same vector.
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

    /// Makes a vector of what was read and written since the last.
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

    /// What a vector reads, in the order of its lanes.
    #[inline(always)]
    pub(super) fn reads(&self, vector: &Vector) -> &[Read] {
        &self.reads[vector.reads[0]..vector.reads[1]]
    }

    /// Writes the sums of some vectors (followed by any [`LANES`] numbers) to a channel.
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
