//! Image transforms, with the names and the results of torchvision's v1 transforms on Pillow
//! images. Random transforms first draw their parameters, often an [`Operation`], and then apply
//! them; the operations give Pillow's pixels. Normalisation is left to
//! [`Preprocess`](super::Preprocess).

mod affine;
mod auto_augment;
mod color;
mod color_jitter;
mod crop;
mod flip;
mod operation;
mod point;
mod problems;
mod random_erasing;
mod random_rect;
mod random_resized_crop;
mod resize;
mod sampling;

use super::Image;
use crate::error::DataError;
pub use auto_augment::{RandAugment, TrivialAugmentWide};
pub use color_jitter::{ColorJitter, Jitter};
pub use crop::{CenterCrop, RandomCrop};
pub use flip::RandomHorizontalFlip;
pub use operation::Operation;
use problems::Problems;
use rand_chacha::ChaCha8Rng;
pub use random_erasing::{Erased, ErasedWith, RandomErasing};
pub use random_resized_crop::RandomResizedCrop;
pub use resize::{Interpolation, Resize};
pub use sampling::{Fill, Sampling};
use serde::{Deserialize, Serialize};
pub use tinderbox_jpeg::Rect;

/// A transform; in TOML, `{ random_crop = { size = 24, padding = 4 } }`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transform {
    /// Resizes.
    Resize(Resize),
    /// Crops the centre.
    CenterCrop(CenterCrop),
    /// Crops at a random position.
    RandomCrop(RandomCrop),
    /// Crops a random rectangle and resizes it.
    RandomResizedCrop(RandomResizedCrop),
    /// Flips left and right at random.
    RandomHorizontalFlip(RandomHorizontalFlip),
    /// Changes brightness, contrast, saturation and hue at random.
    ColorJitter(ColorJitter),
    /// Applies one random operation of random magnitude.
    TrivialAugmentWide(TrivialAugmentWide),
    /// Applies several random operations of fixed magnitude.
    RandAugment(RandAugment),
    /// Erases a random rectangle of the normalised image.
    RandomErasing(RandomErasing),
}

/// Width and height in pixels, if known.
pub(super) type Size = Option<(usize, usize)>;

/// A transformed image, not yet normalised.
#[derive(Clone, Debug, PartialEq)]
pub struct Prepared {
    /// Samples 0 to 255.
    pub image: Image,
    /// A rectangle to erase after normalisation.
    pub erased: Option<Erased>,
}

impl From<Image> for Prepared {
    fn from(image: Image) -> Self {
        Self {
            image,
            erased: None,
        }
    }
}

impl Transform {
    /// All problems of a list of transforms called `key`. Each names the setting, as in
    /// `transforms[0].resize.size`.
    pub fn problems(key: &str, transforms: &[Self]) -> Vec<DataError> {
        let mut found = Vec::new();
        for (place, transform) in transforms.iter().enumerate() {
            let mut problems = Problems::new(format!("{key}[{place}].{}", transform.name()));
            transform.check(&mut problems);
            let is_last = place + 1 == transforms.len();
            problems.require(
                is_last || !matches!(transform, Self::RandomErasing(_)),
                None,
                || "must be the last transform, because it erases after normalisation".into(),
            );
            found.extend(problems.found());
        }
        found
    }

    /// Applies the transform. Only random transforms draw from `rng`.
    ///
    /// # Errors
    /// If the image is smaller than a random crop, or the result would have too many pixels.
    pub fn apply(&self, prepared: Prepared, rng: &mut ChaCha8Rng) -> Result<Prepared, DataError> {
        let Prepared { image, erased } = prepared;
        let image = match self {
            Self::Resize(resize) => resize.apply(image)?,
            Self::CenterCrop(crop) => crop.apply(image),
            Self::RandomCrop(crop) => crop.apply(&image, rng)?,
            Self::RandomResizedCrop(crop) => crop.apply(&image, rng)?,
            Self::RandomHorizontalFlip(flip) => flip.apply(image, rng),
            Self::ColorJitter(jitter) => jitter.apply(image, rng),
            Self::TrivialAugmentWide(policy) => policy.apply(image, rng),
            Self::RandAugment(policy) => policy.apply(image, rng),
            Self::RandomErasing(erasing) => {
                let erased = erasing.draw(&image, rng);
                return Ok(Prepared { image, erased });
            }
        };
        Ok(Prepared { image, erased })
    }

    /// True if the transform fills with a colour, which an image of one channel cannot show.
    pub(super) fn has_coloured_fill(&self) -> bool {
        match self {
            Self::TrivialAugmentWide(policy) => policy.fill.is_coloured(),
            Self::RandAugment(policy) => policy.fill.is_coloured(),
            _ => false,
        }
    }

    /// Name in recipes.
    fn name(&self) -> &'static str {
        match self {
            Self::Resize(_) => "resize",
            Self::CenterCrop(_) => "center_crop",
            Self::RandomCrop(_) => "random_crop",
            Self::RandomResizedCrop(_) => "random_resized_crop",
            Self::RandomHorizontalFlip(_) => "random_horizontal_flip",
            Self::ColorJitter(_) => "color_jitter",
            Self::TrivialAugmentWide(_) => "trivial_augment_wide",
            Self::RandAugment(_) => "rand_augment",
            Self::RandomErasing(_) => "random_erasing",
        }
    }

    fn check(&self, problems: &mut Problems) {
        match self {
            Self::Resize(resize) => problems.size("size", resize.size),
            Self::CenterCrop(crop) => problems.size("size", crop.size),
            Self::RandomCrop(crop) => crop.check(problems),
            Self::RandomResizedCrop(crop) => crop.check(problems),
            Self::RandomHorizontalFlip(flip) => problems.probability(flip.probability),
            Self::ColorJitter(jitter) => jitter.check(problems),
            Self::TrivialAugmentWide(policy) => policy.check(problems),
            Self::RandAugment(policy) => policy.check(problems),
            Self::RandomErasing(erasing) => erasing.check(problems),
        }
    }

    /// Size of the output for an input of `size`.
    pub(super) fn size_after(&self, size: Size) -> Size {
        match self {
            Self::Resize(resize) if resize.exact => Some((resize.size, resize.size)),
            Self::Resize(resize) => size.map(|(width, height)| resize.target(width, height)),
            Self::CenterCrop(CenterCrop { size })
            | Self::RandomCrop(RandomCrop { size, .. })
            | Self::RandomResizedCrop(RandomResizedCrop { size, .. }) => Some((*size, *size)),
            Self::RandomHorizontalFlip(_)
            | Self::ColorJitter(_)
            | Self::TrivialAugmentWide(_)
            | Self::RandAugment(_)
            | Self::RandomErasing(_) => size,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
