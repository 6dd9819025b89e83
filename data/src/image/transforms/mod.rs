//! Transforms of the geometry, with torchvision's meaning (its v1 transforms on Pillow images). Colours are
//! [`Preprocess`](super::Preprocess)'s.

mod affine;
mod resize;

use super::Image;
use crate::error::DataError;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
pub use resize::{Interpolation, Resize};
use serde::{Deserialize, Serialize};

/// One transform, written in TOML as `{ random_crop = { size = 24, padding = 4 } }`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transform {
    /// Scales.
    Resize(Resize),
    /// Cuts out the middle.
    CenterCrop(CenterCrop),
    /// Cuts out a random place.
    RandomCrop(RandomCrop),
    /// Mirrors now and then.
    RandomHorizontalFlip(RandomHorizontalFlip),
}

/// Cuts out the middle; what is smaller is padded with 0.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CenterCrop {
    /// Width and height afterwards, in pixels.
    pub size: usize,
}

/// Cuts out a random place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandomCrop {
    /// Width and height afterwards, in pixels.
    pub size: usize,
    /// How many zeros are put at every side first, in pixels.
    #[serde(default)]
    pub padding: usize,
}

/// Mirrors left and right.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandomHorizontalFlip {
    /// How often, 0 to 1.
    #[serde(default = "half")]
    pub probability: f64,
}

fn half() -> f64 {
    0.5
}

/// Width and height in pixels, where known.
pub(super) type Size = Option<(usize, usize)>;

impl Transform {
    /// Checks the settings.
    ///
    /// # Errors
    /// If a size is 0 or above 65,535, or a probability is not within 0 to 1.
    pub fn validate(&self) -> Result<(), DataError> {
        match self {
            Self::Resize(Resize { size, .. }) => check_size("resize.size", *size),
            Self::CenterCrop(CenterCrop { size }) => check_size("center_crop.size", *size),
            Self::RandomCrop(RandomCrop { size, padding }) => {
                check_size("random_crop.size", *size)?;
                // A padding of 0 is fine.
                check_size("random_crop.padding", (*padding).max(1))
            }
            Self::RandomHorizontalFlip(RandomHorizontalFlip { probability }) => {
                if (0.0..=1.0).contains(probability) {
                    return Ok(());
                }
                let reason = format!("{probability} is not within 0 to 1");
                Err(DataError::config(
                    "random_horizontal_flip.probability",
                    reason,
                ))
            }
        }
    }

    /// The transformed image. Only the random transforms draw from `rng`.
    ///
    /// # Errors
    /// If the image is smaller than a random crop, or the settings are not valid.
    pub fn apply(&self, image: Image, rng: &mut ChaCha8Rng) -> Result<Image, DataError> {
        match self {
            Self::Resize(resize) => resize.apply(image),
            Self::CenterCrop(crop) => Ok(crop.apply(image)),
            Self::RandomCrop(crop) => crop.apply(&image, rng),
            Self::RandomHorizontalFlip(flip) => flip.apply(image, rng),
        }
    }

    /// The size afterwards, given the size before.
    pub(super) fn size_after(&self, size: Size) -> Size {
        match self {
            Self::Resize(resize) if resize.exact => Some((resize.size, resize.size)),
            Self::Resize(resize) => size.map(|(width, height)| resize.target(width, height)),
            Self::CenterCrop(CenterCrop { size }) => Some((*size, *size)),
            Self::RandomCrop(RandomCrop { size, .. }) => Some((*size, *size)),
            Self::RandomHorizontalFlip(_) => size,
        }
    }
}

fn check_size(what: &str, size: usize) -> Result<(), DataError> {
    // Beyond this nothing is an image any more, and products could overflow.
    const MOST: usize = 65_535;
    if (1..=MOST).contains(&size) {
        return Ok(());
    }
    let reason = format!("{size} is not within 1 to {MOST} pixels");
    Err(DataError::config(what, reason))
}

impl CenterCrop {
    fn apply(&self, image: Image) -> Image {
        let size = self.size;
        if (image.width, image.height) == (size, size) {
            return image;
        }
        let top = center_offset(image.height, size);
        let left = center_offset(image.width, size);
        image.crop(top, left, size, size)
    }
}

/// Where a centred crop of `size` begins in `len` pixels; negative if it is larger. torchvision first pads a smaller
/// image (by half of the difference, rounded down, at the beginning), and rounds `(len - size) / 2` as Python does: to
/// the even neighbour of a half.
fn center_offset(len: usize, size: usize) -> isize {
    if len < size {
        return -(((size - len) / 2) as isize);
    }
    let twice = len - size;
    let down = twice / 2;
    let half_and_odd = twice % 2 == 1 && down % 2 == 1;
    (down + usize::from(half_and_odd)) as isize
}

impl RandomCrop {
    fn apply(&self, image: &Image, rng: &mut ChaCha8Rng) -> Result<Image, DataError> {
        let Self { size, padding } = *self;
        let room = |len: usize| (len + 2 * padding).checked_sub(size);
        let (Some(down), Some(right)) = (room(image.height), room(image.width)) else {
            let padded = if padding > 0 {
                format!(" with {padding} pixels of padding")
            } else {
                String::new()
            };
            let reason = format!(
                "{}{padded} is smaller than the random crop of {size}x{size}; resize first, or crop less",
                image.size()
            );
            return Err(DataError::image("an image", reason));
        };
        let top = rng.random_range(0..=down) as isize - padding as isize;
        let left = rng.random_range(0..=right) as isize - padding as isize;
        Ok(image.crop(top, left, size, size))
    }
}

impl RandomHorizontalFlip {
    fn apply(&self, mut image: Image, rng: &mut ChaCha8Rng) -> Result<Image, DataError> {
        // Compared by hand: `random_bool` panics on a probability that is none.
        if rng.random::<f64>() < self.probability {
            flip(&mut image);
        }
        Ok(image)
    }
}

fn flip(image: &mut Image) {
    let row_len = (image.width * image.channels).max(1);
    for row in image.pixels.chunks_exact_mut(row_len) {
        row.reverse();
        if image.channels == 3 {
            // Reversing bytes turned the colours round as well.
            row.chunks_exact_mut(3).for_each(|pixel| pixel.swap(0, 2));
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
