//! Agreement with torchvision, family by family, on thin networks. `golden/make_families.py` makes
//! the fixtures.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod common;

use burn::module::Module;
use burn::nn::loss::CrossEntropyLossConfig;
use burn::tensor::{Device, Tensor};
use common::{batch_of, compare_gradients, families};
use safetensors::SafeTensors;
use tinderbox_model::testing::{Fixture, assert_close, values};
use tinderbox_model_cnn::{ImageClassifier, ImageClassifierConfig, weights};

/// Compares the network of `config` with everything in its fixture.
fn check(config: &ImageClassifierConfig, fixture: &Fixture) {
    logits_are_torchvisions(config, fixture);
    training_is_torchvisions(config, fixture);
    export_returns_the_imported_weights(config, fixture);
}

fn load(config: &ImageClassifierConfig, fixture: &Fixture, device: &Device) -> ImageClassifier {
    fixture.load(config.init(device).unwrap(), "init.")
}

fn logits_are_torchvisions(config: &ImageClassifierConfig, fixture: &Fixture) {
    let device = Device::flex();
    let (images, _) = batch_of(fixture, &device);
    let logits = values(load(config, fixture, &device).forward(images));
    assert_close("logits", &logits, &fixture.floats("logits"), 1e-5);
}

fn training_is_torchvisions(config: &ImageClassifierConfig, fixture: &Fixture) {
    let device = Device::flex().autodiff();
    let (images, targets) = batch_of(fixture, &device);
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

fn export_returns_the_imported_weights(config: &ImageClassifierConfig, fixture: &Fixture) {
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
fn every_family_has_torchvisions_logits_and_gradients() {
    for family in families() {
        println!("{}", family.name);
        check(&family.config, &family.fixture);
    }
}

#[test]
fn a_validation_copy_has_the_running_statistics_of_the_last_step() {
    let family = families().pop().unwrap();
    let device = Device::flex().autodiff();
    let model = load(&family.config, &family.fixture, &device);
    let (images, _) = batch_of(&family.fixture, &device);
    let _: Tensor<2> = model.forward(images);
    running_statistics_are_torchvisions(&model.valid(), &family.fixture);
}
