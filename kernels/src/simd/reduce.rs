//! Vectorised reductions of slices.
//!
//! A sum of floats depends on the order of its terms, so a compiler may not spread it over the
//! lanes of a vector. Here the sum is defined by lanes, in the same order on every machine. Inline
//! these into `multiversion` functions.

/// Two of the widest vectors, so that two independent sums are in flight.
const LANES: usize = 32;

/// Sum of `f` of each element.
#[inline(always)]
pub(crate) fn sum(values: &[f32], f: impl Fn(f32) -> f32) -> f32 {
    let mut lanes = [0.0; LANES];
    let (whole, rest) = values.as_chunks::<LANES>();
    for values in whole {
        for (lane, &value) in lanes.iter_mut().zip(values) {
            *lane += f(value);
        }
    }
    for (lane, &value) in lanes.iter_mut().zip(rest) {
        *lane += f(value);
    }
    total(lanes)
}

/// Sum of `f` of each pair of elements.
#[inline(always)]
pub(crate) fn sum_of_pairs(a: &[f32], b: &[f32], f: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [0.0; LANES];
    let (whole_a, rest_a) = a.as_chunks::<LANES>();
    let (whole_b, rest_b) = b.as_chunks::<LANES>();
    for (a, b) in whole_a.iter().zip(whole_b) {
        for ((lane, &a), &b) in lanes.iter_mut().zip(a).zip(b) {
            *lane += f(a, b);
        }
    }
    for ((lane, &a), &b) in lanes.iter_mut().zip(rest_a).zip(rest_b) {
        *lane += f(a, b);
    }
    total(lanes)
}

/// Sums of the two results of `f` of each triple of elements.
#[inline(always)]
pub(crate) fn sums_of_triples(
    [a, b, c]: [&[f32]; 3],
    f: impl Fn(f32, f32, f32) -> [f32; 2],
) -> [f32; 2] {
    let mut first = [0.0; LANES];
    let mut second = [0.0; LANES];
    let (whole_a, rest_a) = a.as_chunks::<LANES>();
    let (whole_b, rest_b) = b.as_chunks::<LANES>();
    let (whole_c, rest_c) = c.as_chunks::<LANES>();
    for ((a, b), c) in whole_a.iter().zip(whole_b).zip(whole_c) {
        for i in 0..LANES {
            let [one, two] = f(a[i], b[i], c[i]);
            first[i] += one;
            second[i] += two;
        }
    }
    for (i, ((&a, &b), &c)) in rest_a.iter().zip(rest_b).zip(rest_c).enumerate() {
        let [one, two] = f(a, b, c);
        first[i] += one;
        second[i] += two;
    }
    [first, second].map(total)
}

/// Writes `f` of each element to `out` and returns the sum of the results.
#[inline(always)]
pub(crate) fn map_and_sum(values: &[f32], out: &mut [f32], f: impl Fn(f32) -> f32) -> f32 {
    let mut lanes = [0.0; LANES];
    let (whole, rest) = values.as_chunks::<LANES>();
    let (whole_out, rest_out) = out.as_chunks_mut::<LANES>();
    for (values, out) in whole.iter().zip(whole_out) {
        for ((lane, &value), out) in lanes.iter_mut().zip(values).zip(out) {
            *out = f(value);
            *lane += *out;
        }
    }
    for ((lane, &value), out) in lanes.iter_mut().zip(rest).zip(rest_out) {
        *out = f(value);
        *lane += *out;
    }
    total(lanes)
}

/// Largest element, minus infinity if there is none; NaN is passed over.
#[inline(always)]
pub(crate) fn max(values: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let (whole, rest) = values.as_chunks::<LANES>();
    for values in whole {
        for (lane, &value) in lanes.iter_mut().zip(values) {
            *lane = larger(*lane, value);
        }
    }
    for (lane, &value) in lanes.iter_mut().zip(rest) {
        *lane = larger(*lane, value);
    }
    largest(lanes)
}

/// Sum of the lanes. Not inlined: a compiler that sees how the lanes are joined arranges them for
/// that, not for the loops that fill them.
#[inline(never)]
fn total(lanes: [f32; LANES]) -> f32 {
    fold(lanes, |a, b| a + b)
}

/// Largest lane; not inlined for the same reason as [`total`].
#[inline(never)]
fn largest(lanes: [f32; LANES]) -> f32 {
    fold(lanes, larger)
}

/// Not `f32::max`, whose treatment of NaN makes it slower.
#[inline(always)]
fn larger(a: f32, b: f32) -> f32 {
    if b > a { b } else { a }
}

/// Joins the lanes, halves onto halves.
#[inline(always)]
fn fold(mut lanes: [f32; LANES], join: impl Fn(f32, f32) -> f32) -> f32 {
    let mut half = LANES / 2;
    while half > 0 {
        for i in 0..half {
            lanes[i] = join(lanes[i], lanes[i + half]);
        }
        half /= 2;
    }
    lanes[0]
}
