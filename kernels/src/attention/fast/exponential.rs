use std::f32::consts::LOG2_E;

use crate::math::{EXP, LN_2_HIGH, LN_2_LOW, ROUND};

/// `e^x` for an `x` that is not above 0 by more than a rounding, to 2e-7 of it; 0 below -87. NaN gives NaN.
///
/// Half of the steps that any `x` would take. Inline it into a loop in a function that is compiled for the vectors of the
/// machine, and say whether they can multiply and add at once.
#[inline(always)]
pub(super) fn exp<const FMA: bool>(x: f32) -> f32 {
    let within = if x < -87.0 { -87.0 } else { x };
    let shifted = fused::<FMA>(within, LOG2_E, ROUND);
    let whole = shifted - ROUND;
    let r = fused::<FMA>(whole, -LN_2_HIGH, within);
    let r = fused::<FMA>(whole, -LN_2_LOW, r);
    let mut value = EXP[4];
    for c in [EXP[3], EXP[2], EXP[1], EXP[0], 1.0, 1.0] {
        value = fused::<FMA>(value, r, c);
    }
    // 2 to the power of `whole`, which is -126 to 0.
    let power = f32::from_bits(shifted.to_bits().wrapping_add(127) << 23);
    if x < -87.0 { 0.0 } else { value * power }
}

/// `a b + c`. A fused one is a call of the mathematics library where the processor has no instruction for it.
#[inline(always)]
pub(super) fn fused<const FMA: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_exponential() {
        for i in -870_000..10 {
            let x = i as f32 * 1e-4;
            let expected = f64::from(x).exp();
            for got in [exp::<true>(x), exp::<false>(x)] {
                let error = (f64::from(got) / expected - 1.0).abs();
                assert!(error < 2e-7, "{x}: {got}, off by {error}");
            }
        }
        for got in [exp::<true>, exp::<false>] {
            assert_eq!(got(0.0), 1.0);
            assert_eq!(got(-87.1), 0.0);
            assert_eq!(got(f32::NEG_INFINITY), 0.0);
            assert!(got(f32::NAN).is_nan());
        }
    }
}
