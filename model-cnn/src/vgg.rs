//! The very deep networks of Oxford's Visual Geometry Group: nothing but 3x3 convolutions and pooling, then three linear
//! layers.
//!
//! ```text
//! image [3, 224, 224] -> features: five stages of 3x3 convolutions, each ended by a pool -> [512, 7, 7]
//!                     -> classifier: 4096, dropout, 4096, dropout, num_classes
//! ```
//!
//! Simonyan & Zisserman 2014, <https://arxiv.org/abs/1409.1556>. `vgg11` has 132,863,336 parameters, `vgg16` 138,357,544,
//! `vgg19` 143,667,240. The `_bn` forms have a batch norm after every convolution.

use burn::module::Module;
use burn::nn::activation::Relu;
use burn::nn::pool::{AdaptiveAvgPool2d, AdaptiveAvgPool2dConfig, MaxPool2dConfig};
use burn::nn::{DropoutConfig, Linear};
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};
use tinderbox_kernels::nn;

use crate::ConfigError;
use crate::layers::{
    BatchNorm2d, Dense, Layer, Tap, conv2d, forward_dense, forward_layers, kaiming_normal,
    normal_linear, padding, unfreeze_from,
};

/// Height and width of the map that the classifier takes.
const MAP: usize = 7;
/// Standard deviation of a linear layer's weights at the beginning.
const LINEAR_STD: f64 = 0.01;

/// Configuration of a [`Vgg`]. The default is `vgg16`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VggConfig {
    /// Number of classes, the length of the logits; 0 leaves out the last linear layer.
    pub num_classes: usize,
    /// Channels of the input image.
    pub in_channels: usize,
    /// Number of convolutions in each stage.
    pub stages: [usize; 5],
    /// Channels of the first stage; the others have 2, 4, 8 and 8 times as many.
    pub width: usize,
    /// Output features of the first two linear layers.
    pub hidden: usize,
    /// A batch norm after every convolution.
    pub batch_norm: bool,
    /// Probability of dropout after each of these two.
    pub dropout: f64,
}

impl Default for VggConfig {
    fn default() -> Self {
        Self {
            num_classes: 1000,
            in_channels: 3,
            stages: [2, 2, 3, 3, 3],
            width: 64,
            hidden: 4096,
            batch_norm: false,
            dropout: 0.5,
        }
    }
}

impl VggConfig {
    /// Configuration A, 11 layers.
    pub fn vgg11(num_classes: usize) -> Self {
        Self::new([1, 1, 2, 2, 2], num_classes)
    }

    /// Configuration B, 13 layers.
    pub fn vgg13(num_classes: usize) -> Self {
        Self::new([2, 2, 2, 2, 2], num_classes)
    }

    /// Configuration D, 16 layers.
    pub fn vgg16(num_classes: usize) -> Self {
        Self::new([2, 2, 3, 3, 3], num_classes)
    }

    /// Configuration E, 19 layers.
    pub fn vgg19(num_classes: usize) -> Self {
        Self::new([2, 2, 4, 4, 4], num_classes)
    }

    fn new(stages: [usize; 5], num_classes: usize) -> Self {
        Self {
            num_classes,
            stages,
            ..Self::default()
        }
    }

    /// The same network with batch norm.
    #[must_use]
    pub fn with_batch_norm(self) -> Self {
        Self {
            batch_norm: true,
            ..self
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
        for convolutions in self.stages {
            ConfigError::require_nonzero("stages", convolutions)?;
        }
        ConfigError::require_nonzero("width", self.width)?;
        ConfigError::require_nonzero("hidden", self.hidden)?;
        ConfigError::require_probability("dropout", self.dropout)
    }

    /// Builds the network on `device` with torchvision's initialisation: He's normal for convolutions, `N(0, 0.01^2)` for
    /// linear layers, biases zero.
    ///
    /// # Errors
    /// See [`validate`](Self::validate).
    pub fn init(&self, device: &Device) -> Result<Vgg, ConfigError> {
        self.validate()?;
        let (features, last_conv) = self.features(device);
        let map = self.width * 8 * MAP * MAP;
        let dropout = || Dense::Dropout(DropoutConfig::new(self.dropout).init());
        let mut classifier = vec![
            Dense::Linear(linear(map, self.hidden, device)),
            Dense::Relu(Relu::new()),
            dropout(),
            Dense::Linear(linear(self.hidden, self.hidden, device)),
            Dense::Relu(Relu::new()),
            dropout(),
        ];
        if self.num_classes > 0 {
            classifier.push(Dense::Linear(linear(self.hidden, self.num_classes, device)));
        }
        Ok(Vgg {
            features,
            avgpool: AdaptiveAvgPool2dConfig::new([MAP, MAP]).init(),
            classifier,
            hidden: self.hidden,
            last_conv,
        })
    }

    /// The layers before the classifier, and the index of the last one before the last pool.
    fn features(&self, device: &Device) -> (Vec<Layer>, usize) {
        let mut layers = Vec::new();
        let mut in_channels = self.in_channels;
        for (stage, convolutions) in self.stages.into_iter().enumerate() {
            let channels = self.width << stage.min(3);
            for _ in 0..convolutions {
                let conv = conv2d(in_channels, channels, 3).with_padding(padding(1));
                layers.push(Layer::Conv2d(kaiming_normal(&conv, device)));
                if self.batch_norm {
                    layers.push(Layer::BatchNorm2d(BatchNorm2d::new(channels, device)));
                }
                layers.push(Layer::Relu(Relu::new()));
                in_channels = channels;
            }
            let pool = MaxPool2dConfig::new([2, 2]).with_strides([2, 2]);
            layers.push(Layer::MaxPool2d(pool.init()));
        }
        let last_conv = layers.len() - 2;
        (layers, last_conv)
    }
}

fn linear(from: usize, to: usize, device: &Device) -> Linear {
    normal_linear(from, to, LINEAR_STD, device)
}

/// A VGG network; see the [module documentation](self).
#[derive(Module, Debug)]
pub struct Vgg {
    features: Vec<Layer>,
    avgpool: AdaptiveAvgPool2d,
    classifier: Vec<Dense>,
    hidden: usize,
    last_conv: usize,
}

impl Vgg {
    /// The parameters that belong to the classes, by the beginning of their names.
    pub const HEAD: &str = "classifier.6";
    /// Where the head is in the classifier.
    const HEAD_INDEX: usize = 6;

    /// Images `[batch, channels, height, width]` to the map before the classifier
    /// `[batch, features, height / 32, width / 32]`.
    pub fn forward_features(&self, images: Tensor<4>) -> Tensor<4> {
        self.forward_features_tapped(images, &mut Tap::none())
    }

    /// As [`forward_features`](Self::forward_features); `tap` sees every layer, as in `features.29`, and `features`.
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
            let head = linear(self.hidden, num_classes, device);
            self.classifier.push(Dense::Linear(head));
        }
        self
    }

    /// Freezes everything but the last layer: no gradients, no dropout, no changing statistics.
    #[must_use]
    pub fn freeze_backbone(self) -> Self {
        let mut frozen = self.freeze();
        frozen.classifier = unfreeze_from(frozen.classifier, Self::HEAD_INDEX);
        frozen
    }

    /// The layer whose map says most about where something is: the last convolution's, rectified, before it is pooled.
    pub fn last_conv_layer(&self) -> String {
        format!("features.{}", self.last_conv)
    }
}
