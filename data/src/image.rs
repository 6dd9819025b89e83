//! Image data sets, decoding, transforms and batches.
//!
//! * [`ImageDataset`]: any of [`Shapes`], [`Cifar`], [`Idx`], [`ImageFolder`], [`ImageNet`],
//!   [`Shards`] and [`Subset`];
//! * [`decode`]: image files to pixels, as Pillow decodes them;
//! * [`Preprocess`]: [`transforms`], channels and normalisation;
//! * [`ImageSource`]: preprocessed images for the [`Loader`](crate::loader::Loader), as
//!   [`ImageBatch`]es, perhaps with [`Mixing`].

mod batch;
mod cifar;
mod contact_sheet;
mod dataset;
pub mod decode;
mod folder;
mod hold_out;
mod idx;
mod imagenet;
mod mix;
mod passed_over;
mod preprocess;
mod shapes;
mod shards;

mod subset;
pub mod transforms;

pub use batch::{ImageBatch, ImageSource};
pub use cifar::{Cifar, CifarSet};
pub use contact_sheet::{contact_sheet, write_png};
pub use dataset::{ImageDataset, ImageItem};
pub use folder::ImageFolder;
pub use hold_out::HoldOut;
pub use idx::Idx;
pub use imagenet::ImageNet;
pub use mix::{MixedLabels, Mixing};
pub use passed_over::PassedOver;
pub use preprocess::Preprocess;
pub use shapes::Shapes;
pub use shards::{
    ShardOptions, ShardSize, Shards, WrittenShards, WrittenSplit, verify_shards, write_shards,
};
pub use subset::Subset;
pub use transforms::{
    CenterCrop, Interpolation, RandomCrop, RandomHorizontalFlip, Resize, Transform,
};

use std::borrow::Cow;

/// A decoded image: 8-bit samples, grey or RGB.
#[derive(Clone, Debug, PartialEq)]
pub struct Image {
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// 1 (grey) or 3 (red, green, blue).
    pub channels: usize,
    /// `[height, width, channels]`, row by row from the top.
    pub pixels: Vec<u8>,
}

impl Image {
    /// Width and height as "640x480", for messages.
    pub fn size(&self) -> String {
        format!("{}x{}", self.width, self.height)
    }

    /// The image with three channels; grey samples are repeated.
    pub fn rgb(&self) -> Cow<'_, Self> {
        if self.channels == 3 {
            return Cow::Borrowed(self);
        }
        let pixels = self.pixels.iter().flat_map(|&grey| [grey; 3]).collect();
        Cow::Owned(self.with_pixels(3, pixels))
    }

    /// The image with one channel: ITU-R 601 luma, in Pillow's fixed-point arithmetic.
    pub fn grey(&self) -> Cow<'_, Self> {
        if self.channels == 1 {
            return Cow::Borrowed(self);
        }
        let pixels = self.pixels.chunks_exact(3).map(luma).collect();
        Cow::Owned(self.with_pixels(1, pixels))
    }

    fn with_pixels(&self, channels: usize, pixels: Vec<u8>) -> Self {
        Self {
            width: self.width,
            height: self.height,
            channels,
            pixels,
        }
    }

    /// The rectangle whose top left pixel is (`top`, `left`), padded with 0 outside of the image.
    pub(crate) fn crop(&self, top: isize, left: isize, height: usize, width: usize) -> Self {
        let channels = self.channels;
        let mut pixels = vec![0; height * width * channels];
        // Columns that the rectangle and the image share, in the image's coordinates.
        let first = left.clamp(0, self.width as isize);
        let last = (left + width as isize).clamp(first, self.width as isize);
        let count = (last - first) as usize * channels;
        let skipped = (first - left).max(0) as usize * channels;
        for (row, target) in pixels
            .chunks_exact_mut((width * channels).max(1))
            .enumerate()
        {
            let y = top + row as isize;
            if count > 0 && (0..self.height as isize).contains(&y) {
                let start = (y as usize * self.width + first as usize) * channels;
                target[skipped..skipped + count]
                    .copy_from_slice(&self.pixels[start..start + count]);
            }
        }
        Self {
            width,
            height,
            channels,
            pixels,
        }
    }
}

/// ITU-R 601 luma of red, green and blue.
pub(crate) fn luma(rgb: &[u8]) -> u8 {
    let [r, g, b] = [rgb[0], rgb[1], rgb[2]].map(u32::from);
    ((r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(crate) fn numbered(width: usize, height: usize, channels: usize) -> Image {
        let pixels = (0..width * height * channels)
            .map(|i| (i % 251 + 1) as u8)
            .collect();
        Image {
            width,
            height,
            channels,
            pixels,
        }
    }

    #[test]
    fn grey_equals_pillows() {
        let image = Image {
            width: 4,
            height: 1,
            channels: 3,
            pixels: vec![255, 0, 0, 0, 255, 0, 0, 0, 255, 12, 200, 77],
        };
        // From Pillow 13: Image.convert("L").
        assert_eq!(image.grey().pixels, [76, 150, 29, 130]);
        let grey = image.grey().into_owned();
        assert_eq!(grey.rgb().pixels[..6], [76, 76, 76, 150, 150, 150]);
        assert_eq!(grey.rgb().grey().as_ref(), &grey);
    }

    proptest! {
        #[test]
        fn a_crop_is_the_image_or_zero_at_every_pixel(
            (width, height) in (1usize..9, 1usize..9),
            (crop_width, crop_height) in (1usize..14, 1usize..14),
            (top, left) in (-15isize..15, -15isize..15),
            channels in prop_oneof![Just(1usize), Just(3)],
        ) {
            let image = numbered(width, height, channels);
            let crop = image.crop(top, left, crop_height, crop_width);
            prop_assert_eq!(crop.pixels.len(), crop_width * crop_height * channels);
            for (i, &pixel) in crop.pixels.iter().enumerate() {
                let x = (i / channels % crop_width) as isize + left;
                let y = (i / channels / crop_width) as isize + top;
                let inside = (0..width as isize).contains(&x) && (0..height as isize).contains(&y);
                let expected = if inside {
                    image.pixels[(y as usize * width + x as usize) * channels + i % channels]
                } else {
                    0
                };
                prop_assert_eq!(pixel, expected);
            }
        }
    }
}
