//! The very deep networks of Oxford's Visual Geometry Group: 3x3 convolutions and pooling, then
//! three linear layers.
//!
//! ```text
//! image [3, 224, 224] -> features: five stages of 3x3 convolutions, each followed by a pool -> [512, 7, 7]
//!                     -> classifier: 4096, dropout, 4096, dropout, num_classes
//! ```
//!
//! Simonyan & Zisserman 2014, <https://arxiv.org/abs/1409.1556>. `vgg11` has 132,863,336
//! parameters, `vgg16` 138,357,544, `vgg19` 143,667,240. The `_bn` variants have a batch norm after
//! every convolution.

use burn::module::Module;
use burn::nn::activation::Relu;
use burn::nn::pool::{AdaptiveAvgPool2d, AdaptiveAvgPool2dConfig, MaxPool2dConfig};
use burn::nn::{DropoutConfig, Linear};
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};
use tinderbox_kernels::nn;
use tinderbox_model::setters;

use crate::ConfigError;
use crate::classifier::ImageSize;
use crate::layers::{
    BatchNorm2d, Dense, Hooks, Layer, conv2d, forward_dense, kaiming_normal, named, normal_linear,
    padding,
};

/// Height and width of the feature map that the classifier takes.
const MAP_SIZE: usize = 7;
/// Index of the head in the classifier.
const HEAD_INDEX: usize = 6;
/// Standard deviation of the initial weights of a linear layer.
const LINEAR_STD: f64 = 0.01;

/// Configuration of a [`Vgg`]. The default is `vgg16`.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VggConfig {
    /// Number of classes, the length of the logits; 0 leaves out the last linear layer.
    pub num_classes: usize,
    /// Channels of the input image.
    pub in_channels: usize,
    /// Convolutions in each stage.
    pub stages: [usize; 5],
    /// Channels of the first stage; the others have 2, 4, 8 and 8 times as many.
    pub width: usize,
    /// Output features of the first two linear layers.
    pub hidden: usize,
    /// Adds a batch norm after every convolution.
    pub batch_norm: bool,
    /// Dropout probability after each of these two.
    pub dropout: f64,
}

setters!(VggConfig {
    with_num_classes => num_classes: usize,
    with_in_channels => in_channels: usize,
    with_stages => stages: [usize; 5],
    with_width => width: usize,
    with_hidden => hidden: usize,
    with_batch_norm => batch_norm: bool,
    with_dropout => dropout: f64,
});

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
        Self::default()
            .with_num_classes(num_classes)
            .with_stages(stages)
    }

    /// Length of the features before the last linear layer.
    pub fn num_features(&self) -> usize {
        self.hidden
    }

    /// Accepted image sizes: anything that survives all strides.
    pub fn image_size(&self) -> ImageSize {
        ImageSize::AtLeast(32)
    }

    /// Checks the options.
    ///
    /// # Errors
    /// Names the first option that is out of range, or a dropout that is not a probability.
    pub fn validate(&self) -> Result<(), ConfigError> {
        ConfigError::require_classes("num_classes", self.num_classes)?;
        ConfigError::require_channels("in_channels", self.in_channels)?;
        for convolutions in self.stages {
            ConfigError::require_layers("stages", convolutions)?;
        }
        ConfigError::require_channels("width", self.width)?;
        ConfigError::require_size("hidden", self.hidden)?;
        ConfigError::require_parameters("width", self.num_weights())?;
        ConfigError::require_probability("dropout", self.dropout)
    }

    /// Elements of the large weights, computed without building the network.
    fn num_weights(&self) -> u128 {
        let stage = |(stage, convolutions): (usize, usize)| {
            let channels = (self.width as u128) << stage.min(3);
            9 * convolutions as u128 * channels * channels
        };
        let stages: u128 = self.stages.into_iter().enumerate().map(stage).sum();
        let hidden = self.hidden as u128;
        let flattened = (self.width * 8 * MAP_SIZE * MAP_SIZE) as u128;
        stages + hidden * (flattened + hidden + self.num_classes as u128)
    }

    /// Builds the network on `device` with torchvision's initialisation: `kaiming_normal_` for
    /// convolutions, `N(0, 0.01^2)` for linear layers, biases 0.
    ///
    /// # Errors
    /// See [`validate`](Self::validate).
    pub fn init(&self, device: &Device) -> Result<Vgg, ConfigError> {
        self.validate()?;
        let (features, last_conv) = self.features(device);
        let flattened = self.width * 8 * MAP_SIZE * MAP_SIZE;
        let dropout = || Dense::Dropout(DropoutConfig::new(self.dropout).init());
        let mut classifier = vec![
            Dense::Linear(linear(flattened, self.hidden, device)),
            Dense::Relu(Relu::new()),
            dropout(),
            Dense::Linear(linear(self.hidden, self.hidden, device)),
            Dense::Relu(Relu::new()),
            dropout(),
        ];
        classifier.extend(head(self.hidden, self.num_classes, device));
        Ok(Vgg {
            features,
            avgpool: AdaptiveAvgPool2dConfig::new([MAP_SIZE, MAP_SIZE]).init(),
            classifier,
            hidden: self.hidden,
            last_conv,
        })
    }

    /// The layers before the classifier, and the index of the one before the last pool.
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

fn linear(in_features: usize, out_features: usize, device: &Device) -> Linear {
    normal_linear(in_features, out_features, LINEAR_STD, device)
}

fn head(num_features: usize, num_classes: usize, device: &Device) -> Option<Dense> {
    (num_classes > 0).then(|| Dense::Linear(linear(num_features, num_classes, device)))
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
    /// Name prefix of the head's parameters.
    pub const HEAD: &str = "classifier.6";

    /// [`forward_features`](Self::forward_features), with a hook on every layer (`features.29`) and
    /// on `features`. The map is `[batch, 8 * width, height / 32, width / 32]`.
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
        format!("features.{}", self.last_conv)
    }

    pub(crate) fn head(&self) -> Vec<Dense> {
        self.classifier[HEAD_INDEX..].to_vec()
    }
}
