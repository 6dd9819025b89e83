//! Square crops.

use super::problems::Problems;
use crate::error::DataError;
use crate::image::Image;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// Crops the centre; a smaller image is padded with 0.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CenterCrop {
    /// Width and height of the output, in pixels.
    pub size: usize,
}

/// Crops at a random position.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandomCrop {
    /// Width and height of the output, in pixels.
    pub size: usize,
    /// Zero padding on every side before the crop, in pixels.
    #[serde(default)]
    pub padding: usize,
}

impl CenterCrop {
    pub(super) fn apply(&self, image: Image) -> Image {
        let size = self.size;
        if (image.width, image.height) == (size, size) {
            return image;
        }
        let top = center_offset(image.height, size);
        let left = center_offset(image.width, size);
        image.crop(top, left, size, size)
    }
}

/// Start of a centred crop of `size` in `len` pixels; negative if the crop is larger. torchvision
/// first pads a smaller image (by half of the difference, rounded down, at the beginning), and
/// rounds `(len - size) / 2` half to even, as Python does.
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
    pub(super) fn check(&self, problems: &mut Problems) {
        problems.size("size", self.size);
        // No padding is fine.
        problems.size("padding", self.padding.max(1));
    }

    pub(super) fn apply(&self, image: &Image, rng: &mut ChaCha8Rng) -> Result<Image, DataError> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_offsets_are_rounded_half_to_even() {
        // int(round(x / 2)) for x = 0..=7.
        let offsets: Vec<isize> = (0..8).map(|extra| center_offset(10 + extra, 10)).collect();
        assert_eq!(offsets, [0, 0, 1, 2, 2, 2, 3, 4]);
        assert_eq!(center_offset(7, 10), -1);
    }
}
