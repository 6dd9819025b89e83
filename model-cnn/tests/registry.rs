//! What holds for every model in the registry.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Distribution, Gradients, Tensor};
use model_cnn::registry::{self, MODELS, ModelInfo};
use model_cnn::weights::{self, WeightsError};
use model_cnn::{ImageClassifier, ImageClassifierConfig, SimpleCnnConfig};

fn images(info: &ModelInfo, device: &Device) -> Tensor<4> {
    let config = (info.config)();
    let shape = [2, config.in_channels(), info.image_size, info.image_size];
    Tensor::random(shape, Distribution::Default, device)
}

fn logits(model: &ImageClassifier, images: Tensor<4>) -> Vec<f32> {
    model.forward(images).try_into_vec_as::<f32>().unwrap()
}

#[test]
fn names_are_sorted_and_found() {
    assert!(MODELS.is_sorted_by_key(|info| info.name));
    for info in MODELS {
        assert_eq!(registry::find(info.name).unwrap().name, info.name);
    }
    assert!(registry::find("no-such-model").is_none());
}

#[test]
fn every_model_has_its_parameters_and_shapes() {
    for info in MODELS {
        let device = Device::flex();
        let config = (info.config)();
        let model = config.init(&device).unwrap();
        assert_eq!(model.num_params(), info.parameters, "{}", info.name);
        let images = images(info, &device);
        let features = model.forward_features(images.clone());
        let from_features = model.forward_head(features);
        assert_eq!(from_features.dims(), [2, config.num_classes()]);
        let direct = model.forward(images).try_into_vec_as::<f32>().unwrap();
        assert_eq!(from_features.try_into_vec_as::<f32>().unwrap(), direct);
    }
}

#[test]
fn every_parameter_gets_a_gradient() {
    struct Check<'a> {
        gradients: &'a Gradients,
        path: Vec<String>,
    }
    impl ModuleVisitor for Check<'_> {
        fn enter_module(&mut self, name: &str, _container_type: &str) {
            self.path.push(name.into());
        }
        fn exit_module(&mut self, _name: &str, _container_type: &str) {
            self.path.pop();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let gradient = param.val().grad(self.gradients);
            assert!(gradient.is_some(), "{:?} has no gradient", self.path);
        }
    }
    for info in MODELS {
        let device = Device::flex().autodiff();
        let model = (info.config)().init(&device).unwrap();
        let gradients = model.forward(images(info, &device)).sum().backward();
        model.visit(&mut Check {
            gradients: &gradients,
            path: Vec::new(),
        });
    }
}

#[test]
fn saved_weights_give_the_same_logits_and_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    for info in MODELS {
        let device = Device::flex();
        let path = folder.path().join("model.safetensors");
        let model = (info.config)().init(&device).unwrap();
        weights::save(&model, &path).unwrap();
        let loaded = weights::load((info.config)().init(&device).unwrap(), &path).unwrap();
        let images = images(info, &device);
        assert_eq!(logits(&model, images.clone()), logits(&loaded, images));
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(bytes, weights::to_bytes(&loaded).unwrap());
    }
}

#[test]
fn a_configuration_is_the_same_after_json() {
    for info in MODELS {
        let config = (info.config)();
        let json = serde_json::to_string(&config).unwrap();
        assert_eq!(
            serde_json::from_str::<ImageClassifierConfig>(&json).unwrap(),
            config
        );
    }
}

fn small(num_classes: usize) -> SimpleCnnConfig {
    SimpleCnnConfig {
        image_size: 8,
        channels: [2, 3],
        hidden: 4,
        ..SimpleCnnConfig::new(num_classes)
    }
}

#[test]
fn weights_of_another_shape_name_what_differs() {
    let device = Device::flex();
    let bytes = weights::to_bytes(&small(3).init(&device).unwrap()).unwrap();
    let path = Path::new("other.safetensors");
    let error = weights::load_bytes(small(5).init(&device).unwrap(), bytes, path).unwrap_err();
    let WeightsError::Mismatch { mismatch, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(mismatch.different.len(), 2);
    let message = error.to_string();
    assert!(
        message.starts_with("other.safetensors: the weights do not fit the model"),
        "{message}"
    );
    assert!(message.contains("fc2.weight"), "{message}");
}

#[test]
fn missing_and_unexpected_names_are_listed() {
    let device = Device::flex();
    let value = [0u8; 4];
    let view = safetensors::tensor::TensorView::new(safetensors::Dtype::F32, vec![1], &value);
    let bytes = safetensors::serialize([("stranger", view.unwrap())], None).unwrap();
    let model = small(3).init(&device).unwrap();
    let error = weights::load_bytes(model, bytes, Path::new("x")).unwrap_err();
    let message = error.to_string();
    assert!(
        message.contains("8 missing (") && message.contains("conv1.weight"),
        "{message}"
    );
    assert!(message.contains("1 unexpected (stranger)"), "{message}");
}

#[test]
fn a_file_that_is_no_safetensors_is_an_error() {
    let device = Device::flex();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let good = weights::to_bytes(&small(3).init(&device).unwrap()).unwrap();
    for bytes in [&b"not weights at all"[..], &good[..good.len() - 5], &[]] {
        std::fs::write(&path, bytes).unwrap();
        let error = weights::load(small(3).init(&device).unwrap(), &path).unwrap_err();
        assert!(matches!(error, WeightsError::Format { .. }), "{error}");
    }
    let missing = folder.path().join("none.safetensors");
    let error = weights::load(small(3).init(&device).unwrap(), &missing).unwrap_err();
    assert!(error.to_string().contains("none.safetensors"));
}
