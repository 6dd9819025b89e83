//! AlexNet, the network that started deep learning on images.
//!
//! ```text
//! image [3, 224, 224] -> features: 11x11/4, pool, 5x5, pool, 3x3, 3x3, 3x3, pool -> [256, 6, 6]
//!                     -> classifier: dropout, 4096, dropout, 4096, num_classes
//! ```
//!
//! Krizhevsky et al. 2012, <https://doi.org/10.1145/3065386>, in the one-tower version of
//! Krizhevsky 2014, <https://arxiv.org/abs/1404.5997>, that torchvision implements: 61,100,840
//! parameters.

use burn::module::Module;
use burn::nn::activation::Relu;
use burn::nn::pool::{AdaptiveAvgPool2d, AdaptiveAvgPool2dConfig, MaxPool2dConfig};
use burn::nn::{DropoutConfig, LinearConfig};
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};
use tinderbox_kernels::nn;
use tinderbox_model::setters;

use crate::ConfigError;
use crate::classifier::ImageSize;
use crate::layers::{Dense, Hooks, Layer, conv2d, forward_dense, linear_head, named, padding};

/// Height and width of the feature map that the classifier takes.
const MAP_SIZE: usize = 6;
/// Index of the head in the classifier.
const HEAD_INDEX: usize = 6;

/// Configuration of an [`AlexNet`]. The defaults are torchvision's.
#[non_exhaustive]
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
    /// Dropout probability before each of these two.
    pub dropout: f64,
}

setters!(AlexNetConfig {
    with_num_classes => num_classes: usize,
    with_in_channels => in_channels: usize,
    with_channels => channels: [usize; 5],
    with_hidden => hidden: usize,
    with_dropout => dropout: f64,
});

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
        Self::default().with_num_classes(num_classes)
    }

    /// Length of the features before the last linear layer.
    pub fn num_features(&self) -> usize {
        self.hidden
    }

    /// Accepted image sizes: anything that survives all strides.
    pub fn image_size(&self) -> ImageSize {
        ImageSize::AtLeast(63)
    }

    /// Checks the options.
    ///
    /// # Errors
    /// Names the first option that is out of range, or a dropout that is not a probability.
    pub fn validate(&self) -> Result<(), ConfigError> {
        ConfigError::require_classes("num_classes", self.num_classes)?;
        ConfigError::require_channels("in_channels", self.in_channels)?;
        for channels in self.channels {
            ConfigError::require_channels("channels", channels)?;
        }
        ConfigError::require_size("hidden", self.hidden)?;
        ConfigError::require_parameters("hidden", self.num_weights())?;
        ConfigError::require_probability("dropout", self.dropout)
    }

    /// Elements of all weights, computed without building the network.
    fn num_weights(&self) -> u128 {
        let [c1, c2, c3, c4, c5] = self.channels.map(|channels| channels as u128);
        let hidden = self.hidden as u128;
        let convolutions = 121 * self.in_channels as u128 * c1 + 25 * c1 * c2;
        let convolutions = convolutions + 9 * (c2 * c3 + c3 * c4 + c4 * c5);
        convolutions + hidden * (36 * c5 + hidden + self.num_classes as u128)
    }

    /// Builds the network on `device` with PyTorch's default initialisation.
    ///
    /// # Errors
    /// See [`validate`](Self::validate).
    pub fn init(&self, device: &Device) -> Result<AlexNet, ConfigError> {
        self.validate()?;
        let [c1, c2, c3, c4, c5] = self.channels;
        let conv = |in_channels, out_channels, kernel, stride, pad| {
            let config = conv2d(in_channels, out_channels, kernel).with_stride([stride, stride]);
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
        let linear = |in_features, out_features| {
            Dense::Linear(LinearConfig::new(in_features, out_features).init(device))
        };
        let mut classifier = vec![
            dropout(),
            linear(c5 * MAP_SIZE * MAP_SIZE, self.hidden),
            Dense::Relu(Relu::new()),
            dropout(),
            linear(self.hidden, self.hidden),
            Dense::Relu(Relu::new()),
        ];
        classifier.extend(head(self.hidden, self.num_classes, device));
        Ok(AlexNet {
            features,
            avgpool: AdaptiveAvgPool2dConfig::new([MAP_SIZE, MAP_SIZE]).init(),
            classifier,
            hidden: self.hidden,
        })
    }
}

fn head(num_features: usize, num_classes: usize, device: &Device) -> Option<Dense> {
    linear_head(num_features, num_classes, device).map(Dense::Linear)
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
    /// Name prefix of the head's parameters.
    pub const HEAD: &str = "classifier.6";

    /// [`forward_features`](Self::forward_features), with a hook on every layer (`features.11`) and
    /// on `features`. The map is `[batch, 256, height / 32, width / 32]`, or a pixel smaller.
    pub fn forward_features_hooked(&self, images: Tensor<4>, hooks: &mut Hooks) -> Tensor<4> {
        hooks.forward(named!(self.features), images)
    }

    /// Feature map to logits `[batch, num_classes]`.
    pub fn forward_head(&self, features: Tensor<4>) -> Tensor<2> {
        let x = nn::adaptive_avg_pool2d(&self.avgpool, features);
        forward_dense(&self.classifier, x.flatten(1, 3))
    }

    /// Replaces the last linear layer by a new, random one for `num_classes` classes; 0 removes it.
    #[must_use]
    pub fn reset_classifier(mut self, num_classes: usize, device: &Device) -> Self {
        self.classifier.truncate(HEAD_INDEX);
        self.classifier
            .extend(head(self.hidden, num_classes, device));
        self
    }

    /// The layer to look at with Grad-CAM: the last convolution after its ReLU, before pooling.
    pub fn last_conv_layer(&self) -> String {
        "features.11".into()
    }

    pub(crate) fn head(&self) -> Vec<Dense> {
        self.classifier[HEAD_INDEX..].to_vec()
    }
}
