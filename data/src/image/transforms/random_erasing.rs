//! Random erasing (Zhong et al. 2020, <https://arxiv.org/abs/1708.04896>).

use super::Rect;
use super::flip::{half, happens};
use super::problems::Problems;
use super::random_rect::{random_position, random_sides};
use crate::image::Image;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use serde::{Deserialize, Serialize};

/// Erases a random rectangle of the normalised image. Must be the last transform.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandomErasing {
    /// Probability, 0 to 1; torchvision's name `p` is accepted too.
    #[serde(default = "half", alias = "p")]
    pub probability: f64,
    /// `[min, max]` of the rectangle's share of the image's area.
    #[serde(default = "default_scale")]
    pub scale: [f64; 2],
    /// `[min, max]` of the rectangle's height to its width.
    #[serde(default = "default_ratio")]
    pub ratio: [f64; 2],
    /// The value of erased pixels.
    #[serde(default)]
    pub value: ErasedWith,
}

/// The value of erased pixels, after normalisation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErasedWith {
    /// 0, the mean colour.
    #[default]
    Zero,
    /// Standard normal noise, drawn for each sample.
    Random,
}

/// An erased rectangle.
#[derive(Clone, Debug, PartialEq)]
pub struct Erased {
    /// The rectangle.
    pub rect: Rect,
    /// Its normalised samples: `[3, height, width]`; empty for zeros.
    pub noise: Vec<f32>,
}

fn default_scale() -> [f64; 2] {
    [0.02, 0.33]
}

fn default_ratio() -> [f64; 2] {
    [0.3, 3.3]
}

impl RandomErasing {
    pub(super) fn check(&self, problems: &mut Problems) {
        problems.probability(self.probability);
        problems.area(self.scale, self.ratio);
    }

    /// Draws the rectangle to erase, if any.
    pub fn draw(&self, image: &Image, rng: &mut ChaCha8Rng) -> Option<Erased> {
        if !happens(self.probability, rng) {
            return None;
        }
        let (width, height) = (image.width, image.height);
        let fit = |[h, w]: [usize; 2]| h < height && w < width;
        let sides = random_sides(width * height, self.scale, self.ratio, rng, fit)?;
        let rect = random_position(sides, [height, width], rng);
        let noise = match self.value {
            ErasedWith::Zero => Vec::new(),
            ErasedWith::Random => {
                // Three channels, as a grey image may still become RGB.
                let count = 3 * rect.height * rect.width;
                (0..count).map(|_| rng.sample(StandardNormal)).collect()
            }
        };
        Some(Erased { rect, noise })
    }
}

impl Erased {
    /// Erases the rectangle in one channel of a normalised image: `[height, width]`.
    pub(crate) fn write(&self, channel: usize, plane: &mut [f32], image_width: usize) {
        let Rect {
            top,
            left,
            height,
            width,
        } = self.rect;
        let noise = self.noise.get(channel * height * width..).unwrap_or(&[]);
        for row in 0..height {
            let target = &mut plane[(top + row) * image_width + left..][..width];
            match noise.get(row * width..(row + 1) * width) {
                Some(noise) => target.copy_from_slice(noise),
                None => target.fill(0.0),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::tests::numbered;
    use crate::random;

    fn draws(erasing: &RandomErasing, image: &Image, count: usize) -> Vec<Option<Erased>> {
        let mut rng = random::rng(3, "test", 0, 0);
        (0..count).map(|_| erasing.draw(image, &mut rng)).collect()
    }

    fn erasing(probability: f64, value: ErasedWith) -> RandomErasing {
        RandomErasing {
            probability,
            scale: default_scale(),
            ratio: default_ratio(),
            value,
        }
    }

    #[test]
    fn rectangles_have_the_drawn_share_and_shape_as_often_as_said() {
        let image = numbered(200, 160, 1);
        let draws = draws(&erasing(0.25, ErasedWith::Zero), &image, 4000);
        let rects: Vec<Rect> = draws
            .into_iter()
            .flatten()
            .map(|erased| erased.rect)
            .collect();
        assert!((900..1100).contains(&rects.len()), "{}", rects.len());
        let mut ratios = 0.0;
        for rect in &rects {
            assert!(rect.left + rect.width <= 200 && rect.top + rect.height <= 160);
            let share = (rect.width * rect.height) as f64 / 32_000.0;
            assert!((0.018..0.335).contains(&share), "{rect:?}");
            let ratio = (rect.height as f64 / rect.width as f64).ln();
            assert!((-1.25..1.25).contains(&ratio), "{rect:?}");
            ratios += ratio;
        }
        // The mean over 60,000 draws of torchvision's `RandomErasing.get_params`, which redraws tall
        // rectangles more often.
        let mean = ratios / rects.len() as f64;
        assert!((mean - TORCHVISIONS_LOG_RATIO).abs() < 0.05, "{mean}");
    }
    const TORCHVISIONS_LOG_RATIO: f64 = -0.028;

    #[test]
    fn noise_is_standard_normal_and_zeros_need_no_noise() {
        let image = numbered(40, 40, 3);
        let random = draws(&erasing(1.0, ErasedWith::Random), &image, 20);
        let noise: Vec<f32> = random
            .into_iter()
            .flatten()
            .flat_map(|erased| erased.noise)
            .collect();
        let len = noise.len() as f32;
        let mean = noise.iter().sum::<f32>() / len;
        let variance = noise.iter().map(|x| (x - mean).powi(2)).sum::<f32>() / len;
        assert!(
            mean.abs() < 0.05 && (variance - 1.0).abs() < 0.05,
            "{mean} {variance}"
        );
        for erased in draws(&erasing(1.0, ErasedWith::Zero), &image, 20) {
            assert!(erased.is_some_and(|erased| erased.noise.is_empty()));
        }
    }

    #[test]
    fn an_image_too_small_to_erase_is_unchanged() {
        let draws = draws(&erasing(1.0, ErasedWith::Zero), &numbered(1, 1, 1), 20);
        // torchvision draws an empty rectangle too.
        for erased in draws.into_iter().flatten() {
            assert_eq!(erased.rect.width * erased.rect.height, 0);
        }
    }
}
