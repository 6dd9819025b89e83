//! Part of a data set, for small machines and quick trials.

use super::{Image, ImageDataset};
use crate::error::DataError;
use crate::fingerprint::Fingerprint;
use crate::random;
use rand::seq::SliceRandom;

/// Some classes of a data set, and a fraction of the images of each.
#[derive(Clone, Debug)]
pub struct Subset {
    dataset: Box<ImageDataset>,
    classes: usize,
    /// Indices into `dataset`, ascending.
    items: Vec<usize>,
}

impl Subset {
    /// The first `classes` classes (all if `None`) and the share `fraction` in (0, 1] of the images
    /// of each, rounded, but at least one. The choice depends on the data set alone: it is the same
    /// in every run, and a smaller fraction is a subset of a larger one.
    ///
    /// # Errors
    /// If the data set has fewer classes, nothing is left, or `fraction` is out of range.
    pub fn new(
        dataset: ImageDataset,
        classes: Option<usize>,
        fraction: f64,
    ) -> Result<Self, DataError> {
        let all = dataset.classes().len();
        let classes = classes.unwrap_or(all);
        if classes == 0 || classes > all {
            let reason = format!("{classes} are asked for, the data have {all}");
            return Err(DataError::config("data.classes", reason));
        }
        if !(fraction > 0.0 && fraction <= 1.0) {
            let reason = format!("must be above 0 and at most 1, got {fraction}");
            return Err(DataError::config("data.fraction", reason));
        }
        let mut by_class = vec![Vec::new(); classes];
        for index in 0..dataset.len() {
            if let Some(items) = by_class.get_mut(dataset.label(index)) {
                items.push(index);
            }
        }
        let mut items = Vec::new();
        for (class, mut of_class) in by_class.into_iter().enumerate() {
            let wanted = (of_class.len() as f64 * fraction).round() as usize;
            if fraction < 1.0 {
                of_class.shuffle(&mut random::rng(0, "subset", class as u64, 0));
                of_class.truncate(wanted.max(1));
            }
            items.append(&mut of_class);
        }
        Ok(Self {
            classes,
            ..Self::of(dataset, items)
        })
    }

    /// The images `items` of `dataset`, with all its classes.
    pub(super) fn of(dataset: ImageDataset, mut items: Vec<usize>) -> Self {
        items.sort_unstable();
        Self {
            classes: dataset.classes().len(),
            dataset: Box::new(dataset),
            items,
        }
    }

    /// The whole data set.
    pub fn whole(&self) -> &ImageDataset {
        &self.dataset
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// True if there are no images.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Class names, indexed by label.
    pub fn classes(&self) -> &[String] {
        &self.dataset.classes()[..self.classes]
    }

    /// The label of image `index`.
    pub fn label(&self, index: usize) -> usize {
        self.dataset.label(self.items[index])
    }

    /// Name of image `index` in messages.
    pub fn name(&self, index: usize) -> String {
        self.dataset.name(self.items[index])
    }

    /// Adds what identifies the image in the whole data set.
    pub(super) fn identify_image(&self, index: usize, fingerprint: &mut Fingerprint) {
        self.dataset.identify_image(self.items[index], fingerprint);
    }

    /// Name of image `index` within the whole data set.
    pub fn relative_name(&self, index: usize) -> String {
        self.dataset.relative_name(self.items[index])
    }

    /// The first bytes of the file of image `index`.
    pub(super) fn beginning(&self, index: usize) -> Vec<u8> {
        self.dataset.beginning(self.items[index])
    }

    /// Decodes image `index`, as stored.
    ///
    /// # Errors
    /// As [`ImageDataset::decode`].
    pub fn image(&self, index: usize) -> Result<Image, DataError> {
        self.dataset.decode(self.items[index])
    }

    /// The file of image `index`, if it has one.
    ///
    /// # Errors
    /// As [`ImageDataset::file`].
    pub fn file(&self, index: usize) -> Result<Option<Vec<u8>>, DataError> {
        self.dataset.file(self.items[index])
    }

    /// Order in which a shuffled epoch visits the images: the whole data set's, restricted to the
    /// subset.
    pub fn order(&self, seed: u64, epoch: u64) -> Vec<usize> {
        let order = self.dataset.order(seed, epoch).into_iter();
        order
            .filter_map(|item| self.items.binary_search(&item).ok())
            .collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::Split;
    use crate::image::Shapes;
    use proptest::prelude::*;
    use std::collections::HashSet;

    fn subset(len: usize, classes: usize, fraction: f64) -> Subset {
        let shapes = Shapes::new(Split::Train, len, 8, 3);
        Subset::new(ImageDataset::Shapes(shapes), Some(classes), fraction).unwrap()
    }

    proptest! {
        #[test]
        fn each_class_keeps_its_share(len in 10usize..200, classes in 1usize..=10, fraction in 0.001f64..=1.0) {
            let part = subset(len, classes, fraction);
            let counts = |dataset: &ImageDataset| dataset.class_counts();
            let whole = counts(part.whole());
            let kept = counts(&ImageDataset::Subset(part));
            prop_assert_eq!(kept.len(), classes);
            for (kept, whole) in kept.iter().zip(whole) {
                let wanted = (whole as f64 * fraction).round().max(f64::from(u8::from(whole > 0)));
                prop_assert_eq!(*kept as f64, wanted);
            }
        }

        #[test]
        fn a_smaller_part_lies_within_a_larger_one(
            len in 10usize..200, few in 1usize..=10, many in 1usize..=10, a in 0.001f64..=1.0, b in 0.001f64..=1.0,
        ) {
            let small = subset(len, few.min(many), a.min(b));
            let large = subset(len, few.max(many), a.max(b));
            let within: HashSet<usize> = large.items.iter().copied().collect();
            prop_assert!(small.items.iter().all(|item| within.contains(item)));
            prop_assert!(small.items.is_sorted());
            prop_assert_eq!(small.classes(), &large.classes()[..few.min(many)]);
            for (index, &item) in small.items.iter().enumerate() {
                prop_assert_eq!(small.label(index), large.whole().label(item));
                prop_assert_eq!(small.name(index), large.whole().name(item));
            }
        }
    }

    #[test]
    fn what_is_no_part_is_refused() {
        let error = |classes, fraction| {
            let shapes = Shapes::new(Split::Train, 20, 8, 3);
            let subset = Subset::new(ImageDataset::Shapes(shapes), classes, fraction);
            subset.unwrap_err().to_string()
        };
        assert_eq!(
            error(Some(11), 1.0),
            "data.classes: 11 are asked for, the data have 10"
        );
        assert!(error(Some(0), 1.0).starts_with("data.classes: 0"));
        for fraction in [0.0, -0.5, 1.5, f64::NAN] {
            assert!(error(None, fraction).starts_with("data.fraction: must be above 0"));
        }
    }
}
