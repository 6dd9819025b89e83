//! Residual networks, and their grouped and wide relatives.
//!
//! ```text
//! image -> conv1 7x7/2 -> bn1 -> ReLU -> max-pool 3x3/2
//!       -> layer1 -> layer2 /2 -> layer3 /2 -> layer4 /2 -> global average pooling -> fc -> logits
//! ```
//!
//! Each layer is a sequence of blocks, and a block computes `ReLU(branch(x) + shortcut(x))`. The
//! branch is two 3x3 convolutions (basic), or 1x1, 3x3, 1x1 with four times as many output channels
//! (bottleneck); the shortcut is the identity, or a 1x1 convolution where the shape changes. The
//! stride is in the 3x3 convolution, as in torchvision ("ResNet v1.5").
//!
//! - He et al. 2015, *Deep Residual Learning for Image Recognition*,
//!   <https://arxiv.org/abs/1512.03385>: `resnet18` has 11,689,512 parameters, `resnet50`
//!   25,557,032, `resnet152` 60,192,808.
//! - Xie et al. 2016, *Aggregated Residual Transformations*, <https://arxiv.org/abs/1611.05431>: a
//!   grouped 3x3 convolution; `resnext50_32x4d` has 25,028,904.
//! - Zagoruyko & Komodakis 2016, *Wide Residual Networks*, <https://arxiv.org/abs/1605.07146>: a
//!   wider 3x3 convolution; `wide_resnet50_2` has 68,883,240.

use burn::module::Module;
use burn::nn::Linear;
use burn::nn::conv::Conv2d;
use burn::nn::pool::{MaxPool2d, MaxPool2dConfig};
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};
use tinderbox_kernels::nn;
use tinderbox_model::setters;

use crate::ConfigError;
use crate::classifier::ImageSize;
use crate::layers::{
    BatchNorm2d, FeatureLayer, Hooks, Layer, conv2d, forward_linear, global_avg_pool,
    kaiming_normal, linear_head, named, padding,
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
    /// Ratio of output channels to planes.
    fn expansion(self) -> usize {
        match self {
            Self::Basic => 1,
            Self::Bottleneck => 4,
        }
    }
}

/// Configuration of a [`ResNet`]. The default is `resnet18`.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ResNetConfig {
    /// Number of classes, the length of the logits; 0 leaves out `fc`, and the output is the
    /// pooled features.
    pub num_classes: usize,
    /// Channels of the input image.
    pub in_channels: usize,
    /// Kind of block.
    pub block: BlockKind,
    /// Blocks in each layer.
    pub layers: [usize; 4],
    /// Channels after `conv1`, and planes of `layer1`; every further layer has twice as many.
    pub width: usize,
    /// Groups of the 3x3 convolution in a bottleneck (ResNeXt's cardinality).
    pub groups: usize,
    /// Channels per group in `layer1`, for a `width` of 64.
    pub width_per_group: usize,
    /// Makes every block the identity at first: the weight of its last batch norm is 0.
    pub zero_init_residual: bool,
}

setters!(ResNetConfig {
    with_num_classes => num_classes: usize,
    with_in_channels => in_channels: usize,
    with_block => block: BlockKind,
    with_layers => layers: [usize; 4],
    with_width => width: usize,
    with_groups => groups: usize,
    with_width_per_group => width_per_group: usize,
    with_zero_init_residual => zero_init_residual: bool,
});

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
        Self::default()
            .with_num_classes(num_classes)
            .with_block(block)
            .with_layers(layers)
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
        self.with_groups(groups)
            .with_width_per_group(width_per_group)
    }

    /// Length of the pooled features.
    pub fn num_features(&self) -> usize {
        self.width * 8 * self.block.expansion()
    }

    /// Accepted image sizes: any.
    pub fn image_size(&self) -> ImageSize {
        ImageSize::AtLeast(1)
    }

    /// Checks the options.
    ///
    /// # Errors
    /// Names the first option that is out of range, or groups in basic blocks.
    pub fn validate(&self) -> Result<(), ConfigError> {
        ConfigError::require_classes("num_classes", self.num_classes)?;
        ConfigError::require_channels("in_channels", self.in_channels)?;
        ConfigError::require_channels("width", self.width)?;
        ConfigError::require_channels("groups", self.groups)?;
        ConfigError::require_channels("width_per_group", self.width_per_group)?;
        for blocks in self.layers {
            ConfigError::require_layers("layers", blocks)?;
        }
        if self.block == BlockKind::Basic && (self.groups, self.width_per_group) != (1, 64) {
            let reason = "basic blocks have neither groups nor another width_per_group than 64";
            return Err(ConfigError::new("groups", reason));
        }
        if self.block == BlockKind::Bottleneck && self.inner_planes(self.width) == 0 {
            let reason = "leaves the 3x3 convolutions without channels";
            return Err(ConfigError::new("width_per_group", reason));
        }
        ConfigError::require_parameters("width", self.num_weights())
    }

    /// Elements of the large weights, computed without building the network.
    fn num_weights(&self) -> u128 {
        let layer = |(index, blocks): (usize, usize)| {
            let planes = self.width << index;
            let inner = self.inner_planes(planes) as u128;
            let out = (planes * self.block.expansion()) as u128;
            blocks as u128
                * match self.block {
                    BlockKind::Basic => 18 * out * out,
                    BlockKind::Bottleneck => {
                        2 * out * inner + 9 * inner * inner / self.groups as u128
                    }
                }
        };
        let layers: u128 = self.layers.into_iter().enumerate().map(layer).sum();
        layers + (self.num_features() * self.num_classes) as u128
    }

    /// Channels of the 3x3 convolution in a bottleneck.
    fn inner_planes(&self, planes: usize) -> usize {
        planes * self.width_per_group / 64 * self.groups
    }

    /// Builds the network on `device` with torchvision's initialisation: `kaiming_normal_` for
    /// convolutions, PyTorch's default for `fc`.
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
            num_features: self.num_features(),
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
    num_features: usize,
}

impl ResNet {
    /// Name prefix of the head's parameters.
    pub const HEAD: &str = "fc";

    /// [`forward_features`](Self::forward_features), with hooks on `conv1`, `bn1`, and every block
    /// and layer (`layer4.1` and `layer4`). The map is
    /// `[batch, num_features, height / 32, width / 32]`.
    pub fn forward_features_hooked(&self, images: Tensor<4>, hooks: &mut Hooks) -> Tensor<4> {
        let x = hooks.forward(named!(self.conv1), images);
        let x = hooks.forward_relu(named!(self.bn1), x);
        let x = nn::max_pool2d(&self.maxpool, x);
        let x = hooks.forward(named!(self.layer1), x);
        let x = hooks.forward(named!(self.layer2), x);
        let x = hooks.forward(named!(self.layer3), x);
        hooks.forward(named!(self.layer4), x)
    }

    /// Feature map to logits `[batch, num_classes]`.
    pub fn forward_head(&self, features: Tensor<4>) -> Tensor<2> {
        forward_linear(self.fc.as_ref(), global_avg_pool(features))
    }

    /// Replaces `fc` by a new, random one for `num_classes` classes; 0 removes it.
    #[must_use]
    pub fn reset_classifier(mut self, num_classes: usize, device: &Device) -> Self {
        self.fc = linear_head(self.num_features, num_classes, device);
        self
    }

    /// The layer to look at with Grad-CAM: the last one before pooling.
    pub fn last_conv_layer(&self) -> String {
        "layer4".into()
    }

    pub(crate) fn head(&self) -> Option<Linear> {
        self.fc.clone()
    }
}

/// A residual block of either kind.
// A network has fifty of them at most, and their tensors are on the heap or the device.
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
        let conv = |in_channels, out_channels, kernel| {
            conv2d(in_channels, out_channels, kernel).with_bias(false)
        };
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
        let conv3x3 =
            |in_channels, out_channels| conv(in_channels, out_channels, 3).with_padding(padding(1));
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
}

impl FeatureLayer for Block {
    fn apply(&self, x: Tensor<4>) -> Tensor<4> {
        match self {
            Self::Basic(block) => block.forward(x),
            Self::Bottleneck(block) => block.forward(x),
        }
    }
}

/// `downsample` is empty where the shortcut is the identity.
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
        self.bn2.forward_add_relu(branch, self.downsample.apply(x))
    }
}

/// `downsample` is empty where the shortcut is the identity.
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
        self.bn3.forward_add_relu(branch, self.downsample.apply(x))
    }
}
