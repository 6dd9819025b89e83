//! Agreement with PyTorch, up to rounding. `golden/make_rnn.py` makes the fixtures.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;

use burn::module::Module;
use burn::nn::loss::CrossEntropyLossConfig;
use burn::optim::{AdamWConfig, GradientsParams, ModuleOptimizer};
use burn::tensor::{Device, Tensor, TensorData};
use common::{assert_all_close, assert_close, gradients, parameters, values};
use tinderbox_model::testing::Fixture;
use tinderbox_model_rnn::weights::{self, WeightsError};
use tinderbox_model_rnn::{
    CellKind, Recurrent, RecurrentConfig, RnnLm, RnnLmConfig, RnnState, regularization,
};

const CELLS: [(&str, CellKind); 4] = [
    ("rnn_tanh", CellKind::RnnTanh),
    ("rnn_relu", CellKind::RnnRelu),
    ("gru", CellKind::Gru),
    ("lstm", CellKind::Lstm),
];

fn layers() -> Fixture {
    Fixture::new(include_bytes!("fixtures/layers.safetensors"))
}

fn language_models() -> Fixture {
    Fixture::new(include_bytes!("fixtures/language_models.safetensors"))
}

/// AdamW with PyTorch's defaults.
fn adamw() -> ModuleOptimizer {
    let config = AdamWConfig::new().with_weight_decay(0.01);
    config.with_epsilon(1e-8).init()
}

/// `pattern` of the script.
fn pattern<const D: usize>(shape: [usize; D], device: &Device) -> Tensor<D> {
    let count = shape.iter().product::<usize>() as u64;
    let number = |i: u64| ((i * 7919 % 1009) as f64 / 504.0 - 1.0) as f32;
    let numbers: Vec<f32> = (0..count).map(number).collect();
    Tensor::from_data(TensorData::new(numbers, shape), device)
}

fn weighted<const D: usize>(tensor: Tensor<D>) -> Tensor<1> {
    let device = tensor.device();
    let shape = tensor.dims();
    (tensor * pattern(shape, &device)).sum()
}

/// The tensors under `prefix`, as leaves that require gradients.
fn state(fixture: &Fixture, prefix: &str, device: &Device) -> BTreeMap<String, Tensor<2>> {
    let tensor = |name: String| {
        let tensor = fixture.tensor::<2>(&format!("{prefix}{name}"), device);
        (name, tensor.require_grad())
    };
    let names: Vec<String> = fixture.under(prefix).into_keys().collect();
    names.into_iter().map(tensor).collect()
}

fn state_values(state: RnnState) -> BTreeMap<String, Vec<f32>> {
    let named = state.into_named().into_iter();
    named.map(|(name, tensor)| (name, values(tensor))).collect()
}

/// Outputs, states, loss, gradients of weights, input and state, and two steps of the optimizer.
fn check_layers(case: &str, config: &RecurrentConfig) {
    let fixture = layers();
    let device = Device::flex().autodiff();
    let key = |name: &str| format!("{case}.{name}");
    let mut model: Recurrent =
        fixture.load(config.init(&device).unwrap(), &format!("{case}.init."));
    let input = fixture.tensor::<3>(&key("input"), &device).require_grad();
    let initial = state(&fixture, &key("state."), &device);
    let lengths = config
        .bidirectional
        .then(|| fixture.integers(&key("lengths")));
    let lengths = lengths.map(|lengths| lengths.iter().map(|&n| n as usize).collect::<Vec<_>>());
    let mut optimizer = adamw();
    for step in 1..=2 {
        let state = RnnState::from_named(initial.clone()).unwrap();
        let (output, last) = match &lengths {
            None => model.forward(input.clone(), state),
            Some(lengths) => model
                .forward_lengths(input.clone(), lengths, state)
                .unwrap(),
        };
        let mut loss = weighted(output.clone());
        for tensor in last.clone().into_named().into_values() {
            loss = loss + weighted(tensor);
        }
        let tape = loss.backward();
        if step == 1 {
            assert_close(case, &values(output), &fixture.floats(&key("output")), 1e-5);
            assert_all_close(
                case,
                &state_values(last),
                &fixture.under(&key("final.")),
                1e-5,
            );
            assert_close(case, &values(loss), &fixture.floats(&key("loss")), 1e-5);
            let got = gradients(&model, &tape);
            assert_all_close(case, &got, &fixture.under(&key("grad.")), 1e-4);
            let got = values(input.grad(&tape).unwrap());
            assert_close(case, &got, &fixture.floats(&key("grad_input")), 1e-4);
            for (name, tensor) in &initial {
                let got = values(tensor.grad(&tape).unwrap());
                let expected = fixture.floats(&key(&format!("grad_state.{name}")));
                assert_close(&format!("{case}: {name}"), &got, &expected, 1e-4);
            }
        }
        let gradients = GradientsParams::from_grads(tape, &model);
        model = optimizer.step(0.01, model, gradients);
    }
    let expected = fixture.under(&key("step2."));
    assert_all_close(case, &parameters(&model), &expected, 1e-4);
}

#[test]
fn two_layers_of_every_cell_are_pytorchs() {
    for (name, cell) in CELLS {
        check_layers(
            &format!("{name}.plain"),
            &RecurrentConfig::new(cell, 4, 6, 2),
        );
    }
}

#[test]
fn both_directions_and_padded_batches_are_pytorchs() {
    for (name, cell) in CELLS {
        let config = RecurrentConfig::new(cell, 4, 6, 2).with_bidirectional(true);
        check_layers(&format!("{name}.packed"), &config);
    }
}

#[test]
fn the_gru_with_reset_before_the_product_is_the_papers() {
    let fixture = Fixture::new(include_bytes!("fixtures/gru_reset_before.safetensors"));
    let device = Device::flex().autodiff();
    let config = RecurrentConfig::new(CellKind::Gru, 4, 6, 1).with_reset_after(false);
    let model = fixture.load(config.init(&device).unwrap(), "init.");
    let run = |model: &Recurrent| {
        let state = RnnState::from_named(state(&fixture, "state.", &device)).unwrap();
        model.forward(fixture.tensor("input", &device), state).0
    };
    let output = run(&model);
    let loss = weighted(output.clone());
    let tape = loss.backward();
    let expected = fixture.floats("output");
    assert_close("output", &values(output), &expected, 1e-5);
    assert_close("loss", &values(loss), &fixture.floats("loss"), 1e-5);
    let got = gradients(&model, &tape);
    assert_all_close("gradient", &got, &fixture.under("grad."), 1e-4);
    // With the reset after the product, the same weights have other outputs.
    let after = config.with_reset_after(true);
    let after = fixture.load(after.init(&device).unwrap(), "init.");
    let far = |(a, b): (&f32, &f32)| (a - b).abs() > 1e-2;
    assert!(values(run(&after)).iter().zip(&expected).any(far));
}

/// A model of the fixture, without dropout.
fn thin(embedding_size: usize, num_layers: usize, tied: bool) -> RnnLmConfig {
    RnnLmConfig::default()
        .with_vocab_size(11)
        .with_embedding_size(embedding_size)
        .with_hidden_size(6)
        .with_num_layers(num_layers)
        .with_tied(tied)
        .with_dropout(0.0)
}

/// Loads the weights from a file as PyTorch saves it.
fn load_lm(fixture: &Fixture, name: &str, model: RnnLm) -> Result<RnnLm, WeightsError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let prefix = format!("{name}.init.");
    let tensors = fixture.under(&prefix).into_iter().map(|(name, values)| {
        let shape = fixture.0.tensor(&format!("{prefix}{name}")).unwrap();
        (name, shape.shape().to_vec(), values)
    });
    let tensors: Vec<_> = tensors.collect();
    std::fs::write(&path, common::safetensors(&tensors)).unwrap();
    weights::load_lm(model, &path)
}

/// Three segments of a text with their hidden state, an optimizer step after each of the first two.
fn check_language_model(name: &str, config: &RnnLmConfig, penalties: bool) {
    let fixture = language_models();
    let device = Device::flex().autodiff();
    let key = |part: String| format!("{name}.{part}");
    let mut model = load_lm(&fixture, name, config.init(&device).unwrap()).unwrap();
    let words = fixture.int_tensor::<2>(&key("words".into()), &device);
    let [batch, count] = words.dims();
    let time = count / 3;
    let mut optimizer = adamw();
    let mut state = None;
    for index in 0..3 {
        let input = words.clone().narrow(1, index * time, time);
        let targets = words.clone().narrow(1, index * time + 1, time);
        let output = model.forward(input, state);
        let rows = output.logits.clone().reshape([batch * time, 11]);
        let mut loss = CrossEntropyLossConfig::new()
            .init(&device)
            .forward(rows, targets.reshape([batch * time]));
        if penalties {
            loss = loss
                + regularization::activation(&output.activations, 2.0)
                + regularization::temporal_activation(&output.activations, 1.0);
        }
        let tape = loss.backward();
        let what = format!("{name}, segment {index}");
        let expected = fixture.floats(&key(format!("logits{index}")));
        assert_close(&what, &values(output.logits), &expected, 1e-4);
        let expected = fixture.floats(&key(format!("loss{index}")));
        assert_close(&what, &values(loss), &expected, 1e-5);
        let expected = fixture.under(&key(format!("grad{index}.")));
        assert_all_close(&what, &gradients(&model, &tape), &expected, 1e-3);
        state = Some(output.state.detach());
        if index < 2 {
            let gradients = GradientsParams::from_grads(tape, &model);
            model = optimizer.step(0.01, model, gradients);
        }
    }
    let expected = fixture.under(&key("final.".into()));
    assert_all_close(name, &state_values(state.unwrap()), &expected, 1e-4);
    let mut expected = fixture.under(&key("step2.".into()));
    if config.tied {
        // PyTorch saves it twice.
        assert_eq!(
            expected.remove("decoder.weight").unwrap(),
            expected["encoder.weight"]
        );
    }
    assert_all_close(name, &parameters(&model), &expected, 1e-4);
}

#[test]
fn the_lstm_language_model_with_its_hidden_state_is_pytorchs() {
    check_language_model("untied", &thin(4, 2, false), false);
}

#[test]
fn the_tied_language_model_with_its_hidden_state_is_pytorchs() {
    check_language_model("tied", &thin(6, 2, true), false);
}

#[test]
fn awd_lstm_and_its_penalties_are_pytorchs() {
    check_language_model("awd", &thin(4, 3, true), true);
}

#[test]
fn awd_lstm_in_evaluation_is_pytorchs_whatever_it_drops_in_training() {
    let fixture = language_models();
    let config = RnnLmConfig::awd_lstm()
        .with_vocab_size(11)
        .with_embedding_size(4)
        .with_hidden_size(6);
    let trained = Device::flex().autodiff();
    let model = load_lm(&fixture, "awd", config.init(&trained).unwrap()).unwrap();
    let words = fixture
        .int_tensor::<2>("awd.words", &Device::flex())
        .narrow(1, 0, 4);
    let logits = values(model.valid().forward(words.clone(), None).logits);
    assert_close("logits", &logits, &fixture.floats("awd.logits0"), 1e-5);
    let words = Tensor::from_data(words.into_data(), &trained);
    let noisy = values(model.forward(words, None).logits);
    assert!(noisy.iter().zip(&logits).any(|(a, b)| (a - b).abs() > 1e-2));
}
