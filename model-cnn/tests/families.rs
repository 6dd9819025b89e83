//! Agreement with torchvision, family by family, on thin networks. The fixtures are made by `golden/make_families.py`.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use burn::module::Module;
use burn::nn::loss::CrossEntropyLossConfig;
use burn::tensor::{Device, Tensor};
use common::{Fixture, assert_close, compare_gradients, values};
use model_cnn::resnet::BlockKind;
use model_cnn::squeezenet::SqueezeNetVersion;
use model_cnn::{
    AlexNetConfig, CifarResNetConfig, ConvNeXtConfig, ImageClassifier, ImageClassifierConfig,
    ResNetConfig, SqueezeNetConfig, VggConfig, weights,
};
use safetensors::SafeTensors;

/// Checks everything that a fixture has, for the network of `config`.
fn check(config: &ImageClassifierConfig, bytes: &'static [u8]) {
    let fixture = Fixture::new(bytes);
    logits_are_torchvisions(config, &fixture);
    training_is_torchvisions(config, &fixture);
    export_gives_back_what_was_imported(config, &fixture);
}

fn load(config: &ImageClassifierConfig, fixture: &Fixture, device: &Device) -> ImageClassifier {
    fixture.load(config.init(device).unwrap())
}

fn logits_are_torchvisions(config: &ImageClassifierConfig, fixture: &Fixture) {
    let device = Device::flex();
    let (images, _) = fixture.batch(&device);
    let logits = values(load(config, fixture, &device).forward(images));
    assert_close("logits", &logits, &fixture.floats("logits"), 1e-5);
}

fn training_is_torchvisions(config: &ImageClassifierConfig, fixture: &Fixture) {
    let device = Device::flex().autodiff();
    let (images, targets) = fixture.batch(&device);
    let model = load(config, fixture, &device);
    let logits = model.forward(images);
    let got = values(logits.clone().inner());
    assert_close("train_logits", &got, &fixture.floats("train_logits"), 1e-5);
    let loss = CrossEntropyLossConfig::new()
        .init(&device)
        .forward(logits, targets);
    let got = values(loss.clone().inner());
    assert_close("loss", &got, &fixture.floats("loss"), 1e-5);
    let compared = compare_gradients(fixture, &model, &loss.backward(), 1e-3);
    let gradients = fixture.0.names().into_iter();
    let expected = gradients.filter(|name| name.starts_with("grad.")).count();
    assert_eq!(compared, expected);
    running_statistics_are_torchvisions(&model, fixture);
}

fn running_statistics_are_torchvisions(model: &ImageClassifier, fixture: &Fixture) {
    let bytes = weights::to_bytes(model).unwrap();
    let now = Fixture(SafeTensors::deserialize(bytes.leak()).unwrap());
    for name in fixture.0.names() {
        if let Some(running) = name.strip_prefix("step1.") {
            assert_close(name, &now.floats(running), &fixture.floats(name), 1e-5);
        }
    }
}

fn export_gives_back_what_was_imported(config: &ImageClassifierConfig, fixture: &Fixture) {
    let bytes = weights::to_bytes(&load(config, fixture, &Device::flex())).unwrap();
    let exported = SafeTensors::deserialize(&bytes).unwrap();
    for name in fixture.0.names() {
        if let Some(weight) = name.strip_prefix("init.") {
            let expected = fixture.0.tensor(name).unwrap();
            let got = exported.tensor(weight).unwrap();
            assert_eq!(got.shape(), expected.shape(), "{name}");
            assert_eq!(got.data(), expected.data(), "{name}");
        }
    }
}

#[test]
fn alexnet() {
    let config = AlexNetConfig {
        channels: [3, 4, 6, 4, 4],
        hidden: 8,
        dropout: 0.0,
        ..AlexNetConfig::new(5)
    };
    let fixture = include_bytes!("fixtures/alexnet.safetensors");
    check(&ImageClassifierConfig::AlexNet(config), fixture);
}

#[test]
fn cifar_resnet() {
    let config = CifarResNetConfig {
        layers: [2, 1, 1],
        width: 4,
        ..CifarResNetConfig::new(20, 5)
    };
    let fixture = include_bytes!("fixtures/cifar_resnet.safetensors");
    check(&ImageClassifierConfig::CifarResNet(config), fixture);
}

#[test]
fn convnext() {
    let config = ConvNeXtConfig {
        layers: [1, 1, 1, 1],
        width: 4,
        stochastic_depth: 0.0,
        ..ConvNeXtConfig::convnext_tiny(5)
    };
    let fixture = include_bytes!("fixtures/convnext.safetensors");
    check(&ImageClassifierConfig::ConvNeXt(config), fixture);
}

#[test]
fn resnet_with_basic_blocks() {
    let config = ResNetConfig {
        layers: [1, 2, 1, 1],
        width: 2,
        ..ResNetConfig::resnet18(5)
    };
    let fixture = include_bytes!("fixtures/resnet_basic.safetensors");
    check(&ImageClassifierConfig::ResNet(config), fixture);
}

#[test]
fn resnet_with_grouped_bottlenecks() {
    let config = ResNetConfig {
        block: BlockKind::Bottleneck,
        layers: [1, 2, 1, 1],
        width: 2,
        groups: 2,
        width_per_group: 32,
        ..ResNetConfig::resnet18(5)
    };
    let fixture = include_bytes!("fixtures/resnet_bottleneck.safetensors");
    check(&ImageClassifierConfig::ResNet(config), fixture);
}

fn squeezenet(version: SqueezeNetVersion) -> ImageClassifierConfig {
    ImageClassifierConfig::SqueezeNet(SqueezeNetConfig {
        version,
        width: 2,
        dropout: 0.0,
        ..SqueezeNetConfig::squeezenet1_0(5)
    })
}

#[test]
fn squeezenet1_0() {
    let fixture = include_bytes!("fixtures/squeezenet1_0.safetensors");
    check(&squeezenet(SqueezeNetVersion::V1_0), fixture);
}

#[test]
fn squeezenet1_1() {
    let fixture = include_bytes!("fixtures/squeezenet1_1.safetensors");
    check(&squeezenet(SqueezeNetVersion::V1_1), fixture);
}

fn vgg(batch_norm: bool) -> ImageClassifierConfig {
    ImageClassifierConfig::Vgg(VggConfig {
        stages: [1, 1, 2, 1, 1],
        width: 2,
        hidden: 8,
        batch_norm,
        dropout: 0.0,
        ..VggConfig::vgg16(5)
    })
}

#[test]
fn vgg_without_batch_norm() {
    check(&vgg(false), include_bytes!("fixtures/vgg.safetensors"));
}

#[test]
fn vgg_with_batch_norm() {
    check(&vgg(true), include_bytes!("fixtures/vgg_bn.safetensors"));
}

#[test]
fn statistics_are_those_of_the_last_step_also_in_a_copy() {
    let fixture = Fixture::new(include_bytes!("fixtures/vgg_bn.safetensors"));
    let device = Device::flex().autodiff();
    let model = load(&vgg(true), &fixture, &device);
    let (images, _) = fixture.batch(&device);
    let _: Tensor<2> = model.forward(images);
    running_statistics_are_torchvisions(&model.valid(), &fixture);
}
