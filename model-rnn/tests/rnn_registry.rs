//! Properties of every model in the registry.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;

use burn::module::Module;
use burn::nn::loss::CrossEntropyLossConfig;
use burn::tensor::{Device, Int, Tensor, TensorData};
use common::{gradients, logits_of, words};
use tinderbox_model_rnn::registry::{self, MODELS, RnnModelInfo};
use tinderbox_model_rnn::weights::{self, WeightsError};
use tinderbox_model_rnn::{CellKind, RnnLmConfig, num_parameters};

/// The same model with few units, but enough that dropout never drops all of them: the tests are
/// about names, order and shapes.
fn thin(info: &RnnModelInfo) -> RnnLmConfig {
    let config = (info.config)().with_vocab_size(23);
    let hidden_size = if config.num_layers > 2 { 50 } else { 40 };
    config.with_embedding_size(40).with_hidden_size(hidden_size)
}

#[test]
fn names_are_sorted_and_found() {
    assert!(MODELS.is_sorted_by_key(|info| info.name));
    for info in MODELS {
        assert_eq!(registry::find(info.name).unwrap().name, info.name);
    }
    assert!(registry::find("no-such-model").is_none());
    assert_eq!(registry::nearest("lstm_lrage"), Some("lstm_large"));
}

#[test]
fn every_model_has_pytorchs_number_of_parameters() {
    // Counted with nn.Embedding, nn.RNN, nn.GRU, nn.LSTM and nn.Linear.
    for info in MODELS {
        let model = (info.config)().init(&Device::flex()).unwrap();
        assert_eq!(num_parameters(&model), info.parameters, "{}", info.name);
    }
}

#[test]
fn every_model_returns_logits_a_state_and_activations() {
    for info in MODELS {
        let device = Device::flex();
        let config = thin(info);
        let model = config.init(&device).unwrap();
        let output = model.forward(words([2, 3], 23, &device), None);
        assert_eq!(output.logits.dims(), [2, 3, 23], "{}", info.name);
        let last = if config.tied { 40 } else { config.hidden_size };
        assert_eq!(output.activations.raw.dims(), [2, 3, last]);
        assert_eq!(output.activations.dropped.dims(), [2, 3, last]);
        assert_eq!(output.state.hidden().count(), config.num_layers);
        let cells = if config.cell == CellKind::Lstm {
            config.num_layers
        } else {
            0
        };
        assert_eq!(output.state.cell().count(), cells);
        model.check_state(&output.state, 2).unwrap();
        assert!(model.check_state(&output.state, 3).is_err());
        // Continue from the state.
        let output = model.forward(words([2, 1], 23, &device), Some(output.state));
        assert_eq!(output.logits.dims(), [2, 1, 23]);
    }
}

#[test]
fn every_parameter_has_pytorchs_name_and_gets_a_gradient() {
    for info in MODELS {
        let device = Device::flex().autodiff();
        let config = thin(info);
        let model = config.init(&device).unwrap();
        let mut expected = vec!["encoder.weight".to_string()];
        for layer in 0..config.num_layers {
            for part in ["weight_ih", "weight_hh", "bias_ih", "bias_hh"] {
                expected.push(format!("rnn.{part}_l{layer}"));
            }
        }
        if !config.tied {
            expected.push("decoder.weight".into());
        }
        expected.push("decoder.bias".into());
        assert_eq!(weights::parameter_names(&model), expected);

        let logits = model.forward(words([2, 4], 23, &device), None).logits;
        let targets = words([1, 8], 23, &device).reshape([8]);
        let loss = CrossEntropyLossConfig::new().init(&device);
        let loss = loss.forward(logits.reshape([8, 23]), targets);
        let gradients = gradients(&model, &loss.backward());
        for name in &expected {
            let gradient = gradients.get(name).unwrap();
            assert!(gradient.iter().any(|&g| g != 0.0), "{}: {name}", info.name);
        }
        assert_eq!(gradients.len(), expected.len());
    }
}

#[test]
fn saved_and_loaded_the_logits_are_the_same() {
    let folder = tempfile::tempdir().unwrap();
    for info in MODELS {
        let device = Device::flex();
        let config = thin(info);
        let words = words([2, 5], 23, &device);
        let model = config.init(&device).unwrap();
        let expected = logits_of(&model, &words);
        let path = folder.path().join(format!("{}.safetensors", info.name));
        weights::save(&model, &path).unwrap();
        let other = config.init(&device).unwrap();
        assert_ne!(logits_of(&other, &words), expected);
        let strict = weights::load(other.clone(), &path).unwrap();
        assert_eq!(logits_of(&strict, &words), expected);
        let loaded = weights::load_lm(other.clone(), &path).unwrap();
        assert_eq!(logits_of(&loaded, &words), expected);
        // Burn's own records.
        let loaded = other.load_record(model.into_record());
        assert_eq!(logits_of(&loaded, &words), expected);
    }
}

/// A tied model as PyTorch saves it; the weight of the decoder differs by `difference`.
fn with_both_names(model: &impl Module, difference: f32) -> Vec<u8> {
    let bytes = weights::to_bytes(model).unwrap();
    let dict = weights::StateDict::from_bytes(bytes, Path::new("tied")).unwrap();
    let names: Vec<String> = dict.names().map(str::to_string).collect();
    let mut tensors = Vec::new();
    for name in names {
        let data = dict.floats(&name).unwrap();
        let values: Vec<f32> = data.iter::<f32>().collect();
        let shape = dict.shape(&name).unwrap().to_vec();
        if name == "encoder.weight" {
            let values = values.iter().map(|x| x + difference).collect();
            tensors.push(("decoder.weight".to_string(), shape.clone(), values));
        }
        tensors.push((name, shape, values));
    }
    common::safetensors(&tensors)
}

#[test]
fn a_tied_model_accepts_a_file_with_both_names_if_the_weights_are_equal() {
    let folder = tempfile::tempdir().unwrap();
    let device = Device::flex();
    let config = thin(registry::find("awd_lstm").unwrap());
    let model = config.init(&device).unwrap();
    let other = config.init(&device).unwrap();
    let words = words([1, 4], 23, &device);

    let path = folder.path().join("both.safetensors");
    std::fs::write(&path, with_both_names(&model, 0.0)).unwrap();
    let loaded = weights::load_lm(other.clone(), &path).unwrap();
    assert_eq!(logits_of(&loaded, &words), logits_of(&model, &words));

    std::fs::write(&path, with_both_names(&model, 1e-3)).unwrap();
    let error = weights::load_lm(other.clone(), &path).unwrap_err();
    assert!(matches!(error, WeightsError::Mismatch { .. }), "{error}");
    assert!(error.to_string().contains("decoder.weight"), "{error}");

    // An untied model accepts both, equal or not.
    let untied = config.with_tied(false).with_num_layers(1);
    let model = untied.init(&device).unwrap();
    weights::save(&model, &path).unwrap();
    let loaded = weights::load_lm(untied.init(&device).unwrap(), &path).unwrap();
    assert_eq!(logits_of(&loaded, &words), logits_of(&model, &words));
    // A tied model rejects the file of an untied one.
    let error = weights::load_lm(other, &path).unwrap_err();
    assert!(error.to_string().contains("decoder.weight"), "{error}");
}

#[test]
fn configurations_survive_json() {
    for info in MODELS {
        let config = (info.config)();
        let json = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<RnnLmConfig>(&json).unwrap(), config);
    }
    let config: RnnLmConfig = serde_json::from_str(r#"{"cell": "gru", "hidden_size": 7}"#).unwrap();
    assert_eq!((config.cell, config.hidden_size), (CellKind::Gru, 7));
    let error = serde_json::from_str::<RnnLmConfig>(r#"{"hiden_size": 7}"#).unwrap_err();
    assert!(error.to_string().contains("hiden_size"), "{error}");
}

#[test]
fn invalid_options_are_named() {
    for (option, json) in [
        ("vocab_size", r#"{"vocab_size": 0}"#),
        ("embedding_size", r#"{"embedding_size": 0}"#),
        ("hidden_size", r#"{"hidden_size": 0}"#),
        ("num_layers", r#"{"num_layers": 0}"#),
        ("dropout", r#"{"dropout": 1.0}"#),
        ("dropout_input", r#"{"dropout_input": -0.1}"#),
        ("dropout_hidden", r#"{"dropout_hidden": 1.5}"#),
        ("dropout_words", r#"{"dropout_words": 2}"#),
        ("weight_drop", r#"{"weight_drop": 1}"#),
        ("init_range", r#"{"init_range": -1}"#),
        (
            "hidden_size",
            r#"{"tied": true, "num_layers": 1, "hidden_size": 3}"#,
        ),
    ] {
        let config: RnnLmConfig = serde_json::from_str(json).unwrap();
        let error = config.validate().unwrap_err();
        assert_eq!(error.option, option, "{json}");
        assert_eq!(config.init(&Device::flex()).unwrap_err(), error);
    }
}

#[test]
fn parameters_are_initialised_within_their_range() {
    let device = Device::flex();
    let largest = |config: &RnnLmConfig, name: &str| {
        let model = config.init(&device).unwrap();
        let bytes = weights::to_bytes(&model).unwrap();
        let dict = weights::StateDict::from_bytes(bytes, Path::new("init")).unwrap();
        let values = dict.floats(name).unwrap();
        values
            .iter::<f32>()
            .fold(0.0_f32, |max, x| max.max(x.abs()))
    };
    let zaremba = RnnLmConfig::lstm_medium().with_vocab_size(1000);
    for name in [
        "encoder.weight",
        "decoder.weight",
        "decoder.bias",
        "rnn.weight_hh_l1",
    ] {
        let largest = largest(&zaremba, name);
        assert!(largest <= 0.05 && largest > 0.045, "{name}: {largest}");
    }
    let small = RnnLmConfig::default();
    let largest = |name| largest(&small, name);
    let (encoder, recurrent) = (largest("encoder.weight"), largest("rnn.weight_hh_l0"));
    assert!(encoder <= 0.1 && encoder > 0.09, "{encoder}");
    let range = 1.0 / 128_f32.sqrt();
    assert!(
        recurrent <= range && recurrent > 0.95 * range,
        "{recurrent}"
    );
    assert_eq!(largest("decoder.bias"), 0.0);
}

#[test]
fn dropout_follows_the_mode_of_the_model() {
    // A model in evaluation mode: no dropout, equal logits every time.
    let device = Device::flex().autodiff();
    let config = thin(registry::find("awd_lstm").unwrap());
    let model = config.init(&device).unwrap();
    let tokens = [[1, 2, 3, 4, 5, 6, 7, 8]];
    let trained = Tensor::<2, Int>::from_data(TensorData::from(tokens), &device);
    let first = model.forward(trained.clone(), None);
    assert!(first.logits.is_autodiff());
    let noisy = logits_of(&model, &trained);
    assert_ne!(noisy, logits_of(&model, &trained));
    let plain = Tensor::<2, Int>::from_data(TensorData::from(tokens), &Device::flex());
    let valid = model.valid();
    assert!(!valid.forward(plain.clone(), None).logits.is_autodiff());
    assert_eq!(logits_of(&valid, &plain), logits_of(&valid, &plain));
    // Back to training.
    let trained_again = valid.clone().train();
    assert_ne!(noisy, logits_of(&trained_again, &trained));
    // A frozen model has no dropout even on an autodiff device.
    let frozen = trained_again.freeze();
    assert_eq!(logits_of(&frozen, &trained), logits_of(&valid, &plain));
}
