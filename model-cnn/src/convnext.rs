//! ConvNeXt: a convolutional network with the design decisions of vision transformers.
//!
//! ```text
//! image [3, 224, 224] -> stem 4x4/4, norm -> four stages of blocks, 2x2/2 convolutions between them -> [768, 7, 7]
//!                     -> global average pooling -> norm -> linear -> logits
//! ```
//!
//! A block is a 7x7 depthwise convolution, layer norm, and two linear layers with a GELU between
//! them; its output is scaled per channel and added to its input. Liu et al. 2022,
//! <https://arxiv.org/abs/2201.03545>: `convnext_tiny` has 28,589,128 parameters.

use burn::module::{Module, Param};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{Gelu, Initializer, Linear};
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};
use tinderbox_kernels::activation::gelu;
use tinderbox_kernels::nn;
use tinderbox_model::setters;

use crate::ConfigError;
use crate::classifier::ImageSize;
use crate::layers::{
    FeatureLayer, Hooks, Layer, LayerNorm2d, StochasticDepth, conv2d, global_avg_pool, named,
    normal, normal_linear, padding,
};

/// Standard deviation of all initial weights.
const WEIGHT_STD: f64 = 0.02;
/// Index of the head in the classifier.
const HEAD_INDEX: usize = 2;

/// Configuration of a [`ConvNeXt`]. The default is `convnext_tiny`.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConvNeXtConfig {
    /// Number of classes, the length of the logits; 0 leaves out the last linear layer,
    /// and the output is the normalised features.
    pub num_classes: usize,
    /// Channels of the input image.
    pub in_channels: usize,
    /// Blocks in each stage.
    pub layers: [usize; 4],
    /// Channels of the first stage; every further stage has twice as many.
    pub width: usize,
    /// Probability of dropping the last block for an image in training; it rises linearly from 0 at
    /// the first block.
    pub stochastic_depth: f64,
    /// Initial scale of the output of every block.
    pub layer_scale: f64,
}

setters!(ConvNeXtConfig {
    with_num_classes => num_classes: usize,
    with_in_channels => in_channels: usize,
    with_layers => layers: [usize; 4],
    with_width => width: usize,
    with_stochastic_depth => stochastic_depth: f64,
    with_layer_scale => layer_scale: f64,
});

impl Default for ConvNeXtConfig {
    fn default() -> Self {
        Self {
            num_classes: 1000,
            in_channels: 3,
            layers: [3, 3, 9, 3],
            width: 96,
            stochastic_depth: 0.1,
            layer_scale: 1e-6,
        }
    }
}

impl ConvNeXtConfig {
    /// ConvNeXt-Tiny, about as costly as ResNet-50.
    pub fn convnext_tiny(num_classes: usize) -> Self {
        Self::default().with_num_classes(num_classes)
    }

    /// Length of the pooled features.
    pub fn num_features(&self) -> usize {
        self.width * 8
    }

    /// Accepted image sizes: anything that survives all strides.
    pub fn image_size(&self) -> ImageSize {
        ImageSize::AtLeast(32)
    }

    /// Checks the options.
    ///
    /// # Errors
    /// Names the first option that is out of range, or a stochastic depth that is not a probability.
    pub fn validate(&self) -> Result<(), ConfigError> {
        ConfigError::require_classes("num_classes", self.num_classes)?;
        ConfigError::require_channels("in_channels", self.in_channels)?;
        for blocks in self.layers {
            ConfigError::require_layers("layers", blocks)?;
        }
        ConfigError::require_channels("width", self.width)?;
        ConfigError::require_parameters("width", self.num_weights())?;
        if !self.layer_scale.is_finite() {
            return Err(ConfigError::new("layer_scale", "must be a finite number"));
        }
        ConfigError::require_probability("stochastic_depth", self.stochastic_depth)
    }

    /// Elements of the large weights, computed without building the network.
    fn num_weights(&self) -> u128 {
        let stage = |(stage, blocks): (usize, usize)| {
            let channels = (self.width as u128) << stage;
            blocks as u128 * (8 * channels * channels + 49 * channels)
        };
        let stages: u128 = self.layers.into_iter().enumerate().map(stage).sum();
        stages + (self.num_features() * self.num_classes) as u128
    }

    /// Builds the network on `device` with torchvision's initialisation: `N(0, 0.02^2)` for all
    /// weights, biases 0.
    ///
    /// # Errors
    /// See [`validate`](Self::validate).
    pub fn init(&self, device: &Device) -> Result<ConvNeXt, ConfigError> {
        self.validate()?;
        let conv = |in_channels, out_channels, size: usize| {
            let config = conv2d(in_channels, out_channels, size).with_stride([size, size]);
            Layer::Conv2d(normal(&config, WEIGHT_STD, device))
        };
        let norm = |channels| Layer::LayerNorm2d(LayerNorm2d::new(channels, device));
        let stem = vec![conv(self.in_channels, self.width, 4), norm(self.width)];
        let mut features = vec![Stage::Layers(stem)];
        let last_block = self.layers.iter().sum::<usize>() - 1;
        let mut number = 0;
        for (stage, blocks) in self.layers.into_iter().enumerate() {
            let channels = self.width << stage;
            if stage > 0 {
                let downsample = vec![norm(channels / 2), conv(channels / 2, channels, 2)];
                features.push(Stage::Layers(downsample));
            }
            let numbers = number..number + blocks;
            number += blocks;
            let block = |number| {
                let share = number as f64 / (last_block as f64).max(1.0);
                Block::new(self, channels, self.stochastic_depth * share, device)
            };
            features.push(Stage::Blocks(numbers.map(block).collect()));
        }
        let num_features = self.num_features();
        let mut classifier = vec![
            Classifier::LayerNorm2d(LayerNorm2d::new(num_features, device)),
            Classifier::Flatten(Placeholder {}),
        ];
        classifier.extend(head(num_features, self.num_classes, device));
        Ok(ConvNeXt {
            features,
            classifier,
            num_features,
        })
    }
}

fn linear(in_features: usize, out_features: usize, device: &Device) -> Linear {
    normal_linear(in_features, out_features, WEIGHT_STD, device)
}

fn head(num_features: usize, num_classes: usize, device: &Device) -> Option<Classifier> {
    (num_classes > 0).then(|| Classifier::Linear(linear(num_features, num_classes, device)))
}

/// A ConvNeXt; see the [module documentation](self).
#[derive(Module, Debug)]
pub struct ConvNeXt {
    features: Vec<Stage>,
    classifier: Vec<Classifier>,
    num_features: usize,
}

/// The stem or the downsampling between stages, or the blocks of a stage.
#[derive(Module, Debug)]
enum Stage {
    Layers(Vec<Layer>),
    Blocks(Vec<Block>),
}

#[derive(Module, Debug)]
pub(crate) enum Classifier {
    LayerNorm2d(LayerNorm2d),
    Flatten(Placeholder),
    Linear(Linear),
}

/// Stands for a layer without parameters, so that the layers after it have PyTorch's indices.
#[derive(Module, Debug)]
pub(crate) struct Placeholder {}

impl ConvNeXt {
    /// Name prefix of the head's parameters.
    pub const HEAD: &str = "classifier.2";

    /// [`forward_features`](Self::forward_features), with hooks on every layer, block and stage
    /// (`features.7.2` and `features.7`). The map is `[batch, 8 * width, height / 32, width / 32]`.
    pub fn forward_features_hooked(&self, images: Tensor<4>, hooks: &mut Hooks) -> Tensor<4> {
        hooks.forward_each(named!(self.features), images)
    }

    /// Feature map to logits `[batch, num_classes]`.
    pub fn forward_head(&self, features: Tensor<4>) -> Tensor<2> {
        let [batch, channels, ..] = features.dims();
        (self.classifier.iter()).fold(global_avg_pool(features), |x, layer| match layer {
            Classifier::LayerNorm2d(norm) => {
                let x = x.reshape([batch, 1, 1, channels]);
                norm.forward_channels_last(x).reshape([batch, channels])
            }
            Classifier::Flatten(_) => x,
            Classifier::Linear(linear) => nn::linear(linear, x),
        })
    }

    /// Replaces the last linear layer by a new, random one for `num_classes` classes; 0 removes it.
    #[must_use]
    pub fn reset_classifier(mut self, num_classes: usize, device: &Device) -> Self {
        self.classifier.truncate(HEAD_INDEX);
        self.classifier
            .extend(head(self.num_features, num_classes, device));
        self
    }

    /// The layer to look at with Grad-CAM: the last stage.
    pub fn last_conv_layer(&self) -> String {
        format!("features.{}", self.features.len() - 1)
    }

    pub(crate) fn head(&self) -> Vec<Classifier> {
        self.classifier[HEAD_INDEX..].to_vec()
    }
}

impl FeatureLayer for Stage {
    fn apply(&self, x: Tensor<4>) -> Tensor<4> {
        match self {
            Self::Layers(layers) => layers.apply(x),
            Self::Blocks(blocks) => blocks.apply(x),
        }
    }

    fn apply_hooked(&self, x: Tensor<4>, name: &str, hooks: &mut Hooks) -> Tensor<4> {
        match self {
            Self::Layers(layers) => layers.apply_hooked(x, name, hooks),
            Self::Blocks(blocks) => blocks.apply_hooked(x, name, hooks),
        }
    }
}

/// `x + layer_scale * block(x)`.
#[derive(Module, Debug)]
struct Block {
    block: Vec<BlockLayer>,
    layer_scale: Param<Tensor<3>>,
    stochastic_depth: StochasticDepth,
}

#[derive(Module, Debug)]
enum BlockLayer {
    Conv2d(Conv2d),
    /// To channels last.
    Permute(Placeholder),
    LayerNorm2d(LayerNorm2d),
    Linear(Linear),
    Gelu(Gelu),
}

impl Block {
    fn new(config: &ConvNeXtConfig, channels: usize, drop_prob: f64, device: &Device) -> Self {
        let depthwise: Conv2dConfig = conv2d(channels, channels, 7)
            .with_groups(channels)
            .with_padding(padding(3));
        let scale = Initializer::Constant {
            value: config.layer_scale,
        };
        Self {
            block: vec![
                BlockLayer::Conv2d(normal(&depthwise, WEIGHT_STD, device)),
                BlockLayer::Permute(Placeholder {}),
                BlockLayer::LayerNorm2d(LayerNorm2d::new(channels, device)),
                BlockLayer::Linear(linear(channels, 4 * channels, device)),
                BlockLayer::Gelu(Gelu::new()),
                BlockLayer::Linear(linear(4 * channels, channels, device)),
            ],
            layer_scale: scale.init([channels, 1, 1], device),
            stochastic_depth: StochasticDepth::new(drop_prob),
        }
    }
}

impl FeatureLayer for Block {
    fn apply(&self, x: Tensor<4>) -> Tensor<4> {
        let branch = self.block.iter().fold(x.clone(), |x, layer| match layer {
            BlockLayer::Conv2d(layer) => nn::conv2d(layer, x),
            BlockLayer::Permute(_) => x.permute([0, 2, 3, 1]),
            BlockLayer::LayerNorm2d(layer) => layer.forward_channels_last(x),
            BlockLayer::Linear(layer) => nn::linear(layer, x),
            BlockLayer::Gelu(_) => gelu(x),
        });
        let branch = branch.permute([0, 3, 1, 2]) * self.layer_scale.val().unsqueeze::<4>();
        x + self.stochastic_depth.forward(branch)
    }
}
