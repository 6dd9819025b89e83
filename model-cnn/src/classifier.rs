//! Any classifier of this crate, chosen at run time.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::{ConfigError, SimpleCnn, SimpleCnnConfig};

/// The configuration of any classifier. In JSON the field `family` tells which one it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "family", rename_all = "snake_case")]
pub enum ImageClassifierConfig {
    /// See [`simple_cnn`](crate::simple_cnn).
    SimpleCnn(SimpleCnnConfig),
}

impl ImageClassifierConfig {
    /// Number of classes, the length of the logits.
    pub fn num_classes(&self) -> usize {
        match self {
            Self::SimpleCnn(config) => config.num_classes,
        }
    }

    /// Channels of the input image.
    pub fn in_channels(&self) -> usize {
        match self {
            Self::SimpleCnn(config) => config.in_channels,
        }
    }

    /// The only height and width the network takes, or `None` if it takes any.
    pub fn fixed_image_size(&self) -> Option<usize> {
        match self {
            Self::SimpleCnn(config) => Some(config.image_size),
        }
    }

    /// Checks that the options describe a network.
    ///
    /// # Errors
    /// Names the option at fault.
    pub fn validate(&self) -> Result<(), ConfigError> {
        match self {
            Self::SimpleCnn(config) => config.validate(),
        }
    }

    /// Builds the network on `device`.
    ///
    /// # Errors
    /// Names the option at fault.
    pub fn init(&self, device: &Device) -> Result<ImageClassifier, ConfigError> {
        match self {
            Self::SimpleCnn(config) => config.init(device).map(ImageClassifier::SimpleCnn),
        }
    }
}

/// Any classifier of this crate: one type for code that chooses by name.
#[derive(Module, Debug)]
pub enum ImageClassifier {
    /// See [`simple_cnn`](crate::simple_cnn).
    SimpleCnn(SimpleCnn),
}

impl ImageClassifier {
    /// Images `[batch, channels, height, width]` to the map before the classifier
    /// `[batch, features, height', width']`.
    pub fn forward_features(&self, images: Tensor<4>) -> Tensor<4> {
        match self {
            Self::SimpleCnn(model) => model.forward_features(images),
        }
    }

    /// The map of [`forward_features`](Self::forward_features) to logits `[batch, num_classes]`.
    pub fn forward_head(&self, features: Tensor<4>) -> Tensor<2> {
        match self {
            Self::SimpleCnn(model) => model.forward_head(features),
        }
    }

    /// Images `[batch, channels, height, width]` to logits `[batch, num_classes]`.
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        self.forward_head(self.forward_features(images))
    }
}
