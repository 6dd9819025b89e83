//! Agreement with PyTorch, up to rounding. `golden/make_simple_cnn.py` makes the fixture.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use burn::nn::loss::CrossEntropyLossConfig;
use burn::tensor::{Device, Int, Tensor, TensorData};
use common::compare_gradients;
use safetensors::SafeTensors;
use tinderbox_model::testing::{Fixture, assert_close, values};
use tinderbox_model_cnn::{SimpleCnn, SimpleCnnConfig, weights};

fn fixture() -> Fixture {
    Fixture::new(include_bytes!("fixtures/simple_cnn.safetensors"))
}

fn model(device: &Device) -> SimpleCnn {
    let config = SimpleCnnConfig::default()
        .with_num_classes(5)
        .with_channels([8, 16])
        .with_hidden(16);
    fixture().load(config.init(device).unwrap(), "init.")
}

fn batch(device: &Device) -> (Tensor<4>, Tensor<1, Int>) {
    let images = TensorData::new(fixture().floats("input"), [4, 3, 24, 24]);
    let targets = TensorData::new(fixture().integers("target"), [4]);
    (
        Tensor::from_data(images, device),
        Tensor::from_data(targets, device),
    )
}

#[test]
fn features_and_logits_are_pytorchs() {
    let device = Device::flex();
    let (images, _) = batch(&device);
    let features = model(&device).forward_features(images);
    assert_close(
        "features",
        &values(features.clone()),
        &fixture().floats("features"),
        1e-5,
    );
    let logits = model(&device).forward_head(features);
    assert_close("logits", &values(logits), &fixture().floats("logits"), 1e-5);
}

#[test]
fn loss_and_gradients_are_pytorchs() {
    let device = Device::flex().autodiff();
    let (images, targets) = batch(&device);
    let model = model(&device);
    let logits = model.forward(images);
    let smoothed = CrossEntropyLossConfig::new()
        .with_smoothing(Some(0.1))
        .init(&device)
        .forward(logits.clone(), targets.clone());
    assert_close(
        "smoothed loss",
        &values(smoothed.inner()),
        &fixture().floats("loss_smoothed"),
        1e-5,
    );
    let loss = CrossEntropyLossConfig::new()
        .init(&device)
        .forward(logits, targets);
    assert_close(
        "loss",
        &values(loss.clone().inner()),
        &fixture().floats("loss"),
        1e-5,
    );
    let compared = compare_gradients(&fixture(), &model, &loss.backward(), 1e-4);
    assert_eq!(compared, 8);
}

#[test]
fn exported_weights_are_the_ones_imported() {
    let model = model(&Device::flex());
    let bytes = weights::to_bytes(&model).unwrap();
    let exported = SafeTensors::deserialize(&bytes).unwrap();
    let fixture = fixture();
    assert_eq!(exported.len(), 8);
    for (name, view) in exported.iter() {
        let expected = fixture.0.tensor(&format!("init.{name}")).unwrap();
        assert_eq!(view.shape(), expected.shape(), "{name}");
        assert_eq!(view.data(), expected.data(), "{name}");
    }
}
