//! Routes gradients back to the argmax of each window.

use multiversion::multiversion;

use super::{NO_WINNER, Windows};

/// Input gradients of as many planes as `dx` has room for.
#[multiversion(targets = "simd")]
pub(super) fn planes(windows: &Windows, dy: &[f32], argmax: &[u8], dx: &mut [f32]) {
    let [input, count] = windows.plane();
    let offsets = offsets(windows);
    for (plane, dx) in dx.chunks_exact_mut(input).enumerate() {
        let dy = &dy[plane * count..][..count];
        let argmax = &argmax[plane * count..][..count];
        if windows.is_2x2_stride_2() {
            scatter_2x2(windows, dy, argmax, dx);
        } else {
            scatter(windows, &offsets, dy, argmax, dx);
        }
    }
}

impl Windows {
    /// True for 2 x 2 windows with stride 2 that are wholly inside: each element is in one window
    /// at most.
    fn is_2x2_stride_2(&self) -> bool {
        [self.rows, self.cols].iter().all(|axis| {
            let tight = axis.kernel == 2 && axis.stride == 2 && axis.dilation == 1;
            tight && axis.whole() == (0..axis.output)
        })
    }
}

/// Writes each element of the plane once.
#[inline(always)]
fn scatter_2x2(windows: &Windows, dy: &[f32], argmax: &[u8], dx: &mut [f32]) {
    let Windows { rows, cols } = windows;
    let (pairs, rest) = dx.split_at_mut(2 * rows.output * cols.input);
    rest.fill(0.0);
    if cols.output == 0 {
        return pairs.fill(0.0);
    }
    let lines = pairs.chunks_exact_mut(2 * cols.input);
    let gradients = dy.chunks_exact(cols.output);
    for ((lines, dy), argmax) in lines.zip(gradients).zip(argmax.chunks_exact(cols.output)) {
        let (upper, lower) = lines.split_at_mut(cols.input);
        spread(dy, argmax, 0, upper);
        spread(dy, argmax, 2, lower);
    }
}

/// One row of the plane: taps `first` and `first + 1` of the windows.
#[inline(always)]
fn spread(dy: &[f32], argmax: &[u8], first: u8, line: &mut [f32]) {
    let (pairs, rest) = line.split_at_mut(2 * dy.len());
    rest.fill(0.0);
    let pairs = pairs.as_chunks_mut::<2>().0;
    for ((pair, &dy), &argmax) in pairs.iter_mut().zip(dy).zip(argmax) {
        pair[0] = if argmax == first { dy } else { 0.0 };
        pair[1] = if argmax == first + 1 { dy } else { 0.0 };
    }
}

/// Offset of each tap in the plane, relative to the first element of an unpadded window; it may be
/// negative (wrapping).
fn offsets(Windows { rows, cols }: &Windows) -> [usize; 256] {
    let corner = rows.padding * cols.input + cols.padding;
    let mut offsets = [0; 256];
    for r in 0..rows.kernel {
        for c in 0..cols.kernel {
            let position = r * rows.dilation * cols.input + c * cols.dilation;
            offsets[r * cols.kernel + c] = position.wrapping_sub(corner);
        }
    }
    offsets
}

/// Adds each gradient to its window's argmax, in the order of the windows.
#[inline(always)]
fn scatter(
    Windows { rows, cols }: &Windows,
    offsets: &[usize; 256],
    dy: &[f32],
    argmax: &[u8],
    dx: &mut [f32],
) {
    dx.fill(0.0);
    if cols.output == 0 {
        return;
    }
    let lines = dy
        .chunks_exact(cols.output)
        .zip(argmax.chunks_exact(cols.output));
    for (o, (dy, argmax)) in lines.enumerate() {
        let mut corner = o * rows.stride * cols.input;
        for (&dy, &argmax) in dy.iter().zip(argmax) {
            if argmax != NO_WINNER {
                dx[corner.wrapping_add(offsets[usize::from(argmax)])] += dy;
            }
            corner += cols.stride;
        }
    }
}
