//! Properties of every model in the registry.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Distribution, Gradients, Tensor};
use tinderbox_model_cnn::layers::Hooks;
use tinderbox_model_cnn::registry::{self, ImageModelInfo, MODELS};
use tinderbox_model_cnn::weights::{self, WeightsError};
use tinderbox_model_cnn::{
    ImageClassifier, ImageClassifierConfig, SimpleCnnConfig, num_parameters,
};

/// The same network with few channels: the tests are about layers, names and shapes, and a hundred
/// million random numbers would only slow them down.
fn thin(info: &ImageModelInfo) -> ImageClassifierConfig {
    let mut config = (info.config)().with_num_classes(7);
    match &mut config {
        ImageClassifierConfig::AlexNet(config) => {
            config.channels = [2, 3, 4, 3, 2];
            config.hidden = 8;
        }
        ImageClassifierConfig::CifarResNet(config) => config.width = 2,
        ImageClassifierConfig::ConvNeXt(config) => {
            config.width = 2;
            // A branch scaled by a millionth would hide its errors.
            config.layer_scale = 0.5;
        }
        // Room for 32 groups.
        ImageClassifierConfig::ResNet(config) if config.groups > 1 => config.width = 16,
        ImageClassifierConfig::ResNet(config) => config.width = 2,
        ImageClassifierConfig::SimpleCnn(config) => config.channels = [2, 3],
        ImageClassifierConfig::SqueezeNet(config) => config.width = 2,
        ImageClassifierConfig::Vgg(config) => {
            config.width = 2;
            config.hidden = 8;
        }
    }
    config
}

/// Two random images of the smallest size whose feature map has more than one pixel.
fn images(config: &ImageClassifierConfig, device: &Device) -> Tensor<4> {
    let size = config
        .fixed_image_size()
        .unwrap_or(config.min_image_size().max(33));
    let shape = [2, config.in_channels(), size, size];
    Tensor::random(shape, Distribution::Normal(0.0, 1.0), device)
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
    assert_eq!(registry::nearest("resnte50"), Some("resnet50"));
}

#[test]
fn every_model_has_torchvisions_number_of_parameters() {
    // `num_params` of torchvision's weight tables; CIFAR networks from their PyTorch port.
    for info in MODELS {
        let model = (info.config)().init(&Device::flex()).unwrap();
        assert_eq!(num_parameters(&model), info.parameters, "{}", info.name);
    }
}

#[test]
fn every_model_has_its_shapes() {
    for info in MODELS {
        let device = Device::flex();
        let config = thin(info);
        let model = config.init(&device).unwrap();
        let images = images(&config, &device);
        let features = model.forward_features(images.clone());
        assert_eq!(features.dims()[0], 2, "{}", info.name);
        let from_features = model.forward_head(features);
        assert_eq!(from_features.dims(), [2, 7], "{}", info.name);
        let from_features = from_features.try_into_vec_as::<f32>().unwrap();
        assert_eq!(from_features, logits(&model, images));
    }
}

#[test]
fn every_model_accepts_its_smallest_image() {
    for info in MODELS {
        let device = Device::flex();
        let config = thin(info);
        let size = config.min_image_size();
        let images = Tensor::zeros([1, config.in_channels(), size, size], &device);
        let model = config.init(&device).unwrap();
        assert_eq!(model.forward(images).dims(), [1, 7], "{}", info.name);
    }
}

#[test]
fn every_model_accepts_other_channels() {
    for info in MODELS {
        let device = Device::flex();
        let mut json = serde_json::to_value(thin(info)).unwrap();
        json["in_channels"] = 1.into();
        let config: ImageClassifierConfig = serde_json::from_value(json).unwrap();
        let model = config.init(&device).unwrap();
        let images = images(&config, &device);
        assert_eq!(images.dims()[1], 1);
        assert_eq!(model.forward(images).dims(), [2, 7], "{}", info.name);
    }
}

/// The names of parameters with a gradient, and of those without.
fn with_and_without_gradient(model: &ImageClassifier, gradients: &Gradients) -> [Vec<String>; 2] {
    struct Sort<'a> {
        gradients: &'a Gradients,
        path: Vec<Option<String>>,
        names: [Vec<String>; 2],
    }
    impl ModuleVisitor for Sort<'_> {
        fn enter_module(&mut self, name: &str, container_type: &str) {
            let is_variant = container_type.starts_with("Enum:");
            self.path.push((!is_variant).then(|| name.into()));
        }
        fn exit_module(&mut self, _name: &str, _container_type: &str) {
            self.path.pop();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let path: Vec<&str> = self.path.iter().flatten().map(String::as_str).collect();
            if path.last().is_some_and(|name| name.starts_with("running_")) {
                return;
            }
            let gradient = param.val().grad(self.gradients);
            self.names[usize::from(gradient.is_none())].push(path.join("."));
        }
    }
    let mut sort = Sort {
        gradients,
        path: Vec::new(),
        names: Default::default(),
    };
    model.visit(&mut sort);
    sort.names
}

#[test]
fn every_parameter_gets_a_gradient_and_only_the_head_if_the_backbone_is_frozen() {
    for info in MODELS {
        let device = Device::flex().autodiff();
        let config = thin(info);
        let images = images(&config, &device);
        let model = config.init(&device).unwrap();
        let gradients = model.forward(images.clone()).sum().backward();
        let [with, without] = with_and_without_gradient(&model, &gradients);
        assert!(without.is_empty(), "{}: {without:?}", info.name);

        let before = weights::to_bytes(&model).unwrap();
        let frozen = model.freeze_backbone();
        let gradients = frozen.forward(images).sum().backward();
        let [head, backbone] = with_and_without_gradient(&frozen, &gradients);
        assert!(!head.is_empty(), "{}", info.name);
        let prefix = format!("{}.", frozen.head_name());
        assert!(
            head.iter().all(|name| name.starts_with(&prefix)),
            "{head:?}"
        );
        assert_eq!(head.len() + backbone.len(), with.len());
        // Running statistics do not change either.
        assert_eq!(weights::to_bytes(&frozen).unwrap(), before, "{}", info.name);
    }
}

#[test]
fn a_head_can_be_reset_and_removed() {
    for info in MODELS {
        let device = Device::flex();
        let config = thin(info);
        let images = images(&config, &device);
        let model = config.init(&device).unwrap();
        let features = logits(&model.clone().reset_classifier(0, &device), images.clone());
        assert_eq!(features.len(), 2 * config.num_features(), "{}", info.name);
        let replaced = model.clone().reset_classifier(3, &device);
        assert_eq!(
            replaced.forward(images.clone()).dims(),
            [2, 3],
            "{}",
            info.name
        );
        let without = replaced.reset_classifier(0, &device);
        assert_eq!(logits(&without, images.clone()), features);
        // Equal to a network that was built without a head, weights included.
        let bytes = weights::to_bytes(&without).unwrap();
        let headless = config.with_num_classes(0).init(&device).unwrap();
        let headless = weights::load_bytes(headless, bytes, Path::new("headless")).unwrap();
        assert_eq!(logits(&headless, images), features);
    }
}

#[test]
fn the_layer_for_grad_cam_exists() {
    for info in MODELS {
        let device = Device::flex();
        let config = thin(info);
        let model = config.init(&device).unwrap();
        let mut names = Vec::new();
        let mut collect = |name: &str, output: Tensor<4>| {
            names.push(name.to_string());
            output
        };
        model.forward_features_hooked(images(&config, &device), &mut Hooks::new(&mut collect));
        assert!(names.contains(&model.last_conv_layer()), "{names:?}");
        let distinct: std::collections::BTreeSet<_> = names.iter().collect();
        assert_eq!(distinct.len(), names.len(), "{names:?}");
    }
}

#[test]
fn saved_weights_give_the_same_logits_and_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    for info in MODELS {
        let device = Device::flex();
        let path = folder.path().join("model.safetensors");
        let config = thin(info);
        let model = config.init(&device).unwrap();
        weights::save(&model, &path).unwrap();
        let loaded = weights::load(config.init(&device).unwrap(), &path).unwrap();
        let images = images(&config, &device);
        assert_eq!(logits(&model, images.clone()), logits(&loaded, images));
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(bytes, weights::to_bytes(&loaded).unwrap());
    }
}

#[test]
fn configurations_survive_json() {
    for info in MODELS {
        let config = (info.config)();
        let json = serde_json::to_string(&config).unwrap();
        assert_eq!(
            serde_json::from_str::<ImageClassifierConfig>(&json).unwrap(),
            config
        );
    }
}

#[test]
fn residual_blocks_can_start_as_the_identity() {
    let device = Device::flex().autodiff();
    let config: ImageClassifierConfig = serde_json::from_value(serde_json::json!({
        "family": "resnet", "width": 2, "num_classes": 3, "zero_init_residual": true
    }))
    .unwrap();
    let model = config.init(&device).unwrap();
    let mut outputs = Vec::new();
    let mut hook = |name: &str, output: Tensor<4>| {
        if ["layer1.0", "layer1.1"].contains(&name) {
            outputs.push(output.clone().try_into_vec_as::<f32>().unwrap());
        }
        output
    };
    model.forward_features_hooked(images(&config, &device), &mut Hooks::new(&mut hook));
    assert_eq!(outputs[0], outputs[1]);
}

fn small(num_classes: usize) -> SimpleCnnConfig {
    SimpleCnnConfig::new(num_classes)
        .with_image_size(8)
        .with_channels([2, 3])
        .with_hidden(4)
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
fn a_file_that_is_not_safetensors_is_an_error() {
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
