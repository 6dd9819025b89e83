//! Explanations: agreement with PyTorch's autograd (`golden/make_explain.py`), and maps of a
//! network whose evidence is known.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};
use common::batch_of;
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use tinderbox_model::testing::{Fixture, assert_close, values};
use tinderbox_model_cnn::explain::{
    ExplainError, SmoothGrad, grad_cam, input_gradient, layer_names, smooth_grad, upsample,
};
use tinderbox_model_cnn::{
    CifarResNetConfig, ImageClassifier, ImageClassifierConfig, ResNetConfig, SimpleCnnConfig,
    VggConfig, weights,
};

/// Compares with the maps under `family.` in the fixture, on a device with and without autodiff.
fn agrees_with_pytorch(
    family: &str,
    config: &ImageClassifierConfig,
    bytes: &'static [u8],
    layers: [&str; 2],
) {
    let (network, expected) = (Fixture::new(bytes), golden());
    let classes: Vec<usize> = expected
        .integers("classes")
        .iter()
        .map(|&c| c as usize)
        .collect();
    for device in [Device::flex(), Device::flex().autodiff()] {
        let model = network.load(config.init(&device).unwrap(), "init.");
        let (images, _) = batch_of(&network, &device);
        let images = images.narrow(0, 0, classes.len());
        let compare = |name: String, maps: Tensor<3>| {
            let name = format!("{family}.{name}");
            let [batch, height, width] = maps.dims();
            assert_eq!(
                expected.0.tensor(&name).unwrap().shape(),
                [batch, height, width]
            );
            assert_close(&name, &values(maps), &expected.floats(&name), 1e-4);
        };
        for layer in layers {
            let maps = grad_cam(&model, images.clone(), layer, Some(&classes)).unwrap();
            compare(format!("grad_cam.{layer}"), maps);
        }
        let maps = input_gradient(&model, images, Some(&classes)).unwrap();
        compare("input_gradient".into(), maps);
    }
}

fn golden() -> Fixture {
    Fixture::new(include_bytes!("fixtures/explain.safetensors"))
}

fn resnet() -> ImageClassifierConfig {
    ImageClassifierConfig::ResNet(
        ResNetConfig::resnet18(5)
            .with_layers([1, 2, 1, 1])
            .with_width(2),
    )
}

#[test]
fn a_residual_network_is_explained_as_pytorch_explains_it() {
    let bytes = include_bytes!("fixtures/resnet_basic.safetensors");
    agrees_with_pytorch("resnet_basic", &resnet(), bytes, ["layer2", "layer4"]);
}

#[test]
fn vgg_is_explained_as_pytorch_explains_it() {
    // Unlike the fixture's network, this one has dropout, which an explanation must disable.
    let config = ImageClassifierConfig::Vgg(
        VggConfig::vgg16(5)
            .with_stages([1, 1, 2, 1, 1])
            .with_width(2)
            .with_hidden(8),
    );
    let bytes = include_bytes!("fixtures/vgg.safetensors");
    agrees_with_pytorch("vgg", &config, bytes, ["features.9", "features.15"]);
}

/// Two identity convolutions, one hidden unit that sums the image, and two classes: the logit of
/// "bright" is the sum, that of "dark" is its negative plus a bias.
fn brightness() -> ImageClassifier {
    let config = SimpleCnnConfig::new(2)
        .with_in_channels(1)
        .with_channels([1, 1])
        .with_hidden(1);
    let identity = vec![0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0];
    let tensors: [(&str, &[usize], Vec<f32>); 8] = [
        ("conv1.weight", &[1, 1, 3, 3], identity.clone()),
        ("conv1.bias", &[1], vec![0.0]),
        ("conv2.weight", &[1, 1, 3, 3], identity),
        ("conv2.bias", &[1], vec![0.0]),
        ("fc1.weight", &[1, 36], vec![1.0; 36]),
        ("fc1.bias", &[1], vec![0.0]),
        ("fc2.weight", &[2, 1], vec![1.0, -1.0]),
        ("fc2.bias", &[2], vec![0.0, 0.5]),
    ];
    let bytes = tensors.map(|(name, shape, values)| {
        let bytes: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        (name, shape, bytes)
    });
    let views = bytes.iter().map(|(name, shape, bytes)| {
        (
            name,
            TensorView::new(Dtype::F32, shape.to_vec(), bytes).unwrap(),
        )
    });
    let file = safetensors::serialize(views, None).unwrap();
    let model = config.init(&Device::flex()).unwrap();
    weights::load_bytes(model, file, Path::new("brightness"))
        .unwrap()
        .into()
}

/// A black 24x24 image with a bright 4x4 square at (`top`, `left`).
fn square(top: usize, left: usize) -> Tensor<4> {
    let bright =
        |at: usize| (top..top + 4).contains(&(at / 24)) && (left..left + 4).contains(&(at % 24));
    let pixels: Vec<f32> = (0..24 * 24)
        .map(|at| f32::from(u8::from(bright(at))))
        .collect();
    Tensor::from_data(TensorData::new(pixels, [1, 1, 24, 24]), &Device::flex())
}

const BRIGHT: usize = 0;
const DARK: usize = 1;

#[test]
fn grad_cam_shows_the_square_and_nothing_else() {
    let maps = grad_cam(&brightness(), square(4, 16), "conv2", Some(&[BRIGHT])).unwrap();
    assert_eq!(maps.dims(), [1, 12, 12]);
    for (at, value) in values(maps).into_iter().enumerate() {
        let inside = (2..4).contains(&(at / 12)) && (8..10).contains(&(at % 12));
        assert_eq!(value, f32::from(u8::from(inside)), "{at}");
    }
}

#[test]
fn the_other_class_has_no_evidence() {
    let maps = grad_cam(&brightness(), square(4, 16), "conv2", Some(&[DARK])).unwrap();
    assert_eq!(values(maps), [0.0; 144]);
}

#[test]
fn the_predicted_class_is_explained_by_default() {
    let (model, images) = (
        brightness(),
        Tensor::cat(vec![square(4, 16), square(30, 30)], 0),
    );
    // The second image is black, so its bias makes it "dark".
    let maps = |classes| values(grad_cam(&model, images.clone(), "conv1", classes).unwrap());
    assert_eq!(maps(None), maps(Some(&[BRIGHT, DARK])));
    assert_ne!(maps(None), maps(Some(&[DARK, DARK])));
}

#[test]
fn gradients_are_where_the_square_is() {
    let (model, image) = (brightness(), square(8, 4));
    let inside = |at: usize| (8..12).contains(&(at / 24)) && (4..8).contains(&(at % 24));
    let plain = values(input_gradient(&model, image.clone(), Some(&[BRIGHT])).unwrap());
    let lit: Vec<usize> = (0..plain.len()).filter(|&at| plain[at] > 0.0).collect();
    assert!(
        !lit.is_empty() && lit.iter().all(|&at| inside(at)),
        "{lit:?}"
    );
    // Max-pooling passes only one of equal pixels. With noise, each is the largest now and then.
    assert!(lit.len() < 16);
    let settings = SmoothGrad {
        samples: 200,
        noise: 0.1,
        seed: 0,
    };
    let smooth = values(smooth_grad(&model, image, Some(&[BRIGHT]), &settings).unwrap());
    let dark = (0..smooth.len()).find(|&at| inside(at) && smooth[at] == 0.0);
    assert_eq!(dark, None);
}

/// An ordinary network with images and classes.
fn ordinary() -> (ImageClassifier, Tensor<4>, [usize; 2]) {
    let network = Fixture::new(include_bytes!("fixtures/resnet_basic.safetensors"));
    let device = Device::flex();
    let model = network.load(resnet().init(&device).unwrap(), "init.");
    (model, batch_of(&network, &device).0.narrow(0, 0, 2), [4, 1])
}

fn smoothed(images: Tensor<4>, classes: &[usize], settings: &SmoothGrad) -> Vec<f32> {
    let (model, ..) = ordinary();
    values(smooth_grad(&model, images, Some(classes), settings).unwrap())
}

#[test]
fn without_noise_smooth_grad_is_the_gradient() {
    let (model, images, classes) = ordinary();
    let settings = SmoothGrad {
        samples: 3,
        noise: 0.0,
        seed: 5,
    };
    let plain = values(input_gradient(&model, images.clone(), Some(&classes)).unwrap());
    assert_close("map", &smoothed(images, &classes, &settings), &plain, 1e-6);
}

#[test]
fn smooth_grad_is_a_function_of_its_seed() {
    let (_, images, classes) = ordinary();
    let settings = |seed| SmoothGrad {
        samples: 3,
        seed,
        ..SmoothGrad::default()
    };
    let first = smoothed(images.clone(), &classes, &settings(1));
    assert_eq!(first, smoothed(images.clone(), &classes, &settings(1)));
    assert_ne!(first, smoothed(images.clone(), &classes, &settings(2)));
    // The rest of the batch does not matter.
    let alone = smoothed(images.narrow(0, 1, 1), &classes[1..], &settings(1));
    assert_close("map", &alone, &first[first.len() / 2..], 1e-5);
}

#[test]
fn every_sample_has_its_own_noise() {
    let (_, images, classes) = ordinary();
    let settings = |samples| SmoothGrad {
        samples,
        ..SmoothGrad::default()
    };
    let one = smoothed(images.clone(), &classes, &settings(1));
    assert_ne!(one, smoothed(images, &classes, &settings(2)));
}

#[test]
fn an_explanation_does_not_change_the_model() {
    let device = Device::flex().autodiff();
    let model = CifarResNetConfig::new(20, 4).init(&device).unwrap().into();
    let before = weights::to_bytes(&model).unwrap();
    let images = Tensor::ones([2, 3, 8, 8], &device);
    grad_cam(&model, images.clone(), "layer2", None).unwrap();
    smooth_grad(&model, images, None, &SmoothGrad::default()).unwrap();
    assert!(weights::to_bytes(&model).unwrap() == before);
}

#[test]
fn every_listed_layer_has_a_map() {
    let (model, images, classes) = ordinary();
    let names = layer_names(&model, images.clone());
    assert_eq!(names[..3], ["conv1", "bn1", "layer1.0"]);
    for name in names {
        let maps = grad_cam(&model, images.clone(), &name, Some(&classes)).unwrap();
        let maps = values(maps);
        assert!(maps.iter().all(|x| (0.0..=1.0).contains(x)), "{name}");
    }
}

#[test]
fn upsampling_is_pytorchs() {
    // F.interpolate(torch.tensor([[[[0., 1.]]]]), (2, 4), mode="bilinear")
    let map = Tensor::<3>::from_data([[[0.0, 1.0]]], &Device::flex());
    let expected = [0.0, 0.25, 0.75, 1.0, 0.0, 0.25, 0.75, 1.0];
    assert_close("map", &values(upsample(map, [2, 4])), &expected, 1e-6);
}

#[test]
fn invalid_requests_are_errors() {
    let (model, images, _) = ordinary();
    let error = grad_cam(&model, images.clone(), "layer5", None).unwrap_err();
    let ExplainError::UnknownLayer { layers, .. } = error else {
        panic!("{error}")
    };
    assert!(
        layers[0].starts_with("layer") && layers.contains(&"bn1".into()),
        "{layers:?}"
    );
    assert_eq!(
        grad_cam(&model, images.clone(), "layer4", Some(&[0, 5])).unwrap_err(),
        ExplainError::UnknownClass {
            class: 5,
            num_classes: 5
        },
    );
    assert_eq!(
        input_gradient(&model, images.clone(), Some(&[0])).unwrap_err(),
        ExplainError::NotOneClassAnImage {
            classes: 1,
            images: 2
        },
    );
    let wrong = [
        SmoothGrad {
            samples: 0,
            ..SmoothGrad::default()
        },
        SmoothGrad {
            noise: -0.1,
            ..SmoothGrad::default()
        },
        SmoothGrad {
            noise: f64::NAN,
            ..SmoothGrad::default()
        },
    ];
    for (settings, setting) in wrong.iter().zip(["samples", "noise", "noise"]) {
        let error = smooth_grad(&model, images.clone(), None, settings)
            .unwrap_err()
            .to_string();
        assert!(error.starts_with(setting), "{error}");
    }
}
