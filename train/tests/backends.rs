//! The compiled-in backends against each other: equal weights and an equal batch give equal logits, and equal weights
//! after a step.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use burn::tensor::{Device, Int, Tensor, TensorData};
use model_cnn::{ImageClassifier, ImageClassifierConfig, SimpleCnnConfig, weights};
use safetensors::SafeTensors;
use train::device;
use train::params;
use train::recipe::OptimizerRecipe;
use train::task::image::ImageTask;
use train::trainer::optimizer::Optimizer;

/// Small: a software GPU compiles each kernel for seconds.
fn config() -> ImageClassifierConfig {
    ImageClassifierConfig::SimpleCnn(SimpleCnnConfig {
        image_size: 8,
        channels: [4, 8],
        hidden: 16,
        ..SimpleCnnConfig::new(5)
    })
}

/// Numbers in [-1, 1] that no generator of any backend has a part in.
fn numbers(count: usize) -> Vec<f32> {
    (0..count).map(|i| ((i as f32) * 12.9898).sin()).collect()
}

struct Result {
    logits: Vec<f32>,
    weights: Vec<u8>,
}

fn step(device: Device, initial: &[u8]) -> Result {
    let device = device.autodiff();
    let model = config().init(&device).unwrap();
    let model = weights::load_bytes(model, initial.to_vec(), "initial".as_ref()).unwrap();
    let images = TensorData::new(numbers(4 * 3 * 64), [4, 3, 8, 8]);
    let images = Tensor::<4>::from_data(images, &device);
    let targets = Tensor::<1, Int>::from_ints([0, 1, 4, 2], &device);
    let logits = model.forward(images);
    let loss = ImageTask::new(5, 0.1, &device).loss(logits.clone(), targets);
    let mut gradients = params::gradients(&model, loss.backward());
    let recipe = OptimizerRecipe::default();
    let model: ImageClassifier = Optimizer::new(recipe).step(model, &mut gradients, 0.1);
    Result {
        logits: logits.inner().try_into_vec_as::<f32>().unwrap(),
        weights: weights::to_bytes(&model).unwrap(),
    }
}

fn assert_close(what: &str, got: &[f32], expected: &[f32], tolerance: f32) {
    for (got, expected) in got.iter().zip(expected) {
        let error = (got - expected).abs() / expected.abs().max(1.0);
        assert!(error < tolerance, "{what}: {got} is not {expected}");
    }
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes
        .chunks_exact(4)
        .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
        .collect()
}

/// The backends of this build. Of the graphics ones, the software adapter, which every machine can have.
fn names() -> Vec<String> {
    let name = |backend: &str| match backend {
        "wgpu" | "vulkan" | "webgpu" => format!("{backend}:software"),
        other => other.to_string(),
    };
    device::compiled().map(name).collect()
}

#[test]
fn all_backends_of_this_build_agree() {
    let reference = Device::flex();
    let model = config().init(&reference).unwrap();
    let initial = weights::to_bytes(&model).unwrap();
    let expected = step(reference, &initial);
    let expected_weights = SafeTensors::deserialize(&expected.weights).unwrap();
    for name in names() {
        let device = device::open(&name.parse().unwrap()).unwrap();
        let got = step(device, &initial);
        assert_close(
            &format!("{name} logits"),
            &got.logits,
            &expected.logits,
            1e-4,
        );
        let got = SafeTensors::deserialize(&got.weights).unwrap();
        for (key, view) in expected_weights.iter() {
            let values = floats(got.tensor(key).unwrap().data());
            assert_close(
                &format!("{name} {key}"),
                &values,
                &floats(view.data()),
                1e-3,
            );
        }
        println!("{name} agrees");
    }
}
