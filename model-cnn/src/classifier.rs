//! Any classifier of this crate, chosen at run time.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::layers::Tap;
use crate::{
    AlexNet, AlexNetConfig, CifarResNet, CifarResNetConfig, ConfigError, ConvNeXt, ConvNeXtConfig,
    ResNet, ResNetConfig, SimpleCnn, SimpleCnnConfig, SqueezeNet, SqueezeNetConfig, Vgg, VggConfig,
};

/// The same expression for whichever family it is: of [`ImageClassifierConfig`] and of [`ImageClassifier`], whose
/// variants have the same names.
macro_rules! each {
    ($family:expr, $it:ident => $do:expr) => {
        match $family {
            Self::AlexNet($it) => $do,
            Self::CifarResNet($it) => $do,
            Self::ConvNeXt($it) => $do,
            Self::ResNet($it) => $do,
            Self::SimpleCnn($it) => $do,
            Self::SqueezeNet($it) => $do,
            Self::Vgg($it) => $do,
        }
    };
}

/// The configuration of any classifier. In JSON the field `family` tells which one it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "family")]
pub enum ImageClassifierConfig {
    /// See [`alexnet`](crate::alexnet).
    #[serde(rename = "alexnet")]
    AlexNet(AlexNetConfig),
    /// See [`cifar_resnet`](crate::cifar_resnet).
    #[serde(rename = "cifar_resnet")]
    CifarResNet(CifarResNetConfig),
    /// See [`convnext`](crate::convnext).
    #[serde(rename = "convnext")]
    ConvNeXt(ConvNeXtConfig),
    /// See [`resnet`](crate::resnet).
    #[serde(rename = "resnet")]
    ResNet(ResNetConfig),
    /// See [`simple_cnn`](crate::simple_cnn).
    #[serde(rename = "simple_cnn")]
    SimpleCnn(SimpleCnnConfig),
    /// See [`squeezenet`](crate::squeezenet).
    #[serde(rename = "squeezenet")]
    SqueezeNet(SqueezeNetConfig),
    /// See [`vgg`](crate::vgg).
    #[serde(rename = "vgg")]
    Vgg(VggConfig),
}

impl ImageClassifierConfig {
    /// Number of classes, the length of the logits; 0 for a network without a head.
    pub fn num_classes(&self) -> usize {
        each!(self, config => config.num_classes)
    }

    /// The same network for another number of classes.
    #[must_use]
    pub fn with_num_classes(mut self, num_classes: usize) -> Self {
        each!(&mut self, config => config.num_classes = num_classes);
        self
    }

    /// Channels of the input image.
    pub fn in_channels(&self) -> usize {
        each!(self, config => config.in_channels)
    }

    /// Length of the features that the head turns into logits.
    pub fn num_features(&self) -> usize {
        each!(self, config => config.num_features())
    }

    /// The only height and width the network takes, or `None` if it takes any that are large enough.
    pub fn fixed_image_size(&self) -> Option<usize> {
        match self {
            Self::SimpleCnn(config) => Some(config.image_size),
            _ => None,
        }
    }

    /// The smallest height and width of which something is left after all strides, in pixels.
    pub fn min_image_size(&self) -> usize {
        match self {
            Self::AlexNet(_) => 63,
            Self::CifarResNet(_) | Self::ResNet(_) => 1,
            Self::ConvNeXt(_) | Self::Vgg(_) => 32,
            Self::SimpleCnn(config) => config.image_size,
            Self::SqueezeNet(_) => 21,
        }
    }

    /// Checks that the options describe a network.
    ///
    /// # Errors
    /// Names the option at fault.
    pub fn validate(&self) -> Result<(), ConfigError> {
        each!(self, config => config.validate())
    }

    /// Builds the network on `device`.
    ///
    /// # Errors
    /// Names the option at fault.
    pub fn init(&self, device: &Device) -> Result<ImageClassifier, ConfigError> {
        each!(self, config => config.init(device).map(Into::into))
    }
}

/// Any classifier of this crate: one type for code that chooses by name.
#[derive(Module, Debug)]
pub enum ImageClassifier {
    /// See [`alexnet`](crate::alexnet).
    AlexNet(AlexNet),
    /// See [`cifar_resnet`](crate::cifar_resnet).
    CifarResNet(CifarResNet),
    /// See [`convnext`](crate::convnext).
    ConvNeXt(ConvNeXt),
    /// See [`resnet`](crate::resnet).
    ResNet(ResNet),
    /// See [`simple_cnn`](crate::simple_cnn).
    SimpleCnn(SimpleCnn),
    /// See [`squeezenet`](crate::squeezenet).
    SqueezeNet(SqueezeNet),
    /// See [`vgg`](crate::vgg).
    Vgg(Vgg),
}

impl ImageClassifier {
    /// Images `[batch, channels, height, width]` to the map before the classifier
    /// `[batch, features, height', width']`.
    pub fn forward_features(&self, images: Tensor<4>) -> Tensor<4> {
        self.forward_features_tapped(images, &mut Tap::none())
    }

    /// As [`forward_features`](Self::forward_features); `tap` sees the output of every named layer.
    pub fn forward_features_tapped(&self, images: Tensor<4>, tap: &mut Tap) -> Tensor<4> {
        each!(self, model => model.forward_features_tapped(images, tap))
    }

    /// The map of [`forward_features`](Self::forward_features) to logits `[batch, num_classes]`.
    pub fn forward_head(&self, features: Tensor<4>) -> Tensor<2> {
        each!(self, model => model.forward_head(features))
    }

    /// Images `[batch, channels, height, width]` to logits `[batch, num_classes]`; without a head, to the features
    /// `[batch, num_features]`.
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        self.forward_head(self.forward_features(images))
    }

    /// The same network with a new, random head for `num_classes` classes; 0 leaves it without one.
    #[must_use]
    pub fn replace_head(self, num_classes: usize, device: &Device) -> Self {
        each!(self, model => model.replace_head(num_classes, device).into())
    }

    /// Freezes everything but the head: no gradients, no dropout, no changing statistics.
    #[must_use]
    pub fn freeze_backbone(self) -> Self {
        each!(self, model => model.freeze_backbone().into())
    }

    /// The parameters that belong to the classes, by the beginning of their names, as in `fc` or `classifier.6`.
    pub fn head_name(&self) -> &'static str {
        match self {
            Self::AlexNet(_) => AlexNet::HEAD,
            Self::CifarResNet(_) => CifarResNet::HEAD,
            Self::ConvNeXt(_) => ConvNeXt::HEAD,
            Self::ResNet(_) => ResNet::HEAD,
            Self::SimpleCnn(_) => SimpleCnn::HEAD,
            Self::SqueezeNet(_) => SqueezeNet::HEAD,
            Self::Vgg(_) => Vgg::HEAD,
        }
    }

    /// The layer whose map says most about where something is: the one to look at with Grad-CAM.
    pub fn last_conv_layer(&self) -> String {
        each!(self, model => model.last_conv_layer())
    }
}

macro_rules! from_family {
    ($($family:ident)*) => {
        $(impl From<$family> for ImageClassifier {
            fn from(model: $family) -> Self {
                Self::$family(model)
            }
        })*
    };
}

from_family!(AlexNet CifarResNet ConvNeXt ResNet SimpleCnn SqueezeNet Vgg);
