//! Saliency maps: the regions of an image that a prediction depends on.
//!
//! Each method returns one map per image, with values in `[0, 1]`, on the device of the model:
//!
//! | | the map shows | size |
//! |---|---|---|
//! | [`grad_cam`] | where a layer responds to evidence for the class | of the layer |
//! | [`input_gradient`] | pixels that change the logit of the class | of the image |
//! | [`smooth_grad`] | the same, averaged over noisy copies | of the image |
//!
//! The network runs in evaluation mode (running statistics, no dropout) and is not changed. The
//! class to explain is given for each image, or is the predicted one.
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use tinderbox_model_cnn::{ImageClassifier, SimpleCnnConfig, explain};
//!
//! let device = Device::flex();
//! let model: ImageClassifier = SimpleCnnConfig::new(10).init(&device)?.into();
//! let images = Tensor::ones([1, 3, 24, 24], &device);
//! let maps = explain::grad_cam(&model, images, &model.last_conv_layer(), None)?;
//! assert_eq!(explain::upsample(maps, [24, 24]).dims(), [1, 24, 24]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod grad_cam;
mod gradient;

pub use error::ExplainError;
pub use grad_cam::grad_cam;
pub use gradient::{SmoothGrad, input_gradient, smooth_grad};

use burn::tensor::module::interpolate;
use burn::tensor::ops::{InterpolateMode, InterpolateOptions};
use burn::tensor::{Int, Tensor, TensorData};

use crate::ImageClassifier;
use crate::layers::Hooks;

/// Names of the layers that [`grad_cam`] accepts, in the order of computation. `images`
/// `[batch, channels, height, width]` are any that the network accepts.
pub fn layer_names(model: &ImageClassifier, images: Tensor<4>) -> Vec<String> {
    let mut names = Vec::new();
    let mut collect = |name: &str, output| {
        names.push(name.to_string());
        output
    };
    model.forward_features_hooked(images, &mut Hooks::new(&mut collect));
    names
}

/// Resizes maps `[batch, height, width]` to `size` `[height, width]` bilinearly, as PyTorch's
/// `F.interpolate` with `align_corners=False`.
pub fn upsample(maps: Tensor<3>, size: [usize; 2]) -> Tensor<3> {
    let options = InterpolateOptions::new(InterpolateMode::Bilinear)
        .with_align_corners(false)
        .with_output_size(size);
    interpolate(maps.unsqueeze_dim(1), options).squeeze_dim(1)
}

/// Class indices to explain, `[batch, 1]`: the given ones, or the argmax of `logits`
/// `[batch, num_classes]`.
fn chosen(logits: Tensor<2>, classes: Option<&[usize]>) -> Result<Tensor<2, Int>, ExplainError> {
    let [images, num_classes] = logits.dims();
    let Some(classes) = classes else {
        return Ok(logits.argmax(1));
    };
    if classes.len() != images {
        return Err(ExplainError::NotOneClassAnImage {
            classes: classes.len(),
            images,
        });
    }
    if let Some(&class) = classes.iter().find(|&&class| class >= num_classes) {
        return Err(ExplainError::UnknownClass { class, num_classes });
    }
    let classes: Vec<i64> = classes.iter().map(|&class| class as i64).collect();
    let classes = TensorData::new(classes, [images, 1]);
    Ok(Tensor::from_data(classes, &logits.device()))
}

/// Gradient of each image's logit of its class with respect to its slice of `leaf`, on the inner
/// device. In evaluation mode images do not influence each other's logits, so one backward pass
/// over the sum gives all gradients.
fn gradient_of_logits(logits: Tensor<2>, classes: Tensor<2, Int>, leaf: &Tensor<4>) -> Tensor<4> {
    let gradients = logits.gather(1, classes).sum().backward();
    // A leaf that no logit depends on has no gradient.
    leaf.grad(&gradients)
        .unwrap_or_else(|| leaf.clone().inner().zeros_like())
}

/// Divides every map by its largest value. A map of zeros stays one.
fn normalised(maps: Tensor<3>) -> Tensor<3> {
    let [batch, height, width] = maps.dims();
    let largest = maps.clone().reshape([batch, height * width]).max_dim(1);
    let is_zero = largest.clone().equal_elem(0.0);
    maps / largest.mask_fill(is_zero, 1.0).unsqueeze_dim(2)
}
