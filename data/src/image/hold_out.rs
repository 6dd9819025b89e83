//! Validation images held out of the training images, for data without a validation part.

use super::{ImageDataset, Subset};
use crate::error::DataError;
use sha2::{Digest, Sha256};

/// The two parts of the training images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HoldOut {
    /// Images that stay training images.
    Rest,
    /// Images that are held out for validation.
    Validation,
}

impl Subset {
    /// One part of the training images `dataset`, of which the share `fraction` in (0, 1) of each
    /// class is held out for validation: rounded, and at least one if the class has two images.
    ///
    /// The images held out are those whose names have the smallest hashes, so that the choice is
    /// a function of the seed and the names within the data set: it is the same in every run and
    /// after the data have moved, and images that are added later move few others.
    ///
    /// # Errors
    /// If `fraction` is out of range or no class has two images.
    pub fn hold_out(
        dataset: ImageDataset,
        fraction: f64,
        seed: u64,
        part: HoldOut,
    ) -> Result<Self, DataError> {
        const KEY: &str = "data.validation_fraction";
        if !(fraction > 0.0 && fraction < 1.0) {
            let reason = format!("must be above 0 and below 1, got {fraction}");
            return Err(DataError::config(KEY, reason));
        }
        let mut by_class = vec![Vec::new(); dataset.classes().len()];
        for index in 0..dataset.len() {
            let hash = hash(seed, &dataset.relative_name(index));
            by_class[dataset.label(index)].push((hash, index));
        }
        let mut items = Vec::new();
        let mut held_out = 0;
        for mut class in by_class {
            class.sort_unstable();
            let wanted = (class.len() as f64 * fraction).round() as usize;
            let most = class.len().saturating_sub(1);
            let count = wanted.max(1).min(most);
            held_out += count;
            let part = match part {
                HoldOut::Validation => &class[..count],
                HoldOut::Rest => &class[count..],
            };
            items.extend(part.iter().map(|(_, index)| *index));
        }
        if held_out == 0 {
            let reason = "no class has two images, of which one could be held out";
            return Err(DataError::config(KEY, reason));
        }
        Ok(Self::of(dataset, items))
    }
}

fn hash(seed: u64, name: &str) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(seed.to_le_bytes());
    hasher.update(name);
    hasher.finalize().into()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::Split;
    use crate::image::Shapes;
    use proptest::prelude::*;
    use std::collections::HashSet;

    fn part(len: usize, fraction: f64, seed: u64, part: HoldOut) -> Subset {
        let shapes = ImageDataset::Shapes(Shapes::new(Split::Train, len, 8, 3));
        Subset::hold_out(shapes, fraction, seed, part).unwrap()
    }

    fn names(subset: &Subset) -> HashSet<String> {
        (0..subset.len()).map(|index| subset.name(index)).collect()
    }

    proptest! {
        #[test]
        fn every_image_is_in_one_part_and_every_class_gives_its_share(
            len in 30usize..200, fraction in 0.01f64..0.99, seed in 0u64..9,
        ) {
            let rest = part(len, fraction, seed, HoldOut::Rest);
            let validation = part(len, fraction, seed, HoldOut::Validation);
            prop_assert!(names(&rest).is_disjoint(&names(&validation)));
            prop_assert_eq!(rest.len() + validation.len(), len);
            let whole = rest.whole().class_counts();
            let held_out = ImageDataset::Subset(validation).class_counts();
            for (held_out, whole) in held_out.into_iter().zip(whole) {
                let wanted = (whole as f64 * fraction).round() as usize;
                let expected = if whole < 2 { 0 } else { wanted.clamp(1, whole - 1) };
                prop_assert_eq!(held_out, expected);
            }
        }
    }

    #[test]
    fn the_choice_depends_on_the_seed_and_hardly_on_further_images() {
        let chosen = |len, seed| names(&part(len, 0.2, seed, HoldOut::Validation));
        assert_eq!(chosen(200, 1), chosen(200, 1));
        assert_ne!(chosen(200, 1), chosen(200, 2));
        let (before, after) = (chosen(200, 1), chosen(220, 1));
        assert!(before.difference(&after).count() <= 6, "{}", before.len());
    }

    #[test]
    fn fractions_out_of_range_are_refused() {
        for fraction in [0.0, 1.0, -0.5, f64::NAN] {
            let shapes = ImageDataset::Shapes(Shapes::new(Split::Train, 20, 8, 3));
            let error = Subset::hold_out(shapes, fraction, 1, HoldOut::Rest).unwrap_err();
            assert!(
                error
                    .to_string()
                    .starts_with("data.validation_fraction: must be")
            );
        }
    }
}
