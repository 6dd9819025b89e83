//! The transforms of F(4x4, 3x3): a tile of 4 x 4 outputs takes 36 multiplications instead of 144.
//!
//! Lavin & Gray 2016, "Fast Algorithms for Convolutional Neural Networks"
//! (<https://arxiv.org/abs/1509.09308>): with the 3 x 3 weights `g` and the 6 x 6 inputs `d` of a
//! tile, its outputs are `y = A^T [(G g G^T) * (B^T d B)] A`. The gradients use the same three
//! matrices, transposed.
//!
//! The paper interpolates at the points 0, 1, -1, 2, -2 and infinity. Here they are 0, ±√½, ±√2 and
//! infinity: even and odd parts can still be shared, so it costs no more, and the factors are
//! closer to 1, which makes the rounding errors four times smaller.
//!
//! ```text
//! B^T = 1   0  -5/2  0    1  0      G =  1    0    0       A^T = 1  1  1   1   1   0
//!       0 -2a   -2   a    1  0         -2/3 -2a/3 -1/3           0  a -a   b  -b   0
//!       0  2a   -2  -a    1  0         -2/3  2a/3 -1/3           0 1/2 1/2 2   2   0
//!       0 -b/2 -1/2  b    1  0          1/6  b/6   1/3           0 a/2 -a/2 2b -2b 1
//!       0  b/2 -1/2 -b    1  0          1/6 -b/6   1/3
//!       0   1    0  -5/2  0  1          0    0    1              a = √½, b = √2
//! ```

use std::f32::consts::{FRAC_1_SQRT_2 as A, SQRT_2 as B};

use crate::simd::{LANES, Lanes};
use multiversion::multiversion;

/// Output tile size in one direction.
pub(super) const OUTPUT_TILE: usize = 4;
/// Input tile size in one direction.
pub(super) const INPUT_TILE: usize = 6;
/// Products per tile.
pub(super) const PRODUCTS: usize = INPUT_TILE * INPUT_TILE;

/// Tiles in rows and columns of a strip of vectors that is `stride` wide.
#[derive(Clone, Copy, Debug)]
pub(super) struct TileGrid {
    pub(super) rows: usize,
    pub(super) cols: usize,
    pub(super) stride: usize,
}

/// Position of transformed tiles: number `k` of the 36 of tile `t` is at `k * stride + first + t`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slots {
    pub(super) stride: usize,
    pub(super) first: usize,
}

/// `B^T d B` of every tile; the 6 x 6 input tiles overlap by two.
#[multiversion(targets = "simd")]
pub(super) fn transform_inputs(strip: &[Lanes], rows: TileGrid, to: &mut [Lanes], slots: Slots) {
    for_each_tile(rows, slots.first, |at, t| {
        let mut half = [[[0.0; LANES]; INPUT_TILE]; INPUT_TILE];
        for s in 0..INPUT_TILE {
            let column: [Lanes; INPUT_TILE] =
                std::array::from_fn(|r| strip[at + r * rows.stride + s]);
            let column = input_1d(&column);
            for (half, value) in half.iter_mut().zip(column) {
                half[s] = value;
            }
        }
        for (i, half) in half.iter().enumerate() {
            for (j, value) in input_1d(half).into_iter().enumerate() {
                to[(i * INPUT_TILE + j) * slots.stride + t] = value;
            }
        }
    });
}

/// `A y A^T` of every 4 x 4 tile: the gradient of the products from that of the output.
#[multiversion(targets = "simd")]
pub(super) fn transform_output_gradients(
    strip: &[Lanes],
    rows: TileGrid,
    to: &mut [Lanes],
    slots: Slots,
) {
    for_each_tile(rows, slots.first, |at, t| {
        let mut half = [[[0.0; LANES]; OUTPUT_TILE]; INPUT_TILE];
        for s in 0..OUTPUT_TILE {
            let column: [Lanes; OUTPUT_TILE] =
                std::array::from_fn(|r| strip[at + r * rows.stride + s]);
            for (half, value) in half.iter_mut().zip(output_gradient_1d(&column)) {
                half[s] = value;
            }
        }
        for (i, half) in half.iter().enumerate() {
            for (j, value) in output_gradient_1d(half).into_iter().enumerate() {
                to[(i * INPUT_TILE + j) * slots.stride + t] = value;
            }
        }
    });
}

/// `A^T m A + bias` of every tile, with ReLU if `relu`. Returns true if all of it is finite before
/// ReLU.
#[multiversion(targets = "simd")]
pub(super) fn inverse_transform_outputs(
    from: &[Lanes],
    slots: Slots,
    bias: &Lanes,
    relu: bool,
    strip: &mut [Lanes],
    rows: TileGrid,
) -> bool {
    // Zero times a number that is not finite is NaN, and remains NaN in the sum.
    let mut zeros = [0.0; LANES];
    for_each_tile(rows, slots.first, |at, t| {
        let mut half = [[[0.0; LANES]; INPUT_TILE]; OUTPUT_TILE];
        for j in 0..INPUT_TILE {
            let column: [Lanes; INPUT_TILE] =
                std::array::from_fn(|i| from[(i * INPUT_TILE + j) * slots.stride + t]);
            for (half, value) in half.iter_mut().zip(output_1d(&column)) {
                half[j] = value;
            }
        }
        for (r, half) in half.iter().enumerate() {
            for (s, mut value) in output_1d(half).into_iter().enumerate() {
                for l in 0..LANES {
                    value[l] += bias[l];
                    zeros[l] += value[l] * 0.0;
                    value[l] = if relu { value[l].max(0.0) } else { value[l] };
                }
                strip[at + r * rows.stride + s] = value;
            }
        }
    });
    zeros.iter().all(|zero| *zero == 0.0)
}

/// `G g G^T`, of weights `[inputs, 9]` to `[36, inputs]`.
#[multiversion(targets = "simd")]
pub(super) fn transform_weights(from: &[Lanes], to: &mut [Lanes]) {
    let stride = to.len() / PRODUCTS;
    for (c, g) in from.as_chunks::<9>().0.iter().enumerate() {
        let columns: [[Lanes; INPUT_TILE]; 3] =
            std::array::from_fn(|s| weight_1d(&[g[s], g[3 + s], g[6 + s]]));
        for i in 0..INPUT_TILE {
            let row = weight_1d(&[columns[0][i], columns[1][i], columns[2][i]]);
            for (j, value) in row.into_iter().enumerate() {
                to[(i * INPUT_TILE + j) * stride + c] = value;
            }
        }
    }
}

/// `G^T u G`: the gradient of the 3 x 3 weights from that of the 36 transformed ones, which are
/// `stride` apart.
#[multiversion(targets = "simd")]
pub(super) fn inverse_transform_weight_gradient(from: &[Lanes], stride: usize) -> [Lanes; 9] {
    let mut half = [[[0.0; LANES]; INPUT_TILE]; 3];
    for j in 0..INPUT_TILE {
        let column: [Lanes; INPUT_TILE] =
            std::array::from_fn(|i| from[(i * INPUT_TILE + j) * stride]);
        for (half, value) in half.iter_mut().zip(weight_gradient_1d(&column)) {
            half[j] = value;
        }
    }
    let mut out = [[0.0; LANES]; 9];
    for (out, half) in out.chunks_exact_mut(3).zip(&half) {
        out.copy_from_slice(&weight_gradient_1d(half));
    }
    out
}

/// Calls `work` with the position of each tile in the strip, and its slot.
#[inline(always)]
fn for_each_tile(rows: TileGrid, first: usize, mut work: impl FnMut(usize, usize)) {
    for row in 0..rows.rows {
        for col in 0..rows.cols {
            let at = OUTPUT_TILE * (row * rows.stride + col);
            work(at, first + row * rows.cols + col);
        }
    }
}

/// `B^T d`.
#[inline(always)]
fn input_1d(d: &[Lanes; 6]) -> [Lanes; 6] {
    let mut out = [[0.0; LANES]; 6];
    for l in 0..LANES {
        let [d0, d1, d2, d3, d4, d5] = [d[0][l], d[1][l], d[2][l], d[3][l], d[4][l], d[5][l]];
        let (even_a, odd_a) = (d4 - 2.0 * d2, A * (d3 - 2.0 * d1));
        let (even_b, odd_b) = (d4 - 0.5 * d2, B * (d3 - 0.5 * d1));
        out[0][l] = d0 + d4 - 2.5 * d2;
        out[1][l] = even_a + odd_a;
        out[2][l] = even_a - odd_a;
        out[3][l] = even_b + odd_b;
        out[4][l] = even_b - odd_b;
        out[5][l] = d1 + d5 - 2.5 * d3;
    }
    out
}

/// `A^T m`.
#[inline(always)]
fn output_1d(m: &[Lanes; 6]) -> [Lanes; 4] {
    let mut out = [[0.0; LANES]; 4];
    for l in 0..LANES {
        let (even_a, odd_a) = (m[1][l] + m[2][l], A * (m[1][l] - m[2][l]));
        let (even_b, odd_b) = (m[3][l] + m[4][l], B * (m[3][l] - m[4][l]));
        out[0][l] = m[0][l] + even_a + even_b;
        out[1][l] = odd_a + odd_b;
        out[2][l] = 0.5 * even_a + 2.0 * even_b;
        out[3][l] = 0.5 * odd_a + 2.0 * odd_b + m[5][l];
    }
    out
}

/// `A y`.
#[inline(always)]
fn output_gradient_1d(y: &[Lanes; 4]) -> [Lanes; 6] {
    let mut out = [[0.0; LANES]; 6];
    for l in 0..LANES {
        let [y0, y1, y2, y3] = [y[0][l], y[1][l], y[2][l], y[3][l]];
        let (even_a, odd_a) = (y0 + 0.5 * y2, A * (y1 + 0.5 * y3));
        let (even_b, odd_b) = (y0 + 2.0 * y2, B * (y1 + 2.0 * y3));
        out[0][l] = y0;
        out[1][l] = even_a + odd_a;
        out[2][l] = even_a - odd_a;
        out[3][l] = even_b + odd_b;
        out[4][l] = even_b - odd_b;
        out[5][l] = y3;
    }
    out
}

/// `G g`.
#[inline(always)]
fn weight_1d(g: &[Lanes; 3]) -> [Lanes; 6] {
    let mut out = [[0.0; LANES]; 6];
    for l in 0..LANES {
        let [g0, g1, g2] = [g[0][l], g[1][l], g[2][l]];
        let (even_a, odd_a) = (-(2.0 * g0 + g2) / 3.0, -2.0 * A / 3.0 * g1);
        let (even_b, odd_b) = ((0.5 * g0 + g2) / 3.0, B / 6.0 * g1);
        out[0][l] = g0;
        out[1][l] = even_a + odd_a;
        out[2][l] = even_a - odd_a;
        out[3][l] = even_b + odd_b;
        out[4][l] = even_b - odd_b;
        out[5][l] = g2;
    }
    out
}

/// `G^T u`.
#[inline(always)]
fn weight_gradient_1d(u: &[Lanes; 6]) -> [Lanes; 3] {
    let mut out = [[0.0; LANES]; 3];
    for l in 0..LANES {
        let (even_a, odd_a) = (u[1][l] + u[2][l], u[1][l] - u[2][l]);
        let (even_b, odd_b) = (u[3][l] + u[4][l], u[3][l] - u[4][l]);
        out[0][l] = u[0][l] - 2.0 / 3.0 * even_a + 1.0 / 6.0 * even_b;
        out[1][l] = -2.0 * A / 3.0 * odd_a + B / 6.0 * odd_b;
        out[2][l] = (even_b - even_a) / 3.0 + u[5][l];
    }
    out
}
