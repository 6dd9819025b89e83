//! Thin members of every family, with PyTorch's results for them.
//!
//! The tests of `train` use this module too.
#![allow(dead_code, unreachable_pub)]

use burn::module::Module;
use burn::tensor::{Device, Gradients, Int, Tensor, TensorData};
use tinderbox_model::testing::{Fixture, assert_close, gradients_by_name};
use tinderbox_model_cnn::resnet::BlockKind;
use tinderbox_model_cnn::squeezenet::SqueezeNetVersion;
use tinderbox_model_cnn::{
    AlexNetConfig, CifarResNetConfig, ConvNeXtConfig, ImageClassifierConfig, ResNetConfig,
    SqueezeNetConfig, VggConfig,
};

/// The batch of a fixture. Its images come from the formula of `golden/make_families.py`.
pub fn batch_of(fixture: &Fixture, device: &Device) -> (Tensor<4>, Tensor<1, Int>) {
    let shape: Vec<usize> = (fixture.integers("shape").iter())
        .map(|&n| n as usize)
        .collect();
    let count = shape.iter().product::<usize>() as u64;
    let pattern = |i: u64| ((i * 7919 % 1009) as f64 / 504.0 - 1.0) as f32;
    let images: Vec<f32> = (0..count).map(pattern).collect();
    (
        Tensor::from_data(TensorData::new(images, shape), device),
        fixture.int_tensor("target", device),
    )
}

/// Compares the gradient of every parameter with the fixture's under `grad.`; returns their number.
pub fn compare_gradients<M: Module>(
    fixture: &Fixture,
    model: &M,
    tape: &Gradients,
    tolerance: f32,
) -> usize {
    let found = gradients_by_name(model, tape);
    for (name, gradient) in &found {
        let name = format!("grad.{name}");
        let Some(gradient) = gradient else {
            panic!("no gradient for {name}")
        };
        assert_close(&name, gradient, &fixture.floats(&name), tolerance);
    }
    found.len()
}

/// A thin member of a family, and what `golden/make_families.py` wrote about it.
pub struct Family {
    pub name: &'static str,
    pub config: ImageClassifierConfig,
    pub fixture: Fixture,
}

/// One or two members of every family; the last has batch norms.
pub fn families() -> Vec<Family> {
    vec![
        family(
            "alexnet",
            include_bytes!("../fixtures/alexnet.safetensors"),
            ImageClassifierConfig::AlexNet(
                AlexNetConfig::new(5)
                    .with_channels([3, 4, 6, 4, 4])
                    .with_hidden(8)
                    .with_dropout(0.0),
            ),
        ),
        family(
            "cifar_resnet",
            include_bytes!("../fixtures/cifar_resnet.safetensors"),
            ImageClassifierConfig::CifarResNet(
                CifarResNetConfig::new(20, 5)
                    .with_layers([2, 1, 1])
                    .with_width(4),
            ),
        ),
        family(
            "convnext",
            include_bytes!("../fixtures/convnext.safetensors"),
            ImageClassifierConfig::ConvNeXt(
                ConvNeXtConfig::convnext_tiny(5)
                    .with_layers([1, 1, 1, 1])
                    .with_width(4)
                    .with_stochastic_depth(0.0),
            ),
        ),
        family(
            "resnet_basic",
            include_bytes!("../fixtures/resnet_basic.safetensors"),
            ImageClassifierConfig::ResNet(
                ResNetConfig::resnet18(5)
                    .with_layers([1, 2, 1, 1])
                    .with_width(2),
            ),
        ),
        family(
            "resnet_bottleneck",
            include_bytes!("../fixtures/resnet_bottleneck.safetensors"),
            ImageClassifierConfig::ResNet(
                ResNetConfig::resnet18(5)
                    .with_block(BlockKind::Bottleneck)
                    .with_layers([1, 2, 1, 1])
                    .with_width(2)
                    .with_groups(2)
                    .with_width_per_group(32),
            ),
        ),
        family(
            "squeezenet1_0",
            include_bytes!("../fixtures/squeezenet1_0.safetensors"),
            squeezenet(SqueezeNetVersion::V1_0),
        ),
        family(
            "squeezenet1_1",
            include_bytes!("../fixtures/squeezenet1_1.safetensors"),
            squeezenet(SqueezeNetVersion::V1_1),
        ),
        family(
            "vgg",
            include_bytes!("../fixtures/vgg.safetensors"),
            vgg(false),
        ),
        family(
            "vgg_bn",
            include_bytes!("../fixtures/vgg_bn.safetensors"),
            vgg(true),
        ),
    ]
}

fn family(name: &'static str, bytes: &'static [u8], config: ImageClassifierConfig) -> Family {
    Family {
        name,
        config,
        fixture: Fixture::new(bytes),
    }
}

fn squeezenet(version: SqueezeNetVersion) -> ImageClassifierConfig {
    ImageClassifierConfig::SqueezeNet(
        SqueezeNetConfig::squeezenet1_0(5)
            .with_version(version)
            .with_width(2)
            .with_dropout(0.0),
    )
}

fn vgg(batch_norm: bool) -> ImageClassifierConfig {
    ImageClassifierConfig::Vgg(
        VggConfig::vgg16(5)
            .with_stages([1, 1, 2, 1, 1])
            .with_width(2)
            .with_hidden(8)
            .with_batch_norm(batch_norm)
            .with_dropout(0.0),
    )
}
