//! Matrix products of blocks that lie in the L1 and L2 caches.
//!
//! A general GEMM packs its operands on every call; here keys and values stay packed for all blocks
//! of queries. The microkernel is the usual one: a register tile of results, to which one float of
//! the left operand times a few vectors of the right one is added at a time.

use multiversion::multiversion;
use multiversion::target::target_cfg_f;

use crate::simd::{LANES, Lanes, fused};

/// Size of a product of `[rows, depth]` and `[depth, lanes * LANES]`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    pub(super) rows: usize,
    pub(super) depth: usize,
    pub(super) lanes: usize,
    /// Vectors from one row to the next, of the right operand and of the result.
    pub(super) pitch: usize,
}

/// The product replaces the result.
pub(super) const SET: bool = false;
/// The product is added to the result.
pub(super) const ADD: bool = true;
/// The left operand is `[rows, depth]`.
pub(super) const ROWS: bool = false;
/// The left operand is `[depth, rows]`.
pub(super) const COLUMNS: bool = true;

/// `out = lhs rhs` or `out += lhs rhs`, as `A` is [`SET`] or [`ADD`]. `stride` is the distance
/// between the rows or columns of `lhs`, as `T` is [`ROWS`] or [`COLUMNS`].
#[multiversion(targets(
    "x86_64+avx+avx2+avx512bw+avx512cd+avx512dq+avx512f+avx512vl+bmi1+bmi2+fma",
    "x86_64+avx+avx2+bmi1+bmi2+fma"
))]
pub(super) fn product<const A: bool, const T: bool>(
    out: &mut [Lanes],
    lhs: &[f32],
    stride: usize,
    rhs: &[Lanes],
    size: Size,
) {
    if target_cfg_f!(target_feature = "avx512f") {
        tiles::<8, 2, true, A, T>(out, lhs, stride, rhs, size);
    } else if target_cfg_f!(any(target_feature = "fma", target_arch = "aarch64")) {
        tiles::<4, 1, true, A, T>(out, lhs, stride, rhs, size);
    } else {
        tiles::<2, 1, false, A, T>(out, lhs, stride, rhs, size);
    }
}

/// Register tiles of `R` rows by `V` vectors, and smaller ones at the edges.
#[inline(always)]
fn tiles<const R: usize, const V: usize, const FMA: bool, const A: bool, const T: bool>(
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
            let position = [row, first];
            row += match (size.rows - row, wide) {
                (rows, true) if rows >= R => {
                    tile::<R, V, FMA, A, T>(out, lhs, stride, rhs, size, position)
                }
                (rows, false) if rows >= R => {
                    tile::<R, 1, FMA, A, T>(out, lhs, stride, rhs, size, position)
                }
                (_, true) => tile::<1, V, FMA, A, T>(out, lhs, stride, rhs, size, position),
                (_, false) => tile::<1, 1, FMA, A, T>(out, lhs, stride, rhs, size, position),
            };
        }
        first += if wide { V } else { 1 };
    }
}

/// Computes one register tile and returns its number of rows.
#[inline(always)]
fn tile<const R: usize, const V: usize, const FMA: bool, const A: bool, const T: bool>(
    out: &mut [Lanes],
    lhs: &[f32],
    stride: usize,
    rhs: &[Lanes],
    size: Size,
    [row, first]: [usize; 2],
) -> usize {
    let Size { depth, pitch, .. } = size;
    let lhs: [&[f32]; R] = std::array::from_fn(|r| {
        if T {
            // As separate slices the compiler does not see that the columns are adjacent; if it
            // did, it would not keep the sums in registers.
            &lhs[row + r..][..depth.saturating_sub(1) * stride + 1]
        } else {
            &lhs[(row + r) * stride..][..depth]
        }
    });
    let step = if T { stride } else { 1 };
    let mut sums = [[[0.0; LANES]; V]; R];
    for (k, rhs) in rhs.chunks(pitch).take(depth).enumerate() {
        let Some(rhs) = rhs[first..].first_chunk::<V>() else {
            return R;
        };
        for r in 0..R {
            for v in 0..V {
                for i in 0..LANES {
                    sums[r][v][i] = fused::<FMA>(lhs[r][k * step], rhs[v][i], sums[r][v][i]);
                }
            }
        }
    }
    store::<R, V, A>(out, &sums, pitch, [row, first]);
    R
}

#[inline(always)]
fn store<const R: usize, const V: usize, const A: bool>(
    out: &mut [Lanes],
    sums: &[[Lanes; V]; R],
    pitch: usize,
    [row, first]: [usize; 2],
) {
    for r in 0..R {
        let out = &mut out[(row + r) * pitch + first..][..V];
        for v in 0..V {
            for i in 0..LANES {
                out[v][i] = if A {
                    out[v][i] + sums[r][v][i]
                } else {
                    sums[r][v][i]
                };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_of_any_size_equal_the_definition() {
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
            product::<SET, ROWS>(&mut out[0], &lhs, depth, rhs, size);
            product::<ADD, ROWS>(&mut out[1], &lhs, depth, rhs, size);
            product::<ADD, COLUMNS>(&mut out[2], &transposed, rows, rhs, size);
            for (out, before) in out.iter().zip([0.0, 9.0, 9.0]) {
                for (i, out) in out.as_flattened().iter().enumerate() {
                    let cols = lanes * LANES;
                    assert_eq!(*out, before + expected(i / cols, i % cols));
                }
            }
        }
    }
}
