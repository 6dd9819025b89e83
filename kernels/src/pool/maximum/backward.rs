//! Gradients back to the winners.

use multiversion::multiversion;

use super::{NONE, Windows};

/// The input gradients of as many planes as `dx` has room for.
#[multiversion(targets = "simd")]
pub(super) fn planes(windows: &Windows, dy: &[f32], chosen: &[u8], dx: &mut [f32]) {
    let [input, count] = windows.plane();
    let places = places(windows);
    for (plane, dx) in dx.chunks_exact_mut(input).enumerate() {
        let dy = &dy[plane * count..][..count];
        let chosen = &chosen[plane * count..][..count];
        match windows.are_quarters() {
            true => quarters(windows, dy, chosen, dx),
            false => scatter(windows, &places, dy, chosen, dx),
        }
    }
}

impl Windows {
    /// Two by two, side by side and inside: each number is in one window at most.
    fn are_quarters(&self) -> bool {
        [self.rows, self.cols].iter().all(|axis| {
            let tight = axis.kernel == 2 && axis.stride == 2 && axis.dilation == 1;
            tight && axis.whole() == (0..axis.output)
        })
    }
}

/// Each number of the plane is written once.
#[inline(always)]
fn quarters(windows: &Windows, dy: &[f32], chosen: &[u8], dx: &mut [f32]) {
    let Windows { rows, cols } = windows;
    let (pairs, rest) = dx.split_at_mut(2 * rows.output * cols.input);
    rest.fill(0.0);
    if cols.output == 0 {
        return pairs.fill(0.0);
    }
    let lines = pairs.chunks_exact_mut(2 * cols.input);
    let gradients = dy.chunks_exact(cols.output);
    for ((lines, dy), chosen) in lines.zip(gradients).zip(chosen.chunks_exact(cols.output)) {
        let (upper, lower) = lines.split_at_mut(cols.input);
        spread(dy, chosen, 0, upper);
        spread(dy, chosen, 2, lower);
    }
}

/// One line of the plane: taps `first` and `first + 1` of the windows.
#[inline(always)]
fn spread(dy: &[f32], chosen: &[u8], first: u8, line: &mut [f32]) {
    let (pairs, rest) = line.split_at_mut(2 * dy.len());
    rest.fill(0.0);
    let pairs = pairs.as_chunks_mut::<2>().0;
    for ((pair, &dy), &chosen) in pairs.iter_mut().zip(dy).zip(chosen) {
        pair[0] = if chosen == first { dy } else { 0.0 };
        pair[1] = if chosen == first + 1 { dy } else { 0.0 };
    }
}

/// For each tap where it lies in the plane, if its window is the first one: an offset that may be negative.
fn places(Windows { rows, cols }: &Windows) -> [usize; 256] {
    let corner = rows.padding * cols.input + cols.padding;
    let mut places = [0; 256];
    for r in 0..rows.kernel {
        for c in 0..cols.kernel {
            let place = r * rows.dilation * cols.input + c * cols.dilation;
            places[r * cols.kernel + c] = place.wrapping_sub(corner);
        }
    }
    places
}

/// Each gradient is added where its window's winner is, in the order of the windows.
#[inline(always)]
fn scatter(
    Windows { rows, cols }: &Windows,
    places: &[usize; 256],
    dy: &[f32],
    chosen: &[u8],
    dx: &mut [f32],
) {
    dx.fill(0.0);
    if cols.output == 0 {
        return;
    }
    let lines = dy
        .chunks_exact(cols.output)
        .zip(chosen.chunks_exact(cols.output));
    for (o, (dy, chosen)) in lines.enumerate() {
        let mut corner = o * rows.stride * cols.input;
        for (&dy, &chosen) in dy.iter().zip(chosen) {
            if chosen != NONE {
                dx[corner.wrapping_add(places[usize::from(chosen)])] += dy;
            }
            corner += cols.stride;
        }
    }
}
