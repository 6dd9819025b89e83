//! The crop that ImageNet networks are trained with (Szegedy et al. 2015,
//! <https://arxiv.org/abs/1409.4842>).

use super::Rect;
use super::problems::Problems;
use super::random_rect::{random_position, random_sides};
use super::resize::{Interpolation, resize};
use crate::error::DataError;
use crate::image::Image;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// Crops a rectangle of random area and aspect ratio, and resizes it to a square.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandomResizedCrop {
    /// Width and height of the output, in pixels.
    pub size: usize,
    /// `[min, max]` of the crop's share of the image's area.
    #[serde(default = "default_scale")]
    pub scale: [f64; 2],
    /// `[min, max]` of the crop's width to its height.
    #[serde(default = "default_ratio")]
    pub ratio: [f64; 2],
    /// Interpolation of the resize.
    #[serde(default)]
    pub interpolation: Interpolation,
}

fn default_scale() -> [f64; 2] {
    [0.08, 1.0]
}

fn default_ratio() -> [f64; 2] {
    [3.0 / 4.0, 4.0 / 3.0]
}

impl RandomResizedCrop {
    pub(super) fn check(&self, problems: &mut Problems) {
        problems.size("size", self.size);
        problems.area(self.scale, self.ratio);
    }

    pub(super) fn apply(&self, image: &Image, rng: &mut ChaCha8Rng) -> Result<Image, DataError> {
        let rect = self.draw(image.width, image.height, rng);
        // Cropped before the resize, as in torchvision, so that the filter sees nothing outside of
        // the crop.
        let (top, left) = (rect.top as isize, rect.left as isize);
        self.scale(image.crop(top, left, rect.height, rect.width))
    }

    /// Resizes a crop to the output size.
    pub(in crate::image) fn scale(&self, crop: Image) -> Result<Image, DataError> {
        resize(crop, self.size, self.size, self.interpolation)
    }

    /// Draws the crop for an image of `width` x `height` pixels.
    pub fn draw(&self, width: usize, height: usize, rng: &mut ChaCha8Rng) -> Rect {
        let fit = |[w, h]: [usize; 2]| (1..=width).contains(&w) && (1..=height).contains(&h);
        match random_sides(width * height, self.scale, self.ratio, rng, fit) {
            Some([w, h]) => random_position([h, w], [height, width], rng),
            None => self.fallback(width, height),
        }
    }

    /// The crop if no draw fits: as much of the centre as `ratio` allows.
    fn fallback(&self, width: usize, height: usize) -> Rect {
        let [narrowest, widest] = self.ratio;
        let ratio = width as f64 / height as f64;
        let rounded = |side: f64| (side.round_ties_even() as usize).max(1);
        let (w, h) = if ratio < narrowest {
            (width, rounded(width as f64 / narrowest))
        } else if ratio > widest {
            (rounded(height as f64 * widest), height)
        } else {
            (width, height)
        };
        Rect {
            top: (height - h) / 2,
            left: (width - w) / 2,
            height: h,
            width: w,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random;

    fn crop(scale: [f64; 2], ratio: [f64; 2]) -> RandomResizedCrop {
        RandomResizedCrop {
            size: 224,
            scale,
            ratio,
            interpolation: Interpolation::Bilinear,
        }
    }

    fn rects(crop: &RandomResizedCrop, width: usize, height: usize) -> Vec<Rect> {
        let mut rng = random::rng(3, "test", 0, 0);
        (0..4000)
            .map(|_| crop.draw(width, height, &mut rng))
            .collect()
    }

    /// Mean of `number` over the rectangles.
    fn mean(rects: &[Rect], number: impl Fn(&Rect) -> f64) -> f64 {
        rects.iter().map(number).sum::<f64>() / rects.len() as f64
    }

    #[test]
    fn share_shape_and_position_have_the_right_distributions() {
        let crop = crop([0.08, 0.5], default_ratio());
        let rects = rects(&crop, 600, 500);
        let share = |rect: &Rect| (rect.width * rect.height) as f64 / 300_000.0;
        let log_ratio = |rect: &Rect| (rect.width as f64 / rect.height as f64).ln();
        for rect in &rects {
            assert!(rect.left + rect.width <= 600 && rect.top + rect.height <= 500);
            // Each side is rounded by up to half a pixel.
            assert!((0.079..0.502).contains(&share(rect)), "{rect:?}");
            assert!(log_ratio(rect).abs() < (4.0_f64 / 3.0).ln() + 0.01);
        }
        // The share, the logarithm of the ratio and the position are uniform.
        assert!((mean(&rects, share) - 0.29).abs() < 0.01);
        assert!(mean(&rects, log_ratio).abs() < 0.01);
        let place = |rect: &Rect| rect.left as f64 / (600 - rect.width) as f64;
        assert!((mean(&rects, place) - 0.5).abs() < 0.02);
        let place = |rect: &Rect| rect.top as f64 / (500 - rect.height).max(1) as f64;
        assert!((mean(&rects, place) - 0.5).abs() < 0.02);
    }

    /// Means over 60,000 draws of torchvision's `RandomResizedCrop.get_params`, which rejects more
    /// of the large crops the less square the image is.
    #[test]
    fn crops_that_do_not_fit_are_redrawn_as_in_torchvision() {
        for ((width, height), share, log_ratio) in EXPECTED {
            let rects = rects(&crop(default_scale(), default_ratio()), width, height);
            let area = (width * height) as f64;
            let mean_share = mean(&rects, |rect| (rect.width * rect.height) as f64 / area);
            let mean_ratio = mean(&rects, |rect| (rect.width as f64 / rect.height as f64).ln());
            assert!(
                (mean_share - share).abs() < 0.015,
                "{width}x{height}: {mean_share}"
            );
            assert!(
                (mean_ratio - log_ratio).abs() < 0.015,
                "{width}x{height}: {mean_ratio}"
            );
        }
    }
    const EXPECTED: [((usize, usize), f64, f64); 3] = [
        ((224, 224), 0.479, 0.000),
        ((500, 375), 0.435, 0.031),
        ((200, 500), 0.254, -0.037),
    ];

    /// Values from torchvision's `RandomResizedCrop.get_params`, where none of ten draws fits.
    #[test]
    fn the_centre_is_the_fallback() {
        let whole = crop([1.0, 1.0], default_ratio());
        let middle = |width, height| {
            let Rect {
                top,
                left,
                height,
                width,
            } = rects(&whole, width, height)[0];
            (top, left, height, width)
        };
        assert_eq!(middle(300, 20), (0, 136, 20, 27));
        assert_eq!(middle(21, 300), (136, 0, 28, 21));
        assert_eq!(middle(1, 9), (4, 0, 1, 1));
    }
}
