//! Winners, a row of windows at a time.

#![allow(
    clippy::needless_range_loop,
    reason = "one index into several arrays is what the compiler makes vectors of"
)]

use std::array;
use std::ops::Range;

use multiversion::multiversion;

use super::super::axis::Axis;
use super::{NONE, Windows};

/// The maxima of the windows of as many planes as `output` has room for.
#[multiversion(targets = "simd")]
pub(super) fn planes(windows: &Windows, x: &[f32], output: &mut [f32], chosen: &mut [u8]) {
    let [input, count] = windows.plane();
    let mut scratch = Scratch::new(windows);
    let outputs = output.chunks_exact_mut(count);
    let chosen = chosen.chunks_exact_mut(count);
    for (plane, (output, chosen)) in outputs.zip(chosen).enumerate() {
        let x = &x[plane * input..][..input];
        let outputs = output.chunks_exact_mut(windows.cols.output);
        let chosen = chosen.chunks_exact_mut(windows.cols.output);
        for (o, (output, chosen)) in outputs.zip(chosen).enumerate() {
            row(windows, x, o, output, chosen, &mut scratch);
        }
    }
}

/// Memory for a row of windows.
struct Scratch {
    split: Split,
    /// The winner of each window so far.
    which: Vec<u32>,
}

impl Scratch {
    fn new(windows: &Windows) -> Self {
        let count = windows.cols.output;
        Self {
            split: Split::new(count),
            which: vec![0; count],
        }
    }
}

/// Row `o` of a plane's windows.
#[inline(always)]
fn row(
    windows: &Windows,
    x: &[f32],
    o: usize,
    output: &mut [f32],
    chosen: &mut [u8],
    scratch: &mut Scratch,
) {
    let Windows { rows, cols } = windows;
    let taps = rows.taps(o);
    let whole = cols.whole();
    let usual = cols.stride == 2 && cols.dilation == 1 && matches!(cols.kernel, 2 | 3);
    if !usual || whole.is_empty() || taps.is_empty() || taps.len() > 3 {
        return tap_by_tap(windows, x, o, output, chosen, &mut scratch.which);
    }
    for i in (0..whole.start).chain(whole.end..cols.output) {
        (output[i], chosen[i]) = window(windows, x, [o, i]);
    }
    let start = cols.place(whole.start, 0);
    let lines = taps.clone().map(|k| {
        let line = &x[rows.place(o, k) * cols.input..][..cols.input];
        &line[start..]
    });
    let first = (taps.start * cols.kernel) as u32;
    let output = &mut output[whole.clone()];
    let chosen = &mut chosen[whole];
    scratch.split.fill(lines, output.len());
    let split = &mut scratch.split;
    match (taps.len(), cols.kernel) {
        (1, 2) => every_second::<1, 2>(split, first, output, chosen),
        (2, 2) => every_second::<2, 2>(split, first, output, chosen),
        (3, 2) => every_second::<3, 2>(split, first, output, chosen),
        (1, _) => every_second::<1, 3>(split, first, output, chosen),
        (2, _) => every_second::<2, 3>(split, first, output, chosen),
        _ => every_second::<3, 3>(split, first, output, chosen),
    }
}

/// The common windows, two or three columns wide and two columns apart, in up to three lines. Window `i` reads places `2 i`,
/// `2 i + 1` and `2 i + 2` of each line: number `i` of the even places and of the odd ones, and number `i + 1` of the even
/// ones. So the numbers of neighbouring windows are neighbours, and vectors of windows are compared in registers; whole
/// vectors, so some windows behind the last are compared too.
#[inline(always)]
fn every_second<const ROWS: usize, const COLS: usize>(
    split: &mut Split,
    first: u32,
    output: &mut [f32],
    chosen: &mut [u8],
) {
    let count = output.len().next_multiple_of(WIDTH);
    let places: [[&[f32]; COLS]; ROWS] = array::from_fn(|r| {
        array::from_fn(|c| match c {
            0 => &split.even[r][..count],
            1 => &split.odd[r][..count],
            _ => &split.even[r][1..][..count],
        })
    });
    let most_of = &mut split.most[..count];
    let which_of = &mut split.which[..count];
    for i in 0..count {
        let mut most = places[0][0][i];
        let mut which = 0;
        for r in 0..ROWS {
            for c in 0..COLS {
                let value = places[r][c][i];
                let wins = (r, c) != (0, 0) && (value > most || value.is_nan());
                most = if wins { value } else { most };
                which = if wins { (r * COLS + c) as u32 } else { which };
            }
        }
        most_of[i] = most;
        which_of[i] = first.wrapping_add(which) as u8;
    }
    output.copy_from_slice(&most_of[..output.len()]);
    chosen.copy_from_slice(&which_of[..chosen.len()]);
}

/// Windows in a vector.
const WIDTH: usize = 16;

/// The even and the odd places of up to three lines, and what comes of them.
struct Split {
    even: [Vec<f32>; 3],
    odd: [Vec<f32>; 3],
    most: Vec<f32>,
    which: Vec<u8>,
}

impl Split {
    /// Room for lines of `count` windows, whole vectors of them, and the place behind them.
    fn new(count: usize) -> Self {
        let line = vec![0.0; count.next_multiple_of(WIDTH) + 1];
        Self {
            even: array::from_fn(|_| line.clone()),
            odd: array::from_fn(|_| line.clone()),
            which: vec![0; line.len()],
            most: line,
        }
    }

    /// The places of so many windows. What comes behind them, and behind the end of a line, has no meaning.
    #[inline(always)]
    fn fill<'a>(&mut self, lines: impl Iterator<Item = &'a [f32]>, count: usize) {
        let splits = self.even.iter_mut().zip(&mut self.odd);
        for (line, (even, odd)) in lines.zip(splits) {
            let (pairs, last) = line.as_chunks::<2>();
            let pairs = &pairs[..pairs.len().min(count + 1)];
            for ((pair, even), odd) in pairs.iter().zip(even.iter_mut()).zip(odd) {
                (*even, *odd) = (pair[0], pair[1]);
            }
            if let ([last], Some(even)) = (last, even.get_mut(pairs.len())) {
                *even = *last;
            }
        }
    }
}

/// Any windows: each tap is compared with what has won so far, for all windows of the row.
#[inline(always)]
fn tap_by_tap(
    windows: &Windows,
    x: &[f32],
    o: usize,
    output: &mut [f32],
    chosen: &mut [u8],
    which: &mut [u32],
) {
    let Windows { rows, cols } = windows;
    output.fill(f32::NEG_INFINITY);
    which.fill(u32::from(NONE));
    for r in rows.taps(o) {
        let line = &x[rows.place(o, r) * cols.input..][..cols.input];
        for c in 0..cols.kernel {
            let inside = cols.windows(c);
            if inside.is_empty() {
                continue;
            }
            let tap = (r * cols.kernel + c) as u32;
            let values = &line[cols.place(inside.start, c)..];
            let output = &mut output[inside.clone()];
            let which = &mut which[inside];
            match cols.stride {
                1 => compare(values.iter(), tap, output, which),
                stride => compare(values.iter().step_by(stride), tap, output, which),
            }
        }
    }
    for (chosen, which) in chosen.iter_mut().zip(which) {
        *chosen = *which as u8;
    }
}

#[inline(always)]
fn compare<'a>(
    values: impl Iterator<Item = &'a f32>,
    tap: u32,
    most: &mut [f32],
    which: &mut [u32],
) {
    for ((most, which), &value) in most.iter_mut().zip(which).zip(values) {
        let wins = value > *most || value.is_nan() || *which == u32::from(NONE);
        *most = if wins { value } else { *most };
        *which = if wins { tap } else { *which };
    }
}

/// One window.
fn window(Windows { rows, cols }: &Windows, x: &[f32], [o, i]: [usize; 2]) -> (f32, u8) {
    let mut best = (f32::NEG_INFINITY, NONE);
    let inside: Range<usize> = cols.taps(i);
    for r in rows.taps(o) {
        let line = &x[rows.place(o, r) * cols.input..][..cols.input];
        for c in inside.clone() {
            let value = line[cols.place(i, c)];
            if value > best.0 || value.is_nan() || best.1 == NONE {
                best = (value, tap(cols, r, c));
            }
        }
    }
    best
}

fn tap(cols: &Axis, r: usize, c: usize) -> u8 {
    (r * cols.kernel + c) as u8
}
