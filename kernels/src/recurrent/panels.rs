//! The recurrent weights in the order in which a few rows are multiplied by them.
//!
//! A general product puts its operands in order on every call, which is more work than the product itself when one of them
//! has only some rows. The weights are the same at every time step, so here it is done once.

use multiversion::multiversion;
use multiversion::target::target_cfg_f;
use rayon::prelude::*;

use crate::flex::{Buffer, GRAIN, Matrix, MatrixMut, Threads, multiply};

/// Columns of a panel: two vectors of AVX-512.
const LANES: usize = 32;

/// Columns that are summed together where the registers are fewer or shorter: two vectors of AVX2, four of NEON.
const HALF: usize = LANES / 2;

/// Rows that share what is read of a panel. With more of them the compiler does not keep the sums in registers.
const ROWS: usize = 6;

/// Fewer steps than this do not pay for the panels.
const FEW: usize = 3;

/// The matrix `[depth, cols]` that every time step multiplies by.
pub(super) enum Factor<'a> {
    /// As it is.
    Plain(Matrix<'a>, [usize; 2]),
    /// In panels.
    Panels(Panels),
}

impl<'a> Factor<'a> {
    /// Of `weight` `[depth, cols]`, to be used in `steps` steps.
    pub(super) fn new(weight: &'a [f32], sizes: [usize; 2], steps: usize) -> Self {
        let [depth, cols] = sizes;
        match steps < FEW {
            true => Self::Plain(Matrix::new(weight, depth, cols), sizes),
            false => Self::Panels(Panels::new(sizes, |panel, first| {
                pack(panel, first, weight, cols);
            })),
        }
    }

    /// Of `weight` `[cols, depth]`, transposed, to be used in `steps` steps.
    pub(super) fn transposed(weight: &'a [f32], sizes: [usize; 2], steps: usize) -> Self {
        let [depth, cols] = sizes;
        match steps < FEW {
            true => Self::Plain(Matrix::new(weight, cols, depth).t(), sizes),
            false => Self::Panels(Panels::new(sizes, |panel, first| {
                pack_transposed(panel, &weight[first * depth..], depth);
            })),
        }
    }

    /// `out += lhs weight`, for `count` rows of `lhs` `[count, depth]` and `out` `[count, cols]`, on the calling thread.
    pub(super) fn add_product(&self, out: &mut [f32], lhs: &[f32], count: usize) {
        match self {
            Self::Plain(weight, [depth, cols]) => multiply(
                MatrixMut::new(out, count, *cols),
                1.0,
                Matrix::new(lhs, count, *depth),
                *weight,
                Threads::One,
            ),
            Self::Panels(Panels {
                values,
                sizes: [depth, cols],
            }) => add_product(out, *cols, lhs, values, *depth, count),
        }
    }
}

/// Panel `p` has the columns from `p * LANES` on, `[depth, LANES]`; the last one may have zeros at the end.
pub(super) struct Panels {
    values: Buffer,
    sizes: [usize; 2],
}

impl Panels {
    /// `pack` is given each panel and its first column.
    fn new(sizes: [usize; 2], pack: impl Fn(&mut [[f32; LANES]], usize) + Sync) -> Self {
        let [depth, cols] = sizes;
        let len = (depth * LANES).max(1);
        let mut values = Buffer::new(cols.div_ceil(LANES) * depth * LANES);
        values
            .par_chunks_mut(len)
            .with_min_len(GRAIN.div_ceil(len))
            .enumerate()
            .for_each(|(p, panel)| pack(panel.as_chunks_mut().0, p * LANES));
        Self { values, sizes }
    }
}

fn pack(panel: &mut [[f32; LANES]], first: usize, weight: &[f32], cols: usize) {
    let width = (cols - first).min(LANES);
    for (to, row) in panel.iter_mut().zip(weight.chunks_exact(cols)) {
        match row[first..].first_chunk() {
            Some(row) => *to = *row,
            None => {
                to[..width].copy_from_slice(&row[first..]);
                to[width..].fill(0.0);
            }
        }
    }
}

/// The first rows of `rows`, as many as there are up to [`LANES`], become columns. In blocks, so that both sides stay in
/// the cache.
fn pack_transposed(panel: &mut [[f32; LANES]], rows: &[f32], depth: usize) {
    const BLOCK: usize = 8;
    if rows.len() < LANES * depth {
        panel.fill([0.0; LANES]);
    }
    for (block, to) in panel.chunks_mut(BLOCK).enumerate() {
        for (lane, row) in rows.chunks_exact(depth).take(LANES).enumerate() {
            let row = &row[block * BLOCK..];
            match (row.first_chunk::<BLOCK>(), to.first_chunk_mut::<BLOCK>()) {
                (Some(row), Some(to)) => {
                    for k in 0..BLOCK {
                        to[k][lane] = row[k];
                    }
                }
                _ => {
                    for (to, value) in to.iter_mut().zip(row) {
                        to[lane] = *value;
                    }
                }
            }
        }
    }
}

/// `out += lhs rhs` with `rhs` in `panels`. Every number is summed over `depth` in order, however many rows there are.
#[multiversion(targets = "simd")]
fn add_product(
    out: &mut [f32],
    cols: usize,
    lhs: &[f32],
    panels: &[f32],
    depth: usize,
    count: usize,
) {
    // `mul_add` is one instruction or a slow function.
    let fma = target_cfg_f!(target_feature = "fma") || cfg!(target_arch = "aarch64");
    let wide = target_cfg_f!(target_feature = "avx512f");
    // As large as possible and as equal as possible.
    let blocks = count.div_ceil(ROWS).max(1);
    for (p, panel) in panels.chunks_exact((depth * LANES).max(1)).enumerate() {
        let (panel, _) = panel.as_chunks();
        let first = p * LANES;
        for block in 0..blocks {
            let (from, to) = (block * count / blocks, (block + 1) * count / blocks);
            let lhs = &lhs[from * depth..to * depth];
            let out = &mut out[from * cols..to * cols];
            match (wide && first + HALF < cols, fma) {
                (true, _) => some_rows::<LANES, true>(out, cols, first, lhs, panel),
                (false, true) => some_rows::<HALF, true>(out, cols, first, lhs, panel),
                (false, false) => some_rows::<HALF, false>(out, cols, first, lhs, panel),
            }
        }
    }
}

/// A block of rows by one panel, whose first column is `first`, `WIDTH` columns at a time.
#[inline(always)]
fn some_rows<const WIDTH: usize, const FMA: bool>(
    out: &mut [f32],
    cols: usize,
    first: usize,
    lhs: &[f32],
    panel: &[[f32; LANES]],
) {
    for at in (0..LANES.min(cols - first)).step_by(WIDTH) {
        let out = Tile {
            cols,
            first: first + at,
            values: &mut *out,
        };
        match out.values.len() / cols {
            0 => {}
            1 => out.add_product::<1, WIDTH, FMA>(lhs, panel, at),
            2 => out.add_product::<2, WIDTH, FMA>(lhs, panel, at),
            3 => out.add_product::<3, WIDTH, FMA>(lhs, panel, at),
            4 => out.add_product::<4, WIDTH, FMA>(lhs, panel, at),
            5 => out.add_product::<5, WIDTH, FMA>(lhs, panel, at),
            _ => out.add_product::<ROWS, WIDTH, FMA>(lhs, panel, at),
        }
    }
}

/// The columns from `first` on of some rows of `cols` numbers.
struct Tile<'a> {
    values: &'a mut [f32],
    cols: usize,
    first: usize,
}

impl Tile<'_> {
    /// Adds the product of `N` rows of `lhs` and the columns of a panel from `at` on. The sums stay in registers.
    #[inline(always)]
    fn add_product<const N: usize, const WIDTH: usize, const FMA: bool>(
        self,
        lhs: &[f32],
        panel: &[[f32; LANES]],
        at: usize,
    ) {
        let depth = panel.len();
        let lhs: [&[f32]; N] = std::array::from_fn(|row| &lhs[row * depth..][..depth]);
        let mut sums = [[0.0f32; WIDTH]; N];
        for k in 0..depth {
            let Some(&weights) = panel[k][at..].first_chunk::<WIDTH>() else {
                break;
            };
            for row in 0..N {
                let value = lhs[row][k];
                for lane in 0..WIDTH {
                    sums[row][lane] = match FMA {
                        true => value.mul_add(weights[lane], sums[row][lane]),
                        false => value * weights[lane] + sums[row][lane],
                    };
                }
            }
        }
        for row in 0..N {
            let to = &mut self.values[row * self.cols..][..self.cols][self.first..];
            match to.first_chunk_mut() {
                Some(to) => add(to, sums[row]),
                None => {
                    let mut whole = [0.0; WIDTH];
                    let width = to.len();
                    whole[..width].copy_from_slice(to);
                    add(&mut whole, sums[row]);
                    to.copy_from_slice(&whole[..width]);
                }
            }
        }
    }
}

/// By itself and in whole vectors, so that the sums need not be anywhere but in registers.
#[inline(always)]
fn add<const WIDTH: usize>(to: &mut [f32; WIDTH], sums: [f32; WIDTH]) {
    for lane in 0..WIDTH {
        to[lane] += sums[lane];
    }
}
