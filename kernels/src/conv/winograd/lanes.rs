//! Sixteen channels side by side.
//!
//! A tensor `[batch, channels, height, width]` keeps the pixels of one channel together. The transforms want the same
//! pixel of many channels together: then each is one vector operation, whatever the size of the map. So sixteen channels
//! at a time are transposed on the way in and on the way out.

use multiversion::multiversion;

use crate::flex::Buffer;

/// Channels side by side: as many as the widest vector holds.
pub(super) const LANES: usize = 16;

/// One number of each of sixteen channels.
pub(super) type Lanes = [f32; LANES];

/// How many groups of sixteen channels there are, the last one perhaps not full.
pub(super) fn groups(channels: usize) -> usize {
    channels.div_ceil(LANES)
}

/// The distance between rows of `len` vectors that are gone through side by side. It is odd: at multiples of a large power
/// of two, they would be in each other's way in the caches.
pub(super) fn apart(len: usize) -> usize {
    len | 1
}

/// Memory for `len` vectors, with whatever it was last used for in it.
pub(super) fn scratch(len: usize) -> Buffer {
    Buffer::new(len * LANES)
}

/// The memory of a buffer as vectors.
pub(super) fn lanes(buffer: &[f32]) -> &[Lanes] {
    buffer.as_chunks().0
}

/// The memory of a buffer as vectors to be written.
pub(super) fn lanes_mut(buffer: &mut [f32]) -> &mut [Lanes] {
    buffer.as_chunks_mut().0
}

/// Where the numbers of a dense plane lie in a wider one: number `i` at `start + i / width * stride + i % width`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) start: usize,
    pub(super) width: usize,
    pub(super) stride: usize,
}

impl Place {
    /// A plane that is as wide as it is.
    pub(super) fn dense(len: usize) -> Self {
        let width = len.max(1);
        Self {
            start: 0,
            width,
            stride: width,
        }
    }
}

/// The places of consecutive numbers.
#[derive(Clone, Copy)]
struct Cursor {
    at: usize,
    column: usize,
    width: usize,
    gap: usize,
}

impl Cursor {
    #[inline(always)]
    fn new(place: Place, number: usize) -> Self {
        let column = number % place.width;
        Self {
            at: place.start + number / place.width * place.stride + column,
            column,
            width: place.width,
            gap: place.stride - place.width,
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

    /// Where the next sixteen are, if they are all of one row.
    #[inline(always)]
    fn row(&self) -> Option<usize> {
        (self.column + LANES <= self.width).then_some(self.at)
    }
}

/// Puts the numbers of up to sixteen planes of the same length side by side. Where a plane is missing there are zeros.
#[multiversion(targets = "simd")]
pub(super) fn gather(planes: &[&[f32]], to: &mut [Lanes], place: Place) {
    let len = planes.first().map_or(0, |plane| plane.len());
    let (mut block, mut half) = ([[0.0; LANES]; LANES], [[0.0; LANES]; LANES]);
    for first in (0..len).step_by(LANES) {
        // The last block reaches back over numbers that are already there, rather than being a short one.
        let first = first.min(len.saturating_sub(LANES));
        load(planes, first, &mut block);
        interleave(&block, &mut half);
        let mut cursor = Cursor::new(place, first);
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

/// The way back: takes vectors apart into the numbers of up to sixteen planes of the same length.
#[multiversion(targets = "simd")]
pub(super) fn scatter(from: &[Lanes], place: Place, planes: &mut [&mut [f32]]) {
    let len = planes.first().map_or(0, |plane| plane.len());
    let (mut block, mut half) = ([[0.0; LANES]; LANES], [[0.0; LANES]; LANES]);
    for first in (0..len).step_by(LANES) {
        let first = first.min(len.saturating_sub(LANES));
        let mut cursor = Cursor::new(place, first);
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

/// Sixteen numbers of each plane; zeros where there are none.
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

/// Half a transpose, of sixteen rows of sixteen: row `r` and the three that follow it at distances of four, interleaved, become rows `4 r` to
/// `4 r + 3`. In this form the compiler makes vector shuffles of it.
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
