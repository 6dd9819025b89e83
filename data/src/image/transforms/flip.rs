//! Horizontal flips.

use crate::image::Image;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// Flips left and right.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandomHorizontalFlip {
    /// Probability, 0 to 1; torchvision's name `p` is accepted too.
    #[serde(default = "half", alias = "p")]
    pub probability: f64,
}

/// torchvision's default probability.
pub(super) fn half() -> f64 {
    0.5
}

impl RandomHorizontalFlip {
    pub(super) fn apply(&self, mut image: Image, rng: &mut ChaCha8Rng) -> Image {
        if happens(self.probability, rng) {
            flip(&mut image);
        }
        image
    }
}

/// True with this probability.
pub(super) fn happens(probability: f64, rng: &mut ChaCha8Rng) -> bool {
    // Unlike this comparison, `random_bool` panics on an invalid probability.
    rng.random::<f64>() < probability
}

fn flip(image: &mut Image) {
    let row_len = (image.width * image.channels).max(1);
    for row in image.pixels.chunks_exact_mut(row_len) {
        row.reverse();
        if image.channels == 3 {
            // Reversing the bytes has swapped red and blue.
            row.chunks_exact_mut(3).for_each(|pixel| pixel.swap(0, 2));
        }
    }
}
