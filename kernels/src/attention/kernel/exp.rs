use std::f32::consts::LOG2_E;

use crate::simd::fused;
use crate::simd::math::{EXP, LN_2_HIGH, LN_2_LOW, ROUND};

/// `e^x` for `x <= 0` (up to rounding), to a relative error of 2e-7; 0 below -87. NaN gives NaN.
///
/// Half as many steps as the exponential of any `x` takes. Inline it into a loop of a
/// `multiversion` function, with `FMA` true if the instruction set has fused multiply-add.
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
    // 2 to the power of `whole`, which is in -126..=0.
    let power = f32::from_bits(shifted.to_bits().wrapping_add(127) << 23);
    if x < -87.0 { 0.0 } else { value * power }
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
