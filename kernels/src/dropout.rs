//! Dropout.

use burn::tensor::{Distribution, Tensor};

/// Zeroes each element with probability `probability`, independently of the others, and divides the
/// rest by `1 - probability`, so that the expectation stays the same (Srivastava et al. 2014,
/// <https://jmlr.org/papers/v15/srivastava14a.html>). The choice depends on the seed of the device.
/// Does nothing on a device without autodiff, like Burn's `Dropout`.
///
/// # Panics
/// If `probability` is not in `[0, 1)`.
pub fn dropout<const D: usize>(x: Tensor<D>, probability: f64) -> Tensor<D> {
    assert!(
        (0.0..1.0).contains(&probability),
        "dropout probability {probability} must be at least 0 and below 1"
    );
    if probability == 0.0 || !x.device().is_autodiff() {
        return x;
    }
    try_kernel!(kernel::dropout(&x, probability));
    let keep = 1.0 - probability;
    let mask = x.random_like(Distribution::Bernoulli(keep));
    x * mask * (1.0 / keep)
}

#[cfg(feature = "flex")]
mod kernel {
    use burn::tensor::{DType, Device, Distribution, Tensor};
    use multiversion::multiversion;

    use crate::flex::{Array, Backward, Buffer, GRAIN, array, for_each_chunk, track, update};

    pub(super) fn dropout<const D: usize>(x: &Tensor<D>, probability: f64) -> Option<Tensor<D>> {
        let values = array(x)?;
        let mask = Mask {
            seed: draw(&x.device())?,
            // The share of 32-bit numbers below this limit is the probability.
            limit: (probability * (1u64 << 32) as f64) as u32,
            scale: (1.0 / (1.0 - probability)) as f32,
        };
        let mut y = Buffer::new(values.values().len());
        for_each_chunk(&mut y, |start, y| {
            y.copy_from_slice(&values.values()[start..][..y.len()]);
            mask.apply(start, y);
        });
        let y = Array::new(y, values.shape());
        Some(track(y, mask, [Some(x.clone().into_dispatch())]))
    }

    /// Draws one random number from the device.
    fn draw(device: &Device) -> Option<u64> {
        let uniform = Distribution::Uniform(0.0, 1.0);
        let number = Tensor::<1>::random([1], uniform, (&device.clone().inner(), DType::F64));
        let number: Vec<f64> = number.into_data().try_into_vec().ok()?;
        number.first().map(|number| number.to_bits())
    }

    /// Counter-based dropout mask: a function of the seed and of the element's position, so that it
    /// need not be stored for the backward pass. It is the idea of counter-based generators (Salmon
    /// et al. 2011), with a cheaper hash than Philox.
    #[derive(Clone, Copy, Debug)]
    struct Mask {
        seed: u64,
        limit: u32,
        scale: f32,
    }

    impl Mask {
        /// Multiplies elements beginning with position `start`, which is a multiple of [`GRAIN`],
        /// by their masks.
        fn apply(&self, start: usize, values: &mut [f32]) {
            let key = mix(self.seed ^ mix((start / GRAIN) as u64));
            apply_mask(
                [key as u32, (key >> 32) as u32],
                self.limit,
                self.scale,
                values,
            );
        }
    }

    impl Backward<1> for Mask {
        fn backward(self, gradient: Array, _: [bool; 1]) -> [Option<Array>; 1] {
            [Some(update(gradient, |start, d| self.apply(start, d)))]
        }
    }

    #[multiversion(targets = "simd")]
    fn apply_mask([key, other_key]: [u32; 2], limit: u32, scale: f32, values: &mut [f32]) {
        for (i, value) in values.iter_mut().enumerate() {
            let random = mix_32(i as u32 ^ key, other_key);
            // A product, so that NaN stays NaN and infinity becomes NaN, as in a multiplication by
            // a mask tensor.
            *value *= if random >= limit { scale } else { 0.0 };
        }
    }

    /// A hash of a position, mixed with the first key, and of a second key. The constants are
    /// Wellons 2018, <https://nullprogram.com/blog/2018/07/31/>, who found them to have the least
    /// bias.
    #[inline(always)]
    fn mix_32(x: u32, key: u32) -> u32 {
        let x = (x ^ (x >> 16)).wrapping_mul(0x7FEB_352D);
        let x = (x ^ (x >> 15)).wrapping_add(key).wrapping_mul(0x846C_A68B);
        x ^ (x >> 16)
    }

    /// The finalizer of SplitMix64. Steele, Lea and Flood 2014,
    /// <https://doi.org/10.1145/2660193.2660195>.
    fn mix(x: u64) -> u64 {
        let x = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        x ^ (x >> 31)
    }
}
