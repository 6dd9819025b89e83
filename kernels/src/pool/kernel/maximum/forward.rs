//! Maxima and argmaxima, one row of windows at a time.

use std::array;
use std::ops::Range;

use multiversion::multiversion;

use super::super::windows::Axis;
use super::{NO_WINNER, Windows};

/// Maxima of the windows of as many planes as `output` has room for.
#[multiversion(targets = "simd")]
pub(super) fn planes(windows: &Windows, x: &[f32], output: &mut [f32], argmax: &mut [u8]) {
    let [input, count] = windows.plane();
    let mut scratch = Scratch::new(windows);
    let outputs = output.chunks_exact_mut(count);
    let argmax = argmax.chunks_exact_mut(count);
    for (plane, (output, argmax)) in outputs.zip(argmax).enumerate() {
        let x = &x[plane * input..][..input];
        let outputs = output.chunks_exact_mut(windows.cols.output);
        let argmax = argmax.chunks_exact_mut(windows.cols.output);
        for (o, (output, argmax)) in outputs.zip(argmax).enumerate() {
            row(windows, x, o, output, argmax, &mut scratch);
        }
    }
}

/// Working memory for a row of windows.
struct Scratch {
    split: Split,
    /// Argmax of each window so far.
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
    argmax: &mut [u8],
    scratch: &mut Scratch,
) {
    let Windows { rows, cols } = windows;
    let taps = rows.taps(o);
    let whole = cols.whole();
    let usual = cols.stride == 2 && cols.dilation == 1 && matches!(cols.kernel, 2 | 3);
    if !usual || whole.is_empty() || taps.is_empty() || taps.len() > 3 {
        return tap_by_tap(windows, x, o, output, argmax, &mut scratch.which);
    }
    for i in (0..whole.start).chain(whole.end..cols.output) {
        (output[i], argmax[i]) = window(windows, x, [o, i]);
    }
    let start = cols.position(whole.start, 0);
    let lines = taps.clone().map(|k| {
        let line = &x[rows.position(o, k) * cols.input..][..cols.input];
        &line[start..]
    });
    let first = (taps.start * cols.kernel) as u32;
    let output = &mut output[whole.clone()];
    let argmax = &mut argmax[whole];
    scratch.split.fill(lines, output.len());
    let split = &mut scratch.split;
    match (taps.len(), cols.kernel) {
        (1, 2) => stride_two::<1, 2>(split, first, output, argmax),
        (2, 2) => stride_two::<2, 2>(split, first, output, argmax),
        (3, 2) => stride_two::<3, 2>(split, first, output, argmax),
        (1, _) => stride_two::<1, 3>(split, first, output, argmax),
        (2, _) => stride_two::<2, 3>(split, first, output, argmax),
        _ => stride_two::<3, 3>(split, first, output, argmax),
    }
}

/// The common windows: two or three columns wide, with stride 2, in up to three rows. Window `i`
/// reads columns `2 i`, `2 i + 1` and `2 i + 2` of each row: element `i` of the even columns and of
/// the odd ones, and element `i + 1` of the even ones. After splitting even and odd columns,
/// adjacent windows read adjacent elements and are compared in registers. Whole vectors are
/// processed, so a few windows beyond the last are compared as well.
#[inline(always)]
fn stride_two<const ROWS: usize, const COLS: usize>(
    split: &mut Split,
    first: u32,
    output: &mut [f32],
    argmax: &mut [u8],
) {
    let count = output.len().next_multiple_of(WIDTH);
    let offsets: [[&[f32]; COLS]; ROWS] = array::from_fn(|r| {
        array::from_fn(|c| match c {
            0 => &split.even[r][..count],
            1 => &split.odd[r][..count],
            _ => &split.even[r][1..][..count],
        })
    });
    let max_out = &mut split.most[..count];
    let which_out = &mut split.which[..count];
    for i in 0..count {
        let mut most = offsets[0][0][i];
        let mut which = 0;
        for r in 0..ROWS {
            for c in 0..COLS {
                let value = offsets[r][c][i];
                let wins = (r, c) != (0, 0) && (value > most || value.is_nan());
                most = if wins { value } else { most };
                which = if wins { (r * COLS + c) as u32 } else { which };
            }
        }
        max_out[i] = most;
        which_out[i] = first.wrapping_add(which) as u8;
    }
    output.copy_from_slice(&max_out[..output.len()]);
    argmax.copy_from_slice(&which_out[..argmax.len()]);
}

/// Windows per vector.
const WIDTH: usize = 16;

/// Even and odd columns of up to three rows, and the results.
struct Split {
    even: [Vec<f32>; 3],
    odd: [Vec<f32>; 3],
    most: Vec<f32>,
    which: Vec<u8>,
}

impl Split {
    /// Room for rows of `count` windows, in whole vectors, and one element more.
    fn new(count: usize) -> Self {
        let line = vec![0.0; count.next_multiple_of(WIDTH) + 1];
        Self {
            even: array::from_fn(|_| line.clone()),
            odd: array::from_fn(|_| line.clone()),
            which: vec![0; line.len()],
            most: line,
        }
    }

    /// Splits the columns of `count` windows. Elements beyond them, and beyond the end of a row,
    /// are unspecified.
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

/// Windows of any shape: compares each tap with the maximum so far, for all windows of the row.
#[inline(always)]
fn tap_by_tap(
    windows: &Windows,
    x: &[f32],
    o: usize,
    output: &mut [f32],
    argmax: &mut [u8],
    which: &mut [u32],
) {
    let Windows { rows, cols } = windows;
    output.fill(f32::NEG_INFINITY);
    which.fill(u32::from(NO_WINNER));
    for r in rows.taps(o) {
        let line = &x[rows.position(o, r) * cols.input..][..cols.input];
        for c in 0..cols.kernel {
            let inside = cols.windows(c);
            if inside.is_empty() {
                continue;
            }
            let tap = (r * cols.kernel + c) as u32;
            let values = &line[cols.position(inside.start, c)..];
            let output = &mut output[inside.clone()];
            let which = &mut which[inside];
            match cols.stride {
                1 => compare(values.iter(), tap, output, which),
                stride => compare(values.iter().step_by(stride), tap, output, which),
            }
        }
    }
    for (argmax, which) in argmax.iter_mut().zip(which) {
        *argmax = *which as u8;
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
        let wins = value > *most || value.is_nan() || *which == u32::from(NO_WINNER);
        *most = if wins { value } else { *most };
        *which = if wins { tap } else { *which };
    }
}

/// A single window.
fn window(Windows { rows, cols }: &Windows, x: &[f32], [o, i]: [usize; 2]) -> (f32, u8) {
    let mut best = (f32::NEG_INFINITY, NO_WINNER);
    let inside: Range<usize> = cols.taps(i);
    for r in rows.taps(o) {
        let line = &x[rows.position(o, r) * cols.input..][..cols.input];
        for c in inside.clone() {
            let value = line[cols.position(i, c)];
            if value > best.0 || value.is_nan() || best.1 == NO_WINNER {
                best = (value, tap(cols, r, c));
            }
        }
    }
    best
}

fn tap(cols: &Axis, r: usize, c: usize) -> u8 {
    (r * cols.kernel + c) as u8
}
