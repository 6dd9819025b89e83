//! Average pooling of a few planes.

#![allow(
    clippy::needless_range_loop,
    reason = "one index into several arrays is what the compiler makes vectors of"
)]

use multiversion::multiversion;

use super::AvgPool;

/// The means of the windows of as many planes as `output` has room for.
#[multiversion(targets = "simd")]
pub(super) fn forward(pool: &AvgPool, x: &[f32], output: &mut [f32]) {
    let [input, windows] = pool.plane();
    if pool.is_global() {
        let area = pool.size(&pool.rows, 0) * pool.size(&pool.cols, 0);
        for (plane, output) in output.iter_mut().enumerate() {
            *output = sum(&x[plane * input..][..input]) / area;
        }
        return;
    }
    let AvgPool { rows, cols, .. } = pool;
    let widths: Vec<f32> = (0..cols.output).map(|o| pool.size(cols, o)).collect();
    let mut sums = vec![0.0; cols.input];
    for (plane, output) in output.chunks_exact_mut(windows).enumerate() {
        let x = &x[plane * input..][..input];
        for (o, output) in output.chunks_exact_mut(cols.output).enumerate() {
            sums.fill(0.0);
            for k in rows.taps(o) {
                add(&mut sums, &x[rows.place(o, k) * cols.input..]);
            }
            add_windows(pool, &sums, output);
            let height = pool.size(rows, o);
            for (output, width) in output.iter_mut().zip(&widths) {
                *output /= height * width;
            }
        }
    }
}

/// The input gradients of as many planes as `dx` has room for.
#[multiversion(targets = "simd")]
pub(super) fn backward(pool: &AvgPool, dy: &[f32], dx: &mut [f32]) {
    let [input, windows] = pool.plane();
    if pool.is_global() {
        let area = pool.size(&pool.rows, 0) * pool.size(&pool.cols, 0);
        for (dx, dy) in dx.chunks_exact_mut(input).zip(dy) {
            dx.fill(dy / area);
        }
        return;
    }
    let AvgPool { rows, cols, .. } = pool;
    let widths: Vec<f32> = (0..cols.output).map(|o| pool.size(cols, o)).collect();
    let mut shares = vec![0.0; cols.output];
    let mut line = vec![0.0; cols.input];
    for (plane, dx) in dx.chunks_exact_mut(input).enumerate() {
        dx.fill(0.0);
        for o in 0..rows.output {
            let dy = &dy[plane * windows + o * cols.output..];
            let height = pool.size(rows, o);
            for ((share, dy), width) in shares.iter_mut().zip(dy).zip(&widths) {
                *share = dy / (height * width);
            }
            line.fill(0.0);
            add_shares(pool, &shares, &mut line);
            for k in rows.taps(o) {
                add(&mut dx[rows.place(o, k) * cols.input..], &line);
            }
        }
    }
}

/// Of two lines the shorter one's length.
#[inline(always)]
fn add(sums: &mut [f32], values: &[f32]) {
    for (sum, value) in sums.iter_mut().zip(values) {
        *sum += value;
    }
}

/// The sum of a plane, in 16 sums that are added in pairs; four times as many for the most of a large plane.
#[inline(always)]
fn sum(values: &[f32]) -> f32 {
    let mut wide = [0.0; 64];
    let (chunks, rest) = values.as_chunks::<64>();
    for chunk in chunks {
        for (sum, value) in wide.iter_mut().zip(chunk) {
            *sum += value;
        }
    }
    let mut sums = [0.0; 16];
    for i in 0..16 {
        sums[i] = (wide[i] + wide[i + 16]) + (wide[i + 32] + wide[i + 48]);
    }
    let (chunks, rest) = rest.as_chunks::<16>();
    for chunk in chunks {
        for i in 0..16 {
            sums[i] += chunk[i];
        }
    }
    let mut half = 8;
    while half > 0 {
        for i in 0..half {
            sums[i] += sums[i + half];
        }
        half /= 2;
    }
    rest.iter().fold(sums[0], |sum, value| sum + value)
}

/// The sum of the columns of each window.
#[inline(always)]
fn add_windows(pool: &AvgPool, columns: &[f32], output: &mut [f32]) {
    let cols = &pool.cols;
    if cols.stride > 2 {
        for (o, output) in output.iter_mut().enumerate() {
            let taps = cols.taps(o);
            *output = match taps.is_empty() {
                true => 0.0,
                false => columns[cols.place(o, taps.start)..][..taps.len()]
                    .iter()
                    .sum(),
            };
        }
        return;
    }
    output.fill(0.0);
    for k in 0..cols.kernel {
        let inside = cols.windows(k);
        if inside.is_empty() {
            continue;
        }
        let columns = &columns[cols.place(inside.start, k)..];
        let output = &mut output[inside];
        match cols.stride {
            1 => add(output, columns),
            _ => {
                // The last window's column may be the last of the line, without another to make a pair.
                let (pairs, rest) = columns.as_chunks::<2>();
                for (output, pair) in output.iter_mut().zip(pairs) {
                    *output += pair[0];
                }
                if let (Some(output), Some(column)) = (output.get_mut(pairs.len()), rest.first()) {
                    *output += column;
                }
            }
        }
    }
}

/// Adds each window's share to its columns.
#[inline(always)]
fn add_shares(pool: &AvgPool, shares: &[f32], line: &mut [f32]) {
    let cols = &pool.cols;
    if cols.stride > 2 {
        for (o, share) in shares.iter().enumerate() {
            let taps = cols.taps(o);
            if !taps.is_empty() {
                for column in &mut line[cols.place(o, taps.start)..][..taps.len()] {
                    *column += share;
                }
            }
        }
        return;
    }
    for k in 0..cols.kernel {
        let inside = cols.windows(k);
        if inside.is_empty() {
            continue;
        }
        let line = &mut line[cols.place(inside.start, k)..];
        let shares = &shares[inside];
        match cols.stride {
            1 => add(line, shares),
            _ => {
                let (pairs, rest) = line.as_chunks_mut::<2>();
                for (pair, share) in pairs.iter_mut().zip(shares) {
                    pair[0] += share;
                }
                if let (Some(column), Some(share)) = (rest.first_mut(), shares.get(pairs.len())) {
                    *column += share;
                }
            }
        }
    }
}
