//! Agreement with PyTorch's optimizers, clipping and schedules. The fixtures are made by
//! `golden/make_simple_cnn.py` and `golden/make_schedules.py`.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::collections::BTreeMap;

#[path = "../../model-cnn/tests/common/mod.rs"]
mod common;

use burn::tensor::{Device, Int, Tensor, TensorData};
use common::{batch_of, families};
use safetensors::SafeTensors;
use tinderbox_model::testing::{Fixture, assert_close};
use tinderbox_model_cnn::{ImageClassifier, ImageClassifierConfig, SimpleCnnConfig, weights};
use tinderbox_train::kinds::image_classification::ImageClassificationTask;
use tinderbox_train::params::{self, ByName};
use tinderbox_train::recipe::{OptimizerName, OptimizerRecipe, ScheduleName, ScheduleRecipe};
use tinderbox_train::trainer::gradients::{Accumulator, clip_by_global_norm};
use tinderbox_train::trainer::optimizer::Optimizer;
use tinderbox_train::trainer::schedule::Schedule;

const SCHEDULES: &str = include_str!("fixtures/schedules.json");

fn fixture() -> Fixture {
    Fixture::new(include_bytes!(
        "../../model-cnn/tests/fixtures/simple_cnn.safetensors"
    ))
}

fn model(device: &Device) -> ImageClassifier {
    let config = ImageClassifierConfig::SimpleCnn(
        SimpleCnnConfig::default()
            .with_num_classes(5)
            .with_channels([8, 16])
            .with_hidden(16),
    );
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

fn gradients(model: &ImageClassifier, images: Tensor<4>, targets: Tensor<1, Int>) -> ByName {
    let task = ImageClassificationTask::new(5, 0.0);
    let loss = task.loss(model.forward(images), targets);
    params::gradients(model, loss.backward())
}

/// Compares weights in PyTorch's layout with those of the fixture under `prefix`.
fn assert_weights(prefix: &str, fixture: &Fixture, model: &ImageClassifier, tolerance: f32) {
    let bytes = weights::to_bytes(model).unwrap();
    let weights = Fixture(SafeTensors::deserialize(bytes.leak()).unwrap());
    let mut compared = 0;
    for name in fixture.0.names() {
        if let Some(weight) = name.strip_prefix(&format!("{prefix}.")) {
            assert_close(
                name,
                &weights.floats(weight),
                &fixture.floats(name),
                tolerance,
            );
            compared += 1;
        }
    }
    assert!(compared > 0, "the fixture has nothing under {prefix}");
}

#[test]
fn every_family_learns_as_torchvisions() {
    let device = Device::flex().autodiff();
    for family in families() {
        println!("{}", family.name);
        let mut model = family
            .fixture
            .load(family.config.init(&device).unwrap(), "init.");
        let (images, targets) = batch_of(&family.fixture, &device);
        let mut optimizer = Optimizer::new(
            OptimizerRecipe::default()
                .with_weight_decay(0.01)
                .with_decay_all(true),
        );
        for _ in 0..2 {
            let mut gradients = gradients(&model, images.clone(), targets.clone());
            model = optimizer.step(model, &mut gradients, 0.02);
        }
        assert_weights("step2", &family.fixture, &model, 1e-4);
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
    OptimizerRecipe::new(OptimizerName::Sgd, 0.05)
}

#[test]
fn sgd_with_momentum() {
    assert_weights("sgd2", &fixture(), &two_steps(sgd(), None).0, 1e-5);
}

#[test]
fn sgd_with_nesterov_and_decay_that_spares_biases() {
    let recipe = sgd().with_nesterov(true).with_weight_decay(5e-4);
    assert_weights("sgd2_wd", &fixture(), &two_steps(recipe, None).0, 1e-5);
}

#[test]
fn adam_and_adamw() {
    for (prefix, name, weight_decay) in [
        ("adam2", OptimizerName::Adam, 0.01),
        ("adamw2", OptimizerName::AdamW, 0.05),
    ] {
        let recipe = OptimizerRecipe::new(name, 1e-3).with_weight_decay(weight_decay);
        assert_weights(prefix, &fixture(), &two_steps(recipe, None).0, 1e-5);
    }
}

#[test]
fn clipping_by_the_global_norm() {
    let (model, norms) = two_steps(sgd(), Some(0.25));
    assert_weights("clip2", &fixture(), &model, 1e-5);
    let expected = fixture().floats("clip_norm");
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
    let recipe = sgd().with_momentum(0.0);
    let stepped = Optimizer::new(recipe).step(model, &mut accumulator.take(), 0.05);
    assert_weights("accum", &fixture(), &stepped, 1e-5);
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
        let recipe = OptimizerRecipe::new(name, 0.05);
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
            "multi" => ScheduleName::MultiStep,
            "cosine" => ScheduleName::Cosine,
            "linear" => ScheduleName::Linear,
            other => panic!("unknown schedule {other}"),
        };
        let recipe = ScheduleRecipe::new(name)
            .with_warmup_steps(if key.contains("warmup") { 10 } else { 0 })
            .with_min_learning_rate(if key.contains("min0.01") { 0.01 } else { 0.0 })
            .with_step_epochs(20.0)
            .with_milestones(vec![10.0, 35.0]);
        let schedule = Schedule::new(&recipe, 0.1, 60, 1);
        for (step, expected) in expected.as_array().unwrap().iter().enumerate() {
            let rate = schedule.learning_rate(step as u64, 0);
            let expected = expected.as_f64().unwrap();
            assert!(
                (rate - expected).abs() < 1e-12,
                "{key} {step}: {rate} {expected}"
            );
            compared += 1;
        }
    }
    assert!(compared == 720, "{compared}");
}

#[test]
fn schedules_stay_where_they_end() {
    let recipe = ScheduleRecipe::new(ScheduleName::Cosine).with_min_learning_rate(0.001);
    let schedule = Schedule::new(&recipe, 0.1, 60, 1);
    assert!((schedule.learning_rate(500, 0) - 0.001).abs() < 1e-12);
}
