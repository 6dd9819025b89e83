//! The pixels between and outside of those of an image, for operations that move them.

use super::Interpolation;
use super::problems::Problems;
use crate::image::Image;
use serde::{Deserialize, Serialize};

/// Colour of what lies outside of an image; samples of 0 to 255.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Fill {
    /// The same sample in every channel.
    Same(i64),
    /// Red, green and blue.
    Rgb([i64; 3]),
}

impl Default for Fill {
    fn default() -> Self {
        Self::Same(0)
    }
}

impl Fill {
    pub(super) fn check(&self, problems: &mut Problems) {
        let samples = match *self {
            Self::Same(sample) => [sample; 3],
            Self::Rgb(samples) => samples,
        };
        let wrong = samples.into_iter().find(|s| !(0..=255).contains(s));
        problems.require(wrong.is_none(), Some("fill"), || {
            format!("{} is not within 0 to 255", wrong.unwrap_or_default())
        });
    }

    /// True if it has a colour, which no image of one channel can show.
    pub(in crate::image) fn is_coloured(&self) -> bool {
        matches!(self, Self::Rgb([red, green, blue]) if red != green || green != blue)
    }

    /// The samples of a pixel. The first alone matters in an image of one channel.
    fn samples(self) -> [u8; 3] {
        let sample = |sample: i64| sample.clamp(0, 255) as u8;
        match self {
            Self::Same(value) => [sample(value); 3],
            Self::Rgb(values) => values.map(sample),
        }
    }
}

/// Interpolation between pixels, and the colour outside of the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sampling {
    /// Interpolation filter, without antialiasing.
    pub interpolation: Interpolation,
    /// Colour outside of the image.
    pub fill: Fill,
}

impl Default for Sampling {
    /// Nearest neighbour, and black.
    fn default() -> Self {
        Self {
            interpolation: Interpolation::Nearest,
            fill: Fill::default(),
        }
    }
}

impl Sampling {
    /// The samples of an image of nothing but the colour outside.
    pub(super) fn filled(&self, width: usize, height: usize, channels: usize) -> Vec<u8> {
        let colour = self.fill.samples();
        let colour = &colour[..channels];
        if colour.iter().all(|&sample| sample == colour[0]) {
            return vec![colour[0]; width * height * channels];
        }
        colour.repeat(width * height)
    }

    /// The sample of one channel at a position within the image, where pixel (x, y) covers x to
    /// x + 1 and y to y + 1, in Pillow's arithmetic.
    pub(super) fn sample(&self, image: &Image, channel: usize, x: f64, y: f64) -> u8 {
        let (x, y) = (x - 0.5, y - 0.5);
        let (left, top) = (x.floor(), y.floor());
        let (dx, dy) = (x - left, y - top);
        let (left, top) = (left as isize, top as isize);
        let value = match self.interpolation {
            Interpolation::Bicubic => {
                let row = |y| {
                    cubic(
                        [-1, 0, 1, 2].map(|step| at(image, channel, left + step, y)),
                        dx,
                    )
                };
                cubic([-1, 0, 1, 2].map(|step| row(top + step)), dy)
            }
            _ => {
                let row = |y| linear([0, 1].map(|step| at(image, channel, left + step, y)), dx);
                linear([0, 1].map(|step| row(top + step)), dy)
            }
        };
        // Truncated, not rounded.
        value.clamp(0.0, 255.0) as u8
    }
}

/// The sample of the pixel nearest to (x, y).
fn at(image: &Image, channel: usize, x: isize, y: isize) -> f64 {
    let x = x.clamp(0, image.width as isize - 1) as usize;
    let y = y.clamp(0, image.height as isize - 1) as usize;
    f64::from(image.pixels[(y * image.width + x) * image.channels + channel])
}

fn linear([a, b]: [f64; 2], share: f64) -> f64 {
    a + (b - a) * share
}

/// A cubic with a = -1, steeper than that of resizing.
fn cubic([a, b, c, d]: [f64; 4], share: f64) -> f64 {
    let first = -a + c;
    let second = 2.0 * (a - b) + c - d;
    let third = -a + b - c + d;
    b + share * (first + share * (second + share * third))
}
