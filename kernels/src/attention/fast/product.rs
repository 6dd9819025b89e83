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

/// A product takes the place of what was there.
pub(super) const SET: bool = false;
/// A product is added to what was there.
pub(super) const ADD: bool = true;
/// The left operand lies as `[rows, depth]`.
pub(super) const ROWS: bool = false;
/// It lies as `[depth, rows]`.
pub(super) const COLUMNS: bool = true;

/// `out = lhs rhs` or `out += lhs rhs`: `A` is [`SET`] or [`ADD`]. The rows or columns of `lhs`, as `T` is [`ROWS`] or
/// [`COLUMNS`], begin `stride` numbers apart.
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
        all::<8, 2, true, A, T>(out, lhs, stride, rhs, size);
    } else if target_cfg_f!(any(target_feature = "fma", target_arch = "aarch64")) {
        all::<4, 1, true, A, T>(out, lhs, stride, rhs, size);
    } else {
        all::<2, 1, false, A, T>(out, lhs, stride, rhs, size);
    }
}

/// In tiles of `R` rows by `V` lanes, and smaller ones at the edges.
#[inline(always)]
fn all<const R: usize, const V: usize, const FMA: bool, const A: bool, const T: bool>(
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
                    tile::<R, V, FMA, A, T>(out, lhs, stride, rhs, size, place)
                }
                (rows, false) if rows >= R => {
                    tile::<R, 1, FMA, A, T>(out, lhs, stride, rhs, size, place)
                }
                (_, true) => tile::<1, V, FMA, A, T>(out, lhs, stride, rhs, size, place),
                (_, false) => tile::<1, 1, FMA, A, T>(out, lhs, stride, rhs, size, place),
            };
        }
        first += if wide { V } else { 1 };
    }
}

/// One tile, and how many rows it has.
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
    let lhs: [&[f32]; R] = std::array::from_fn(|r| match T {
        // Columns of which the compiler does not know that they lie side by side: it would not keep the sums in registers.
        true => &lhs[row + r..][..depth.saturating_sub(1) * stride + 1],
        false => &lhs[(row + r) * stride..][..depth],
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
