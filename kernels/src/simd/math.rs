//! Elementary functions in arithmetic that the compiler vectorises: no branches, no tables, no
//! calls.
//!
//! Inline them into a loop over slices inside a `multiversion` function. They are accurate to a few
//! units in the last place; NaN gives NaN.

use std::f32::consts::{FRAC_1_SQRT_2, LOG2_E};

/// `e^x`, to a relative error of 2e-7; 0 below -104, infinity above 88.8.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    let (minus_one, power) = expm1_and_power(at_most(at_least(x, -104.0), 89.0));
    // The power of two is in [-150, 128], beyond the exponents of `f32`, so half of it is applied
    // at a time.
    let half = power >> 1;
    (1.0 + minus_one) * two_to(half) * two_to(power.wrapping_sub(half))
}

/// Hyperbolic tangent, to a relative error of 4e-7, also near 0.
#[inline(always)]
pub(crate) fn tanh(x: f32) -> f32 {
    // (e^2x - 1) / (e^2x + 1), where e^2x - 1 is computed without cancellation. It is 1 long before
    // 10.
    let (minus_one, power) = expm1_and_power(2.0 * at_most(x.abs(), 10.0));
    let scale = two_to(power);
    let expm1 = scale * minus_one + (scale - 1.0);
    (expm1 / (expm1 + 2.0)).copysign(x)
}

/// `1 / (1 + e^-x)`, to a relative error of 4e-7 down to -88, and 0 below.
#[inline(always)]
pub(crate) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// Error function, to a relative error of 4e-7, also near 0.
#[inline(always)]
pub(crate) fn erf(x: f32) -> f32 {
    // x P(x²) / Q(x²), a minimax fit of the relative error up to 3.95. All coefficients are
    // positive, so nothing cancels.
    const P: [f32; 6] = [
        1.128_379_1,
        0.191_549_84,
        0.052_875_37,
        0.003_808_138_2,
        0.000_284_686_78,
        0.000_002_025_906_3,
    ];
    const Q: [f32; 6] = [
        1.0,
        0.503_089_3,
        0.114_559_416,
        0.015_055_043,
        0.001_170_719_2,
        0.000_037_831_73,
    ];
    let magnitude = at_most(x.abs(), 3.95);
    let square = magnitude * magnitude;
    let value = magnitude * polynomial(P, square) / polynomial(Q, square);
    let value = if magnitude >= 3.95 { 1.0 } else { value };
    at_most(value, 1.0).copysign(x)
}

/// Standard normal distribution: cumulative distribution `(1 + erf(x / √2)) / 2` and density
/// `e^(-x²/2) / √2π`, both to an absolute error of 2e-7.
#[inline(always)]
pub(crate) fn normal(x: f32) -> (f32, f32) {
    // (1 - erf(z)) e^(z²) = u R(u) with u = 1 / (1 + 0.55 z): smooth, and accurate far into the
    // tail. A minimax fit for z in [0, 10]; beyond that e^(-z²) is 0.
    const R: [f32; 8] = [
        0.310_523_33,
        0.305_807_86,
        0.300_956_04,
        0.002_804_288_4,
        0.474_794_42,
        -0.665_823_5,
        0.331_153_72,
        -0.060_216_106,
    ];
    const FRAC_1_SQRT_2PI: f32 = 0.398_942_28;
    let e = exp(-0.5 * x * x);
    let u = 1.0 / (1.0 + (0.55 * FRAC_1_SQRT_2) * x.abs());
    let tail = 0.5 * u * polynomial(R, u) * e;
    let below = if x > 0.0 { 1.0 - tail } else { tail };
    (below, e * FRAC_1_SQRT_2PI)
}

/// Adding this shifts the fraction out of a float and leaves the rounded integer in its low bits.
pub(crate) const ROUND: f32 = 12_582_912.0;
/// ln 2 in two parts. The first has so few bits that its product with the power is exact.
pub(crate) const LN_2_HIGH: f32 = 0.693_359_4;
pub(crate) const LN_2_LOW: f32 = -0.000_212_194_44;
/// `(e^r - 1 - r) / r²`, a minimax fit of e^r.
pub(crate) const EXP: [f32; 5] = [
    0.5,
    0.166_665_19,
    0.041_666_206,
    0.008_368_918,
    0.001_395_054,
];

/// Splits `x = power * ln 2 + r` with `r` in [-0.35, 0.35]. Returns `e^r - 1` and the power. `x`
/// must be within ±1000.
#[inline(always)]
fn expm1_and_power(x: f32) -> (f32, i32) {
    let shifted = x * LOG2_E + ROUND;
    let whole = shifted - ROUND;
    let r = x - whole * LN_2_HIGH - whole * LN_2_LOW;
    let power = (shifted.to_bits() as i32).wrapping_sub(ROUND.to_bits() as i32);
    (r + r * r * polynomial(EXP, r), power)
}

/// `2^power` for a power in [-126, 127].
#[inline(always)]
fn two_to(power: i32) -> f32 {
    f32::from_bits((power.wrapping_add(127) << 23) as u32)
}

/// `c[0] + c[1] x + c[2] x² + ..`
#[inline(always)]
fn polynomial<const N: usize>(c: [f32; N], x: f32) -> f32 {
    let mut value = c[N - 1];
    for i in (0..N - 1).rev() {
        value = value * x + c[i];
    }
    value
}

/// The smaller of the two; NaN if `x` is NaN (`f32::min` would return the limit).
#[inline(always)]
fn at_most(x: f32, limit: f32) -> f32 {
    if x > limit { limit } else { x }
}

/// The larger of the two; NaN if `x` is NaN.
#[inline(always)]
fn at_least(x: f32, limit: f32) -> f32 {
    if x < limit { limit } else { x }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers between the limits, denser around 0.
    fn numbers(low: f64, high: f64) -> impl Iterator<Item = f32> {
        let close = (-400..=400).map(|i| f64::from(i) * 1e-3);
        let tiny = (1..40).flat_map(|i| [2f64.powi(-i), -(2f64.powi(-i))]);
        let wide = (0..=200_000).map(move |i| low + (high - low) * f64::from(i) / 200_000.0);
        let all = wide.chain(close).chain(tiny);
        all.filter(move |x| (low..=high).contains(x))
            .map(|x| x as f32)
    }

    /// Largest relative error among `xs`.
    fn error(
        xs: impl Iterator<Item = f32>,
        ours: impl Fn(f32) -> f32,
        truth: impl Fn(f64) -> f64,
    ) -> f64 {
        let errors = xs.map(|x| {
            let (got, expected) = (f64::from(ours(x)), truth(f64::from(x)));
            if got == expected {
                0.0
            } else {
                (got / expected - 1.0).abs()
            }
        });
        errors.fold(0.0, f64::max)
    }

    /// Series of the error function, which converges everywhere:
    /// `2/√π Σ (-1)^n x^(2n+1) / (n! (2n+1))`; beyond 3 the continued fraction of its complement.
    fn erf_f64(x: f64) -> f64 {
        let root = std::f64::consts::PI.sqrt();
        if x.abs() > 3.0 {
            let z = x.abs();
            let fraction = (1..60).rev().fold(z, |f, i| z + f64::from(i) / 2.0 / f);
            return (1.0 - (-z * z).exp() / (fraction * root)).copysign(x);
        }
        let mut power = x;
        let mut sum = x;
        for n in 1..80 {
            power *= -x * x / f64::from(n);
            sum += power / f64::from(2 * n + 1);
        }
        2.0 / root * sum
    }

    #[test]
    fn close_to_the_functions_in_f64() {
        let sigmoid_f64 = |x: f64| 1.0 / (1.0 + (-x).exp());
        assert!(error(numbers(-87.0, 88.7), exp, f64::exp) < 2e-7);
        assert!(error(numbers(-12.0, 12.0), tanh, f64::tanh) < 4e-7);
        assert!(error(numbers(-87.0, 87.0), sigmoid, sigmoid_f64) < 4e-7);
        assert!(error(numbers(-6.0, 6.0), erf, erf_f64) < 4e-7);
    }

    #[test]
    fn the_normal_distribution() {
        for x in numbers(-12.0, 12.0) {
            let (below, density) = normal(x);
            let z = f64::from(x) * std::f64::consts::FRAC_1_SQRT_2;
            let expected = (-z * z).exp() / std::f64::consts::TAU.sqrt();
            assert!((f64::from(density) - expected).abs() < 1e-7, "{x}");
            assert!(
                (f64::from(below) - 0.5 * (1.0 + erf_f64(z))).abs() < 2e-7,
                "{x}"
            );
        }
        // Far into the tail, where 1 + erf would be 0.
        let expected = 7.619_853e-24;
        assert!((normal(-10.0).0 / expected - 1.0).abs() < 1e-5);
    }

    #[test]
    fn limits() {
        let inf = f32::INFINITY;
        assert_eq!([exp(inf), exp(-inf), exp(0.0)], [inf, 0.0, 1.0]);
        assert_eq!([exp(88.8), exp(-104.0)], [inf, 0.0]);
        // Subnormal results.
        assert!((f64::from(exp(-100.0)) / (-100f64).exp() - 1.0).abs() < 0.02);
        assert_eq!([tanh(inf), tanh(-inf), tanh(20.0)], [1.0, -1.0, 1.0]);
        assert_eq!([sigmoid(inf), sigmoid(-inf), sigmoid(0.0)], [1.0, 0.0, 0.5]);
        assert_eq!([erf(inf), erf(-inf), erf(5.0)], [1.0, -1.0, 1.0]);
        assert_eq!([normal(inf), normal(-inf)], [(1.0, 0.0), (0.0, 0.0)]);
        for x in [0.0f32, -0.0] {
            assert_eq!(tanh(x).to_bits(), x.to_bits());
            assert_eq!(erf(x).to_bits(), x.to_bits());
        }
        let tiny = f32::from_bits(3);
        assert_eq!(tanh(tiny), tiny);
    }

    #[test]
    fn nan_comes_through() {
        let nan = f32::NAN;
        for value in [exp(nan), tanh(nan), sigmoid(nan), erf(nan), normal(nan).0] {
            assert!(value.is_nan());
        }
        assert!(normal(nan).1.is_nan());
    }
}
