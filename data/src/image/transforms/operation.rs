//! The deterministic operations that random transforms draw from.

use super::{Sampling, affine, color, point};
use crate::image::Image;
use serde::{Deserialize, Serialize};

/// A deterministic operation on an image. Each gives torchvision's pixels for a Pillow image.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// No change.
    Identity,
    /// Shear: row y moves to the left by this times y pixels.
    ShearX(f64),
    /// Shear: column x moves up by this times x pixels.
    ShearY(f64),
    /// Translation to the right, in pixels.
    TranslateX(i64),
    /// Translation downwards, in pixels.
    TranslateY(i64),
    /// Counter-clockwise rotation about the centre, in degrees.
    Rotate(f64),
    /// Brightness factor: 0 is black, 1 the image.
    Brightness(f64),
    /// Contrast factor: 0 is the mean grey, 1 the image.
    Contrast(f64),
    /// Saturation factor: 0 is the grey image, 1 the image. Called Color in the papers on
    /// augmentation policies.
    Saturation(f64),
    /// Sharpness factor: 0 is the smoothed image, 1 the image.
    Sharpness(f64),
    /// Hue rotation in full turns, -0.5 to 0.5.
    Hue(f64),
    /// Number of bits kept, of 8.
    Posterize(u8),
    /// Inverts samples at or above this threshold.
    Solarize(f64),
    /// Stretches each channel to 0 to 255.
    AutoContrast,
    /// Equalises the histogram of each channel.
    Equalize,
    /// Inverts every sample.
    Invert,
}

impl Operation {
    /// Applies the operation with nearest-neighbour sampling, and black outside of the image. The
    /// size does not change.
    pub fn apply(self, image: Image) -> Image {
        self.apply_with(image, Sampling::default())
    }

    /// Applies the operation. The size does not change.
    pub fn apply_with(self, image: Image, sampling: Sampling) -> Image {
        match self {
            Self::Identity => image,
            Self::ShearX(magnitude) => affine::shear_x(&image, magnitude, sampling),
            Self::ShearY(magnitude) => affine::shear_y(&image, magnitude, sampling),
            Self::TranslateX(pixels) => affine::translate(&image, pixels, 0, sampling),
            Self::TranslateY(pixels) => affine::translate(&image, 0, pixels, sampling),
            Self::Rotate(degrees) => affine::rotate(&image, degrees, sampling),
            Self::Brightness(factor) => color::brightness(image, factor),
            Self::Contrast(factor) => color::contrast(image, factor),
            Self::Saturation(factor) => color::saturation(image, factor),
            Self::Sharpness(factor) => color::sharpness(&image, factor),
            Self::Hue(turn) => color::hue(image, turn),
            Self::Posterize(bits) => point::posterize(image, bits),
            Self::Solarize(threshold) => point::solarize(image, threshold),
            Self::AutoContrast => point::auto_contrast(image),
            Self::Equalize => point::equalize(image),
            Self::Invert => point::invert(image),
        }
    }
}
