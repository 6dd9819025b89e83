//! Agreement with PyTorch: `golden/make_simple_cnn.py` made the fixture.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use burn::module::{Module, ModuleVisitor, Param};
use burn::nn::loss::CrossEntropyLossConfig;
use burn::tensor::{Device, Gradients, Int, Tensor, TensorData};
use model_cnn::{SimpleCnn, SimpleCnnConfig, weights};
use safetensors::SafeTensors;
use safetensors::tensor::TensorView;

const FIXTURE: &[u8] = include_bytes!("fixtures/simple_cnn.safetensors");

fn fixture() -> SafeTensors<'static> {
    SafeTensors::deserialize(FIXTURE).unwrap()
}

fn floats(name: &str) -> Vec<f32> {
    let fixture = fixture();
    let bytes = fixture.tensor(name).unwrap().data();
    let number = |b: &[u8]| f32::from_le_bytes(b.try_into().unwrap());
    bytes.chunks_exact(4).map(number).collect()
}

fn model(device: &Device) -> SimpleCnn {
    let config = SimpleCnnConfig {
        num_classes: 5,
        channels: [8, 16],
        hidden: 16,
        ..SimpleCnnConfig::default()
    };
    let fixture = fixture();
    let init: Vec<(String, TensorView)> = fixture
        .iter()
        .filter_map(|(name, view)| Some((name.strip_prefix("init.")?.to_string(), view)))
        .collect();
    let bytes = safetensors::serialize(init, None).unwrap();
    let model = config.init(device).unwrap();
    weights::load_bytes(model, bytes, Path::new("fixture")).unwrap()
}

fn batch(device: &Device) -> (Tensor<4>, Tensor<1, Int>) {
    let images = TensorData::new(floats("input"), [4, 3, 24, 24]);
    let fixture = fixture();
    let labels = fixture.tensor("target").unwrap().data();
    let number = |b: &[u8]| i64::from_le_bytes(b.try_into().unwrap());
    let labels: Vec<i64> = labels.chunks_exact(8).map(number).collect();
    let targets = Tensor::from_data(TensorData::new(labels, [4]), device);
    (Tensor::from_data(images, device), targets)
}

/// Equal to within `tolerance` of the largest value expected.
fn assert_close(what: &str, got: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(got.len(), expected.len(), "{what}");
    let scale = expected.iter().fold(1e-6_f32, |max, x| max.max(x.abs()));
    for (got, expected) in got.iter().zip(expected) {
        let error = (got - expected).abs() / scale;
        assert!(error <= tolerance, "{what}: {got} is not {expected}");
    }
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.try_into_vec_as::<f32>().unwrap()
}

#[test]
fn features_and_logits_are_pytorchs() {
    let device = Device::flex();
    let (images, _) = batch(&device);
    let features = model(&device).forward_features(images);
    assert_close(
        "features",
        &values(features.clone()),
        &floats("features"),
        1e-5,
    );
    let logits = model(&device).forward_head(features);
    assert_close("logits", &values(logits), &floats("logits"), 1e-5);
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
        &floats("loss_smoothed"),
        1e-5,
    );
    let loss = CrossEntropyLossConfig::new()
        .init(&device)
        .forward(logits, targets);
    assert_close("loss", &values(loss.clone().inner()), &floats("loss"), 1e-5);
    let mut compare = Compare {
        path: Vec::new(),
        gradients: loss.backward(),
        compared: 0,
    };
    model.visit(&mut compare);
    assert_eq!(compare.compared, 8);
}

struct Compare {
    path: Vec<String>,
    gradients: Gradients,
    compared: usize,
}

impl ModuleVisitor for Compare {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.into());
    }
    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let name = format!("grad.{}", self.path.join("."));
        let gradient = param.val().grad(&self.gradients).unwrap();
        let is_linear_weight = D == 2;
        let [rows, columns] = [gradient.dims()[0], gradient.dims()[D - 1]];
        let mut got = values(gradient);
        if is_linear_weight {
            // Burn keeps linear weights as [in, out], PyTorch as [out, in].
            let transposed = Tensor::<1>::from_floats(got.as_slice(), &Device::flex());
            got = values(transposed.reshape([rows, columns]).transpose());
        }
        assert_close(&name, &got, &floats(&name), 1e-4);
        self.compared += 1;
    }
}

#[test]
fn exported_weights_are_the_ones_imported() {
    let model = model(&Device::flex());
    let bytes = weights::to_bytes(&model).unwrap();
    let exported = SafeTensors::deserialize(&bytes).unwrap();
    let fixture = fixture();
    assert_eq!(exported.len(), 8);
    for (name, view) in exported.iter() {
        let expected = fixture.tensor(&format!("init.{name}")).unwrap();
        assert_eq!(view.shape(), expected.shape(), "{name}");
        assert_eq!(view.data(), expected.data(), "{name}");
    }
}
