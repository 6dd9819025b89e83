//! Gradients with respect to the image, plain and smoothed.

use burn::module::Module;
use burn::tensor::{Distribution, Int, Tensor, TensorData};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::{ExplainError, chosen, gradient_of_logits, normalised};
use crate::ImageClassifier;

/// Input gradients: images `[batch, channels, height, width]` to maps `[batch, height, width]`,
/// each divided by its largest value, so within `[0, 1]`.
///
/// The value of a pixel is `max_c |dy / dx_c|` over the channels `c` of the normalised image
/// (Simonyan et al. 2013, <https://arxiv.org/abs/1312.6034>, section 3.1). `classes` has one class
/// for each image; `None` explains the predicted classes.
///
/// # Errors
/// If there is no such class, or if the number of classes is not that of the images.
pub fn input_gradient(
    model: &ImageClassifier,
    images: Tensor<4>,
    classes: Option<&[usize]>,
) -> Result<Tensor<3>, ExplainError> {
    let model = model.valid();
    let images = images.inner();
    let classes = chosen(model.forward(images.clone()), classes)?;
    Ok(saliency(gradient(&model, images, classes)))
}

/// Settings of [`smooth_grad`].
#[derive(Clone, Debug, PartialEq)]
pub struct SmoothGrad {
    /// Number of noisy copies of the image.
    pub samples: usize,
    /// Standard deviation of the noise, as a fraction of the image's range (largest minus smallest
    /// value).
    pub noise: f64,
    /// Seed of the noise: equal seeds give equal maps.
    pub seed: u64,
}

impl Default for SmoothGrad {
    /// Within the paper's recommendation: 10 to 20 % noise, up to 50 samples.
    fn default() -> Self {
        Self {
            samples: 25,
            noise: 0.15,
            seed: 0,
        }
    }
}

impl SmoothGrad {
    /// Checks the settings.
    ///
    /// # Errors
    /// If there are no samples, or the noise is negative or not a finite number.
    pub fn validate(&self) -> Result<(), ExplainError> {
        if self.samples == 0 {
            return Err(ExplainError::Setting {
                setting: "samples",
                reason: "must be at least 1, got 0".into(),
            });
        }
        if !self.noise.is_finite() || self.noise < 0.0 {
            return Err(ExplainError::Setting {
                setting: "noise",
                reason: format!("must be a number from 0 on, got {}", self.noise),
            });
        }
        Ok(())
    }
}

/// SmoothGrad: [`input_gradient`] of the mean gradient over noisy copies of each image (Smilkov et
/// al. 2017, <https://arxiv.org/abs/1706.03825>). Gradients fluctuate from pixel to pixel; their
/// mean follows the objects.
///
/// The noise is a function of the seed, the sample and the position only, so the map of an image
/// depends neither on the device nor on the rest of the batch. The predicted class is that of the
/// image without noise.
///
/// # Errors
/// As [`input_gradient`] and [`SmoothGrad::validate`].
pub fn smooth_grad(
    model: &ImageClassifier,
    images: Tensor<4>,
    classes: Option<&[usize]>,
    settings: &SmoothGrad,
) -> Result<Tensor<3>, ExplainError> {
    settings.validate()?;
    let model = model.valid();
    let images = images.inner();
    let classes = chosen(model.forward(images.clone()), classes)?;
    let [batch, channels, height, width] = images.dims();
    let values = images.clone().reshape([batch, channels * height * width]);
    let range = values.clone().max_dim(1) - values.min_dim(1);
    let strength = (range * settings.noise).reshape([batch, 1, 1, 1]);
    let mut sum = images.zeros_like();
    for sample in 0..settings.samples {
        let noise = standard_normal(settings.seed, sample, [1, channels, height, width]);
        let noise = Tensor::from_data(noise, &images.device());
        let noisy = images.clone() + noise * strength.clone();
        sum = sum + gradient(&model, noisy, classes.clone());
    }
    Ok(saliency(sum / settings.samples as f64))
}

/// Values from `N(0, 1)`, from a separate random stream for each sample.
fn standard_normal(seed: u64, sample: usize, shape: [usize; 4]) -> TensorData {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(sample as u64);
    TensorData::random::<f32, _, _>(shape, Distribution::Normal(0.0, 1.0), &mut rng)
}

/// Gradient of the logits of `classes` with respect to `images`, in the shape of `images`.
fn gradient(model: &ImageClassifier, images: Tensor<4>, classes: Tensor<2, Int>) -> Tensor<4> {
    let leaf = images.autodiff().require_grad();
    gradient_of_logits(model.forward(leaf.clone()), classes, &leaf)
}

fn saliency(gradient: Tensor<4>) -> Tensor<3> {
    normalised(gradient.abs().max_dim(1).squeeze_dim(1))
}
