//! Random rectangles for cropping and erasing.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use tinderbox_jpeg::Rect;

/// Number of draws before torchvision gives up.
const TRIES: usize = 10;

/// Draws sides `[sqrt(area * ratio), sqrt(area / ratio)]` in whole pixels until `fit` accepts them,
/// at most ten times. The area is a uniform share of `pixels`, the logarithm of the ratio is
/// uniform. This is the common part of `get_params` in torchvision's `RandomResizedCrop` and
/// `RandomErasing`.
pub(super) fn random_sides(
    pixels: usize,
    scale: [f64; 2],
    ratio: [f64; 2],
    rng: &mut ChaCha8Rng,
    fit: impl Fn([usize; 2]) -> bool,
) -> Option<[usize; 2]> {
    for _ in 0..TRIES {
        let area = pixels as f64 * uniform(scale, rng);
        let ratio = uniform(ratio.map(f64::ln), rng).exp();
        let sides =
            [area * ratio, area / ratio].map(|square| square.sqrt().round_ties_even() as usize);
        if fit(sides) {
            return Some(sides);
        }
    }
    None
}

/// Draws a uniform position for a rectangle of `height` x `width` pixels in an image.
pub(super) fn random_position(
    [height, width]: [usize; 2],
    [image_height, image_width]: [usize; 2],
    rng: &mut ChaCha8Rng,
) -> Rect {
    Rect {
        top: rng.random_range(0..=image_height.saturating_sub(height)),
        left: rng.random_range(0..=image_width.saturating_sub(width)),
        height,
        width,
    }
}

/// Draws a number in `[min, max)`; `min` if the range is empty.
pub(super) fn uniform([min, max]: [f64; 2], rng: &mut ChaCha8Rng) -> f64 {
    min + (max - min) * rng.random::<f64>()
}
