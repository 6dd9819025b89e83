//! Blocks of sixteen channels.
//!
//! A tensor `[batch, channels, height, width]` keeps the pixels of a channel together. The
//! transforms need the same pixel of many channels together (the layout that oneDNN calls nChw16c),
//! so that each of their steps is a vector operation whatever the size of the map. Sixteen channels
//! at a time are transposed on the way in and on the way out.

use multiversion::multiversion;

use crate::flex::Buffer;
use crate::simd::{LANES, Lanes};

/// Number of blocks of sixteen channels, the last one perhaps partial.
pub(super) fn channel_blocks(channels: usize) -> usize {
    channels.div_ceil(LANES)
}

/// Distance between rows of `len` vectors that are read side by side. It is odd: rows at multiples
/// of a large power of two would fall into the same cache sets.
pub(super) fn padded_stride(len: usize) -> usize {
    len | 1
}

/// Uninitialised (recycled) memory for `len` vectors.
pub(super) fn scratch(len: usize) -> Buffer {
    Buffer::new(len * LANES)
}

/// A buffer as vectors.
pub(super) fn as_lanes(buffer: &[f32]) -> &[Lanes] {
    buffer.as_chunks().0
}

/// A buffer as mutable vectors.
pub(super) fn as_lanes_mut(buffer: &mut [f32]) -> &mut [Lanes] {
    buffer.as_chunks_mut().0
}

/// Position of a dense plane in a wider one: element `i` is at
/// `start + i / width * stride + i % width`.
#[derive(Clone, Copy, Debug)]
pub(super) struct PlaneLayout {
    pub(super) start: usize,
    pub(super) width: usize,
    pub(super) stride: usize,
}

impl PlaneLayout {
    /// A plane without gaps.
    pub(super) fn dense(len: usize) -> Self {
        let width = len.max(1);
        Self {
            start: 0,
            width,
            stride: width,
        }
    }
}

/// Positions of consecutive elements.
#[derive(Clone, Copy)]
struct Cursor {
    at: usize,
    column: usize,
    width: usize,
    gap: usize,
}

impl Cursor {
    #[inline(always)]
    fn new(layout: PlaneLayout, number: usize) -> Self {
        let column = number % layout.width;
        Self {
            at: layout.start + number / layout.width * layout.stride + column,
            column,
            width: layout.width,
            gap: layout.stride - layout.width,
        }
    }

    #[inline(always)]
    fn next(&mut self) -> usize {
        let at = self.at;
        self.column += 1;
        let wrapped = self.column == self.width;
        self.at += 1 + if wrapped { self.gap } else { 0 };
        self.column = if wrapped { 0 } else { self.column };
        at
    }

    /// Position of the next sixteen elements, if they are in one row.
    #[inline(always)]
    fn row(&self) -> Option<usize> {
        (self.column + LANES <= self.width).then_some(self.at)
    }
}

/// Interleaves up to sixteen planes of the same length. Missing planes are zeros.
#[multiversion(targets = "simd")]
pub(super) fn gather(planes: &[&[f32]], to: &mut [Lanes], layout: PlaneLayout) {
    let len = planes.first().map_or(0, |plane| plane.len());
    let (mut block, mut half) = ([[0.0; LANES]; LANES], [[0.0; LANES]; LANES]);
    for first in (0..len).step_by(LANES) {
        // The last block overlaps the one before rather than being partial.
        let first = first.min(len.saturating_sub(LANES));
        load(planes, first, &mut block);
        interleave(&block, &mut half);
        let mut cursor = Cursor::new(layout, first);
        if let Some(at) = cursor.row()
            && let Some(to) = to[at..].first_chunk_mut()
        {
            interleave(&half, to);
            continue;
        }
        interleave(&half, &mut block);
        for vector in block.iter().take(len) {
            to[cursor.next()] = *vector;
        }
    }
}

/// Inverse of [`gather`]: splits vectors into up to sixteen planes of the same length.
#[multiversion(targets = "simd")]
pub(super) fn scatter(from: &[Lanes], layout: PlaneLayout, planes: &mut [&mut [f32]]) {
    let len = planes.first().map_or(0, |plane| plane.len());
    let (mut block, mut half) = ([[0.0; LANES]; LANES], [[0.0; LANES]; LANES]);
    for first in (0..len).step_by(LANES) {
        let first = first.min(len.saturating_sub(LANES));
        let mut cursor = Cursor::new(layout, first);
        let row = cursor.row().and_then(|at| from[at..].first_chunk());
        if let Some(row) = row {
            interleave(row, &mut half);
        } else {
            for vector in block.iter_mut().take(len) {
                *vector = from[cursor.next()];
            }
            interleave(&block, &mut half);
        }
        interleave(&half, &mut block);
        for (row, plane) in block.iter().zip(planes.iter_mut()) {
            let plane = &mut plane[first..];
            match plane.first_chunk_mut() {
                Some(numbers) => *numbers = *row,
                None => plane.iter_mut().zip(row).for_each(|(to, from)| *to = *from),
            }
        }
    }
}

/// Loads sixteen elements of each plane, zeros where there are none.
#[inline(always)]
fn load(planes: &[&[f32]], first: usize, block: &mut [Lanes; LANES]) {
    for (i, row) in block.iter_mut().enumerate() {
        let plane = planes.get(i).map_or(&[][..], |plane| &plane[first..]);
        match plane.first_chunk() {
            Some(numbers) => *row = *numbers,
            None => {
                *row = [0.0; LANES];
                row.iter_mut().zip(plane).for_each(|(to, from)| *to = *from);
            }
        }
    }
}

/// Half a transpose of a 16 x 16 square: row `r` and the three that follow it at distances of four,
/// interleaved, become rows `4 r` to `4 r + 3`. The compiler turns this form into vector shuffles.
#[inline(always)]
fn interleave(rows: &[Lanes; LANES], out: &mut [Lanes; LANES]) {
    let (a, rest) = rows.split_at(4);
    let (b, rest) = rest.split_at(4);
    let (c, d) = rest.split_at(4);
    let (out, _) = out.as_flattened_mut().as_chunks_mut::<64>();
    for ((((out, a), b), c), d) in out.iter_mut().zip(a).zip(b).zip(c).zip(d) {
        for i in 0..LANES {
            out[4 * i] = a[i];
            out[4 * i + 1] = b[i];
            out[4 * i + 2] = c[i];
            out[4 * i + 3] = d[i];
        }
    }
}
