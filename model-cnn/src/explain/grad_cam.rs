//! Grad-CAM.

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::activation::relu;

use super::{ExplainError, chosen, gradient_of_logits, normalised};
use crate::ImageClassifier;
use crate::layers::Tap;

/// Where `layer` sees what speaks for a class: images `[batch, channels, height, width]` to maps
/// `[batch, height', width']` of the size of the layer's output, each divided by its largest value, so within `[0, 1]`.
///
/// With the layer's output `A` and the class's logit `y`, the map is `relu(sum_k alpha_k A_k)` where `alpha_k` is the mean
/// of `dy / dA_k` over all places (Selvaraju et al. 2017, <https://arxiv.org/abs/1610.02391>, equations 1 and 2). It is
/// zero everywhere if nothing speaks for the class.
///
/// `layer` is one of [`layer_names`](super::layer_names);
/// [`last_conv_layer`](ImageClassifier::last_conv_layer) is what the paper recommends. `classes` are asked about, one an
/// image, or the most probable ones.
///
/// # Errors
/// If there is no such layer or class, or not one class an image.
pub fn grad_cam(
    model: &ImageClassifier,
    images: Tensor<4>,
    layer: &str,
    classes: Option<&[usize]>,
) -> Result<Tensor<3>, ExplainError> {
    let model = model.valid();
    let mut names = Vec::new();
    let mut leaf = None;
    let mut visit = |name: &str, output: Tensor<4>| {
        names.push(name.to_string());
        if name != layer {
            return output;
        }
        // Gradients begin at the layer. What is before it is computed without them.
        let output = output.autodiff().require_grad();
        leaf = Some(output.clone());
        output
    };
    let features = model.forward_features_tapped(images.inner(), &mut Tap::new(&mut visit));
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
