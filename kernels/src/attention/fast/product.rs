//! Matrix products of blocks that lie in the first caches.
//!
//! A general product arranges its operands anew each time; here keys and values stay arranged for all queries. It is the
//! textbook scheme: a tile of results that fills the registers, to which one number of the left operand times a few lanes
//! of the right one is added at a time.

use multiversion::multiversion;
use multiversion::target::target_cfg_f;

use super::block::LANES;
use super::exponential::fused;

pub(super) type Lanes = [f32; LANES];

/// The size of a product of `[rows, depth]` and `[depth, lanes * LANES]`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    pub(super) rows: usize,
    pub(super) depth: usize,
    pub(super) lanes: usize,
    /// Lanes from one row of the right operand to the next, and from one row of the result to the next.
    pub(super) pitch: usize,
}

/// `out = lhs rhs`. Rows of `lhs` begin `stride` numbers apart.
#[multiversion(targets(
    "x86_64+avx+avx2+avx512bw+avx512cd+avx512dq+avx512f+avx512vl+bmi1+bmi2+fma",
    "x86_64+avx+avx2+bmi1+bmi2+fma"
))]
pub(super) fn product(out: &mut [Lanes], lhs: &[f32], stride: usize, rhs: &[Lanes], size: Size) {
    if target_cfg_f!(target_feature = "avx512f") {
        all::<8, 2, true, false>(out, lhs, stride, rhs, size);
    } else if target_cfg_f!(any(target_feature = "fma", target_arch = "aarch64")) {
        all::<4, 1, true, false>(out, lhs, stride, rhs, size);
    } else {
        all::<2, 1, false, false>(out, lhs, stride, rhs, size);
    }
}

/// `out += lhs rhs`, as [`product`].
#[multiversion(targets(
    "x86_64+avx+avx2+avx512bw+avx512cd+avx512dq+avx512f+avx512vl+bmi1+bmi2+fma",
    "x86_64+avx+avx2+bmi1+bmi2+fma"
))]
pub(super) fn add_product(
    out: &mut [Lanes],
    lhs: &[f32],
    stride: usize,
    rhs: &[Lanes],
    size: Size,
) {
    if target_cfg_f!(target_feature = "avx512f") {
        all::<8, 2, true, true>(out, lhs, stride, rhs, size);
    } else if target_cfg_f!(any(target_feature = "fma", target_arch = "aarch64")) {
        all::<4, 1, true, true>(out, lhs, stride, rhs, size);
    } else {
        all::<2, 1, false, true>(out, lhs, stride, rhs, size);
    }
}

/// `out += lhsᵀ rhs`, as [`product`], but `lhs` is `[depth, rows]`.
#[multiversion(targets(
    "x86_64+avx+avx2+avx512bw+avx512cd+avx512dq+avx512f+avx512vl+bmi1+bmi2+fma",
    "x86_64+avx+avx2+bmi1+bmi2+fma"
))]
pub(super) fn add_transposed_product(
    out: &mut [Lanes],
    lhs: &[f32],
    stride: usize,
    rhs: &[Lanes],
    size: Size,
) {
    if target_cfg_f!(target_feature = "avx512f") {
        all_transposed::<8, 2, true>(out, lhs, stride, rhs, size);
    } else if target_cfg_f!(any(target_feature = "fma", target_arch = "aarch64")) {
        all_transposed::<4, 1, true>(out, lhs, stride, rhs, size);
    } else {
        all_transposed::<2, 1, false>(out, lhs, stride, rhs, size);
    }
}

/// In tiles of `R` rows by `V` lanes, and smaller ones at the edges.
#[inline(always)]
fn all<const R: usize, const V: usize, const FMA: bool, const ADD: bool>(
    out: &mut [Lanes],
    lhs: &[f32],
    stride: usize,
    rhs: &[Lanes],
    size: Size,
) {
    let mut first = 0;
    while first < size.lanes {
        let wide = first + V <= size.lanes;
        let mut row = 0;
        while row < size.rows {
            let place = [row, first];
            row += match (size.rows - row, wide) {
                (rows, true) if rows >= R => {
                    tile::<R, V, FMA, ADD>(out, lhs, stride, rhs, size, place)
                }
                (rows, false) if rows >= R => {
                    tile::<R, 1, FMA, ADD>(out, lhs, stride, rhs, size, place)
                }
                (_, true) => tile::<1, V, FMA, ADD>(out, lhs, stride, rhs, size, place),
                (_, false) => tile::<1, 1, FMA, ADD>(out, lhs, stride, rhs, size, place),
            };
        }
        first += if wide { V } else { 1 };
    }
}

/// One tile, and how many rows it has.
#[inline(always)]
fn tile<const R: usize, const V: usize, const FMA: bool, const ADD: bool>(
    out: &mut [Lanes],
    lhs: &[f32],
    stride: usize,
    rhs: &[Lanes],
    size: Size,
    [row, first]: [usize; 2],
) -> usize {
    let Size { depth, pitch, .. } = size;
    let lhs: [&[f32]; R] = std::array::from_fn(|r| &lhs[(row + r) * stride..][..depth]);
    let mut sums = [[[0.0; LANES]; V]; R];
    for (k, rhs) in rhs.chunks(pitch).take(depth).enumerate() {
        let Some(rhs) = rhs[first..].first_chunk::<V>() else {
            return R;
        };
        for r in 0..R {
            for v in 0..V {
                for i in 0..LANES {
                    sums[r][v][i] = fused::<FMA>(lhs[r][k], rhs[v][i], sums[r][v][i]);
                }
            }
        }
    }
    store::<R, V, ADD>(out, &sums, pitch, [row, first]);
    R
}

#[inline(always)]
fn store<const R: usize, const V: usize, const ADD: bool>(
    out: &mut [Lanes],
    sums: &[[Lanes; V]; R],
    pitch: usize,
    [row, first]: [usize; 2],
) {
    for r in 0..R {
        let out = &mut out[(row + r) * pitch + first..][..V];
        for v in 0..V {
            for i in 0..LANES {
                out[v][i] = if ADD {
                    out[v][i] + sums[r][v][i]
                } else {
                    sums[r][v][i]
                };
            }
        }
    }
}

#[inline(always)]
fn all_transposed<const R: usize, const V: usize, const FMA: bool>(
    out: &mut [Lanes],
    lhs: &[f32],
    stride: usize,
    rhs: &[Lanes],
    size: Size,
) {
    let mut first = 0;
    while first < size.lanes {
        let wide = first + V <= size.lanes;
        let mut row = 0;
        while row < size.rows {
            let place = [row, first];
            row += match (size.rows - row, wide) {
                (rows, true) if rows >= R => {
                    tile_transposed::<R, V, FMA>(out, lhs, stride, rhs, size, place)
                }
                (rows, false) if rows >= R => {
                    tile_transposed::<R, 1, FMA>(out, lhs, stride, rhs, size, place)
                }
                (_, true) => tile_transposed::<1, V, FMA>(out, lhs, stride, rhs, size, place),
                (_, false) => tile_transposed::<1, 1, FMA>(out, lhs, stride, rhs, size, place),
            };
        }
        first += if wide { V } else { 1 };
    }
}

#[inline(always)]
fn tile_transposed<const R: usize, const V: usize, const FMA: bool>(
    out: &mut [Lanes],
    lhs: &[f32],
    stride: usize,
    rhs: &[Lanes],
    size: Size,
    [row, first]: [usize; 2],
) -> usize {
    let Size { depth, pitch, .. } = size;
    // Columns of which the compiler does not know that they lie side by side: it would not keep the sums in registers.
    let reach = depth.saturating_sub(1) * stride + 1;
    let lhs: [&[f32]; R] = std::array::from_fn(|r| &lhs[row + r..][..reach]);
    let mut sums = [[[0.0; LANES]; V]; R];
    for (k, rhs) in rhs.chunks(pitch).take(depth).enumerate() {
        let Some(rhs) = rhs[first..].first_chunk::<V>() else {
            return R;
        };
        for r in 0..R {
            for v in 0..V {
                for i in 0..LANES {
                    sums[r][v][i] = fused::<FMA>(lhs[r][k * stride], rhs[v][i], sums[r][v][i]);
                }
            }
        }
    }
    store::<R, V, true>(out, &sums, pitch, [row, first]);
    R
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_of_any_size_are_those_of_the_definition() {
        let numbers = |len: usize| {
            (0..len)
                .map(|i| (i * 7 % 11) as f32 - 5.0)
                .collect::<Vec<_>>()
        };
        for [rows, depth, lanes] in [[1, 1, 1], [8, 5, 2], [17, 3, 3], [30, 64, 5]] {
            let (lhs, rhs) = (numbers(rows * depth), numbers(depth * lanes * LANES));
            let (rhs, _) = rhs.as_chunks();
            let expected = |row: usize, col: usize| -> f32 {
                let term =
                    |k: usize| lhs[row * depth + k] * rhs[k * lanes + col / LANES][col % LANES];
                (0..depth).map(term).sum()
            };
            let transposed: Vec<f32> = (0..depth * rows)
                .map(|i| lhs[i % rows * depth + i / rows])
                .collect();
            let size = Size {
                rows,
                depth,
                lanes,
                pitch: lanes,
            };
            let mut out = [0; 3].map(|_| vec![[9.0; LANES]; rows * lanes]);
            product(&mut out[0], &lhs, depth, rhs, size);
            add_product(&mut out[1], &lhs, depth, rhs, size);
            add_transposed_product(&mut out[2], &transposed, rows, rhs, size);
            for (out, before) in out.iter().zip([0.0, 9.0, 9.0]) {
                for (i, out) in out.as_flattened().iter().enumerate() {
                    let cols = lanes * LANES;
                    assert_eq!(*out, before + expected(i / cols, i % cols));
                }
            }
        }
    }
}
