//! Packing: operands copied into whole vectors, padded with zeros.

use multiversion::multiversion;

use crate::flex::Submatrix;
use crate::simd::{LANES, Lanes};

/// Packs `rows` rows of a matrix, times `factor`, as rows of whole vectors.
#[multiversion(targets = "simd")]
pub(super) fn rows(matrix: Submatrix<'_>, rows: usize, factor: f32, out: &mut [Lanes]) {
    let lanes = matrix.cols().div_ceil(LANES);
    for (row, out) in matrix.rows().zip(out.chunks_exact_mut(lanes)).take(rows) {
        let (whole, rest) = row.as_chunks::<LANES>();
        for (out, row) in out.iter_mut().zip(whole) {
            *out = row.map(|number| factor * number);
        }
        if let Some(out) = out.get_mut(whole.len()) {
            *out = [0.0; LANES];
            for (out, number) in out.iter_mut().zip(rest) {
                *out = factor * number;
            }
        }
    }
}

/// Packs `count` rows of a matrix as columns, so that the rows of `out` are as many vectors as
/// `count` fills.
#[multiversion(targets = "simd")]
pub(super) fn columns(matrix: Submatrix<'_>, count: usize, out: &mut [Lanes]) {
    let lanes = count.div_ceil(LANES);
    let mut rows = matrix.rows().take(count);
    for lane in 0..lanes {
        let group: [&[f32]; LANES] = std::array::from_fn(|_| rows.next().unwrap_or(&[]));
        let whole = group.iter().all(|row| row.len() == matrix.cols());
        for (col, out) in out.chunks_exact_mut(lanes).take(matrix.cols()).enumerate() {
            out[lane] = if whole {
                group.map(|row| row[col])
            } else {
                group.map(|row| row.get(col).copied().unwrap_or(0.0))
            };
        }
    }
}
