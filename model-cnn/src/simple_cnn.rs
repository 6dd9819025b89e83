//! The classic two-convolution network, the "hello world" of image classification.
//!
//! ```text
//! image [3, 24, 24] -> conv1 3x3 -> ReLU -> max-pool 2 -> [32, 12, 12]
//!                   -> conv2 3x3 -> ReLU -> max-pool 2 -> [64, 6, 6]
//!                   -> flatten -> fc1 -> ReLU -> [128] -> fc2 -> logits [num_classes]
//! ```
//!
//! The layout goes back to LeCun et al., *Gradient-Based Learning Applied to Document Recognition*
//! (1998), <https://doi.org/10.1109/5.726791>, with ReLU and max-pooling in place of tanh and
//! averaging. With ten classes it has 315,722 parameters. Fields have the names of the same
//! `nn.Module` in PyTorch, so weights load in both directions without renaming.

use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::pool::{MaxPool2d, MaxPool2dConfig};
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};
use tinderbox_kernels::activation::relu;
use tinderbox_kernels::nn;
use tinderbox_model::setters;

use crate::ConfigError;
use crate::classifier::ImageSize;
use crate::layers::{Hooks, forward_linear, linear_head, named, padding};

/// Total stride of the two pools.
const STRIDE: usize = 4;

/// Configuration of a [`SimpleCnn`].
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SimpleCnnConfig {
    /// Number of classes, the length of the logits; 0 leaves out `fc2`, and the output is
    /// that of `fc1`.
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

setters!(SimpleCnnConfig {
    with_num_classes => num_classes: usize,
    with_in_channels => in_channels: usize,
    with_image_size => image_size: usize,
    with_channels => channels: [usize; 2],
    with_hidden => hidden: usize,
});

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
    /// The default network for `num_classes` classes.
    pub fn new(num_classes: usize) -> Self {
        Self::default().with_num_classes(num_classes)
    }

    /// Length of the features before the last linear layer.
    pub fn num_features(&self) -> usize {
        self.hidden
    }

    /// Accepted image sizes: `fc1` fits one only.
    pub fn image_size(&self) -> ImageSize {
        ImageSize::Fixed(self.image_size)
    }

    /// Checks the options.
    ///
    /// # Errors
    /// Names the first option that is out of range, or an image size that is not a multiple of 4.
    pub fn validate(&self) -> Result<(), ConfigError> {
        ConfigError::require_classes("num_classes", self.num_classes)?;
        ConfigError::require_channels("in_channels", self.in_channels)?;
        ConfigError::require_channels("channels", self.channels[0])?;
        ConfigError::require_channels("channels", self.channels[1])?;
        ConfigError::require_size("hidden", self.hidden)?;
        if self.image_size == 0 || !self.image_size.is_multiple_of(STRIDE) {
            let reason = format!("must be a multiple of {STRIDE}, got {}", self.image_size);
            return Err(ConfigError::new("image_size", reason));
        }
        ConfigError::require_channels("image_size", self.image_size)?;
        ConfigError::require_parameters("image_size", self.num_weights())
    }

    /// Elements of all weights, computed without building the network.
    fn num_weights(&self) -> u128 {
        let [c1, c2] = self.channels.map(|channels| channels as u128);
        let side = (self.image_size / STRIDE) as u128;
        let (in_channels, hidden) = (self.in_channels as u128, self.hidden as u128);
        let head = hidden * self.num_classes as u128;
        9 * c1 * (in_channels + c2) + c2 * side * side * hidden + head
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
    /// Name prefix of the head's parameters.
    pub const HEAD: &str = "fc2";

    /// [`forward_features`](Self::forward_features), with hooks on `conv1` and `conv2`. The map is
    /// `[batch, channels2, height / 4, width / 4]`.
    pub fn forward_features_hooked(&self, images: Tensor<4>, hooks: &mut Hooks) -> Tensor<4> {
        let x = hooks.forward_relu(named!(self.conv1), images);
        let x = nn::max_pool2d(&self.pool, x);
        let x = hooks.forward_relu(named!(self.conv2), x);
        nn::max_pool2d(&self.pool, x)
    }

    /// Feature map to logits `[batch, num_classes]`.
    pub fn forward_head(&self, features: Tensor<4>) -> Tensor<2> {
        let x = relu(nn::linear(&self.fc1, features.flatten(1, 3)));
        forward_linear(self.fc2.as_ref(), x)
    }

    /// Replaces `fc2` by a new, random one for `num_classes` classes; 0 removes it.
    #[must_use]
    pub fn reset_classifier(mut self, num_classes: usize, device: &Device) -> Self {
        let [_, hidden] = self.fc1.weight.dims();
        self.fc2 = linear_head(hidden, num_classes, device);
        self
    }

    /// The layer to look at with Grad-CAM.
    pub fn last_conv_layer(&self) -> String {
        "conv2".into()
    }

    pub(crate) fn head(&self) -> Option<Linear> {
        self.fc2.clone()
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
    fn invalid_options_are_named() {
        let config = SimpleCnnConfig::default().with_image_size(25);
        let error = config.init(&Device::flex()).unwrap_err().to_string();
        assert_eq!(
            error,
            "model option `image_size`: must be a multiple of 4, got 25"
        );
        let config = SimpleCnnConfig::default().with_hidden(0);
        assert_eq!(config.validate().unwrap_err().option, "hidden");
    }
}
