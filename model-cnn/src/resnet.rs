//! Residual networks, and their grouped and wide relatives.
//!
//! ```text
//! image -> conv1 7x7/2 -> bn1 -> ReLU -> max-pool 3x3/2
//!       -> layer1 -> layer2 /2 -> layer3 /2 -> layer4 /2 -> average over the map -> fc -> logits
//! ```
//!
//! Each layer is a row of blocks, and a block computes `ReLU(branch(x) + shortcut(x))`. The branch is two 3x3 convolutions
//! (basic) or 1x1, 3x3, 1x1 with four times as many channels at its end (bottleneck); the shortcut is the identity, or a
//! 1x1 convolution where the shape changes. The stride is in the 3x3 convolution, as in torchvision ("ResNet v1.5").
//!
//! - He et al. 2015, *Deep Residual Learning for Image Recognition*, <https://arxiv.org/abs/1512.03385>: `resnet18` has
//!   11,689,512 parameters, `resnet50` 25,557,032, `resnet152` 60,192,808.
//! - Xie et al. 2016, *Aggregated Residual Transformations*, <https://arxiv.org/abs/1611.05431>: the 3x3 convolution in
//!   groups; `resnext50_32x4d` has 25,028,904.
//! - Zagoruyko & Komodakis 2016, *Wide Residual Networks*, <https://arxiv.org/abs/1605.07146>: a wider 3x3 convolution;
//!   `wide_resnet50_2` has 68,883,240.

use burn::module::Module;
use burn::nn::Linear;
use burn::nn::conv::Conv2d;
use burn::nn::pool::{MaxPool2d, MaxPool2dConfig};
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};
use tinderbox_kernels::nn;

use crate::ConfigError;
use crate::layers::{
    BatchNorm2d, Layer, Tap, conv2d, forward_bn_relu, forward_layers, forward_linear,
    kaiming_normal, linear_head, padding, pooled,
};

/// The two kinds of block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BlockKind {
    /// Two 3x3 convolutions.
    Basic,
    /// 1x1, 3x3, 1x1.
    Bottleneck,
}

impl BlockKind {
    /// Output channels of a block over its planes.
    fn expansion(self) -> usize {
        match self {
            Self::Basic => 1,
            Self::Bottleneck => 4,
        }
    }
}

/// Configuration of a [`ResNet`]. The default is `resnet18`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ResNetConfig {
    /// Number of classes, the length of the logits; 0 leaves out `fc` and gives the pooled features.
    pub num_classes: usize,
    /// Channels of the input image.
    pub in_channels: usize,
    /// Which blocks.
    pub block: BlockKind,
    /// Number of blocks in each layer.
    pub layers: [usize; 4],
    /// Channels after `conv1`, and planes of `layer1`; every further layer has twice as many.
    pub width: usize,
    /// Groups of the 3x3 convolution in a bottleneck (ResNeXt's cardinality).
    pub groups: usize,
    /// Channels of one such group in `layer1`, for a `width` of 64.
    pub width_per_group: usize,
    /// Let every block begin as the identity: the weight of its last batch norm is zero.
    pub zero_init_residual: bool,
}

impl Default for ResNetConfig {
    fn default() -> Self {
        Self {
            num_classes: 1000,
            in_channels: 3,
            block: BlockKind::Basic,
            layers: [2, 2, 2, 2],
            width: 64,
            groups: 1,
            width_per_group: 64,
            zero_init_residual: false,
        }
    }
}

impl ResNetConfig {
    fn new(block: BlockKind, layers: [usize; 4], num_classes: usize) -> Self {
        Self {
            num_classes,
            block,
            layers,
            ..Self::default()
        }
    }

    /// 18 layers.
    pub fn resnet18(num_classes: usize) -> Self {
        Self::new(BlockKind::Basic, [2, 2, 2, 2], num_classes)
    }

    /// 34 layers.
    pub fn resnet34(num_classes: usize) -> Self {
        Self::new(BlockKind::Basic, [3, 4, 6, 3], num_classes)
    }

    /// 50 layers.
    pub fn resnet50(num_classes: usize) -> Self {
        Self::new(BlockKind::Bottleneck, [3, 4, 6, 3], num_classes)
    }

    /// 101 layers.
    pub fn resnet101(num_classes: usize) -> Self {
        Self::new(BlockKind::Bottleneck, [3, 4, 23, 3], num_classes)
    }

    /// 152 layers.
    pub fn resnet152(num_classes: usize) -> Self {
        Self::new(BlockKind::Bottleneck, [3, 8, 36, 3], num_classes)
    }

    /// ResNeXt-50 with 32 groups of 4 channels.
    pub fn resnext50_32x4d(num_classes: usize) -> Self {
        Self::resnet50(num_classes).grouped(32, 4)
    }

    /// ResNeXt-101 with 32 groups of 8 channels.
    pub fn resnext101_32x8d(num_classes: usize) -> Self {
        Self::resnet101(num_classes).grouped(32, 8)
    }

    /// ResNet-50 with twice the inner channels.
    pub fn wide_resnet50_2(num_classes: usize) -> Self {
        Self::resnet50(num_classes).grouped(1, 128)
    }

    /// ResNet-101 with twice the inner channels.
    pub fn wide_resnet101_2(num_classes: usize) -> Self {
        Self::resnet101(num_classes).grouped(1, 128)
    }

    fn grouped(self, groups: usize, width_per_group: usize) -> Self {
        Self {
            groups,
            width_per_group,
            ..self
        }
    }

    /// Length of the pooled features.
    pub fn num_features(&self) -> usize {
        self.width * 8 * self.block.expansion()
    }

    /// Checks that the options describe a network.
    ///
    /// # Errors
    /// Names the first option that is zero, or groups where there is nothing to group.
    pub fn validate(&self) -> Result<(), ConfigError> {
        ConfigError::require_nonzero("in_channels", self.in_channels)?;
        ConfigError::require_nonzero("width", self.width)?;
        ConfigError::require_nonzero("groups", self.groups)?;
        ConfigError::require_nonzero("width_per_group", self.width_per_group)?;
        for blocks in self.layers {
            ConfigError::require_nonzero("layers", blocks)?;
        }
        if self.block == BlockKind::Basic && (self.groups, self.width_per_group) != (1, 64) {
            let reason = "basic blocks have neither groups nor another width_per_group than 64";
            return Err(ConfigError::new("groups", reason));
        }
        if self.block == BlockKind::Bottleneck && self.inner_planes(self.width) == 0 {
            let reason = "leaves the 3x3 convolutions without channels";
            return Err(ConfigError::new("width_per_group", reason));
        }
        Ok(())
    }

    /// Channels of a bottleneck's 3x3 convolution.
    fn inner_planes(&self, planes: usize) -> usize {
        planes * self.width_per_group / 64 * self.groups
    }

    /// Builds the network on `device` with torchvision's initialisation: He's normal for convolutions, PyTorch's default
    /// for `fc`.
    ///
    /// # Errors
    /// See [`validate`](Self::validate).
    pub fn init(&self, device: &Device) -> Result<ResNet, ConfigError> {
        self.validate()?;
        let stem = conv2d(self.in_channels, self.width, 7)
            .with_stride([2, 2])
            .with_padding(padding(3))
            .with_bias(false);
        let pool = MaxPool2dConfig::new([3, 3])
            .with_strides([2, 2])
            .with_padding(padding(1));
        let mut in_planes = self.width;
        let mut layer = |index: usize| {
            let planes = self.width << index;
            let stride = if index == 0 { 1 } else { 2 };
            let mut blocks = Vec::new();
            for block in 0..self.layers[index] {
                let stride = if block == 0 { stride } else { 1 };
                blocks.push(Block::new(self, in_planes, planes, stride, device));
                in_planes = planes * self.block.expansion();
            }
            blocks
        };
        Ok(ResNet {
            conv1: kaiming_normal(&stem, device),
            bn1: BatchNorm2d::new(self.width, device),
            maxpool: pool.init(),
            layer1: layer(0),
            layer2: layer(1),
            layer3: layer(2),
            layer4: layer(3),
            fc: linear_head(self.num_features(), self.num_classes, device),
        })
    }
}

/// A residual network; see the [module documentation](self).
#[derive(Module, Debug)]
pub struct ResNet {
    conv1: Conv2d,
    bn1: BatchNorm2d,
    maxpool: MaxPool2d,
    layer1: Vec<Block>,
    layer2: Vec<Block>,
    layer3: Vec<Block>,
    layer4: Vec<Block>,
    fc: Option<Linear>,
}

impl ResNet {
    /// The parameters that belong to the classes, by the beginning of their names.
    pub const HEAD: &str = "fc";

    /// Images `[batch, channels, height, width]` to the map before pooling `[batch, features, height / 32, width / 32]`.
    pub fn forward_features(&self, images: Tensor<4>) -> Tensor<4> {
        self.forward_features_tapped(images, &mut Tap::none())
    }

    /// As [`forward_features`](Self::forward_features); `tap` sees `conv1`, `bn1`, and every block and layer, as in
    /// `layer4.1` and `layer4`.
    pub fn forward_features_tapped(&self, images: Tensor<4>, tap: &mut Tap) -> Tensor<4> {
        let x = tap.at(format_args!("conv1"), nn::conv2d(&self.conv1, images));
        let x = forward_bn_relu(&self.bn1, x, "bn1", tap);
        let mut x = nn::max_pool2d(&self.maxpool, x);
        let layers = [&self.layer1, &self.layer2, &self.layer3, &self.layer4];
        for (number, blocks) in (1..).zip(layers) {
            for (index, block) in blocks.iter().enumerate() {
                x = tap.at(format_args!("layer{number}.{index}"), block.forward(x));
            }
            x = tap.at(format_args!("layer{number}"), x);
        }
        x
    }

    /// The map of [`forward_features`](Self::forward_features) to logits `[batch, num_classes]`.
    pub fn forward_head(&self, features: Tensor<4>) -> Tensor<2> {
        forward_linear(self.fc.as_ref(), pooled(features))
    }

    /// Images `[batch, channels, height, width]` to logits `[batch, num_classes]`.
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        self.forward_head(self.forward_features(images))
    }

    /// The same network with a new, random head for `num_classes` classes; 0 leaves it without one.
    #[must_use]
    pub fn replace_head(mut self, num_classes: usize, device: &Device) -> Self {
        let num_features = self.layer4.last().map_or(0, Block::out_channels);
        self.fc = linear_head(num_features, num_classes, device);
        self
    }

    /// Freezes everything but the head: no gradients, no dropout, no changing statistics.
    #[must_use]
    pub fn freeze_backbone(self) -> Self {
        let mut frozen = self.freeze();
        frozen.fc = frozen.fc.map(Module::unfreeze);
        frozen
    }

    /// The layer whose map says most about where something is: the last one before pooling.
    pub fn last_conv_layer(&self) -> String {
        "layer4".into()
    }
}

/// A residual block of either kind.
// There are fifty of them at most, and what is large about them is on the device.
#[allow(clippy::large_enum_variant)]
#[derive(Module, Debug)]
enum Block {
    Basic(BasicBlock),
    Bottleneck(Bottleneck),
}

impl Block {
    fn new(
        config: &ResNetConfig,
        in_planes: usize,
        planes: usize,
        stride: usize,
        device: &Device,
    ) -> Self {
        let out_planes = planes * config.block.expansion();
        let conv = |from, to, kernel| conv2d(from, to, kernel).with_bias(false);
        let bn = |planes| BatchNorm2d::new(planes, device);
        let last_bn = if config.zero_init_residual {
            BatchNorm2d::zero_init(out_planes, device)
        } else {
            bn(out_planes)
        };
        let mut downsample = Vec::new();
        if stride != 1 || in_planes != out_planes {
            let projection = conv(in_planes, out_planes, 1).with_stride([stride, stride]);
            downsample.push(Layer::Conv2d(kaiming_normal(&projection, device)));
            downsample.push(Layer::BatchNorm2d(bn(out_planes)));
        }
        let conv3x3 = |from, to| conv(from, to, 3).with_padding(padding(1));
        match config.block {
            BlockKind::Basic => Self::Basic(BasicBlock {
                conv1: kaiming_normal(
                    &conv3x3(in_planes, planes).with_stride([stride, stride]),
                    device,
                ),
                bn1: bn(planes),
                conv2: kaiming_normal(&conv3x3(planes, planes), device),
                bn2: last_bn,
                downsample,
            }),
            BlockKind::Bottleneck => {
                let inner = config.inner_planes(planes);
                let grouped = conv3x3(inner, inner)
                    .with_stride([stride, stride])
                    .with_groups(config.groups);
                Self::Bottleneck(Bottleneck {
                    conv1: kaiming_normal(&conv(in_planes, inner, 1), device),
                    bn1: bn(inner),
                    conv2: kaiming_normal(&grouped, device),
                    bn2: bn(inner),
                    conv3: kaiming_normal(&conv(inner, out_planes, 1), device),
                    bn3: last_bn,
                    downsample,
                })
            }
        }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        match self {
            Self::Basic(block) => block.forward(x),
            Self::Bottleneck(block) => block.forward(x),
        }
    }

    fn out_channels(&self) -> usize {
        let last = match self {
            Self::Basic(block) => &block.conv2,
            Self::Bottleneck(block) => &block.conv3,
        };
        last.weight.dims()[0]
    }
}

/// The shortcut: the identity, or a projection to the branch's shape.
fn shortcut(downsample: &[Layer], x: Tensor<4>) -> Tensor<4> {
    forward_layers(downsample, x, "downsample", &mut Tap::none())
}

#[derive(Module, Debug)]
struct BasicBlock {
    conv1: Conv2d,
    bn1: BatchNorm2d,
    conv2: Conv2d,
    bn2: BatchNorm2d,
    downsample: Vec<Layer>,
}

impl BasicBlock {
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let branch = self.bn1.forward_relu(nn::conv2d(&self.conv1, x.clone()));
        let branch = nn::conv2d(&self.conv2, branch);
        self.bn2
            .forward_add_relu(branch, shortcut(&self.downsample, x))
    }
}

#[derive(Module, Debug)]
struct Bottleneck {
    conv1: Conv2d,
    bn1: BatchNorm2d,
    conv2: Conv2d,
    bn2: BatchNorm2d,
    conv3: Conv2d,
    bn3: BatchNorm2d,
    downsample: Vec<Layer>,
}

impl Bottleneck {
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let branch = self.bn1.forward_relu(nn::conv2d(&self.conv1, x.clone()));
        let branch = self.bn2.forward_relu(nn::conv2d(&self.conv2, branch));
        let branch = nn::conv2d(&self.conv3, branch);
        self.bn3
            .forward_add_relu(branch, shortcut(&self.downsample, x))
    }
}
