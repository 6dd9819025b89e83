//! The 36 matrix products, on operands that the transforms have already packed.
//!
//! Both are the usual microkernel: a register tile of results, to which one float of one operand
//! times one vector of the other is added at a time. The tile is as large as the instruction set's
//! registers allow.

use multiversion::multiversion;
use multiversion::target::target_cfg_f;

use super::channel_blocks::padded_stride;
use super::transform::PRODUCTS;
use crate::simd::{LANES, Lanes};

/// `m[o][k][t] = sum over c of v[c][k][t] u[o][k][c]` for each of the 36 products `k`: `v` is
/// `[input blocks, 36, tiles]` with input channels as lanes, `u` `[output blocks, 36, inputs]` and
/// `m` `[output blocks, 36, tiles]` with output channels as lanes. Product by product, so that the
/// operands stay in the cache.
#[multiversion(targets = "simd")]
pub(super) fn forward(v: &[Lanes], tiles: usize, u: &[Lanes], inputs: usize, m: &mut [Lanes]) {
    let size = PRODUCTS * padded_stride(inputs);
    let groups = u.len() / size;
    for k in 0..PRODUCTS {
        let of = |o: usize| &u[o * size + k * padded_stride(inputs)..][..inputs];
        let mut o = 0;
        if target_cfg_f!(target_feature = "avx512f") {
            while o + 2 <= groups {
                one::<12, 2, true>(
                    v,
                    k,
                    tiles,
                    [of(o), of(o + 1)],
                    &mut m[o * PRODUCTS * padded_stride(tiles)..],
                );
                o += 2;
            }
        }
        while o < groups {
            let m = &mut m[o * PRODUCTS * padded_stride(tiles)..];
            if target_cfg_f!(target_feature = "avx512f") {
                one::<12, 1, true>(v, k, tiles, [of(o)], m);
            } else if target_cfg_f!(any(target_feature = "fma", target_arch = "aarch64")) {
                one::<6, 1, true>(v, k, tiles, [of(o)], m);
            } else {
                one::<3, 1, false>(v, k, tiles, [of(o)], m);
            }
            o += 1;
        }
    }
}

/// Product `k` for `N` blocks of output channels.
#[inline(always)]
fn one<const R: usize, const N: usize, const FMA: bool>(
    v: &[Lanes],
    k: usize,
    tiles: usize,
    u: [&[Lanes]; N],
    m: &mut [Lanes],
) {
    let mut t = 0;
    while t + R <= tiles {
        rows::<R, N, FMA>(v, [k, t], tiles, u, m);
        t += R;
    }
    while t + 4 <= tiles {
        rows::<4, N, FMA>(v, [k, t], tiles, u, m);
        t += 4;
    }
    while t < tiles {
        rows::<1, N, FMA>(v, [k, t], tiles, u, m);
        t += 1;
    }
}

/// The microkernel: `R` tiles by `N` vectors of output channels.
#[inline(always)]
fn rows<const R: usize, const N: usize, const FMA: bool>(
    v: &[Lanes],
    [k, t]: [usize; 2],
    tiles: usize,
    u: [&[Lanes]; N],
    m: &mut [Lanes],
) {
    let mut sums = [[[0.0; LANES]; N]; R];
    let size = PRODUCTS * padded_stride(tiles);
    let at = k * padded_stride(tiles) + t;
    for (v, c) in v.chunks_exact(size).zip((0..).step_by(LANES)) {
        let Some(v) = v[at..].first_chunk::<R>() else {
            return;
        };
        let u: [&[Lanes; LANES]; N] = u.map(|u| u[c..].first_chunk().unwrap_or(&ZEROS));
        for l in 0..LANES {
            let vectors: [Lanes; N] = std::array::from_fn(|j| u[j][l]);
            for r in 0..R {
                let factor = v[r][l];
                for j in 0..N {
                    add::<FMA>(&mut sums[r][j], factor, &vectors[j]);
                }
            }
        }
    }
    for j in 0..N {
        for r in 0..R {
            m[j * size + at + r] = sums[r][j];
        }
    }
}

/// Stands in for fewer than sixteen input channels, which never happens.
static ZEROS: [Lanes; LANES] = [[0.0; LANES]; LANES];

/// `du[k][o][j] += sum over t of d[o][k][t] v[j][k][t]` for each of the 36 products `k`: `d` is
/// `[output blocks, 36, tiles]` with output channels as lanes, `v` the same with input channels,
/// and `du` `[36, outputs, input blocks]`. Product by product, so that the operands stay in the
/// cache.
#[multiversion(targets = "simd")]
pub(super) fn weight_gradient(d: &[Lanes], v: &[Lanes], tiles: usize, du: &mut [Lanes]) {
    let size = PRODUCTS * padded_stride(tiles);
    let width = v.len() / size;
    for (k, du) in du
        .chunks_exact_mut(d.len() / size * LANES * width)
        .enumerate()
    {
        let of_outputs = d.chunks_exact(size).zip(du.chunks_exact_mut(LANES * width));
        for (d, du) in of_outputs {
            let d = &d[k * padded_stride(tiles)..][..tiles];
            let of = |j: usize| &v[j * size + k * padded_stride(tiles)..][..tiles];
            let mut j = 0;
            if target_cfg_f!(target_feature = "avx512f") {
                while j + 2 <= width {
                    outer::<8, 2, true>(d, [of(j), of(j + 1)], &mut du[j..], width);
                    j += 2;
                }
            }
            while j < width {
                if target_cfg_f!(target_feature = "avx512f") {
                    outer::<16, 1, true>(d, [of(j)], &mut du[j..], width);
                } else if target_cfg_f!(any(target_feature = "fma", target_arch = "aarch64")) {
                    outer::<4, 1, true>(d, [of(j)], &mut du[j..], width);
                } else {
                    outer::<2, 1, false>(d, [of(j)], &mut du[j..], width);
                }
                j += 1;
            }
        }
    }
}

/// `du[o][j] += sum over t of d[t][o] v[j][t]` for sixteen outputs, whose rows are `width` apart.
#[inline(always)]
fn outer<const R: usize, const N: usize, const FMA: bool>(
    d: &[Lanes],
    v: [&[Lanes]; N],
    du: &mut [Lanes],
    width: usize,
) {
    for o in (0..LANES).step_by(R) {
        let sums = sums::<R, N, FMA>(&d.as_flattened()[o..], v);
        for r in 0..R {
            for j in 0..N {
                let du = &mut du[(o + r) * width + j];
                for i in 0..LANES {
                    du[i] += sums[r][j][i];
                }
            }
        }
    }
}

/// `sum over t of d[16 t + r] v[j][t]`.
#[inline(always)]
fn sums<const R: usize, const N: usize, const FMA: bool>(
    d: &[f32],
    v: [&[Lanes]; N],
) -> [[Lanes; N]; R] {
    let mut sums = [[[0.0; LANES]; N]; R];
    // As separate slices, so that the compiler does not try to load neighbours together, which
    // would cost it the registers.
    let d: [&[f32]; R] = std::array::from_fn(|r| &d[r..]);
    for t in 0..v[0].len() {
        let vectors: [Lanes; N] = std::array::from_fn(|j| v[j][t]);
        for r in 0..R {
            let factor = d[r][t * LANES];
            for j in 0..N {
                add::<FMA>(&mut sums[r][j], factor, &vectors[j]);
            }
        }
    }
    sums
}

/// `sum += factor * vector`.
#[inline(always)]
fn add<const FMA: bool>(sum: &mut Lanes, factor: f32, vector: &Lanes) {
    for i in 0..LANES {
        sum[i] = if FMA {
            factor.mul_add(vector[i], sum[i])
        } else {
            factor * vector[i] + sum[i]
        };
    }
}
