//! Resizing, as Pillow's `Image.resize`.

use super::affine;
use crate::error::DataError;
use crate::image::{Image, decode};
use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::{U8, U8x3};
use fast_image_resize::{FilterType, PixelTrait, ResizeAlg, ResizeOptions, Resizer};
use serde::{Deserialize, Serialize};

/// Interpolation filter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Interpolation {
    /// Triangle filter, widened for antialiasing when downscaling (Pillow's `BILINEAR`).
    #[default]
    Bilinear,
    /// Cubic filter with a = -0.5, widened for antialiasing when downscaling (Pillow's `BICUBIC`).
    Bicubic,
    /// Nearest neighbour, without antialiasing (Pillow's `NEAREST`).
    Nearest,
}

/// Resizes to a given shorter side.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resize {
    /// Shorter side of the output, in pixels; the aspect ratio is kept.
    pub size: usize,
    /// Make both sides `size` pixels long instead.
    #[serde(default)]
    pub exact: bool,
    /// Interpolation filter.
    #[serde(default)]
    pub interpolation: Interpolation,
}

impl Resize {
    /// Width and height of the output for an image of this width and height.
    pub(super) fn target(&self, width: usize, height: usize) -> (usize, usize) {
        if self.exact {
            return (self.size, self.size);
        }
        // torchvision: int(size * long / short).
        let long = |long: usize, short: usize| self.size * long / short.max(1);
        if width <= height {
            (self.size, long(height, width))
        } else {
            (long(width, height), self.size)
        }
    }

    pub(crate) fn apply(&self, image: Image) -> Result<Image, DataError> {
        let (width, height) = self.target(image.width, image.height);
        resize(image, width, height, self.interpolation)
    }
}

/// Resizes `image` to `width` x `height` pixels. Bilinear and bicubic differ from Pillow by 1
/// (bicubic rarely by 2) in few samples: the filters and the order of passes are Pillow 13's, but
/// weights have 15 bits where Pillow's have 22. Nearest is exact.
///
/// # Errors
/// If the image has no pixels, or would have too many.
pub(super) fn resize(
    image: Image,
    width: usize,
    height: usize,
    interpolation: Interpolation,
) -> Result<Image, DataError> {
    if (width, height) == (image.width, image.height) {
        return Ok(image);
    }
    let from = image.size();
    let failed = |reason: &str| {
        let reason = format!("cannot be resized from {from} to {width}x{height}: {reason}");
        DataError::image("an image", reason)
    };
    // The image between the two passes. Very long and narrow images exceed the limit there.
    let between = if is_vertical_first(&image, width, height) {
        (image.width, height)
    } else {
        (width, image.height)
    };
    let is_allowed = |(width, height): (usize, usize)| {
        let pixels = width.checked_mul(height);
        pixels.is_some_and(|pixels| pixels as u64 <= decode::MAX_PIXELS)
    };
    if !is_allowed((width, height)) || !is_allowed(between) {
        return Err(failed("too many pixels"));
    }
    if image.width == 0 || image.height == 0 {
        return Err(failed("it has no pixels"));
    }
    let filter = match interpolation {
        Interpolation::Bilinear => FilterType::Bilinear,
        Interpolation::Bicubic => FilterType::CatmullRom,
        Interpolation::Nearest => return Ok(affine::scale_to(&image, width, height)),
    };
    // A single call would always begin with the vertical pass. The order matters, since samples are
    // rounded in between.
    convolve(image, between, filter)
        .and_then(|image| convolve(image, (width, height), filter))
        .map_err(|error| failed(&error))
}

/// The order of passes in Pillow 13 (earlier versions begin with the horizontal one): vertical first
/// if that makes many more rows go than columns.
fn is_vertical_first(image: &Image, width: usize, height: usize) -> bool {
    let rows = image.height as i128 - height as i128;
    let columns = image.width as i128 - width as i128;
    rows > 0 && rows > 2 * columns
}

/// Resizes with an antialiasing filter.
fn convolve(
    image: Image,
    (width, height): (usize, usize),
    filter: FilterType,
) -> Result<Image, String> {
    if (width, height) == (image.width, image.height) {
        return Ok(image);
    }
    let pixels = if image.channels == 1 {
        convolve_pixels::<U8>(&image, width, height, filter)?
    } else {
        convolve_pixels::<U8x3>(&image, width, height, filter)?
    };
    Ok(Image {
        width,
        height,
        channels: image.channels,
        pixels,
    })
}

/// Samples of the scaled image. Generic over the pixel type because `Resizer::resize`, which
/// dispatches at run time, compiles its filters for all thirteen: 2 MB of code.
fn convolve_pixels<P: PixelTrait>(
    image: &Image,
    width: usize,
    height: usize,
    filter: FilterType,
) -> Result<Vec<u8>, String> {
    let source =
        TypedImageRef::<P>::from_buffer(image.width as u32, image.height as u32, &image.pixels)
            .map_err(|e| e.to_string())?;
    let mut pixels = vec![0; width * height * image.channels];
    let mut target = TypedImage::<P>::from_buffer(width as u32, height as u32, &mut pixels)
        .map_err(|e| e.to_string())?;
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter));
    Resizer::new()
        .resize_typed(&source, &mut target, &options)
        .map_err(|e| e.to_string())?;
    Ok(pixels)
}
