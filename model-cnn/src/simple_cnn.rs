//! The classic two-convolution network, the "hello world" of image classification.
//!
//! ```text
//! image [3, 24, 24] -> conv1 3x3 -> ReLU -> max-pool 2 -> [32, 12, 12]
//!                   -> conv2 3x3 -> ReLU -> max-pool 2 -> [64, 6, 6]
//!                   -> flatten -> fc1 -> ReLU -> [128] -> fc2 -> logits [num_classes]
//! ```
//!
//! The layout goes back to LeCun et al., *Gradient-Based Learning Applied to Document Recognition* (1998),
//! <https://doi.org/10.1109/5.726791>, with ReLU and max-pooling in place of tanh and averaging. With ten classes it has
//! 315,722 parameters. Field names are those of the same `nn.Module` in PyTorch, so weights go both ways unrenamed.

use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::pool::{MaxPool2d, MaxPool2dConfig};
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};
use tinderbox_kernels::activation::relu;
use tinderbox_kernels::nn;

use crate::ConfigError;
use crate::layers::{Tap, forward_conv_relu, forward_linear, linear_head, padding};

/// The two pools halve each side twice.
const STRIDE: usize = 4;

/// Configuration of a [`SimpleCnn`]. The defaults are the article's network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SimpleCnnConfig {
    /// Number of classes, the length of the logits; 0 leaves out `fc2` and gives the hidden features.
    pub num_classes: usize,
    /// Channels of the input image: 3 for RGB, 1 for grey.
    pub in_channels: usize,
    /// Height and width of the input image in pixels; a multiple of 4.
    pub image_size: usize,
    /// Output channels of the two convolutions.
    pub channels: [usize; 2],
    /// Output features of the first linear layer.
    pub hidden: usize,
}

impl Default for SimpleCnnConfig {
    fn default() -> Self {
        Self {
            num_classes: 10,
            in_channels: 3,
            image_size: 24,
            channels: [32, 64],
            hidden: 128,
        }
    }
}

impl SimpleCnnConfig {
    /// The article's network for `num_classes` classes.
    pub fn new(num_classes: usize) -> Self {
        Self {
            num_classes,
            ..Self::default()
        }
    }

    /// Length of the features before the last linear layer.
    pub fn num_features(&self) -> usize {
        self.hidden
    }

    /// Checks that the options describe a network.
    ///
    /// # Errors
    /// Names the first option that is zero, or an image size that the two pools cannot halve.
    pub fn validate(&self) -> Result<(), ConfigError> {
        ConfigError::require_nonzero("in_channels", self.in_channels)?;
        ConfigError::require_nonzero("channels", self.channels[0])?;
        ConfigError::require_nonzero("channels", self.channels[1])?;
        ConfigError::require_nonzero("hidden", self.hidden)?;
        if self.image_size == 0 || !self.image_size.is_multiple_of(STRIDE) {
            let reason = format!("must be a multiple of {STRIDE}, got {}", self.image_size);
            return Err(ConfigError::new("image_size", reason));
        }
        Ok(())
    }

    /// Builds the network on `device` with PyTorch's default initialisation.
    ///
    /// # Errors
    /// See [`validate`](Self::validate).
    pub fn init(&self, device: &Device) -> Result<SimpleCnn, ConfigError> {
        self.validate()?;
        let [channels1, channels2] = self.channels;
        let side = self.image_size / STRIDE;
        let conv = |channels| Conv2dConfig::new(channels, [3, 3]).with_padding(padding(1));
        Ok(SimpleCnn {
            conv1: conv([self.in_channels, channels1]).init(device),
            conv2: conv([channels1, channels2]).init(device),
            pool: MaxPool2dConfig::new([2, 2]).with_strides([2, 2]).init(),
            fc1: LinearConfig::new(channels2 * side * side, self.hidden).init(device),
            fc2: linear_head(self.hidden, self.num_classes, device),
        })
    }
}

/// The two-convolution network; see the [module documentation](self).
#[derive(Module, Debug)]
pub struct SimpleCnn {
    conv1: Conv2d,
    conv2: Conv2d,
    pool: MaxPool2d,
    fc1: Linear,
    fc2: Option<Linear>,
}

impl SimpleCnn {
    /// The parameters that belong to the classes, by the beginning of their names.
    pub const HEAD: &str = "fc2";

    /// Images `[batch, channels, height, width]` to the map before the classifier
    /// `[batch, channels2, height / 4, width / 4]`.
    pub fn forward_features(&self, images: Tensor<4>) -> Tensor<4> {
        self.forward_features_tapped(images, &mut Tap::none())
    }

    /// As [`forward_features`](Self::forward_features); `tap` sees `conv1` and `conv2`.
    pub fn forward_features_tapped(&self, images: Tensor<4>, tap: &mut Tap) -> Tensor<4> {
        let x = forward_conv_relu(&self.conv1, images, "conv1", tap);
        let x = nn::max_pool2d(&self.pool, x);
        let x = forward_conv_relu(&self.conv2, x, "conv2", tap);
        nn::max_pool2d(&self.pool, x)
    }

    /// The map of [`forward_features`](Self::forward_features) to logits `[batch, num_classes]`.
    pub fn forward_head(&self, features: Tensor<4>) -> Tensor<2> {
        let x = relu(nn::linear(&self.fc1, features.flatten(1, 3)));
        forward_linear(self.fc2.as_ref(), x)
    }

    /// Images `[batch, channels, height, width]` to logits `[batch, num_classes]`.
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        self.forward_head(self.forward_features(images))
    }

    /// The same network with a new, random head for `num_classes` classes; 0 leaves it without one.
    #[must_use]
    pub fn replace_head(mut self, num_classes: usize, device: &Device) -> Self {
        let hidden = self.fc1.weight.dims()[1];
        self.fc2 = linear_head(hidden, num_classes, device);
        self
    }

    /// Freezes everything but the head: no gradients.
    #[must_use]
    pub fn freeze_backbone(self) -> Self {
        let mut frozen = self.freeze();
        frozen.fc2 = frozen.fc2.map(Module::unfreeze);
        frozen
    }

    /// The layer whose map says most about where something is.
    pub fn last_conv_layer(&self) -> String {
        "conv2".into()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn features_and_logits_have_the_documented_shapes() {
        let device = Device::flex();
        let model = SimpleCnnConfig::new(7).init(&device).unwrap();
        let images = Tensor::zeros([2, 3, 24, 24], &device);
        assert_eq!(model.forward_features(images.clone()).dims(), [2, 64, 6, 6]);
        assert_eq!(model.forward(images).dims(), [2, 7]);
    }

    #[test]
    fn impossible_options_are_named() {
        let config = SimpleCnnConfig {
            image_size: 25,
            ..SimpleCnnConfig::default()
        };
        let error = config.init(&Device::flex()).unwrap_err().to_string();
        assert_eq!(
            error,
            "model option `image_size`: must be a multiple of 4, got 25"
        );
        let config = SimpleCnnConfig {
            hidden: 0,
            ..SimpleCnnConfig::default()
        };
        assert_eq!(config.validate().unwrap_err().option, "hidden");
    }
}
