//! Preprocessing, from a stored image to a model's input: transforms, channels, normalisation.

use super::transforms::{Prepared, Transform};
use super::{Image, decode};
use crate::error::DataError;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// The preprocessing of an image. Samples become `(value / 255 - mean) / std`, per channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Preprocess {
    /// Transforms, in this order.
    pub transforms: Vec<Transform>,
    /// The model's input channels: 1 (colour images become grey) or 3 (grey images become RGB).
    pub channels: usize,
    /// Mean of each channel, for values in 0 to 1.
    pub mean: Vec<f32>,
    /// Standard deviation of each channel, for values in 0 to 1.
    pub std: Vec<f32>,
}

impl Preprocess {
    /// Normalisation of images with `channels` channels, without transforms.
    pub fn new(channels: usize, mean: Vec<f32>, std: Vec<f32>) -> Self {
        Self {
            transforms: Vec::new(),
            channels,
            mean,
            std,
        }
    }

    /// Replaces the transforms.
    #[must_use]
    pub fn with_transforms(self, transforms: Vec<Transform>) -> Self {
        Self { transforms, ..self }
    }

    /// Checks the settings.
    ///
    /// # Errors
    /// If a setting is invalid; the first one.
    pub fn validate(&self) -> Result<(), DataError> {
        if ![1, 3].contains(&self.channels) {
            let reason = format!("{} is neither 1 nor 3", self.channels);
            return Err(DataError::config("channels", reason));
        }
        for (what, values) in [("mean", &self.mean), ("std", &self.std)] {
            if values.len() != self.channels {
                let reason = format!("has {} values for {} channels", values.len(), self.channels);
                return Err(DataError::config(what, reason));
            }
            if values.iter().any(|value| !value.is_finite()) {
                return Err(DataError::config(what, "has a value that is not a number"));
            }
        }
        if self.std.iter().any(|&std| std <= 0.0) {
            return Err(DataError::config("std", "every value must be above 0"));
        }
        let mut transforms = self.transforms.iter();
        if self.channels == 1 && transforms.any(Transform::has_coloured_fill) {
            let reason = "a fill has three samples, and the images one channel; write one number";
            return Err(DataError::config("transforms", reason));
        }
        match Transform::problems("transforms", &self.transforms)
            .into_iter()
            .next()
        {
            Some(problem) => Err(problem),
            None => Ok(()),
        }
    }

    /// Transforms `image` and converts it to [`channels`](Self::channels) channels, with samples
    /// still 0 to
    /// 255.
    ///
    /// # Errors
    /// As [`Transform::apply`].
    pub fn prepare(&self, image: Image, rng: &mut ChaCha8Rng) -> Result<Prepared, DataError> {
        self.transformed(self.reduced(image), &self.transforms, rng)
    }

    /// Decodes and prepares an image file, which errors call `name`. The result equals
    /// [`prepare`](Self::prepare)'s; but if the transforms begin with a
    /// [`RandomResizedCrop`](super::transforms::RandomResizedCrop), only the crop is decoded.
    ///
    /// # Errors
    /// As [`decode::decode_region`] and [`Transform::apply`].
    pub fn prepare_file(
        &self,
        bytes: &[u8],
        name: &str,
        rng: &mut ChaCha8Rng,
    ) -> Result<Prepared, DataError> {
        let [Transform::RandomResizedCrop(crop), rest @ ..] = &self.transforms[..] else {
            return self.prepare(decode::decode_bytes(bytes, name)?, rng);
        };
        let region =
            decode::decode_region(bytes, name, |width, height| crop.draw(width, height, rng))?;
        self.transformed(crop.scale(self.reduced(region))?, rest, rng)
    }

    /// Converts to grey before the transforms, as one channel is cheaper to transform than three;
    /// RGB comes last.
    fn reduced(&self, image: Image) -> Image {
        match self.channels {
            1 => replace(image, Image::grey),
            _ => image,
        }
    }

    fn transformed(
        &self,
        image: Image,
        transforms: &[Transform],
        rng: &mut ChaCha8Rng,
    ) -> Result<Prepared, DataError> {
        let mut prepared = Prepared::from(image);
        for transform in transforms {
            prepared = transform.apply(prepared, rng)?;
        }
        if self.channels == 3 {
            prepared.image = replace(prepared.image, Image::rgb);
        }
        Ok(prepared)
    }

    /// Writes the normalised samples to `out` as `[channels, height, width]`, then the erased
    /// rectangle.
    ///
    /// # Panics
    /// If the image does not have [`channels`](Self::channels) channels, or `out` differs from it
    /// in length.
    pub fn normalize_into(&self, prepared: &Prepared, out: &mut [f32]) {
        let Prepared { image, erased } = prepared;
        assert_eq!(
            image.channels, self.channels,
            "the image's channels differ from the preprocessing's"
        );
        assert_eq!(
            image.pixels.len(),
            out.len(),
            "the image and the output differ in length"
        );
        let plane_len = (image.width * image.height).max(1);
        for (channel, plane) in out.chunks_exact_mut(plane_len).enumerate() {
            let table = self.table(channel);
            let samples = image.pixels[channel..].iter().step_by(self.channels);
            for (value, &sample) in plane.iter_mut().zip(samples) {
                *value = table[usize::from(sample)];
            }
            if let Some(erased) = erased {
                erased.write(channel, plane, image.width);
            }
        }
    }

    /// Converts normalised samples `[channels, height, width]` back to an image, clamped to 0 to
    /// 255.
    pub fn denormalize(&self, samples: &[f32], width: usize, height: usize) -> Image {
        let plane_len = (width * height).max(1);
        let mut pixels = vec![0; samples.len()];
        for (channel, plane) in samples.chunks_exact(plane_len).enumerate() {
            let (mean, std) = (self.mean[channel], self.std[channel]);
            let places = pixels[channel..].iter_mut().step_by(self.channels);
            for (pixel, value) in places.zip(plane) {
                *pixel = ((value * std + mean) * 255.0).round() as u8;
            }
        }
        Image {
            width,
            height,
            channels: self.channels,
            pixels,
        }
    }

    /// The normalised value of each of the 256 samples, which saves two divisions per pixel.
    fn table(&self, channel: usize) -> [f32; 256] {
        let (mean, std) = (self.mean[channel], self.std[channel]);
        std::array::from_fn(|sample| (sample as f32 / 255.0 - mean) / std)
    }

    /// Side of the output in pixels, if the transforms alone make every image a square of one size.
    pub fn output_size(&self) -> Option<usize> {
        let (width, height) = self.size_after(None)?;
        (width == height).then_some(width)
    }

    /// Width and height of the output for an input of `size`, if known.
    pub(super) fn size_after(&self, size: Option<(usize, usize)>) -> Option<(usize, usize)> {
        self.transforms
            .iter()
            .fold(size, |size, transform| transform.size_after(size))
    }
}

/// Converts `image`, without a copy if it needs no conversion.
fn replace(image: Image, convert: impl Fn(&Image) -> Cow<'_, Image>) -> Image {
    match convert(&image) {
        Cow::Owned(converted) => converted,
        Cow::Borrowed(_) => image,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use crate::image::tests::numbered;
    use crate::image::transforms::{Erased, Fill, RandomResizedCrop, Rect, TrivialAugmentWide};
    use crate::image::{CenterCrop, Interpolation, RandomHorizontalFlip, Resize};
    use crate::random;
    use image::ExtendedColorType;
    use image::codecs::jpeg::JpegEncoder;

    fn preprocess(channels: usize, transforms: Vec<Transform>) -> Preprocess {
        Preprocess {
            transforms,
            channels,
            mean: vec![0.5; channels],
            std: vec![0.25; channels],
        }
    }

    #[test]
    fn normalises_plane_by_plane() {
        let mut rgb = preprocess(3, vec![]);
        rgb.mean = vec![0.0, 0.5, 1.0];
        let image = Image {
            width: 2,
            height: 1,
            channels: 3,
            pixels: vec![0, 51, 255, 255, 102, 0],
        };
        let mut out = [0.0; 6];
        rgb.normalize_into(&image.clone().into(), &mut out);
        let expected = [0.0, 4.0, (0.2 - 0.5) * 4.0, (0.4 - 0.5) * 4.0, 0.0, -4.0];
        for (value, expected) in out.into_iter().zip(expected) {
            assert!((value - expected).abs() < 1e-6, "{out:?}");
        }
        assert_eq!(rgb.denormalize(&out, 2, 1), image);
    }

    #[test]
    fn erasing_comes_after_normalisation() {
        let rgb = preprocess(3, vec![]);
        let rect = Rect {
            top: 1,
            left: 0,
            height: 1,
            width: 2,
        };
        let normalised = |noise: Vec<f32>| {
            let mut prepared = Prepared::from(numbered(3, 2, 3));
            prepared.erased = Some(Erased { rect, noise });
            let mut out = [9.0; 18];
            rgb.normalize_into(&prepared, &mut out);
            out
        };
        let mut plain = [0.0; 18];
        rgb.normalize_into(&numbered(3, 2, 3).into(), &mut plain);
        for (noise, expected) in [
            (vec![], [0.0; 6]),
            (
                vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
                [1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
            ),
        ] {
            let out = normalised(noise);
            for channel in 0..3 {
                let (plane, plain) = (&out[channel * 6..][..6], &plain[channel * 6..][..6]);
                assert_eq!(plane[..3], plain[..3]);
                assert_eq!(plane[3..5], expected[channel * 2..][..2]);
                assert_eq!(plane[5], plain[5]);
            }
        }
    }

    #[test]
    fn channels_are_converted_for_the_model() {
        let mut rng = random::rng(0, "test", 0, 0);
        let grey = Image {
            width: 1,
            height: 1,
            channels: 1,
            pixels: vec![8],
        };
        let rgb = preprocess(3, vec![])
            .prepare(grey.clone(), &mut rng)
            .unwrap()
            .image;
        assert_eq!(rgb.pixels, [8, 8, 8]);
        let back = preprocess(1, vec![]).prepare(rgb, &mut rng).unwrap().image;
        assert_eq!(back, grey);
    }

    #[test]
    fn preparing_a_file_equals_decoding_and_preparing() {
        let Image {
            width,
            height,
            pixels,
            ..
        } = numbered(61, 47, 3);
        let mut jpeg = Vec::new();
        let (w, h) = (width as u32, height as u32);
        JpegEncoder::new_with_quality(&mut jpeg, 90)
            .encode(&pixels, w, h, ExtendedColorType::Rgb8)
            .unwrap();
        let crop = Transform::RandomResizedCrop(RandomResizedCrop {
            size: 24,
            scale: [0.08, 1.0],
            ratio: [0.75, 1.25],
            interpolation: Interpolation::Bilinear,
        });
        let flip = Transform::RandomHorizontalFlip(RandomHorizontalFlip { probability: 0.5 });
        let lists = [
            vec![crop.clone(), flip.clone()],
            vec![flip.clone(), crop],
            vec![],
        ];
        for (transforms, channels) in lists.into_iter().flat_map(|t| [(t.clone(), 1), (t, 3)]) {
            let preprocess = preprocess(channels, transforms);
            for epoch in 0..20 {
                let rng = || random::rng(0, "test", epoch, 0);
                let whole = decode::decode_bytes(&jpeg, "a").unwrap();
                assert_eq!(
                    preprocess.prepare_file(&jpeg, "a", &mut rng()).unwrap(),
                    preprocess.prepare(whole, &mut rng()).unwrap()
                );
            }
        }
        let cut_off = &jpeg[..jpeg.len() - 2];
        let mut rng = random::rng(0, "test", 0, 0);
        let error = preprocess(3, vec![flip])
            .prepare_file(cut_off, "a.jpg", &mut rng)
            .unwrap_err();
        assert!(error.to_string().starts_with("a.jpg: is a truncated"));
    }

    #[test]
    fn the_size_is_known_if_a_transform_fixes_it() {
        let resize = |exact| {
            Transform::Resize(Resize {
                size: 40,
                exact,
                interpolation: Interpolation::Bilinear,
            })
        };
        let crop = Transform::CenterCrop(CenterCrop { size: 24 });
        let flip = Transform::RandomHorizontalFlip(RandomHorizontalFlip { probability: 0.5 });
        let output = |transforms| preprocess(3, transforms).output_size();
        assert_eq!(output(vec![]), None);
        assert_eq!(output(vec![resize(false), flip.clone()]), None);
        assert_eq!(output(vec![resize(true)]), Some(40));
        assert_eq!(output(vec![resize(false), crop.clone(), flip]), Some(24));
        assert_eq!(output(vec![crop, resize(false)]), Some(40));
    }

    #[test]
    fn settings_are_checked() {
        let message = |change: fn(&mut Preprocess)| {
            let mut preprocess = preprocess(3, vec![]);
            change(&mut preprocess);
            preprocess.validate().unwrap_err().to_string()
        };
        assert_eq!(
            message(|p| p.channels = 2),
            "channels: 2 is neither 1 nor 3"
        );
        assert_eq!(
            message(|p| p.mean = vec![0.5]),
            "mean: has 1 values for 3 channels"
        );
        assert_eq!(
            message(|p| p.std[1] = 0.0),
            "std: every value must be above 0"
        );
        assert_eq!(
            message(|p| p.std[1] = f32::NAN),
            "std: has a value that is not a number"
        );
        assert_eq!(
            message(|p| {
                *p = preprocess(1, vec![]);
                let fill = Fill::Rgb([124, 116, 104]);
                let policy = TrivialAugmentWide {
                    fill,
                    ..TrivialAugmentWide::default()
                };
                p.transforms.push(Transform::TrivialAugmentWide(policy));
            }),
            "transforms: a fill has three samples, and the images one channel; write one number"
        );
        assert!(preprocess(1, vec![]).validate().is_ok());
    }
}
