//! AlexNet, the network that began the deep learning of images.
//!
//! ```text
//! image [3, 224, 224] -> features: 11x11/4, pool, 5x5, pool, 3x3, 3x3, 3x3, pool -> [256, 6, 6]
//!                     -> classifier: dropout, 4096, dropout, 4096, num_classes
//! ```
//!
//! Krizhevsky et al. 2012, <https://doi.org/10.1145/3065386>, in the one-tower form of Krizhevsky 2014,
//! <https://arxiv.org/abs/1404.5997>, that torchvision has: 61,100,840 parameters.

use burn::module::Module;
use burn::nn::activation::Relu;
use burn::nn::pool::{AdaptiveAvgPool2d, AdaptiveAvgPool2dConfig, MaxPool2dConfig};
use burn::nn::{DropoutConfig, LinearConfig};
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};
use tinderbox_kernels::nn;

use crate::ConfigError;
use crate::layers::{
    Dense, Layer, Tap, conv2d, forward_dense, forward_layers, padding, unfreeze_from,
};

/// Height and width of the map that the classifier takes.
const MAP: usize = 6;

/// Configuration of an [`AlexNet`]. The defaults are torchvision's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AlexNetConfig {
    /// Number of classes, the length of the logits; 0 leaves out the last linear layer.
    pub num_classes: usize,
    /// Channels of the input image.
    pub in_channels: usize,
    /// Output channels of the five convolutions.
    pub channels: [usize; 5],
    /// Output features of the first two linear layers.
    pub hidden: usize,
    /// Probability of dropout before each of these two.
    pub dropout: f64,
}

impl Default for AlexNetConfig {
    fn default() -> Self {
        Self {
            num_classes: 1000,
            in_channels: 3,
            channels: [64, 192, 384, 256, 256],
            hidden: 4096,
            dropout: 0.5,
        }
    }
}

impl AlexNetConfig {
    /// torchvision's network for `num_classes` classes.
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
    /// Names the first option that is zero, or a dropout that is no probability.
    pub fn validate(&self) -> Result<(), ConfigError> {
        ConfigError::require_nonzero("in_channels", self.in_channels)?;
        for channels in self.channels {
            ConfigError::require_nonzero("channels", channels)?;
        }
        ConfigError::require_nonzero("hidden", self.hidden)?;
        ConfigError::require_probability("dropout", self.dropout)
    }

    /// Builds the network on `device` with PyTorch's default initialisation.
    ///
    /// # Errors
    /// See [`validate`](Self::validate).
    pub fn init(&self, device: &Device) -> Result<AlexNet, ConfigError> {
        self.validate()?;
        let [c1, c2, c3, c4, c5] = self.channels;
        let conv = |from, to, kernel, stride, pad| {
            let config = conv2d(from, to, kernel).with_stride([stride, stride]);
            Layer::Conv2d(config.with_padding(padding(pad)).init(device))
        };
        let relu = || Layer::Relu(Relu::new());
        let pool = || {
            let config = MaxPool2dConfig::new([3, 3]).with_strides([2, 2]);
            Layer::MaxPool2d(config.init())
        };
        let features = vec![
            conv(self.in_channels, c1, 11, 4, 2),
            relu(),
            pool(),
            conv(c1, c2, 5, 1, 2),
            relu(),
            pool(),
            conv(c2, c3, 3, 1, 1),
            relu(),
            conv(c3, c4, 3, 1, 1),
            relu(),
            conv(c4, c5, 3, 1, 1),
            relu(),
            pool(),
        ];
        let dropout = || Dense::Dropout(DropoutConfig::new(self.dropout).init());
        let linear = |from, to| Dense::Linear(LinearConfig::new(from, to).init(device));
        let mut classifier = vec![
            dropout(),
            linear(c5 * MAP * MAP, self.hidden),
            Dense::Relu(Relu::new()),
            dropout(),
            linear(self.hidden, self.hidden),
            Dense::Relu(Relu::new()),
        ];
        if self.num_classes > 0 {
            classifier.push(linear(self.hidden, self.num_classes));
        }
        Ok(AlexNet {
            features,
            avgpool: AdaptiveAvgPool2dConfig::new([MAP, MAP]).init(),
            classifier,
            hidden: self.hidden,
        })
    }
}

/// AlexNet; see the [module documentation](self).
#[derive(Module, Debug)]
pub struct AlexNet {
    features: Vec<Layer>,
    avgpool: AdaptiveAvgPool2d,
    classifier: Vec<Dense>,
    hidden: usize,
}

impl AlexNet {
    /// The parameters that belong to the classes, by the beginning of their names.
    pub const HEAD: &str = "classifier.6";
    /// Where the head is in the classifier.
    const HEAD_INDEX: usize = 6;

    /// Images `[batch, channels, height, width]` to the map before the classifier
    /// `[batch, features, height / 32, width / 32]`, or a pixel less.
    pub fn forward_features(&self, images: Tensor<4>) -> Tensor<4> {
        self.forward_features_tapped(images, &mut Tap::none())
    }

    /// As [`forward_features`](Self::forward_features); `tap` sees every layer, as in `features.11`, and `features`.
    pub fn forward_features_tapped(&self, images: Tensor<4>, tap: &mut Tap) -> Tensor<4> {
        forward_layers(&self.features, images, "features", tap)
    }

    /// The map of [`forward_features`](Self::forward_features) to logits `[batch, num_classes]`.
    pub fn forward_head(&self, features: Tensor<4>) -> Tensor<2> {
        let map = nn::adaptive_avg_pool2d(&self.avgpool, features);
        forward_dense(&self.classifier, map.flatten(1, 3))
    }

    /// Images `[batch, channels, height, width]` to logits `[batch, num_classes]`.
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        self.forward_head(self.forward_features(images))
    }

    /// The same network with a new, random last layer for `num_classes` classes; 0 leaves it without one.
    #[must_use]
    pub fn replace_head(mut self, num_classes: usize, device: &Device) -> Self {
        self.classifier.truncate(Self::HEAD_INDEX);
        if num_classes > 0 {
            let linear = LinearConfig::new(self.hidden, num_classes).init(device);
            self.classifier.push(Dense::Linear(linear));
        }
        self
    }

    /// Freezes everything but the last layer: no gradients, no dropout.
    #[must_use]
    pub fn freeze_backbone(self) -> Self {
        let mut frozen = self.freeze();
        frozen.classifier = unfreeze_from(frozen.classifier, Self::HEAD_INDEX);
        frozen
    }

    /// The layer whose map says most about where something is: the last convolution's, rectified, before it is pooled.
    pub fn last_conv_layer(&self) -> String {
        "features.11".into()
    }
}
