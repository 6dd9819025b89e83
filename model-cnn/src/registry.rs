//! The table of families and the table of named models.
//!
//! ```
//! use tinderbox_model_cnn::registry;
//!
//! let info = registry::find("resnet50").expect("a known name");
//! assert_eq!(info.parameters, 25_557_032);
//! assert_eq!(info.input.crop_size, 224);
//! let config = (info.config)().with_num_classes(10);
//! assert_eq!(config.num_features(), 2048);
//! ```

use burn::module::{Module, ParamGroup};
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};
use tinderbox_model::registry::{self, ModelInfo};

use crate::classifier::{ImageSize, image_classifiers};
use crate::layers::Hooks;
use crate::{
    AlexNet, AlexNetConfig, CifarResNet, CifarResNetConfig, ConfigError, ConvNeXt, ConvNeXtConfig,
    ResNet, ResNetConfig, SimpleCnn, SimpleCnnConfig, SqueezeNet, SqueezeNetConfig, Vgg, VggConfig,
};

image_classifiers! {
    "alexnet" => AlexNet(AlexNetConfig),
    "cifar_resnet" => CifarResNet(CifarResNetConfig),
    "convnext" => ConvNeXt(ConvNeXtConfig),
    "resnet" => ResNet(ResNetConfig),
    "simple_cnn" => SimpleCnn(SimpleCnnConfig),
    "squeezenet" => SqueezeNet(SqueezeNetConfig),
    "vgg" => Vgg(VggConfig),
}

/// An entry of the table of models.
pub type ImageModelInfo = ModelInfo<ImageClassifierConfig, InputInfo>;

/// Per-channel mean of ImageNet's training images in `[0, 1]`, as used by torchvision and timm.
pub const IMAGENET_MEAN: [f32; 3] = [0.485, 0.456, 0.406];
/// Per-channel standard deviation that goes with [`IMAGENET_MEAN`].
pub const IMAGENET_STD: [f32; 3] = [0.229, 0.224, 0.225];
/// Per-channel mean of CIFAR-10's training images in `[0, 1]`.
pub const CIFAR10_MEAN: [f32; 3] = [0.4914, 0.4822, 0.4465];
/// Per-channel standard deviation that goes with [`CIFAR10_MEAN`].
pub const CIFAR10_STD: [f32; 3] = [0.2470, 0.2435, 0.2616];

/// Interpolation used when an image is resized.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interpolation {
    /// Antialiased bilinear.
    Bilinear,
    /// Antialiased bicubic.
    Bicubic,
}

/// Preprocessing of images: resize the shorter side to `resize_size`, crop the centre, and map
/// samples to `(value - mean) / std`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InputInfo {
    /// Length of the shorter side after resizing, in pixels.
    pub resize_size: usize,
    /// Interpolation.
    pub interpolation: Interpolation,
    /// Height and width of the centre crop, in pixels.
    pub crop_size: usize,
    /// Per-channel mean of samples in `[0, 1]`.
    pub mean: [f32; 3],
    /// Per-channel standard deviation.
    pub std: [f32; 3],
}

/// Defaults of torchvision's `ImageClassification` preset.
const IMAGENET: InputInfo = InputInfo {
    resize_size: 256,
    interpolation: Interpolation::Bilinear,
    crop_size: 224,
    mean: IMAGENET_MEAN,
    std: IMAGENET_STD,
};

/// torchvision's weights of ConvNeXt-Tiny were evaluated with a tighter crop.
const CONVNEXT_TINY: InputInfo = InputInfo {
    resize_size: 236,
    ..IMAGENET
};

/// CIFAR-10's images at their own size.
const CIFAR10: InputInfo = InputInfo {
    resize_size: 32,
    interpolation: Interpolation::Bilinear,
    crop_size: 32,
    mean: CIFAR10_MEAN,
    std: CIFAR10_STD,
};

const SIMPLE_CNN: InputInfo = InputInfo {
    resize_size: 24,
    interpolation: Interpolation::Bilinear,
    crop_size: 24,
    mean: [0.5; 3],
    std: [0.25; 3],
};

const ALEXNET: &str = "https://arxiv.org/abs/1404.5997";
const CONVNEXT: &str = "https://arxiv.org/abs/2201.03545";
const LENET: &str = "https://doi.org/10.1109/5.726791";
const RESNET: &str = "https://arxiv.org/abs/1512.03385";
const RESNEXT: &str = "https://arxiv.org/abs/1611.05431";
const SQUEEZENET: &str = "https://arxiv.org/abs/1602.07360";
const VGG: &str = "https://arxiv.org/abs/1409.1556";
const WIDE_RESNET: &str = "https://arxiv.org/abs/1605.07146";

/// All named models, sorted by name.
pub const MODELS: &[ImageModelInfo] = &[
    ModelInfo::new("alexnet", 61_100_840, || AlexNetConfig::new(1000).into())
        .summary("five convolutions, three linear layers")
        .paper(ALEXNET)
        .input(IMAGENET),
    ModelInfo::new("convnext_tiny", 28_589_128, || {
        ConvNeXtConfig::convnext_tiny(1000).into()
    })
    .summary("depthwise 7x7 convolutions and layer norm")
    .paper(CONVNEXT)
    .input(CONVNEXT_TINY),
    ModelInfo::new("resnet101", 44_549_160, || {
        ResNetConfig::resnet101(1000).into()
    })
    .summary("residual, 101 layers")
    .paper(RESNET)
    .input(IMAGENET),
    ModelInfo::new("resnet110", 1_727_962, || {
        CifarResNetConfig::new(110, 10).into()
    })
    .summary("residual for CIFAR, 110 layers")
    .paper(RESNET)
    .input(CIFAR10),
    ModelInfo::new("resnet152", 60_192_808, || {
        ResNetConfig::resnet152(1000).into()
    })
    .summary("residual, 152 layers")
    .paper(RESNET)
    .input(IMAGENET),
    ModelInfo::new("resnet18", 11_689_512, || {
        ResNetConfig::resnet18(1000).into()
    })
    .summary("residual, 18 layers")
    .paper(RESNET)
    .input(IMAGENET),
    ModelInfo::new("resnet20", 269_722, || {
        CifarResNetConfig::new(20, 10).into()
    })
    .summary("residual for CIFAR, 20 layers")
    .paper(RESNET)
    .input(CIFAR10),
    ModelInfo::new("resnet32", 464_154, || {
        CifarResNetConfig::new(32, 10).into()
    })
    .summary("residual for CIFAR, 32 layers")
    .paper(RESNET)
    .input(CIFAR10),
    ModelInfo::new("resnet34", 21_797_672, || {
        ResNetConfig::resnet34(1000).into()
    })
    .summary("residual, 34 layers")
    .paper(RESNET)
    .input(IMAGENET),
    ModelInfo::new("resnet44", 658_586, || {
        CifarResNetConfig::new(44, 10).into()
    })
    .summary("residual for CIFAR, 44 layers")
    .paper(RESNET)
    .input(CIFAR10),
    ModelInfo::new("resnet50", 25_557_032, || {
        ResNetConfig::resnet50(1000).into()
    })
    .summary("residual with bottlenecks, 50 layers")
    .paper(RESNET)
    .input(IMAGENET),
    ModelInfo::new("resnet56", 853_018, || {
        CifarResNetConfig::new(56, 10).into()
    })
    .summary("residual for CIFAR, 56 layers")
    .paper(RESNET)
    .input(CIFAR10),
    ModelInfo::new("resnext101_32x8d", 88_791_336, || {
        ResNetConfig::resnext101_32x8d(1000).into()
    })
    .summary("residual with 32 groups of 8 channels")
    .paper(RESNEXT)
    .input(IMAGENET),
    ModelInfo::new("resnext50_32x4d", 25_028_904, || {
        ResNetConfig::resnext50_32x4d(1000).into()
    })
    .summary("residual with 32 groups of 4 channels")
    .paper(RESNEXT)
    .input(IMAGENET),
    ModelInfo::new("simple_cnn", 315_722, || SimpleCnnConfig::new(10).into())
        .summary("two convolutions, two linear layers")
        .paper(LENET)
        .input(SIMPLE_CNN),
    ModelInfo::new("squeezenet1_0", 1_248_424, || {
        SqueezeNetConfig::squeezenet1_0(1000).into()
    })
    .summary("fire modules, AlexNet's accuracy in 1.2 M")
    .paper(SQUEEZENET)
    .input(IMAGENET),
    ModelInfo::new("squeezenet1_1", 1_235_496, || {
        SqueezeNetConfig::squeezenet1_1(1000).into()
    })
    .summary("squeezenet1_0 with 2.4 times less computation")
    .paper(SQUEEZENET)
    .input(IMAGENET),
    ModelInfo::new("vgg11", 132_863_336, || VggConfig::vgg11(1000).into())
        .summary("3x3 convolutions, 11 layers")
        .paper(VGG)
        .input(IMAGENET),
    ModelInfo::new("vgg11_bn", 132_868_840, || {
        VggConfig::vgg11(1000).with_batch_norm(true).into()
    })
    .summary("vgg11 with batch norm")
    .paper(VGG)
    .input(IMAGENET),
    ModelInfo::new("vgg13", 133_047_848, || VggConfig::vgg13(1000).into())
        .summary("3x3 convolutions, 13 layers")
        .paper(VGG)
        .input(IMAGENET),
    ModelInfo::new("vgg13_bn", 133_053_736, || {
        VggConfig::vgg13(1000).with_batch_norm(true).into()
    })
    .summary("vgg13 with batch norm")
    .paper(VGG)
    .input(IMAGENET),
    ModelInfo::new("vgg16", 138_357_544, || VggConfig::vgg16(1000).into())
        .summary("3x3 convolutions, 16 layers")
        .paper(VGG)
        .input(IMAGENET),
    ModelInfo::new("vgg16_bn", 138_365_992, || {
        VggConfig::vgg16(1000).with_batch_norm(true).into()
    })
    .summary("vgg16 with batch norm")
    .paper(VGG)
    .input(IMAGENET),
    ModelInfo::new("vgg19", 143_667_240, || VggConfig::vgg19(1000).into())
        .summary("3x3 convolutions, 19 layers")
        .paper(VGG)
        .input(IMAGENET),
    ModelInfo::new("vgg19_bn", 143_678_248, || {
        VggConfig::vgg19(1000).with_batch_norm(true).into()
    })
    .summary("vgg19 with batch norm")
    .paper(VGG)
    .input(IMAGENET),
    ModelInfo::new("wide_resnet101_2", 126_886_696, || {
        ResNetConfig::wide_resnet101_2(1000).into()
    })
    .summary("resnet101 with twice the inner channels")
    .paper(WIDE_RESNET)
    .input(IMAGENET),
    ModelInfo::new("wide_resnet50_2", 68_883_240, || {
        ResNetConfig::wide_resnet50_2(1000).into()
    })
    .summary("resnet50 with twice the inner channels")
    .paper(WIDE_RESNET)
    .input(IMAGENET),
];

/// The model called `name`.
pub fn find(name: &str) -> Option<&'static ImageModelInfo> {
    registry::find(MODELS, name)
}

/// The model name most similar to `name`, if any is similar.
pub fn nearest(name: &str) -> Option<&'static str> {
    registry::nearest(name, MODELS.iter().map(|info| info.name))
}
