//! Fused gates of one sequence at one time step, forward and backward, each in one pass.
//!
//! A pass takes the units a vector at a time, copied into separate arrays, so that the compiler
//! knows that they do not alias and vectorises.

use multiversion::multiversion;

use crate::simd::math::{sigmoid, tanh};

/// Units per vector: one register of AVX-512, two of AVX2, four of NEON.
const LANES: usize = 16;

type Group = [f32; LANES];

/// Loads the units from `at` on, padded with zeros.
#[inline(always)]
fn load(values: &[f32], at: usize) -> Group {
    let values = &values[at..];
    match values.first_chunk() {
        Some(group) => *group,
        None => {
            let mut group = [0.0; LANES];
            group[..values.len()].copy_from_slice(values);
            group
        }
    }
}

#[inline(always)]
fn store(values: &mut [f32], at: usize, group: &Group) {
    let values = &mut values[at..];
    match values.first_chunk_mut() {
        Some(values) => *values = *group,
        None => values.copy_from_slice(&group[..values.len()]),
    }
}

/// Loads the units from `at` on of each of `N` gates of `width` units.
#[inline(always)]
fn load_gates<const N: usize>(gates: &[f32], width: usize, at: usize) -> [Group; N] {
    std::array::from_fn(|gate| load(&gates[gate * width..(gate + 1) * width], at))
}

#[inline(always)]
fn store_gates<const N: usize>(gates: &mut [f32], width: usize, at: usize, groups: &[Group; N]) {
    for (gate, group) in groups.iter().enumerate() {
        store(&mut gates[gate * width..(gate + 1) * width], at, group);
    }
}

/// One LSTM step of one sequence; states are `[hidden]`. `gates` `[4 * hidden]` are the
/// pre-activations of `i, f, g, o` before, and the gates after.
#[multiversion(targets = "simd")]
pub(super) fn lstm(
    gates: &mut [f32],
    bias: &[f32],
    before: &[f32],
    cell: &mut [f32],
    hidden: &mut [f32],
) {
    let width = hidden.len();
    for at in (0..width).step_by(LANES) {
        let [mut i, mut f, mut g, mut o] = load_gates(gates, width, at);
        let [bi, bf, bg, bo] = load_gates(bias, width, at);
        let mut c = load(before, at);
        let mut h = [0.0; LANES];
        for l in 0..LANES {
            i[l] = sigmoid(i[l] + bi[l]);
            f[l] = sigmoid(f[l] + bf[l]);
            g[l] = tanh(g[l] + bg[l]);
            o[l] = sigmoid(o[l] + bo[l]);
            c[l] = f[l] * c[l] + i[l] * g[l];
            h[l] = o[l] * tanh(c[l]);
        }
        store_gates(gates, width, at, &[i, f, g, o]);
        store(cell, at, &c);
        store(hidden, at, &h);
    }
}

/// Backward pass of [`lstm`]: from the gradients of hidden and cell state after the step to those
/// of the pre-activations, `d_gates`, and of the cell state before the step, in place.
#[multiversion(targets = "simd")]
pub(super) fn lstm_backward(
    d_gates: &mut [f32],
    gates: &[f32],
    before: &[f32],
    cell: &[f32],
    d_hidden: &[f32],
    d_cell: &mut [f32],
) {
    let width = cell.len();
    for at in (0..width).step_by(LANES) {
        let [mut i, mut f, mut g, mut o] = load_gates(gates, width, at);
        let [before, c] = [load(before, at), load(cell, at)];
        let dh = load(d_hidden, at);
        let mut dc = load(d_cell, at);
        for l in 0..LANES {
            let tanh = tanh(c[l]);
            let through = dc[l] + dh[l] * o[l] * (1.0 - tanh * tanh);
            dc[l] = through * f[l];
            let [di, df] = [through * g[l], through * before[l]];
            let [dg, d_o] = [through * i[l], dh[l] * tanh];
            i[l] = di * i[l] * (1.0 - i[l]);
            f[l] = df * f[l] * (1.0 - f[l]);
            g[l] = dg * (1.0 - g[l] * g[l]);
            o[l] = d_o * o[l] * (1.0 - o[l]);
        }
        store_gates(d_gates, width, at, &[i, f, g, o]);
        store(d_cell, at, &dc);
    }
}

/// One GRU step of one sequence. `gates` `[3 * hidden]` are the input's share of `r, z, n` before,
/// and the gates after; `recurrent` is the hidden state's share with its bias, of which `inner`,
/// `Whn h + bhn`, is saved.
#[multiversion(targets = "simd")]
pub(super) fn gru(
    gates: &mut [f32],
    bias: &[f32],
    recurrent: &[f32],
    inner: &mut [f32],
    before: &[f32],
    hidden: &mut [f32],
) {
    let width = hidden.len();
    for at in (0..width).step_by(LANES) {
        let [mut r, mut z, mut n] = load_gates(gates, width, at);
        let [br, bz, bn] = load_gates(bias, width, at);
        let [hr, hz, hn] = load_gates(recurrent, width, at);
        let mut h = load(before, at);
        for l in 0..LANES {
            r[l] = sigmoid(r[l] + br[l] + hr[l]);
            z[l] = sigmoid(z[l] + bz[l] + hz[l]);
            n[l] = tanh(n[l] + bn[l] + r[l] * hn[l]);
            h[l] = n[l] + z[l] * (h[l] - n[l]);
        }
        store_gates(gates, width, at, &[r, z, n]);
        store(inner, at, &hn);
        store(hidden, at, &h);
    }
}

/// Backward pass of [`gru`]: from the gradient of the hidden state after the step to those of the
/// input's share, `d_input`, and of the hidden state's share, `d_recurrent`, and of the direct path
/// to the hidden state before the step, in place.
#[multiversion(targets = "simd")]
pub(super) fn gru_backward(
    d_input: &mut [f32],
    d_recurrent: &mut [f32],
    gates: &[f32],
    inner: &[f32],
    before: &[f32],
    d_hidden: &mut [f32],
) {
    let width = inner.len();
    for at in (0..width).step_by(LANES) {
        let [mut r, mut z, mut n] = load_gates(gates, width, at);
        let [inner, before] = [load(inner, at), load(before, at)];
        let mut dh = load(d_hidden, at);
        let mut d_inner = [0.0; LANES];
        for l in 0..LANES {
            let dz = dh[l] * (before[l] - n[l]);
            let dn = dh[l] * (1.0 - z[l]) * (1.0 - n[l] * n[l]);
            dh[l] *= z[l];
            d_inner[l] = dn * r[l];
            r[l] = dn * inner[l] * r[l] * (1.0 - r[l]);
            z[l] = dz * z[l] * (1.0 - z[l]);
            n[l] = dn;
        }
        store_gates(d_input, width, at, &[r, z, n]);
        store_gates(d_recurrent, width, at, &[r, z, d_inner]);
        store(d_hidden, at, &dh);
    }
}
