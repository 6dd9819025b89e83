//! Recurrent weights packed for products with a few rows.
//!
//! A general GEMM packs its operands on every call, which is more work than the product itself if
//! one operand has only a few rows. The weights are the same at every time step, so here they are
//! packed once.

use multiversion::multiversion;
use multiversion::target::target_cfg_f;
use rayon::prelude::*;

use crate::flex::{Buffer, GRAIN, Matrix, MatrixMut, Threads, multiply};

/// Columns per panel: two vectors of AVX-512.
const PANEL_WIDTH: usize = 32;

/// Columns summed together where registers are fewer or shorter: two vectors of AVX2, four of NEON.
const HALF_PANEL: usize = PANEL_WIDTH / 2;

/// Maximum rows of the register tile. With more of them the compiler does not keep the sums in
/// registers.
const MAX_TILE_ROWS: usize = 6;

/// Minimum time steps for packing to pay. Never packing takes 1.5 times as long at 35 steps (batch
/// 20, 200 units); at 2 and 3 steps packing makes a tenth or less of difference, either way.
const MIN_STEPS_TO_PACK: usize = 3;

/// The matrix `[depth, cols]` of the product at every time step.
pub(super) enum RecurrentWeight<'a> {
    /// For few time steps: the weight itself.
    Unpacked(Matrix<'a>, [usize; 2]),
    /// The weight in panels.
    Packed(Packed),
}

impl<'a> RecurrentWeight<'a> {
    /// From `weight` `[depth, cols]`, for use in `steps` steps.
    pub(super) fn new(weight: &'a [f32], sizes: [usize; 2], steps: usize) -> Self {
        let [depth, cols] = sizes;
        if steps < MIN_STEPS_TO_PACK {
            Self::Unpacked(Matrix::new(weight, depth, cols), sizes)
        } else {
            Self::Packed(Packed::new(sizes, |panel, first| {
                pack(panel, first, weight, cols);
            }))
        }
    }

    /// From `weight` `[cols, depth]`, transposed, for use in `steps` steps.
    pub(super) fn transposed(weight: &'a [f32], sizes: [usize; 2], steps: usize) -> Self {
        let [depth, cols] = sizes;
        if steps < MIN_STEPS_TO_PACK {
            Self::Unpacked(Matrix::new(weight, cols, depth).t(), sizes)
        } else {
            Self::Packed(Packed::new(sizes, |panel, first| {
                pack_transposed(panel, &weight[first * depth..], depth);
            }))
        }
    }

    /// `out += lhs weight`, for `count` rows of `lhs` `[count, depth]` and `out` `[count, cols]`,
    /// on the calling thread.
    pub(super) fn add_product(&self, out: &mut [f32], lhs: &[f32], count: usize) {
        match self {
            Self::Unpacked(weight, [depth, cols]) => multiply(
                MatrixMut::new(out, count, *cols),
                1.0,
                Matrix::new(lhs, count, *depth),
                *weight,
                Threads::One,
            ),
            Self::Packed(Packed {
                values,
                sizes: [depth, cols],
            }) => add_product(out, *cols, lhs, values, *depth, count),
        }
    }
}

/// Panel `p` holds the columns from `p * PANEL_WIDTH` on, `[depth, PANEL_WIDTH]`; the last one is
/// padded with zeros.
pub(super) struct Packed {
    values: Buffer,
    sizes: [usize; 2],
}

impl Packed {
    /// `pack` fills a panel, given its first column.
    fn new(sizes: [usize; 2], pack: impl Fn(&mut [[f32; PANEL_WIDTH]], usize) + Sync) -> Self {
        let [depth, cols] = sizes;
        let len = (depth * PANEL_WIDTH).max(1);
        let mut values = Buffer::new(cols.div_ceil(PANEL_WIDTH) * depth * PANEL_WIDTH);
        values
            .par_chunks_mut(len)
            .with_min_len(GRAIN.div_ceil(len))
            .enumerate()
            .for_each(|(p, panel)| pack(panel.as_chunks_mut().0, p * PANEL_WIDTH));
        Self { values, sizes }
    }
}

fn pack(panel: &mut [[f32; PANEL_WIDTH]], first: usize, weight: &[f32], cols: usize) {
    let width = (cols - first).min(PANEL_WIDTH);
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

/// Transposes up to [`PANEL_WIDTH`] rows into the columns of a panel, in blocks, so that both sides
/// stay in the cache.
fn pack_transposed(panel: &mut [[f32; PANEL_WIDTH]], rows: &[f32], depth: usize) {
    const BLOCK: usize = 8;
    if rows.len() < PANEL_WIDTH * depth {
        panel.fill([0.0; PANEL_WIDTH]);
    }
    for (block, to) in panel.chunks_mut(BLOCK).enumerate() {
        for (lane, row) in rows.chunks_exact(depth).take(PANEL_WIDTH).enumerate() {
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

/// `out += lhs rhs` with `rhs` in `panels`. Each element is summed over `depth` in order, whatever
/// the number of rows.
#[multiversion(targets = "simd")]
fn add_product(
    out: &mut [f32],
    cols: usize,
    lhs: &[f32],
    panels: &[f32],
    depth: usize,
    count: usize,
) {
    // Without the instruction `mul_add` is a slow function.
    let fma = target_cfg_f!(target_feature = "fma") || cfg!(target_arch = "aarch64");
    let wide = target_cfg_f!(target_feature = "avx512f");
    // Blocks as large and as equal as possible.
    let blocks = count.div_ceil(MAX_TILE_ROWS).max(1);
    for (p, panel) in panels
        .chunks_exact((depth * PANEL_WIDTH).max(1))
        .enumerate()
    {
        let (panel, _) = panel.as_chunks();
        let first = p * PANEL_WIDTH;
        for block in 0..blocks {
            let (from, to) = (block * count / blocks, (block + 1) * count / blocks);
            let lhs = &lhs[from * depth..to * depth];
            let out = &mut out[from * cols..to * cols];
            match (wide && first + HALF_PANEL < cols, fma) {
                (true, _) => some_rows::<PANEL_WIDTH, true>(out, cols, first, lhs, panel),
                (false, true) => some_rows::<HALF_PANEL, true>(out, cols, first, lhs, panel),
                (false, false) => some_rows::<HALF_PANEL, false>(out, cols, first, lhs, panel),
            }
        }
    }
}

/// A block of rows times one panel, whose first column is `first`, `WIDTH` columns at a time.
#[inline(always)]
fn some_rows<const WIDTH: usize, const FMA: bool>(
    out: &mut [f32],
    cols: usize,
    first: usize,
    lhs: &[f32],
    panel: &[[f32; PANEL_WIDTH]],
) {
    for at in (0..PANEL_WIDTH.min(cols - first)).step_by(WIDTH) {
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
            _ => out.add_product::<MAX_TILE_ROWS, WIDTH, FMA>(lhs, panel, at),
        }
    }
}

/// Columns from `first` on of some rows of `cols` elements.
struct Tile<'a> {
    values: &'a mut [f32],
    cols: usize,
    first: usize,
}

impl Tile<'_> {
    /// The microkernel: adds the product of `N` rows of `lhs` and the columns of a panel from `at`
    /// on. The sums stay in registers.
    #[inline(always)]
    fn add_product<const N: usize, const WIDTH: usize, const FMA: bool>(
        self,
        lhs: &[f32],
        panel: &[[f32; PANEL_WIDTH]],
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
                    sums[row][lane] = if FMA {
                        value.mul_add(weights[lane], sums[row][lane])
                    } else {
                        value * weights[lane] + sums[row][lane]
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

/// As a function of its own and in whole vectors, so that the sums never leave the registers.
#[inline(always)]
fn add<const WIDTH: usize>(to: &mut [f32; WIDTH], sums: [f32; WIDTH]) {
    for lane in 0..WIDTH {
        to[lane] += sums[lane];
    }
}
