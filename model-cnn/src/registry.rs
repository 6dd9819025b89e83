//! Every model that has a name: what it is called, how large it is, what it expects as input, where it comes from.

use crate::{
    AlexNetConfig, CifarResNetConfig, ConvNeXtConfig, ImageClassifierConfig, ResNetConfig,
    SimpleCnnConfig, SqueezeNetConfig, VggConfig,
};

/// Per-channel mean of ImageNet's training images in `[0, 1]`, as torchvision and timm use it.
pub const IMAGENET_MEAN: [f32; 3] = [0.485, 0.456, 0.406];
/// Per-channel standard deviation that goes with [`IMAGENET_MEAN`].
pub const IMAGENET_STD: [f32; 3] = [0.229, 0.224, 0.225];
/// Per-channel mean of CIFAR-10's training images in `[0, 1]`.
pub const CIFAR10_MEAN: [f32; 3] = [0.4914, 0.4822, 0.4465];
/// Per-channel standard deviation that goes with [`CIFAR10_MEAN`].
pub const CIFAR10_STD: [f32; 3] = [0.2470, 0.2435, 0.2616];

/// How an image is scaled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interpolation {
    /// Antialiased bilinear.
    Bilinear,
    /// Antialiased bicubic.
    Bicubic,
}

/// What is done to an image before the network sees it: the shorter side becomes `resize_size`, the middle is cut out, and
/// samples become `(value - mean) / std`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InputInfo {
    /// The shorter side after resizing, in pixels.
    pub resize_size: usize,
    /// How it is resized.
    pub interpolation: Interpolation,
    /// Height and width of the middle that is cut out, in pixels.
    pub crop_size: usize,
    /// Per-channel mean, of samples in `[0, 1]`.
    pub mean: [f32; 3],
    /// Per-channel standard deviation.
    pub std: [f32; 3],
}

/// What torchvision's `ImageClassification` preset does by default.
const IMAGENET: InputInfo = InputInfo {
    resize_size: 256,
    interpolation: Interpolation::Bilinear,
    crop_size: 224,
    mean: IMAGENET_MEAN,
    std: IMAGENET_STD,
};

/// ConvNeXt-Tiny's weights in torchvision were chosen with a tighter crop.
const CONVNEXT_TINY: InputInfo = InputInfo {
    resize_size: 236,
    ..IMAGENET
};

/// CIFAR-10's images as they are.
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

/// One named model.
#[derive(Clone, Copy, Debug)]
pub struct ModelInfo {
    /// The name it is asked for by.
    pub name: &'static str,
    /// What it is, in a few words.
    pub summary: &'static str,
    /// Its configuration with the default options.
    pub config: fn() -> ImageClassifierConfig,
    /// Number of parameters with the default options.
    pub parameters: usize,
    /// What it expects as input.
    pub input: InputInfo,
    /// The paper, as a link.
    pub paper: &'static str,
}

const ALEXNET: &str = "https://arxiv.org/abs/1404.5997";
const CONVNEXT: &str = "https://arxiv.org/abs/2201.03545";
const LENET: &str = "https://doi.org/10.1109/5.726791";
const RESNET: &str = "https://arxiv.org/abs/1512.03385";
const RESNEXT: &str = "https://arxiv.org/abs/1611.05431";
const SQUEEZENET: &str = "https://arxiv.org/abs/1602.07360";
const VGG: &str = "https://arxiv.org/abs/1409.1556";
const WIDE_RESNET: &str = "https://arxiv.org/abs/1605.07146";

use ImageClassifierConfig as Family;

/// All named models, alphabetically.
#[rustfmt::skip]
pub const MODELS: &[ModelInfo] = &[
    model("alexnet", "five convolutions, three linear layers", || Family::AlexNet(AlexNetConfig::new(1000)), 61_100_840, IMAGENET, ALEXNET),
    model("convnext_tiny", "depthwise 7x7 convolutions and layer norm", || Family::ConvNeXt(ConvNeXtConfig::convnext_tiny(1000)), 28_589_128, CONVNEXT_TINY, CONVNEXT),
    model("resnet101", "residual, 101 layers", || Family::ResNet(ResNetConfig::resnet101(1000)), 44_549_160, IMAGENET, RESNET),
    model("resnet110", "residual for CIFAR, 110 layers", || Family::CifarResNet(CifarResNetConfig::new(110, 10)), 1_727_962, CIFAR10, RESNET),
    model("resnet152", "residual, 152 layers", || Family::ResNet(ResNetConfig::resnet152(1000)), 60_192_808, IMAGENET, RESNET),
    model("resnet18", "residual, 18 layers", || Family::ResNet(ResNetConfig::resnet18(1000)), 11_689_512, IMAGENET, RESNET),
    model("resnet20", "residual for CIFAR, 20 layers", || Family::CifarResNet(CifarResNetConfig::new(20, 10)), 269_722, CIFAR10, RESNET),
    model("resnet32", "residual for CIFAR, 32 layers", || Family::CifarResNet(CifarResNetConfig::new(32, 10)), 464_154, CIFAR10, RESNET),
    model("resnet34", "residual, 34 layers", || Family::ResNet(ResNetConfig::resnet34(1000)), 21_797_672, IMAGENET, RESNET),
    model("resnet44", "residual for CIFAR, 44 layers", || Family::CifarResNet(CifarResNetConfig::new(44, 10)), 658_586, CIFAR10, RESNET),
    model("resnet50", "residual with bottlenecks, 50 layers", || Family::ResNet(ResNetConfig::resnet50(1000)), 25_557_032, IMAGENET, RESNET),
    model("resnet56", "residual for CIFAR, 56 layers", || Family::CifarResNet(CifarResNetConfig::new(56, 10)), 853_018, CIFAR10, RESNET),
    model("resnext101_32x8d", "residual with 32 groups of 8 channels", || Family::ResNet(ResNetConfig::resnext101_32x8d(1000)), 88_791_336, IMAGENET, RESNEXT),
    model("resnext50_32x4d", "residual with 32 groups of 4 channels", || Family::ResNet(ResNetConfig::resnext50_32x4d(1000)), 25_028_904, IMAGENET, RESNEXT),
    model("simple_cnn", "two convolutions, two linear layers", || Family::SimpleCnn(SimpleCnnConfig::new(10)), 315_722, SIMPLE_CNN, LENET),
    model("squeezenet1_0", "fire modules, AlexNet's accuracy in 1.2 M", || Family::SqueezeNet(SqueezeNetConfig::squeezenet1_0(1000)), 1_248_424, IMAGENET, SQUEEZENET),
    model("squeezenet1_1", "the same with less computation", || Family::SqueezeNet(SqueezeNetConfig::squeezenet1_1(1000)), 1_235_496, IMAGENET, SQUEEZENET),
    model("vgg11", "3x3 convolutions, 11 layers", || Family::Vgg(VggConfig::vgg11(1000)), 132_863_336, IMAGENET, VGG),
    model("vgg11_bn", "the same with batch norm", || Family::Vgg(VggConfig::vgg11(1000).with_batch_norm()), 132_868_840, IMAGENET, VGG),
    model("vgg13", "3x3 convolutions, 13 layers", || Family::Vgg(VggConfig::vgg13(1000)), 133_047_848, IMAGENET, VGG),
    model("vgg13_bn", "the same with batch norm", || Family::Vgg(VggConfig::vgg13(1000).with_batch_norm()), 133_053_736, IMAGENET, VGG),
    model("vgg16", "3x3 convolutions, 16 layers", || Family::Vgg(VggConfig::vgg16(1000)), 138_357_544, IMAGENET, VGG),
    model("vgg16_bn", "the same with batch norm", || Family::Vgg(VggConfig::vgg16(1000).with_batch_norm()), 138_365_992, IMAGENET, VGG),
    model("vgg19", "3x3 convolutions, 19 layers", || Family::Vgg(VggConfig::vgg19(1000)), 143_667_240, IMAGENET, VGG),
    model("vgg19_bn", "the same with batch norm", || Family::Vgg(VggConfig::vgg19(1000).with_batch_norm()), 143_678_248, IMAGENET, VGG),
    model("wide_resnet101_2", "resnet101 with twice the inner channels", || Family::ResNet(ResNetConfig::wide_resnet101_2(1000)), 126_886_696, IMAGENET, WIDE_RESNET),
    model("wide_resnet50_2", "resnet50 with twice the inner channels", || Family::ResNet(ResNetConfig::wide_resnet50_2(1000)), 68_883_240, IMAGENET, WIDE_RESNET),
];

const fn model(
    name: &'static str,
    summary: &'static str,
    config: fn() -> ImageClassifierConfig,
    parameters: usize,
    input: InputInfo,
    paper: &'static str,
) -> ModelInfo {
    ModelInfo {
        name,
        summary,
        config,
        parameters,
        input,
        paper,
    }
}

/// The model called `name`.
pub fn find(name: &str) -> Option<&'static ModelInfo> {
    MODELS.iter().find(|model| model.name == name)
}
