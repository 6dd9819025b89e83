//! SqueezeNet: the accuracy of AlexNet with a fiftieth of its parameters.
//!
//! ```text
//! image [3, 224, 224] -> features: convolution, then eight fire modules, pooled three times -> [512, 13, 13]
//!                     -> classifier: dropout, 1x1 convolution to the classes, ReLU, global average pooling
//! ```
//!
//! A fire module squeezes its input with a 1x1 convolution and expands it again with a 1x1 and a
//! 3x3 convolution side by side. Iandola et al. 2016, <https://arxiv.org/abs/1602.07360>:
//! `squeezenet1_0` has 1,248,424 parameters; `squeezenet1_1`, which pools earlier and needs 2.4
//! times less computation, 1,235,496.

use burn::module::Module;
use burn::nn::activation::Relu;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::pool::{MaxPool2d, MaxPool2dConfig};
use burn::nn::{Dropout, DropoutConfig, Initializer};
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};
use tinderbox_kernels::activation::relu;
use tinderbox_kernels::nn;
use tinderbox_model::setters;

use crate::ConfigError;
use crate::classifier::ImageSize;
use crate::layers::{
    FeatureLayer, Hooks, conv2d, global_avg_pool, named, normal, padding, zero_bias,
};

/// Index of the head in the classifier.
const HEAD_INDEX: usize = 1;

/// The two published versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SqueezeNetVersion {
    /// The version of the paper.
    #[serde(rename = "1_0")]
    V1_0,
    /// The authors' later version.
    #[serde(rename = "1_1")]
    V1_1,
}

/// Configuration of a [`SqueezeNet`]. The default is `squeezenet1_0`.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SqueezeNetConfig {
    /// Number of classes, the length of the logits; 0 leaves out the last convolution,
    /// and the output is the pooled features.
    pub num_classes: usize,
    /// Channels of the input image.
    pub in_channels: usize,
    /// Version.
    pub version: SqueezeNetVersion,
    /// Channels that the first fire module squeezes to; all others are multiples of it.
    pub width: usize,
    /// Dropout probability before the last convolution.
    pub dropout: f64,
}

setters!(SqueezeNetConfig {
    with_num_classes => num_classes: usize,
    with_in_channels => in_channels: usize,
    with_version => version: SqueezeNetVersion,
    with_width => width: usize,
    with_dropout => dropout: f64,
});

impl Default for SqueezeNetConfig {
    fn default() -> Self {
        Self {
            num_classes: 1000,
            in_channels: 3,
            version: SqueezeNetVersion::V1_0,
            width: 16,
            dropout: 0.5,
        }
    }
}

/// Indices of the fire modules, from 0, that follow a pool.
fn pooled_before(version: SqueezeNetVersion) -> [usize; 3] {
    match version {
        SqueezeNetVersion::V1_0 => [0, 3, 7],
        SqueezeNetVersion::V1_1 => [0, 2, 4],
    }
}

impl SqueezeNetConfig {
    /// Version 1.0.
    pub fn squeezenet1_0(num_classes: usize) -> Self {
        Self::default().with_num_classes(num_classes)
    }

    /// Version 1.1.
    pub fn squeezenet1_1(num_classes: usize) -> Self {
        Self::squeezenet1_0(num_classes).with_version(SqueezeNetVersion::V1_1)
    }

    /// Length of the pooled features.
    pub fn num_features(&self) -> usize {
        self.width * 32
    }

    /// Accepted image sizes: anything that survives all strides.
    pub fn image_size(&self) -> ImageSize {
        ImageSize::AtLeast(21)
    }

    /// Checks the options.
    ///
    /// # Errors
    /// Names the first option that is out of range, or a dropout that is not a probability.
    pub fn validate(&self) -> Result<(), ConfigError> {
        ConfigError::require_classes("num_classes", self.num_classes)?;
        ConfigError::require_channels("in_channels", self.in_channels)?;
        ConfigError::require_channels("width", self.width)?;
        ConfigError::require_parameters("width", self.num_weights())?;
        ConfigError::require_probability("dropout", self.dropout)
    }

    /// Elements of the large weights, computed without building the network.
    fn num_weights(&self) -> u128 {
        let width = self.width as u128;
        let fires = [1u128, 1, 2, 2, 3, 3, 4, 4].map(|factor| (factor * width).pow(2));
        // Each squeezes at most twice its outputs, and expands four times by 1x1 and by 3x3.
        let fires = fires.iter().map(|square| 56 * square).sum::<u128>();
        fires + (self.num_features() * self.num_classes) as u128
    }

    /// Builds the network on `device` with torchvision's initialisation: `kaiming_uniform_` for
    /// convolutions, `N(0, 0.01^2)` for the last one, biases 0.
    ///
    /// # Errors
    /// See [`validate`](Self::validate).
    pub fn init(&self, device: &Device) -> Result<SqueezeNet, ConfigError> {
        self.validate()?;
        let mut classifier = vec![Classifier::Dropout(DropoutConfig::new(self.dropout).init())];
        classifier.extend(head(self.num_features(), self.num_classes, device));
        Ok(SqueezeNet {
            features: self.features(device),
            classifier,
            num_features: self.num_features(),
        })
    }

    fn features(&self, device: &Device) -> Vec<Feature> {
        let (stem_channels, kernel) = match self.version {
            SqueezeNetVersion::V1_0 => (6 * self.width, 7),
            SqueezeNetVersion::V1_1 => (4 * self.width, 3),
        };
        let stem = conv2d(self.in_channels, stem_channels, kernel).with_stride([2, 2]);
        let mut features = vec![
            Feature::Conv2d(kaiming_uniform(&stem, device)),
            Feature::Relu(Relu::new()),
        ];
        let mut in_channels = stem_channels;
        for (index, factor) in [1, 1, 2, 2, 3, 3, 4, 4].into_iter().enumerate() {
            if pooled_before(self.version).contains(&index) {
                let pool = MaxPool2dConfig::new([3, 3]).with_strides([2, 2]);
                features.push(Feature::MaxPool2d(pool.with_ceil_mode(true).init()));
            }
            let squeeze = factor * self.width;
            features.push(Feature::Fire(Fire::new(in_channels, squeeze, device)));
            in_channels = 8 * squeeze;
        }
        features
    }
}

/// Weights from `U(-bound, bound)` with `bound = sqrt(6 / fan_in)`, bias 0: `kaiming_uniform_` with
/// its defaults.
fn kaiming_uniform(config: &Conv2dConfig, device: &Device) -> Conv2d {
    let initializer = Initializer::KaimingUniform {
        gain: 2.0_f64.sqrt(),
        fan_out_only: false,
    };
    zero_bias(
        config.clone().with_initializer(initializer).init(device),
        device,
    )
}

/// The 1x1 convolution to the classes and its ReLU; nothing for 0 classes.
fn head(num_features: usize, num_classes: usize, device: &Device) -> Vec<Classifier> {
    if num_classes == 0 {
        return Vec::new();
    }
    let conv = normal(&conv2d(num_features, num_classes, 1), 0.01, device);
    vec![Classifier::Conv2d(conv), Classifier::Relu(Relu::new())]
}

/// SqueezeNet; see the [module documentation](self).
#[derive(Module, Debug)]
pub struct SqueezeNet {
    features: Vec<Feature>,
    classifier: Vec<Classifier>,
    num_features: usize,
}

// A network has thirteen of them, and their tensors are on the heap or the device.
#[allow(clippy::large_enum_variant)]
#[derive(Module, Debug)]
enum Feature {
    Conv2d(Conv2d),
    Relu(Relu),
    MaxPool2d(MaxPool2d),
    Fire(Fire),
}

#[derive(Module, Debug)]
pub(crate) enum Classifier {
    Dropout(Dropout),
    Conv2d(Conv2d),
    Relu(Relu),
}

impl SqueezeNet {
    /// Name prefix of the head's parameters.
    pub const HEAD: &str = "classifier.1";

    /// [`forward_features`](Self::forward_features), with a hook on every layer (`features.12`) and
    /// on `features`. The map is `[batch, 32 * width, height / 16, width / 16]`, or a pixel
    /// smaller.
    pub fn forward_features_hooked(&self, images: Tensor<4>, hooks: &mut Hooks) -> Tensor<4> {
        hooks.forward(named!(self.features), images)
    }

    /// Feature map to logits `[batch, num_classes]`.
    pub fn forward_head(&self, features: Tensor<4>) -> Tensor<2> {
        let x = (self.classifier.iter()).fold(features, |x, layer| match layer {
            Classifier::Dropout(layer) => nn::dropout(layer, x),
            Classifier::Conv2d(layer) => nn::conv2d(layer, x),
            Classifier::Relu(_) => relu(x),
        });
        global_avg_pool(x)
    }

    /// Replaces the last convolution by a new, random one for `num_classes` classes; 0 removes it.
    #[must_use]
    pub fn reset_classifier(mut self, num_classes: usize, device: &Device) -> Self {
        self.classifier.truncate(HEAD_INDEX);
        self.classifier
            .extend(head(self.num_features, num_classes, device));
        self
    }

    /// The layer to look at with Grad-CAM: the last fire module.
    pub fn last_conv_layer(&self) -> String {
        "features.12".into()
    }

    pub(crate) fn head(&self) -> Vec<Classifier> {
        self.classifier[HEAD_INDEX..].to_vec()
    }
}

impl FeatureLayer for Feature {
    fn apply(&self, x: Tensor<4>) -> Tensor<4> {
        match self {
            Self::Conv2d(layer) => nn::conv2d(layer, x),
            Self::Relu(_) => relu(x),
            Self::MaxPool2d(layer) => nn::max_pool2d(layer, x),
            Self::Fire(layer) => layer.forward(x),
        }
    }
}

/// Fire module: a squeeze to few channels, then an expansion to eight times as many.
#[derive(Module, Debug)]
struct Fire {
    squeeze: Conv2d,
    expand1x1: Conv2d,
    expand3x3: Conv2d,
}

impl Fire {
    fn new(in_channels: usize, squeeze: usize, device: &Device) -> Self {
        let expand = 4 * squeeze;
        let expand3x3 = conv2d(squeeze, expand, 3).with_padding(padding(1));
        Self {
            squeeze: kaiming_uniform(&conv2d(in_channels, squeeze, 1), device),
            expand1x1: kaiming_uniform(&conv2d(squeeze, expand, 1), device),
            expand3x3: kaiming_uniform(&expand3x3, device),
        }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let x = nn::conv2d_relu(&self.squeeze, x);
        let [expand1x1, expand3x3] =
            [&self.expand1x1, &self.expand3x3].map(|conv| nn::conv2d_relu(conv, x.clone()));
        Tensor::cat(vec![expand1x1, expand3x3], 1)
    }
}
