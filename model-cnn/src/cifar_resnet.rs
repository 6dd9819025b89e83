//! The residual networks of He et al. for CIFAR-10.
//!
//! ```text
//! image [3, 32, 32] -> conv1 3x3 -> bn1 -> ReLU -> layer1 [16, 32, 32] -> layer2 [32, 16, 16] -> layer3 [64, 8, 8]
//!                   -> global average pooling -> linear -> logits
//! ```
//!
//! He et al. 2015, <https://arxiv.org/abs/1512.03385>, section 4.2. With `n` blocks per layer the
//! network has `6n + 2` layers: `resnet20` has 269,722 parameters (0.27 M in the paper),
//! `resnet110` 1,727,962. Shortcuts have no parameters (option A): where the shape changes, every
//! second pixel is taken and the new channels are 0, half of them on either side. Names are those
//! of the well-known PyTorch port, <https://github.com/akamaster/pytorch_resnet_cifar10>.

use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::nn::{Initializer, Linear, LinearConfig};
use burn::tensor::{Device, Tensor, s};
use serde::{Deserialize, Serialize};
use tinderbox_kernels::nn;
use tinderbox_model::setters;

use crate::ConfigError;
use crate::classifier::ImageSize;
use crate::layers::{
    BatchNorm2d, FeatureLayer, Hooks, conv2d, forward_linear, global_avg_pool, named, normal,
    padding,
};

/// Configuration of a [`CifarResNet`]. The default is `resnet20`.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CifarResNetConfig {
    /// Number of classes, the length of the logits; 0 leaves out `linear`, and the output is
    /// the pooled features.
    pub num_classes: usize,
    /// Channels of the input image.
    pub in_channels: usize,
    /// Blocks in each layer.
    pub layers: [usize; 3],
    /// Channels of `layer1`, an even number; every further layer has twice as many.
    pub width: usize,
    /// Makes every block the identity at first: the weight of its last batch norm is 0.
    pub zero_init_residual: bool,
}

setters!(CifarResNetConfig {
    with_num_classes => num_classes: usize,
    with_in_channels => in_channels: usize,
    with_layers => layers: [usize; 3],
    with_width => width: usize,
    with_zero_init_residual => zero_init_residual: bool,
});

impl Default for CifarResNetConfig {
    fn default() -> Self {
        Self {
            num_classes: 10,
            in_channels: 3,
            layers: [3; 3],
            width: 16,
            zero_init_residual: false,
        }
    }
}

impl CifarResNetConfig {
    /// The network with `depth` layers, `6n + 2` for `n` blocks in each of the three layers: 20,
    /// 32, 44, 56 or 110 in the paper.
    pub fn new(depth: usize, num_classes: usize) -> Self {
        Self::default()
            .with_num_classes(num_classes)
            .with_layers([depth.saturating_sub(2) / 6; 3])
    }

    /// Length of the pooled features.
    pub fn num_features(&self) -> usize {
        self.width * 4
    }

    /// Accepted image sizes: any.
    pub fn image_size(&self) -> ImageSize {
        ImageSize::AtLeast(1)
    }

    /// Checks the options.
    ///
    /// # Errors
    /// Names the first option that is out of range, or an odd width.
    pub fn validate(&self) -> Result<(), ConfigError> {
        ConfigError::require_classes("num_classes", self.num_classes)?;
        ConfigError::require_channels("in_channels", self.in_channels)?;
        ConfigError::require_channels("width", self.width)?;
        for blocks in self.layers {
            ConfigError::require_layers("layers", blocks)?;
        }
        if !self.width.is_multiple_of(2) {
            let reason = format!(
                "must be even, for the shortcuts to be padded on both sides, got {}",
                self.width
            );
            return Err(ConfigError::new("width", reason));
        }
        ConfigError::require_parameters("width", self.num_weights())
    }

    /// Elements of the large weights, computed without building the network.
    fn num_weights(&self) -> u128 {
        let layer = |(index, blocks): (usize, usize)| {
            let planes = (self.width as u128) << index;
            18 * blocks as u128 * planes * planes
        };
        let layers: u128 = self.layers.into_iter().enumerate().map(layer).sum();
        layers + (self.num_features() * self.num_classes) as u128
    }

    /// Builds the network on `device` with the initialisation of He et al., `N(0, 2 / fan_in)`.
    ///
    /// # Errors
    /// See [`validate`](Self::validate).
    pub fn init(&self, device: &Device) -> Result<CifarResNet, ConfigError> {
        self.validate()?;
        let mut in_planes = self.width;
        let mut layer = |index: usize| {
            let planes = self.width << index;
            let mut blocks = Vec::new();
            for block in 0..self.layers[index] {
                let stride = if index > 0 && block == 0 { 2 } else { 1 };
                blocks.push(CifarBlock::new(self, in_planes, planes, stride, device));
                in_planes = planes;
            }
            blocks
        };
        Ok(CifarResNet {
            conv1: conv3x3(self.in_channels, self.width, 1, device),
            bn1: BatchNorm2d::new(self.width, device),
            layer1: layer(0),
            layer2: layer(1),
            layer3: layer(2),
            linear: linear_head(self.num_features(), self.num_classes, device),
            num_features: self.num_features(),
        })
    }
}

fn conv3x3(in_channels: usize, out_channels: usize, stride: usize, device: &Device) -> Conv2d {
    let config = conv2d(in_channels, out_channels, 3)
        .with_stride([stride, stride])
        .with_padding(padding(1))
        .with_bias(false);
    normal(&config, he_std(in_channels * 9), device)
}

fn he_std(fan_in: usize) -> f64 {
    (2.0 / fan_in as f64).sqrt()
}

/// Weights as in the convolutions, bias as in PyTorch.
fn linear_head(num_features: usize, num_classes: usize, device: &Device) -> Option<Linear> {
    let config = LinearConfig::new(num_features, num_classes);
    (num_classes > 0).then(|| Linear {
        weight: Initializer::Normal {
            mean: 0.0,
            std: he_std(num_features),
        }
        .init([num_features, num_classes], device),
        ..config.init(device)
    })
}

/// A residual network for small images; see the [module documentation](self).
#[derive(Module, Debug)]
pub struct CifarResNet {
    conv1: Conv2d,
    bn1: BatchNorm2d,
    layer1: Vec<CifarBlock>,
    layer2: Vec<CifarBlock>,
    layer3: Vec<CifarBlock>,
    linear: Option<Linear>,
    num_features: usize,
}

impl CifarResNet {
    /// Name prefix of the head's parameters.
    pub const HEAD: &str = "linear";

    /// [`forward_features`](Self::forward_features), with hooks on `conv1`, `bn1`, and every block
    /// and layer (`layer3.1` and `layer3`). The map is `[batch, 4 * width, height / 4, width / 4]`.
    pub fn forward_features_hooked(&self, images: Tensor<4>, hooks: &mut Hooks) -> Tensor<4> {
        let x = hooks.forward(named!(self.conv1), images);
        let x = hooks.forward_relu(named!(self.bn1), x);
        let x = hooks.forward(named!(self.layer1), x);
        let x = hooks.forward(named!(self.layer2), x);
        hooks.forward(named!(self.layer3), x)
    }

    /// Feature map to logits `[batch, num_classes]`.
    pub fn forward_head(&self, features: Tensor<4>) -> Tensor<2> {
        forward_linear(self.linear.as_ref(), global_avg_pool(features))
    }

    /// Replaces `linear` by a new, random one for `num_classes` classes; 0 removes it.
    #[must_use]
    pub fn reset_classifier(mut self, num_classes: usize, device: &Device) -> Self {
        self.linear = linear_head(self.num_features, num_classes, device);
        self
    }

    /// The layer to look at with Grad-CAM: the last one before pooling.
    pub fn last_conv_layer(&self) -> String {
        "layer3".into()
    }

    pub(crate) fn head(&self) -> Option<Linear> {
        self.linear.clone()
    }
}

/// Two 3x3 convolutions with the shortcut of option A.
#[derive(Module, Debug)]
struct CifarBlock {
    conv1: Conv2d,
    bn1: BatchNorm2d,
    conv2: Conv2d,
    bn2: BatchNorm2d,
    stride: usize,
}

impl CifarBlock {
    fn new(
        config: &CifarResNetConfig,
        in_planes: usize,
        planes: usize,
        stride: usize,
        device: &Device,
    ) -> Self {
        Self {
            conv1: conv3x3(in_planes, planes, stride, device),
            bn1: BatchNorm2d::new(planes, device),
            conv2: conv3x3(planes, planes, 1, device),
            bn2: if config.zero_init_residual {
                BatchNorm2d::zero_init(planes, device)
            } else {
                BatchNorm2d::new(planes, device)
            },
            stride,
        }
    }

    fn shortcut(&self, x: Tensor<4>) -> Tensor<4> {
        if self.stride == 1 {
            return x;
        }
        let x = x.slice(s![.., .., ..;2, ..;2]);
        let [batch, channels, height, width] = x.dims();
        let missing = self.conv2.weight.dims()[0] - channels;
        let zeros = Tensor::zeros([batch, missing / 2, height, width], &x.device());
        Tensor::cat(vec![zeros.clone(), x, zeros], 1)
    }
}

impl FeatureLayer for CifarBlock {
    fn apply(&self, x: Tensor<4>) -> Tensor<4> {
        let branch = self.bn1.forward_relu(nn::conv2d(&self.conv1, x.clone()));
        let branch = nn::conv2d(&self.conv2, branch);
        self.bn2.forward_add_relu(branch, self.shortcut(x))
    }
}
