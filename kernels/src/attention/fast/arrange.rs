//! Operands of the products, arranged in whole lanes: what is left of the last one is zero.

use multiversion::multiversion;

use super::block::LANES;
use super::product::Lanes;
use crate::flex::Panel;

/// `rows` rows of a panel times `factor` to rows of `out`, each in whole lanes.
#[multiversion(targets = "simd")]
pub(super) fn rows(panel: Panel<'_>, rows: usize, factor: f32, out: &mut [Lanes]) {
    let lanes = panel.cols().div_ceil(LANES);
    for (row, out) in panel.rows().zip(out.chunks_exact_mut(lanes)).take(rows) {
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

/// `count` rows of a panel to columns of `out`, whose rows are as many lanes as they fill.
#[multiversion(targets = "simd")]
pub(super) fn columns(panel: Panel<'_>, count: usize, out: &mut [Lanes]) {
    let lanes = count.div_ceil(LANES);
    let mut rows = panel.rows().take(count);
    for lane in 0..lanes {
        let group: [&[f32]; LANES] = std::array::from_fn(|_| rows.next().unwrap_or(&[]));
        let whole = group.iter().all(|row| row.len() == panel.cols());
        for (col, out) in out.chunks_exact_mut(lanes).take(panel.cols()).enumerate() {
            out[lane] = match whole {
                true => group.map(|row| row[col]),
                false => group.map(|row| row.get(col).copied().unwrap_or(0.0)),
            };
        }
    }
}
