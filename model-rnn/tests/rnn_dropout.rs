//! What is dropped, where, and when: in training, and the same at all time steps where it should be.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use common::{assert_close, random, values, words};
use tinderbox_model_rnn::layers::{SequenceDropout, WordDropout};
use tinderbox_model_rnn::{
    Activations, CellKind, Recurrent, RecurrentConfig, RnnLmConfig, RnnState, regularization,
    weights,
};

/// What dropout made of ones: for every unit whether it was kept, `[time][unit]`.
fn kept(dropout: &SequenceDropout, time: usize, units: usize) -> Vec<Vec<bool>> {
    let device = Device::flex().autodiff();
    let ones = Tensor::ones([time, 1, units], &device);
    let dropped = values(dropout.forward(ones));
    let is_kept = |&x: &f32| {
        assert!(x == 0.0 || (x - 1.0 / 0.6).abs() < 1e-6, "{x}");
        x > 0.0
    };
    dropped
        .chunks(units)
        .map(|step| step.iter().map(is_kept).collect())
        .collect()
}

#[test]
fn locked_dropout_is_the_same_at_all_time_steps() {
    let locked = kept(&SequenceDropout::new(0.4, true).unwrap(), 5, 1000);
    assert!(locked.iter().all(|step| *step == locked[0]));
    let free = kept(&SequenceDropout::new(0.4, false).unwrap(), 5, 1000);
    assert!(free.iter().skip(1).all(|step| *step != free[0]));
    for step in [&locked[0], &free[0]] {
        // Within six standard deviations.
        let count = step.iter().filter(|kept| **kept).count();
        assert!(count.abs_diff(600) < 94, "{count}");
    }
    // Each text of a batch is dropped from on its own.
    let device = Device::flex().autodiff();
    let dropped = SequenceDropout::new(0.4, true)
        .unwrap()
        .forward(Tensor::ones([1, 2, 1000], &device));
    let dropped = values(dropped);
    assert_ne!(dropped[..1000], dropped[1000..]);
    assert!(SequenceDropout::new(1.0, true).is_err() && WordDropout::new(-0.1).is_err());
}

#[test]
fn dropped_words_are_dropped_wherever_they_are() {
    let device = Device::flex().autodiff();
    let weight = Tensor::<2>::ones([1000, 3], &device);
    let words: Vec<i64> = (0..2000).map(|i| i % 1000).collect();
    let words = Tensor::from_data(TensorData::new(words, [2, 1000]), &device);
    let dropped = WordDropout::new(0.4)
        .unwrap()
        .lookup(weight.clone(), words.clone());
    assert_eq!(dropped.dims(), [2, 1000, 3]);
    let dropped = values(dropped);
    assert_eq!(dropped[..3000], dropped[3000..]);
    let mut count = 0;
    for word in dropped[..3000].chunks(3) {
        assert!(word == [0.0; 3] || word.iter().all(|x| (x - 1.0 / 0.6).abs() < 1e-6));
        count += usize::from(word[0] > 0.0);
    }
    assert!(count.abs_diff(600) < 94, "{count}");
    // Nothing is dropped in evaluation.
    let (weight, words) = (weight.inner(), words.inner());
    let looked_up = values(WordDropout::new(0.4).unwrap().lookup(weight, words));
    assert!(looked_up.iter().all(|&x| x == 1.0));
}

#[test]
fn dropped_recurrent_weights_are_dropped_at_all_time_steps() {
    // With no input, no biases and ReLU, a step multiplies the state by the recurrent weights. From the unit vectors, the
    // first step gives the weights themselves, and the second one their square if they are still the same.
    let device = Device::flex().autodiff();
    let size = 20;
    let config = RecurrentConfig {
        bias: false,
        weight_drop: 0.5,
        ..RecurrentConfig::new(CellKind::RnnRelu, 1, size, 1)
    };
    let ones = |rows: usize, columns: usize| vec![1.0 / size as f32; rows * columns];
    let file = common::safetensors(&[
        ("weight_ih_l0".into(), vec![size, 1], ones(size, 1)),
        ("weight_hh_l0".into(), vec![size, size], ones(size, size)),
    ]);
    let model =
        weights::load_bytes(config.init(&device).unwrap(), file, Path::new("ones")).unwrap();
    let run = || {
        let state = [("hidden_l0".to_string(), Tensor::<2>::eye(size, &device))];
        let state = RnnState::from_named(state.into()).unwrap();
        let (output, _) = model.forward(Tensor::zeros([size, 3, 1], &device), state);
        [0, 1, 2].map(|t| output.clone().narrow(1, t, 1).squeeze_dim::<2>(1))
    };
    let [first, second, third] = run();
    let weights = values(first.clone());
    let kept = weights.iter().filter(|x| **x > 0.0).count();
    // Six standard deviations of 400 coins.
    assert!(kept.abs_diff(200) < 60, "{kept}");
    assert!(
        weights
            .iter()
            .all(|&x| x == 0.0 || (x - 2.0 / size as f32).abs() < 1e-6)
    );
    let square = first.clone().matmul(first.clone());
    assert_close(
        "second step",
        &values(second.clone()),
        &values(square),
        1e-5,
    );
    assert_close(
        "third step",
        &values(third),
        &values(second.matmul(first)),
        1e-5,
    );
    let [again, ..] = run();
    assert_ne!(values(again), weights);
}

#[test]
fn only_the_last_layers_outputs_are_not_dropped_by_the_layers() {
    // An output of exactly zero is one that was dropped.
    let device = Device::flex().autodiff();
    let config = RecurrentConfig {
        dropout: 0.5,
        ..RecurrentConfig::new(CellKind::Lstm, 2, 8, 2)
    };
    let model = config.init(&device).unwrap();
    let input = random([2, 5, 2], &device);
    let first = values(model.forward(input.clone(), None).0);
    assert!(first.iter().all(|&x| x != 0.0));
    assert_ne!(first, values(model.forward(input, None).0));
}

/// Whether dropout showed, in the outputs before the last dropout, and in those after it.
fn noisy(config: &RnnLmConfig) -> [bool; 2] {
    let device = Device::flex().autodiff();
    let model = config.init(&device).unwrap();
    let words = words([2, 4], 13, &device);
    let run = || model.forward(words.clone(), None).activations;
    let (first, second) = (run(), run());
    let raw = values(first.raw.clone()) != values(second.raw);
    // What is dropped is zero, and an output never is.
    assert!(values(first.raw.clone()).iter().all(|&x| x != 0.0));
    let dropped = values(first.dropped.clone()) != values(first.raw);
    let zeros = values(first.dropped).contains(&0.0);
    assert_eq!(dropped, zeros);
    [raw, dropped]
}

#[test]
fn every_dropout_acts_where_its_name_says() {
    let none = RnnLmConfig {
        vocab_size: 13,
        embedding_size: 30,
        hidden_size: 30,
        dropout: 0.0,
        ..RnnLmConfig::default()
    };
    let all = RnnLmConfig {
        dropout: 0.5,
        ..none
    };
    let only = |input, hidden, output| RnnLmConfig {
        dropout: output,
        dropout_input: Some(input),
        dropout_hidden: Some(hidden),
        ..none
    };
    let words = RnnLmConfig {
        dropout_words: 0.5,
        ..none
    };
    let weights = RnnLmConfig {
        weight_drop: 0.5,
        ..none
    };
    for locked_dropout in [false, true] {
        let noisy = |config: RnnLmConfig| {
            noisy(&RnnLmConfig {
                locked_dropout,
                ..config
            })
        };
        assert_eq!(noisy(none.clone()), [false, false]);
        assert_eq!(noisy(all.clone()), [true, true]);
        assert_eq!(noisy(only(0.5, 0.0, 0.0)), [true, false]);
        assert_eq!(noisy(only(0.0, 0.5, 0.0)), [true, false]);
        assert_eq!(noisy(only(0.0, 0.0, 0.5)), [false, true]);
        assert_eq!(noisy(words.clone()), [true, false]);
        assert_eq!(noisy(weights.clone()), [true, false]);
        // Between layers there is nothing if there is only one.
        let one = RnnLmConfig {
            num_layers: 1,
            ..only(0.0, 0.5, 0.0)
        };
        assert_eq!(noisy(one), [false, false]);
    }
}

#[test]
fn penalties_look_at_the_outputs_that_they_should() {
    let device = Device::flex();
    let dropped = Tensor::from_floats([[[1.0, 0.0], [3.0, 0.0], [0.0, 2.0]]], &device);
    let raw = Tensor::from_floats([[[1.0, 1.0], [3.0, 1.0], [0.0, 2.0]]], &device);
    let activations = Activations { dropped, raw };
    let penalty = values(regularization::activation(&activations, 2.0));
    assert_close("activation", &penalty, &[2.0 * 14.0 / 6.0], 1e-6);
    let penalty = values(regularization::temporal_activation(&activations, 3.0));
    assert_close("temporal", &penalty, &[3.0 * (4.0 + 9.0 + 1.0) / 4.0], 1e-6);
}

#[test]
fn a_single_step_has_no_temporal_penalty() {
    let device = Device::flex();
    let raw = random([2, 1, 3], &device);
    let activations = Activations {
        dropped: raw.clone(),
        raw,
    };
    let penalty = values(regularization::temporal_activation(&activations, 1.0));
    assert_eq!(penalty, [0.0]);
}

#[test]
fn layers_go_to_evaluation_and_back_as_a_whole() {
    let device = Device::flex().autodiff();
    let input = random([2, 4, 10], &device);
    // Not a word about the device of the input here: what was switched off stays off.
    let is_noisy = |model: &Recurrent| {
        let run = || values(model.forward(input.clone(), None).0);
        run() != run()
    };
    let trains = |model: &Recurrent| {
        let loss = model.forward(input.clone(), None).0.sum();
        let found = common::gradients(model, &loss.backward());
        found.len() == weights::parameter_names(model).len()
    };
    let base = RecurrentConfig::new(CellKind::Lstm, 10, 10, 2);
    let dropout = RecurrentConfig {
        dropout: 0.5,
        ..base.clone()
    };
    let weight_drop = RecurrentConfig {
        weight_drop: 0.5,
        ..base
    };
    for config in [dropout, weight_drop] {
        let model = config.init(&device).unwrap();
        assert!(is_noisy(&model) && trains(&model));
        let valid = model.valid();
        assert!(!is_noisy(&valid));
        assert_eq!(common::parameters(&valid), common::parameters(&model));
        let trained = valid.train();
        assert!(is_noisy(&trained) && trains(&trained));
        // A copy for another thread learns on its own.
        let fork = model.clone().fork(&device);
        assert!(is_noisy(&fork) && trains(&fork));
        let whole = model.clone().to_device(&device).materialize();
        assert_eq!(common::parameters(&whole), common::parameters(&model));
        let frozen = model.freeze();
        assert!(!is_noisy(&frozen));
        let loss = frozen.forward(input.clone(), None).0;
        assert!(!loss.is_require_grad() && is_noisy(&frozen.unfreeze()));
    }
}
