//! ConvNeXt: a convolutional network with the design decisions of vision transformers.
//!
//! ```text
//! image [3, 224, 224] -> stem 4x4/4, norm -> four stages of blocks, 2x2/2 convolutions between them -> [768, 7, 7]
//!                     -> average over the map -> norm -> linear -> logits
//! ```
//!
//! A block is a 7x7 depthwise convolution, layer norm, and two linear layers with a GELU between them, the result scaled per
//! channel and added to the input. Liu et al. 2022, <https://arxiv.org/abs/2201.03545>: `convnext_tiny` has 28,589,128
//! parameters.

use burn::module::{Module, Param};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{Gelu, Initializer, Linear};
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};
use tinderbox_kernels::activation::gelu;
use tinderbox_kernels::nn;

use crate::ConfigError;
use crate::layers::{
    Layer, LayerNorm2d, StochasticDepth, Tap, conv2d, forward_layers, normal, normal_linear,
    padding, pooled, unfreeze_from,
};

/// Standard deviation of all weights at the beginning.
const WEIGHT_STD: f64 = 0.02;

/// Configuration of a [`ConvNeXt`]. The default is `convnext_tiny`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConvNeXtConfig {
    /// Number of classes, the length of the logits; 0 leaves out the last linear layer and gives the normed features.
    pub num_classes: usize,
    /// Channels of the input image.
    pub in_channels: usize,
    /// Number of blocks in each stage.
    pub layers: [usize; 4],
    /// Channels of the first stage; every further stage has twice as many.
    pub width: usize,
    /// How often the last block is left out for an image in training; it rises linearly from 0 at the first block.
    pub stochastic_depth: f64,
    /// What every block's result is scaled by at the beginning.
    pub layer_scale: f64,
}

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
    /// The tiny one, about as costly as ResNet-50.
    pub fn convnext_tiny(num_classes: usize) -> Self {
        Self {
            num_classes,
            ..Self::default()
        }
    }

    /// Length of the pooled features.
    pub fn num_features(&self) -> usize {
        self.width * 8
    }

    /// Checks that the options describe a network.
    ///
    /// # Errors
    /// Names the first option that is zero, or a stochastic depth that is no probability.
    pub fn validate(&self) -> Result<(), ConfigError> {
        ConfigError::require_nonzero("in_channels", self.in_channels)?;
        for blocks in self.layers {
            ConfigError::require_nonzero("layers", blocks)?;
        }
        ConfigError::require_nonzero("width", self.width)?;
        if !self.layer_scale.is_finite() {
            return Err(ConfigError::new("layer_scale", "must be a finite number"));
        }
        ConfigError::require_probability("stochastic_depth", self.stochastic_depth)
    }

    /// Builds the network on `device` with torchvision's initialisation: `N(0, 0.02^2)` for all weights, biases zero.
    ///
    /// # Errors
    /// See [`validate`](Self::validate).
    pub fn init(&self, device: &Device) -> Result<ConvNeXt, ConfigError> {
        self.validate()?;
        let conv = |from, to, size: usize| {
            let config = conv2d(from, to, size).with_stride([size, size]);
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
        Ok(ConvNeXt {
            features,
            classifier: classifier(self.num_features(), self.num_classes, device),
        })
    }
}

fn linear(from: usize, to: usize, device: &Device) -> Linear {
    normal_linear(from, to, WEIGHT_STD, device)
}

fn classifier(num_features: usize, num_classes: usize, device: &Device) -> Vec<Classifier> {
    let norm = LayerNorm2d::new(num_features, device);
    let mut layers = vec![
        Classifier::LayerNorm2d(norm),
        Classifier::Flatten(Placeholder {}),
    ];
    if num_classes > 0 {
        layers.push(Classifier::Linear(linear(
            num_features,
            num_classes,
            device,
        )));
    }
    layers
}

/// A ConvNeXt; see the [module documentation](self).
#[derive(Module, Debug)]
pub struct ConvNeXt {
    features: Vec<Stage>,
    classifier: Vec<Classifier>,
}

/// The stem and the convolutions between stages, or the blocks of a stage.
#[derive(Module, Debug)]
enum Stage {
    Layers(Vec<Layer>),
    Blocks(Vec<Block>),
}

#[derive(Module, Debug)]
enum Classifier {
    LayerNorm2d(LayerNorm2d),
    Flatten(Placeholder),
    Linear(Linear),
}

/// Holds the place of a layer without parameters, so that those after it have PyTorch's numbers.
#[derive(Module, Debug)]
struct Placeholder {}

impl ConvNeXt {
    /// The parameters that belong to the classes, by the beginning of their names.
    pub const HEAD: &str = "classifier.2";
    /// Where the head is in the classifier.
    const HEAD_INDEX: usize = 2;

    /// Images `[batch, channels, height, width]` to the map before pooling `[batch, features, height / 32, width / 32]`.
    pub fn forward_features(&self, images: Tensor<4>) -> Tensor<4> {
        self.forward_features_tapped(images, &mut Tap::none())
    }

    /// As [`forward_features`](Self::forward_features); `tap` sees every layer, block and stage, as in `features.7.2` and
    /// `features.7`.
    pub fn forward_features_tapped(&self, images: Tensor<4>, tap: &mut Tap) -> Tensor<4> {
        let mut x = images;
        for (number, stage) in self.features.iter().enumerate() {
            match stage {
                Stage::Layers(layers) => {
                    x = forward_layers(layers, x, &format!("features.{number}"), tap);
                }
                Stage::Blocks(blocks) => {
                    for (index, block) in blocks.iter().enumerate() {
                        let output = block.forward(x);
                        x = tap.at(format_args!("features.{number}.{index}"), output);
                    }
                    x = tap.at(format_args!("features.{number}"), x);
                }
            }
        }
        x
    }

    /// The map of [`forward_features`](Self::forward_features) to logits `[batch, num_classes]`.
    pub fn forward_head(&self, features: Tensor<4>) -> Tensor<2> {
        let [batch, channels, ..] = features.dims();
        let mut x = pooled(features);
        for layer in &self.classifier {
            x = match layer {
                Classifier::LayerNorm2d(norm) => {
                    let map = x.reshape([batch, 1, 1, channels]);
                    norm.forward_channels_last(map).reshape([batch, channels])
                }
                Classifier::Flatten(_) => x,
                Classifier::Linear(linear) => nn::linear(linear, x),
            };
        }
        x
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
            let num_features = self.num_features();
            let head = linear(num_features, num_classes, device);
            self.classifier.push(Classifier::Linear(head));
        }
        self
    }

    fn num_features(&self) -> usize {
        match self.features.last() {
            Some(Stage::Blocks(blocks)) => blocks.last().map_or(0, Block::channels),
            _ => 0,
        }
    }

    /// Freezes everything but the last layer: no gradients, no stochastic depth.
    #[must_use]
    pub fn freeze_backbone(self) -> Self {
        let mut frozen = self.freeze();
        frozen.classifier = unfreeze_from(frozen.classifier, Self::HEAD_INDEX);
        frozen
    }

    /// The layer whose map says most about where something is: the last stage.
    pub fn last_conv_layer(&self) -> String {
        format!("features.{}", self.features.len() - 1)
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
    fn new(config: &ConvNeXtConfig, channels: usize, left_out: f64, device: &Device) -> Self {
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
            stochastic_depth: StochasticDepth::new(left_out),
        }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
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

    fn channels(&self) -> usize {
        self.layer_scale.dims()[0]
    }
}
