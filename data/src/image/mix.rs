//! mixup and CutMix: every image of a batch, and its label, is mixed with the one before it.

use super::ImageBatch;
use super::transforms::Rect;
use crate::error::DataError;
use rand::RngExt;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Beta, Distribution};

/// Augmentation of whole batches, as torchvision's `transforms.v2.MixUp` and `CutMix`.
#[derive(Clone, Debug)]
pub struct Mixing {
    /// One is drawn for each batch.
    methods: Vec<Method>,
}

#[derive(Clone, Copy, Debug)]
enum Method {
    /// Blends every image with the one before it; `share` (lambda in the paper) is its own weight
    /// (Zhang et al. 2018, <https://arxiv.org/abs/1710.09412>).
    Mixup { share: Beta<f64> },
    /// Pastes a rectangle of the image before (Yun et al. 2019,
    /// <https://arxiv.org/abs/1905.04899>).
    CutMix { share: Beta<f64> },
}

/// The second labels of a mixed batch.
#[derive(Clone, Debug, PartialEq)]
pub struct MixedLabels {
    /// Label of the image that each was mixed with: `[batch]`.
    pub partners: Vec<usize>,
    /// Weight of each image's own label, 0 to 1; the partner's weight is the rest.
    pub share: f64,
}

impl Mixing {
    /// mixup and CutMix with shares from Beta(alpha, alpha). An alpha of 0 disables a method;
    /// `None` if both are disabled.
    ///
    /// # Errors
    /// If an alpha is negative or not a number.
    pub fn new(mixup_alpha: f64, cutmix_alpha: f64) -> Result<Option<Self>, DataError> {
        let mixup = beta("mixup_alpha", mixup_alpha)?.map(|share| Method::Mixup { share });
        let cutmix = beta("cutmix_alpha", cutmix_alpha)?.map(|share| Method::CutMix { share });
        let methods: Vec<Method> = mixup.into_iter().chain(cutmix).collect();
        Ok((!methods.is_empty()).then_some(Self { methods }))
    }

    /// Mixes the images of `batch` and records the labels.
    pub(super) fn apply(&self, batch: &mut ImageBatch, rng: &mut ChaCha8Rng) {
        let [len, _, height, width] = batch.shape;
        let Some(method) = self.methods.choose(rng).filter(|_| len > 0) else {
            return;
        };
        let share = match method {
            Method::Mixup { share } => {
                let share = share.sample(rng);
                mixup(batch, share as f32);
                share
            }
            Method::CutMix { share } => {
                let rect = cutmix_rect(share.sample(rng), height, width, rng);
                cutmix(batch, rect);
                1.0 - (rect.width * rect.height) as f64 / (width * height) as f64
            }
        };
        let mut partners = batch.labels.clone();
        partners.rotate_right(1);
        batch.mixed = Some(MixedLabels { partners, share });
    }
}

fn beta(setting: &str, alpha: f64) -> Result<Option<Beta<f64>>, DataError> {
    if alpha == 0.0 {
        return Ok(None);
    }
    let wrong = || DataError::config(setting, format!("{alpha} is negative or not a number"));
    if !alpha.is_finite() {
        return Err(wrong());
    }
    Beta::new(alpha, alpha).map(Some).map_err(|_| wrong())
}

fn mixup(batch: &mut ImageBatch, share: f32) {
    with_previous(batch, |image, previous| {
        for (sample, other) in image.iter_mut().zip(previous) {
            *sample = share * *sample + (1.0 - share) * other;
        }
    });
}

fn cutmix(batch: &mut ImageBatch, rect: Rect) {
    let [_, _, height, width] = batch.shape;
    with_previous(batch, |image, previous| {
        let planes = image.chunks_exact_mut(height * width);
        for (plane, other) in planes.zip(previous.chunks_exact(height * width)) {
            for row in rect.top..rect.top + rect.height {
                let row = row * width + rect.left..row * width + rect.left + rect.width;
                plane[row.clone()].copy_from_slice(&other[row]);
            }
        }
    });
}

/// Calls `mix` with every image and the original of the one before it; the last precedes the first.
fn with_previous(batch: &mut ImageBatch, mix: impl Fn(&mut [f32], &[f32])) {
    let [len, channels, height, width] = batch.shape;
    let image_len = channels * height * width;
    let last = batch.pixels[(len - 1) * image_len..].to_vec();
    // Backwards, so that the image before is still unmixed.
    for image in (1..len).rev() {
        let (before, from_here) = batch.pixels.split_at_mut(image * image_len);
        mix(
            &mut from_here[..image_len],
            &before[(image - 1) * image_len..],
        );
    }
    mix(&mut batch.pixels[..image_len], &last);
}

/// A rectangle with a uniformly drawn centre, which covers `1 - share` of the image before it is
/// clipped at the border.
fn cutmix_rect(share: f64, height: usize, width: usize, rng: &mut ChaCha8Rng) -> Rect {
    let (x, y) = (rng.random_range(0..width), rng.random_range(0..height));
    let half = 0.5 * (1.0 - share).sqrt();
    let (half_width, half_height) = (
        (half * width as f64) as usize,
        (half * height as f64) as usize,
    );
    let (left, top) = (x.saturating_sub(half_width), y.saturating_sub(half_height));
    Rect {
        top,
        left,
        height: (y + half_height).min(height) - top,
        width: (x + half_width).min(width) - left,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
