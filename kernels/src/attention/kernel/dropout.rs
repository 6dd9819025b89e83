use burn::tensor::{DType, Distribution, Tensor};

/// Counter-based dropout of attention probabilities: a hash of one random seed per call and of the
/// position decides which are dropped. The backward pass computes the same again, and no mask is
/// stored.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dropout {
    seed: u64,
    /// Random 32-bit numbers below this drop the probability.
    threshold: u32,
    /// Factor of probabilities that are kept, `1 / (1 - p)`.
    factor: f32,
}

impl Dropout {
    /// Draws the seed from the device of `like`.
    pub(super) fn new(probability: f64, like: &Tensor<3>) -> Option<Self> {
        if probability <= 0.0 {
            return None;
        }
        let uniform = Distribution::Uniform(0.0, 1.0);
        let device = like.device().without_autodiff();
        let number = Tensor::<1>::random([1], uniform, (&device, DType::F64)).into_data();
        let seed = number.iter::<f64>().next().map_or(0, f64::to_bits);
        Some(Self {
            seed,
            threshold: (probability * 2f64.powi(32)) as u32,
            factor: (1.0 / (1.0 - probability)) as f32,
        })
    }

    /// Dropout of row `row`, counted over all batch elements, heads and queries.
    pub(super) fn row(&self, row: usize) -> DropoutRow {
        // SplitMix64, Steele et al. 2014, <https://doi.org/10.1145/2714064.2660195>.
        let count = (row as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut accumulator = self.seed.wrapping_add(count);
        accumulator = (accumulator ^ (accumulator >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        accumulator = (accumulator ^ (accumulator >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        accumulator ^= accumulator >> 31;
        DropoutRow {
            first: accumulator as u32,
            second: (accumulator >> 32) as u32,
            threshold: self.threshold,
            factor: self.factor,
        }
    }
}

/// Dropout of the probabilities of one query.
#[derive(Clone, Copy, Debug)]
pub(super) struct DropoutRow {
    first: u32,
    second: u32,
    threshold: u32,
    factor: f32,
}

impl DropoutRow {
    /// Factor of the probability of a key: 0 or `1 / (1 - p)`.
    ///
    /// The finalizer of MurmurHash3, <https://github.com/aappleby/smhasher>, with the row's keys
    /// mixed in. It needs 32-bit arithmetic only, so that a loop over keys is vectorised.
    #[inline(always)]
    pub(super) fn factor(self, key: usize) -> f32 {
        let mut accumulator = (key as u32).wrapping_mul(0x9E37_79B9) ^ self.first;
        accumulator = (accumulator ^ (accumulator >> 16)).wrapping_mul(0x85EB_CA6B);
        accumulator = (accumulator ^ (accumulator >> 13)).wrapping_add(self.second);
        accumulator = accumulator.wrapping_mul(0xC2B2_AE35);
        let drops = (accumulator ^ (accumulator >> 16)) < self.threshold;
        if drops { 0.0 } else { self.factor }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dropped_share_is_the_probability_in_rows_and_columns() {
        let dropout = Dropout {
            seed: 5,
            threshold: (0.3 * 2f64.powi(32)) as u32,
            factor: 1.0,
        };
        let drops = |row: usize, key: usize| dropout.row(row).factor(key) == 0.0;
        for n in 0..10 {
            let in_row = (0..4000).filter(|&key| drops(n, key)).count();
            let in_column = (0..4000).filter(|&row| drops(row, n)).count();
            for count in [in_row, in_column] {
                assert!((1050..1350).contains(&count), "{count}");
            }
        }
    }
}
