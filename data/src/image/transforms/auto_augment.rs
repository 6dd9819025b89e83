//! Augmentation policies: random operations of binned magnitudes, with torchvision's parameters.

use super::problems::Problems;
use super::{Fill, Interpolation, Operation, Sampling};
use crate::image::Image;
use rand::RngExt;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// Largest number of magnitude bins.
const MAX_BINS: usize = 1000;

/// One operation of random magnitude per image (Müller and Hutter 2021,
/// <https://arxiv.org/abs/2103.10158>).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrivialAugmentWide {
    /// Number of magnitude bins, all equally likely; bin 0 has no effect.
    pub num_magnitude_bins: usize,
    /// Interpolation of the operations that move pixels.
    pub interpolation: Interpolation,
    /// Colour of what they bring in from outside of the image.
    pub fill: Fill,
}

/// Several operations of the same magnitude (Cubuk et al. 2019,
/// <https://arxiv.org/abs/1909.13719>).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RandAugment {
    /// Number of operations, applied one after the other.
    pub num_ops: usize,
    /// Magnitude bin, from 0 (no effect) on.
    pub magnitude: usize,
    /// Number of magnitude bins.
    pub num_magnitude_bins: usize,
    /// Interpolation of the operations that move pixels.
    pub interpolation: Interpolation,
    /// Colour of what they bring in from outside of the image.
    pub fill: Fill,
}

impl Default for TrivialAugmentWide {
    fn default() -> Self {
        Self {
            num_magnitude_bins: 31,
            interpolation: Interpolation::Nearest,
            fill: Fill::default(),
        }
    }
}

impl Default for RandAugment {
    fn default() -> Self {
        Self {
            num_ops: 2,
            magnitude: 9,
            num_magnitude_bins: 31,
            interpolation: Interpolation::Nearest,
            fill: Fill::default(),
        }
    }
}

/// The operations of the policies, all equally likely.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Identity,
    ShearX,
    ShearY,
    TranslateX,
    TranslateY,
    Rotate,
    Brightness,
    Saturation,
    Contrast,
    Sharpness,
    Posterize,
    Solarize,
    AutoContrast,
    Equalize,
}

const KINDS: [Kind; 14] = [
    Kind::Identity,
    Kind::ShearX,
    Kind::ShearY,
    Kind::TranslateX,
    Kind::TranslateY,
    Kind::Rotate,
    Kind::Brightness,
    Kind::Saturation,
    Kind::Contrast,
    Kind::Sharpness,
    Kind::Posterize,
    Kind::Solarize,
    Kind::AutoContrast,
    Kind::Equalize,
];

/// Magnitudes in the largest bin.
struct MaxMagnitudes {
    /// Number of bins.
    bins: usize,
    shear: f64,
    /// Pixels to the right and down.
    translate: [f64; 2],
    /// Degrees.
    rotate: f64,
    /// Distance of the brightness, saturation, contrast and sharpness factors from 1.
    enhance: f64,
    /// Number of bits dropped.
    posterize: f64,
}

impl MaxMagnitudes {
    /// Draws an operation, its magnitude from `bin` and its sign, if it has them.
    fn draw(&self, bin: impl FnOnce(&mut ChaCha8Rng) -> usize, rng: &mut ChaCha8Rng) -> Operation {
        let kind = KINDS.choose(rng).copied().unwrap_or(Kind::Identity);
        let bin = bin(rng);
        let sign = if rng.random() { -1.0 } else { 1.0 };
        self.operation(kind, bin, sign)
    }

    fn operation(&self, kind: Kind, bin: usize, sign: f64) -> Operation {
        let signed = |max| sign * linspace(0.0, max, self.bins, bin);
        let enhance = || 1.0 + signed(self.enhance);
        match kind {
            Kind::Identity => Operation::Identity,
            Kind::ShearX => Operation::ShearX(signed(self.shear)),
            Kind::ShearY => Operation::ShearY(signed(self.shear)),
            // Truncated to whole pixels.
            Kind::TranslateX => Operation::TranslateX(signed(self.translate[0]) as i64),
            Kind::TranslateY => Operation::TranslateY(signed(self.translate[1]) as i64),
            Kind::Rotate => Operation::Rotate(signed(self.rotate)),
            Kind::Brightness => Operation::Brightness(enhance()),
            Kind::Saturation => Operation::Saturation(enhance()),
            Kind::Contrast => Operation::Contrast(enhance()),
            Kind::Sharpness => Operation::Sharpness(enhance()),
            Kind::Posterize => {
                let step = (self.bins - 1) as f64 / self.posterize;
                let dropped = (bin as f32 / step as f32).round_ties_even();
                Operation::Posterize(8 - dropped as u8)
            }
            Kind::Solarize => Operation::Solarize(linspace(255.0, 0.0, self.bins, bin)),
            Kind::AutoContrast => Operation::AutoContrast,
            Kind::Equalize => Operation::Equalize,
        }
    }
}

/// `torch.linspace(start, end, bins)[bin]` in single precision. It counts from the nearer end and
/// rounds once, after the sum, so that 16 pixels may be a little less and are truncated to 15.
fn linspace(start: f64, end: f64, bins: usize, bin: usize) -> f64 {
    let (start, end) = (start as f32, end as f32);
    let last = bins - 1;
    let step = (end - start) / last as f32;
    f64::from(if bin < bins / 2 {
        step.mul_add(bin as f32, start)
    } else {
        (-step).mul_add((last - bin) as f32, end)
    })
}

fn check_bins(bins: usize, problems: &mut Problems) {
    let is_within = (2..=MAX_BINS).contains(&bins);
    problems.require(is_within, Some("num_magnitude_bins"), || {
        format!("{bins} is not within 2 to {MAX_BINS}")
    });
}

/// Applies an operation. A coloured fill needs three channels.
fn apply(operation: Operation, image: Image, interpolation: Interpolation, fill: Fill) -> Image {
    let image = if fill.is_coloured() {
        image.rgb().into_owned()
    } else {
        image
    };
    let sampling = Sampling {
        interpolation,
        fill,
    };
    operation.apply_with(image, sampling)
}

impl TrivialAugmentWide {
    pub(super) fn check(&self, problems: &mut Problems) {
        check_bins(self.num_magnitude_bins, problems);
        self.fill.check(problems);
    }

    pub(super) fn apply(&self, image: Image, rng: &mut ChaCha8Rng) -> Image {
        apply(self.draw(rng), image, self.interpolation, self.fill)
    }

    /// Draws the operation for one image.
    pub fn draw(&self, rng: &mut ChaCha8Rng) -> Operation {
        let bins = self.num_magnitude_bins.max(2);
        let max = MaxMagnitudes {
            bins,
            shear: 0.99,
            translate: [32.0; 2],
            rotate: 135.0,
            enhance: 0.99,
            posterize: 6.0,
        };
        max.draw(|rng| rng.random_range(0..bins), rng)
    }
}

impl RandAugment {
    pub(super) fn check(&self, problems: &mut Problems) {
        // Each operation is a pass over the image; more would leave nothing recognisable.
        problems.require((1..=14).contains(&self.num_ops), Some("num_ops"), || {
            format!("{} is not within 1 to 14", self.num_ops)
        });
        check_bins(self.num_magnitude_bins, problems);
        let last = self.num_magnitude_bins.saturating_sub(1);
        problems.require(self.magnitude <= last, Some("magnitude"), || {
            format!("{} is not within 0 to {last}", self.magnitude)
        });
        self.fill.check(problems);
    }

    pub(super) fn apply(&self, image: Image, rng: &mut ChaCha8Rng) -> Image {
        (0..self.num_ops).fold(image, |image, _| {
            let operation = self.draw(image.width, image.height, rng);
            apply(operation, image, self.interpolation, self.fill)
        })
    }

    /// Draws one of the operations for an image of `width` x `height` pixels.
    pub fn draw(&self, width: usize, height: usize, rng: &mut ChaCha8Rng) -> Operation {
        let bins = self.num_magnitude_bins.max(2);
        let max = MaxMagnitudes {
            bins,
            shear: 0.3,
            translate: [width, height].map(|side| 150.0 / 331.0 * side as f64),
            rotate: 30.0,
            enhance: 0.9,
            posterize: 4.0,
        };
        max.draw(|_| self.magnitude.min(bins - 1), rng)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random;
    use std::collections::HashMap;

    /// Counts of the operations drawn, by name and magnitude.
    type Counts = HashMap<&'static str, HashMap<String, usize>>;

    fn counts(mut draw: impl FnMut(&mut ChaCha8Rng) -> Operation) -> Counts {
        let mut rng = random::rng(3, "test", 0, 0);
        let mut counts = Counts::new();
        for _ in 0..28_000 {
            let operation = draw(&mut rng);
            let (name, magnitude) = match operation {
                Operation::Identity => ("identity", 0.0),
                Operation::ShearX(magnitude) => ("shear_x", magnitude),
                Operation::ShearY(magnitude) => ("shear_y", magnitude),
                Operation::TranslateX(pixels) => ("translate_x", pixels as f64),
                Operation::TranslateY(pixels) => ("translate_y", pixels as f64),
                Operation::Rotate(degrees) => ("rotate", degrees),
                Operation::Brightness(factor) => ("brightness", factor),
                Operation::Contrast(factor) => ("contrast", factor),
                Operation::Saturation(factor) => ("color", factor),
                Operation::Sharpness(factor) => ("sharpness", factor),
                Operation::Posterize(bits) => ("posterize", f64::from(bits)),
                Operation::Solarize(threshold) => ("solarize", threshold),
                Operation::AutoContrast => ("auto_contrast", 0.0),
                Operation::Equalize => ("equalize", 0.0),
                Operation::Hue(_) | Operation::Invert => {
                    panic!("{operation:?} is not in any policy")
                }
            };
            // Adding 0 turns -0 into 0.
            let magnitude = format!("{:.4}", magnitude + 0.0);
            *counts
                .entry(name)
                .or_default()
                .entry(magnitude)
                .or_default() += 1;
        }
        counts
    }

    fn assert_equally_often(counts: &Counts) {
        assert_eq!(counts.len(), 14);
        for (name, magnitudes) in counts {
            let count: usize = magnitudes.values().sum();
            assert!((1800..2200).contains(&count), "{name}: {count}");
        }
    }

    #[test]
    fn trivial_augment_draws_every_operation_and_magnitude_equally_often() {
        let counts = counts(|rng| TrivialAugmentWide::default().draw(rng));
        assert_equally_often(&counts);
        let magnitudes = |name| &counts[name];
        // 30 bins with two signs, and 0.
        for (name, least, most) in [
            ("shear_x", "-0.9900", "0.9900"),
            ("rotate", "-135.0000", "135.0000"),
            ("brightness", "0.0100", "1.9900"),
        ] {
            let found = magnitudes(name);
            assert_eq!(found.len(), 61, "{name}");
            assert!(
                found.contains_key(least) && found.contains_key(most),
                "{found:?}"
            );
            assert!(
                found.values().all(|count| (8..110).contains(count)),
                "{found:?}"
            );
        }
        assert!(magnitudes("translate_x").contains_key("-32.0000"));
        assert!(magnitudes("translate_y").contains_key("1.0000"));
        assert_eq!(magnitudes("solarize").len(), 31);
        assert_eq!(magnitudes("posterize").len(), 7);
        // Rounding makes the two end values half as likely as the others.
        let [ends, middle] = [["8.0000", "2.0000"], ["7.0000", "5.0000"]].map(|bits| {
            bits.iter()
                .map(|&bits| magnitudes("posterize")[bits])
                .sum::<usize>()
        });
        assert!(ends < middle && ends > middle / 3, "{ends} {middle}");
    }

    #[test]
    fn rand_augment_has_one_magnitude() {
        let policy = RandAugment {
            num_ops: 2,
            magnitude: 9,
            ..RandAugment::default()
        };
        let counts = counts(|rng| policy.draw(224, 112, rng));
        assert_equally_often(&counts);
        for (name, expected) in [
            ("shear_y", &["-0.0900", "0.0900"][..]),
            ("translate_x", &["-30.0000", "30.0000"]),
            ("translate_y", &["-15.0000", "15.0000"]),
            ("rotate", &["-9.0000", "9.0000"]),
            ("color", &["0.7300", "1.2700"]),
            ("posterize", &["7.0000"]),
            ("solarize", &["178.5000"]),
        ] {
            let mut found: Vec<&String> = counts[name].keys().collect();
            found.sort();
            assert_eq!(found, expected, "{name}");
            let signs: Vec<usize> = counts[name].values().copied().collect();
            assert!(signs.iter().all(|&count| count > 850), "{name}: {signs:?}");
        }
    }

    #[test]
    fn rand_augment_applies_num_ops_operations() {
        // At magnitude 0, only three of the fourteen operations change this image.
        let image = crate::image::tests::numbered(16, 16, 3);
        let changed = |num_ops| {
            let policy = RandAugment {
                num_ops,
                magnitude: 0,
                ..RandAugment::default()
            };
            let mut rng = random::rng(4, "test", 0, 0);
            (0..1000)
                .filter(|_| policy.apply(image.clone(), &mut rng) != image)
                .count()
        };
        let [one, four] = [1, 4].map(changed);
        assert!(one > 30 && four > 2 * one && four < 4 * one, "{one} {four}");
    }
}
