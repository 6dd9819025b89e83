//! Which places of an image speak for a class.
//!
//! Three ways to ask, each giving a map per image with values in `[0, 1]` that stays on the device:
//!
//! | | what the map says | its size |
//! |---|---|---|
//! | [`grad_cam`] | where a layer sees what raises the class's logit | the layer's |
//! | [`input_gradient`] | which pixels the logit reacts to | the image's |
//! | [`smooth_grad`] | the same with its noise averaged out | the image's |
//!
//! The network is explained as it is used: running statistics, no dropout, whatever device it was built on; nothing of it
//! changes. All of them ask about the classes given, one an image, or about the most probable one.
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
use crate::layers::Tap;

/// The names of the layers that [`grad_cam`] can look at, in the order of computation. `images` are any that the network
/// takes, `[batch, channels, height, width]`.
pub fn layer_names(model: &ImageClassifier, images: Tensor<4>) -> Vec<String> {
    let mut names = Vec::new();
    let mut visit = |name: &str, output| {
        names.push(name.to_string());
        output
    };
    model.forward_features_tapped(images, &mut Tap::new(&mut visit));
    names
}

/// Maps `[batch, height, width]` of another size `[height, width]`, bilinearly: PyTorch's `F.interpolate` with
/// `align_corners=False`.
pub fn upsample(maps: Tensor<3>, size: [usize; 2]) -> Tensor<3> {
    let options = InterpolateOptions::new(InterpolateMode::Bilinear)
        .with_align_corners(false)
        .with_output_size(size);
    interpolate(maps.unsqueeze_dim(1), options).squeeze_dim(1)
}

/// The classes asked about as `[batch, 1]`: those given, or the most probable ones by `logits` `[batch, num_classes]`.
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

/// The gradient of each image's logit of its class with respect to its part of `leaf`, on the device without gradients.
/// In evaluation no image influences another's logits, so one backward pass over their sum gives all of them.
fn gradient_of_logits(logits: Tensor<2>, classes: Tensor<2, Int>, leaf: &Tensor<4>) -> Tensor<4> {
    let gradients = logits.gather(1, classes).sum().backward();
    // What no logit depends on has no gradient.
    leaf.grad(&gradients)
        .unwrap_or_else(|| leaf.clone().inner().zeros_like())
}

/// Every map divided by its largest value. A map of zeros stays one.
fn normalised(maps: Tensor<3>) -> Tensor<3> {
    let [batch, height, width] = maps.dims();
    let largest = maps.clone().reshape([batch, height * width]).max_dim(1);
    let is_zero = largest.clone().equal_elem(0.0);
    maps / largest.mask_fill(is_zero, 1.0).unsqueeze_dim(2)
}
