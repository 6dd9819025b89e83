//! Dropout: which values it drops, in training only, with one mask for all time steps if locked.
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

/// Drops from ones; true for every feature that was kept, `[time][feature]`.
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
    // Each sequence of a batch has its own mask.
    let device = Device::flex().autodiff();
    let dropped = SequenceDropout::new(0.4, true)
        .unwrap()
        .forward(Tensor::ones([1, 2, 1000], &device));
    let dropped = values(dropped);
    assert_ne!(dropped[..1000], dropped[1000..]);
    assert!(SequenceDropout::new(1.0, true).is_err() && WordDropout::new(-0.1).is_err());
}

#[test]
fn a_dropped_token_is_dropped_everywhere_in_the_batch() {
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
    // Without input and biases, and with ReLU, a step multiplies the state by the recurrent
    // weights. From unit vectors, the first step returns the weights, and the second one their
    // square if the mask is still the same.
    let device = Device::flex().autodiff();
    let size = 20;
    let config = RecurrentConfig::new(CellKind::RnnRelu, 1, size, 1)
        .with_bias(false)
        .with_weight_drop(0.5);
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
    // Six standard deviations of 400 coin flips.
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
fn dropout_acts_on_the_outputs_of_all_layers_but_the_last() {
    // An output of exactly 0 was dropped.
    let device = Device::flex().autodiff();
    let config = RecurrentConfig::new(CellKind::Lstm, 2, 8, 2).with_dropout(0.5);
    let model = config.init(&device).unwrap();
    let input = random([2, 5, 2], &device);
    let first = values(model.forward(input.clone(), None).0);
    assert!(first.iter().all(|&x| x != 0.0));
    assert_ne!(first, values(model.forward(input, None).0));
}

/// True if outputs are random: before the output dropout, and by it.
fn noisy(config: &RnnLmConfig) -> [bool; 2] {
    let device = Device::flex().autodiff();
    let model = config.init(&device).unwrap();
    let words = words([2, 4], 13, &device);
    let run = || model.forward(words.clone(), None).activations;
    let (first, second) = (run(), run());
    let raw = values(first.raw.clone()) != values(second.raw);
    // Dropped outputs are 0, others never are.
    assert!(values(first.raw.clone()).iter().all(|&x| x != 0.0));
    let dropped = values(first.dropped.clone()) != values(first.raw);
    let zeros = values(first.dropped).contains(&0.0);
    assert_eq!(dropped, zeros);
    [raw, dropped]
}

#[test]
fn every_dropout_option_acts_in_its_place() {
    let none = RnnLmConfig::default()
        .with_vocab_size(13)
        .with_embedding_size(30)
        .with_hidden_size(30)
        .with_dropout(0.0);
    let all = none.clone().with_dropout(0.5);
    let only = |input, hidden, output| {
        none.clone()
            .with_dropout(output)
            .with_dropout_input(Some(input))
            .with_dropout_hidden(Some(hidden))
    };
    let words = none.clone().with_dropout_words(0.5);
    let weights = none.clone().with_weight_drop(0.5);
    for locked_dropout in [false, true] {
        let noisy = |config: RnnLmConfig| noisy(&config.with_locked_dropout(locked_dropout));
        assert_eq!(noisy(none.clone()), [false, false]);
        assert_eq!(noisy(all.clone()), [true, true]);
        assert_eq!(noisy(only(0.5, 0.0, 0.0)), [true, false]);
        assert_eq!(noisy(only(0.0, 0.5, 0.0)), [true, false]);
        assert_eq!(noisy(only(0.0, 0.0, 0.5)), [false, true]);
        assert_eq!(noisy(words.clone()), [true, false]);
        assert_eq!(noisy(weights.clone()), [true, false]);
        // A single layer has no dropout between layers.
        let one = only(0.0, 0.5, 0.0).with_num_layers(1);
        assert_eq!(noisy(one), [false, false]);
    }
}

#[test]
fn ar_penalises_dropped_outputs_and_tar_differences_of_raw_ones() {
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
fn layers_switch_between_training_and_evaluation_as_a_whole() {
    let device = Device::flex().autodiff();
    let input = random([2, 4, 10], &device);
    // The input stays on the autodiff device: only the mode of the layers may matter.
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
    let dropout = base.clone().with_dropout(0.5);
    let weight_drop = base.with_weight_drop(0.5);
    for config in [dropout, weight_drop] {
        let model = config.init(&device).unwrap();
        assert!(is_noisy(&model) && trains(&model));
        let valid = model.valid();
        assert!(!is_noisy(&valid));
        assert_eq!(common::parameters(&valid), common::parameters(&model));
        let trained = valid.train();
        assert!(is_noisy(&trained) && trains(&trained));
        // A fork has its own autodiff graph.
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
