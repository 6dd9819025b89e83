//! Random rectangles.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use tinderbox_jpeg::Rect;

/// How often torchvision draws before it gives up.
const TRIES: usize = 10;

/// Sides `[sqrt(area * ratio), sqrt(area / ratio)]` in whole pixels, for an area that is a uniformly drawn share of
/// `pixels` and a ratio whose logarithm is uniform, drawn until `fit` accepts them, at most ten times. This is what
/// `get_params` of torchvision's `RandomResizedCrop` and `RandomErasing` have in common.
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

/// A place for a rectangle of `height` x `width` pixels in an image, uniformly drawn.
pub(super) fn random_place(
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

/// A number in `[least, most)`; `least` if there is no room.
pub(super) fn uniform([least, most]: [f64; 2], rng: &mut ChaCha8Rng) -> f64 {
    least + (most - least) * rng.random::<f64>()
}
