//! Grad-CAM.

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::activation::relu;

use super::{ExplainError, chosen, gradient_of_logits, normalised};
use crate::ImageClassifier;
use crate::layers::Hooks;

/// Grad-CAM of `layer`: images `[batch, channels, height, width]` to maps
/// `[batch, height', width']` of the size of the layer's output, each divided by its largest value,
/// so within `[0, 1]`.
///
/// With the output `A` of the layer and the logit `y` of the class, the map is
/// `relu(sum_k alpha_k A_k)`, where `alpha_k` is the mean of `dy / dA_k` over all positions
/// (Selvaraju et al. 2017, <https://arxiv.org/abs/1610.02391>, equations 1 and 2). It is 0
/// everywhere if the layer has no evidence for the class.
///
/// `layer` is one of [`layer_names`](super::layer_names); the paper recommends
/// [`last_conv_layer`](ImageClassifier::last_conv_layer). `classes` has one class for each image;
/// `None` explains the predicted classes.
///
/// # Errors
/// If there is no such layer or class, or if the number of classes is not that of the images.
pub fn grad_cam(
    model: &ImageClassifier,
    images: Tensor<4>,
    layer: &str,
    classes: Option<&[usize]>,
) -> Result<Tensor<3>, ExplainError> {
    let model = model.valid();
    let mut names = Vec::new();
    let mut leaf = None;
    let mut hook = |name: &str, output: Tensor<4>| {
        names.push(name.to_string());
        if name != layer {
            return output;
        }
        // The autodiff graph starts at this layer; earlier ones run without gradients.
        let output = output.autodiff().require_grad();
        leaf = Some(output.clone());
        output
    };
    let features = model.forward_features_hooked(images.inner(), &mut Hooks::new(&mut hook));
    let Some(leaf) = leaf else {
        return Err(ExplainError::unknown_layer(layer, names));
    };
    let logits = model.forward_head(features);
    let classes = chosen(logits.clone().inner(), classes)?;
    let alpha = gradient_of_logits(logits, classes, &leaf)
        .mean_dim(2)
        .mean_dim(3);
    let maps = (alpha * leaf.inner()).sum_dim(1).squeeze_dim(1);
    Ok(normalised(relu(maps)))
}
