//! The deterministic operations that the random transforms choose from.

use super::{affine, color, point};
use crate::image::Image;
use serde::{Deserialize, Serialize};

/// What can be done to an image without chance. Every one gives the pixels that torchvision gives for a Pillow image
/// with nearest neighbours and 0 for what comes in from outside.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// Nothing.
    Identity,
    /// Row y moves to the left by this times y pixels.
    ShearX(f64),
    /// Column x moves up by this times x pixels.
    ShearY(f64),
    /// Moves to the right, in pixels.
    TranslateX(i64),
    /// Moves down, in pixels.
    TranslateY(i64),
    /// Turns counter-clockwise about the middle, in degrees.
    Rotate(f64),
    /// Away from black (0) by this factor; 1 is the image.
    Brightness(f64),
    /// Away from its mean grey by this factor; 1 is the image.
    Contrast(f64),
    /// Away from the grey image by this factor; 1 is the image. The policies' papers call it Color.
    Saturation(f64),
    /// Away from the smoothed image by this factor; 1 is the image.
    Sharpness(f64),
    /// Turns the colours by this part of a full turn, -0.5 to 0.5.
    Hue(f64),
    /// Keeps this many of the 8 bits.
    Posterize(u8),
    /// Inverts every sample that is not below this.
    Solarize(f64),
    /// Stretches every channel to 0 to 255.
    AutoContrast,
    /// Makes the histogram of every channel flat.
    Equalize,
    /// 255 less every sample.
    Invert,
}

impl Operation {
    /// The image that the operation makes of `image`, of the same size.
    pub fn apply(self, image: Image) -> Image {
        match self {
            Self::Identity => image,
            Self::ShearX(magnitude) => affine::shear_x(&image, magnitude),
            Self::ShearY(magnitude) => affine::shear_y(&image, magnitude),
            Self::TranslateX(pixels) => affine::translate(&image, pixels, 0),
            Self::TranslateY(pixels) => affine::translate(&image, 0, pixels),
            Self::Rotate(degrees) => affine::rotate(&image, degrees),
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
