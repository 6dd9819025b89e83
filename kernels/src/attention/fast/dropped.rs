use burn::tensor::{DType, Distribution, Tensor};

/// Which probabilities are dropped: decided by one random number for the whole call and by where they stand, so that the
/// backward pass finds them again and nothing has to be kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dropped {
    seed: u64,
    /// Numbers of 32 bits below this one drop.
    below: u32,
    /// What a probability that stays is multiplied by.
    factor: f32,
}

impl Dropped {
    /// The random number is drawn from the device of `like`.
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
            below: (probability * 2f64.powi(32)) as u32,
            factor: (1.0 / (1.0 - probability)) as f32,
        })
    }

    /// Of one query of one head, which is number `row` of all.
    pub(super) fn row(&self, row: usize) -> DroppedRow {
        // SplitMix64, Steele et al. 2014, <https://doi.org/10.1145/2714064.2660195>.
        let count = (row as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.seed.wrapping_add(count);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^= mixed >> 31;
        DroppedRow {
            first: mixed as u32,
            second: (mixed >> 32) as u32,
            below: self.below,
            factor: self.factor,
        }
    }
}

/// The dropped probabilities of one query.
#[derive(Clone, Copy, Debug)]
pub(super) struct DroppedRow {
    first: u32,
    second: u32,
    below: u32,
    factor: f32,
}

impl DroppedRow {
    /// What the query's probability of this key is multiplied by.
    ///
    /// Arithmetic on 32 bits, so that a loop over keys is vectorised: the finalizer of MurmurHash3,
    /// <https://github.com/aappleby/smhasher>, with the row's numbers on the way.
    #[inline(always)]
    pub(super) fn factor(self, key: usize) -> f32 {
        let mut mixed = (key as u32).wrapping_mul(0x9E37_79B9) ^ self.first;
        mixed = (mixed ^ (mixed >> 16)).wrapping_mul(0x85EB_CA6B);
        mixed = (mixed ^ (mixed >> 13)).wrapping_add(self.second);
        mixed = mixed.wrapping_mul(0xC2B2_AE35);
        let drops = (mixed ^ (mixed >> 16)) < self.below;
        if drops { 0.0 } else { self.factor }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_are_dropped_as_asked_for_in_rows_and_columns() {
        let dropped = Dropped {
            seed: 5,
            below: (0.3 * 2f64.powi(32)) as u32,
            factor: 1.0,
        };
        let drops = |row: usize, key: usize| dropped.row(row).factor(key) == 0.0;
        for n in 0..10 {
            let in_row = (0..4000).filter(|&key| drops(n, key)).count();
            let in_column = (0..4000).filter(|&row| drops(row, n)).count();
            for count in [in_row, in_column] {
                assert!((1050..1350).contains(&count), "{count}");
            }
        }
    }
}
