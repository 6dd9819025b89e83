//! Agreement with PyTorch's optimizers, clipping and schedules. The fixtures are made by `golden/make_simple_cnn.py` and
//! `golden/make_schedules.py`.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::Path;

use burn::tensor::{Device, Int, Tensor, TensorData};
use model_cnn::{ImageClassifier, ImageClassifierConfig, SimpleCnnConfig, weights};
use safetensors::SafeTensors;
use safetensors::tensor::TensorView;
use train::params::{self, ByName};
use train::recipe::{OptimizerName, OptimizerRecipe, ScheduleName, ScheduleRecipe};
use train::task::image::ImageTask;
use train::trainer::gradients::{Accumulator, clip_by_global_norm};
use train::trainer::optimizer::Optimizer;
use train::trainer::schedule::Schedule;

const FIXTURE: &[u8] = include_bytes!("../../model-cnn/tests/fixtures/simple_cnn.safetensors");
const SCHEDULES: &str = include_str!("fixtures/schedules.json");

fn fixture() -> SafeTensors<'static> {
    SafeTensors::deserialize(FIXTURE).unwrap()
}

fn floats(view: &TensorView) -> Vec<f32> {
    let number = |b: &[u8]| f32::from_le_bytes(b.try_into().unwrap());
    view.data().chunks_exact(4).map(number).collect()
}

fn model(device: &Device) -> ImageClassifier {
    let config = ImageClassifierConfig::SimpleCnn(SimpleCnnConfig {
        num_classes: 5,
        channels: [8, 16],
        hidden: 16,
        ..SimpleCnnConfig::default()
    });
    let fixture = fixture();
    let init: Vec<(String, TensorView)> = fixture
        .iter()
        .filter_map(|(name, view)| Some((name.strip_prefix("init.")?.to_string(), view)))
        .collect();
    let bytes = safetensors::serialize(init, None).unwrap();
    weights::load_bytes(config.init(device).unwrap(), bytes, Path::new("fixture")).unwrap()
}

fn batch(device: &Device) -> (Tensor<4>, Tensor<1, Int>) {
    let fixture = fixture();
    let images = floats(&fixture.tensor("input").unwrap());
    let labels = fixture.tensor("target").unwrap().data();
    let number = |b: &[u8]| i64::from_le_bytes(b.try_into().unwrap());
    let labels: Vec<i64> = labels.chunks_exact(8).map(number).collect();
    (
        Tensor::from_data(TensorData::new(images, [4, 3, 24, 24]), device),
        Tensor::from_data(TensorData::new(labels, [4]), device),
    )
}

fn gradients(model: &ImageClassifier, images: Tensor<4>, targets: Tensor<1, Int>) -> ByName {
    let task = ImageTask::new(5, 0.0, &images.device());
    let loss = task.loss(model.forward(images), targets);
    params::gradients(model, loss.backward())
}

/// The weights as PyTorch has them, against those of the fixture under `prefix`.
fn assert_weights(prefix: &str, model: &ImageClassifier) {
    let bytes = weights::to_bytes(model).unwrap();
    let weights = SafeTensors::deserialize(&bytes).unwrap();
    let fixture = fixture();
    for (name, view) in weights.iter() {
        let expected = floats(&fixture.tensor(&format!("{prefix}.{name}")).unwrap());
        let scale = expected.iter().fold(1e-3_f32, |max, x| max.max(x.abs()));
        for (got, expected) in floats(&view).iter().zip(&expected) {
            let error = (got - expected).abs() / scale;
            assert!(error < 1e-5, "{prefix}.{name}: {got} is not {expected}");
        }
    }
}

fn two_steps(recipe: OptimizerRecipe, clip: Option<f64>) -> (ImageClassifier, Vec<f64>) {
    let device = Device::flex().autodiff();
    let (images, targets) = batch(&device);
    let mut model = model(&device);
    let rate = recipe.learning_rate;
    let mut optimizer = Optimizer::new(recipe);
    let mut norms = Vec::new();
    for _ in 0..2 {
        let mut gradients = gradients(&model, images.clone(), targets.clone());
        if let Some(max_norm) = clip {
            let (clipped, norm) = clip_by_global_norm(gradients, max_norm).unwrap();
            gradients = clipped;
            norms.push(norm);
        }
        model = optimizer.step(model, &mut gradients, rate);
    }
    (model, norms)
}

fn sgd() -> OptimizerRecipe {
    OptimizerRecipe {
        learning_rate: 0.05,
        ..OptimizerRecipe::default()
    }
}

#[test]
fn sgd_with_momentum() {
    assert_weights("sgd2", &two_steps(sgd(), None).0);
}

#[test]
fn sgd_with_nesterov_and_decay_that_spares_biases() {
    let recipe = OptimizerRecipe {
        nesterov: true,
        weight_decay: 5e-4,
        ..sgd()
    };
    assert_weights("sgd2_wd", &two_steps(recipe, None).0);
}

#[test]
fn adam_and_adamw() {
    for (prefix, name, weight_decay) in [
        ("adam2", OptimizerName::Adam, 0.01),
        ("adamw2", OptimizerName::AdamW, 0.05),
    ] {
        let recipe = OptimizerRecipe {
            name,
            learning_rate: 1e-3,
            weight_decay,
            ..OptimizerRecipe::default()
        };
        assert_weights(prefix, &two_steps(recipe, None).0);
    }
}

#[test]
fn clipping_by_the_global_norm() {
    let (model, norms) = two_steps(sgd(), Some(0.25));
    assert_weights("clip2", &model);
    let expected = floats(&fixture().tensor("clip_norm").unwrap());
    for (norm, expected) in norms.iter().zip(expected) {
        assert!(
            (norm / f64::from(expected) - 1.0).abs() < 1e-5,
            "{norm} {expected}"
        );
    }
}

#[test]
fn accumulated_gradients_are_averaged() {
    let device = Device::flex().autodiff();
    let (images, targets) = batch(&device);
    let model = model(&device);
    let mut accumulator = Accumulator::default();
    for half in [0..2, 2..4] {
        let images = images.clone().slice([half.clone()]);
        let targets = targets.clone().slice([half]);
        accumulator.add(gradients(&model, images, targets), 2.0);
    }
    let recipe = OptimizerRecipe {
        momentum: 0.0,
        ..sgd()
    };
    let stepped = Optimizer::new(recipe).step(model, &mut accumulator.take(), 0.05);
    assert_weights("accum", &stepped);
}

#[test]
fn batches_of_unequal_size_are_weighted() {
    let device = Device::flex().autodiff();
    let (images, targets) = batch(&device);
    let model = model(&device);
    let mut accumulator = Accumulator::default();
    for part in [0..3, 3..4] {
        let images = images.clone().slice([part.clone()]);
        let targets = targets.clone().slice([part.clone()]);
        accumulator.add(gradients(&model, images, targets), part.len() as f64);
    }
    let whole = gradients(&model, images, targets);
    for (name, got) in accumulator.take() {
        let difference = (got - whole[&name].clone())
            .abs()
            .max()
            .into_scalar::<f32>();
        assert!(difference < 1e-6, "{name}: {difference}");
    }
}

#[test]
fn the_optimizer_is_the_same_after_it_was_saved() {
    let device = Device::flex().autodiff();
    let inner = Device::flex();
    let (images, targets) = batch(&device);
    for name in [OptimizerName::Sgd, OptimizerName::AdamW] {
        let recipe = OptimizerRecipe { name, ..sgd() };
        let mut model = model(&device);
        let mut optimizer = Optimizer::new(recipe.clone());
        let mut first = gradients(&model, images.clone(), targets.clone());
        model = optimizer.step(model, &mut first, 0.05);
        let bytes = optimizer.to_bytes().unwrap();
        let parameters = params::values(&model);
        let mut again = Optimizer::from_bytes(recipe, &bytes, &parameters, &inner).unwrap();
        assert_eq!(again.to_bytes().unwrap(), bytes);
        let second = gradients(&model, images.clone(), targets.clone());
        let one = optimizer.step(model.clone(), &mut second.clone(), 0.05);
        let two = again.step(model, &mut second.clone(), 0.05);
        assert_eq!(
            weights::to_bytes(&one).unwrap(),
            weights::to_bytes(&two).unwrap()
        );
    }
}

#[test]
fn a_state_of_another_model_is_refused() {
    let device = Device::flex().autodiff();
    let (images, targets) = batch(&device);
    let model = model(&device);
    let mut optimizer = Optimizer::new(sgd());
    let mut gradients = gradients(&model, images, targets);
    optimizer.step(model, &mut gradients, 0.05);
    let bytes = optimizer.to_bytes().unwrap();
    let error = Optimizer::from_bytes(sgd(), &bytes, &ByName::new(), &device).unwrap_err();
    assert!(error.contains("belongs to no parameter"), "{error}");
    assert!(Optimizer::from_bytes(sgd(), b"junk", &ByName::new(), &device).is_err());
}

#[test]
fn schedules_are_pytorchs() {
    let golden: BTreeMap<String, serde_json::Value> = serde_json::from_str(SCHEDULES).unwrap();
    let rates = golden["lrs"].as_object().unwrap();
    let mut compared = 0;
    for (key, expected) in rates {
        let shape = key.strip_prefix("warmup10_").unwrap_or(key);
        let name = match shape.split('_').next().unwrap() {
            "constant" => ScheduleName::Constant,
            "step" => ScheduleName::Step,
            "cosine" => ScheduleName::Cosine,
            "linear" => ScheduleName::Linear,
            other => panic!("unknown schedule {other}"),
        };
        let recipe = ScheduleRecipe {
            name,
            warmup_steps: if key.contains("warmup") { 10 } else { 0 },
            min_learning_rate: if key.contains("min0.01") { 0.01 } else { 0.0 },
            step_epochs: 20.0,
            ..ScheduleRecipe::default()
        };
        let schedule = Schedule::new(&recipe, 0.1, 60, 1);
        for (step, expected) in expected.as_array().unwrap().iter().enumerate() {
            let rate = schedule.learning_rate(step as u64);
            let expected = expected.as_f64().unwrap();
            assert!(
                (rate - expected).abs() < 1e-12,
                "{key} {step}: {rate} {expected}"
            );
            compared += 1;
        }
    }
    assert!(compared == 600, "{compared}");
}

#[test]
fn schedules_stay_where_they_end() {
    let recipe = ScheduleRecipe {
        name: ScheduleName::Cosine,
        min_learning_rate: 0.001,
        ..ScheduleRecipe::default()
    };
    let schedule = Schedule::new(&recipe, 0.1, 60, 1);
    assert!((schedule.learning_rate(500) - 0.001).abs() < 1e-12);
}
