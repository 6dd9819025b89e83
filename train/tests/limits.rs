//! Numbers of models and recipes are bounded, and so are their products.
#![allow(clippy::unwrap_used)]

use burn::tensor::Device;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tinderbox_model_cnn::{ImageClassifierConfig, SimpleCnnConfig, registry};
use tinderbox_model_transformer::TextEncoderConfig;
use tinderbox_model_transformer::registry::ENCODERS;
use tinderbox_train::kinds::language_modeling::{LanguageModelConfig, LanguageModelInfo};
use tinderbox_train::{Recipe, TrainError, init_model};

/// Sizes that programs trip over.
const SIZES: [u64; 9] = [
    0,
    1,
    65_536,
    1 << 24,
    (1 << 24) + 1,
    1 << 32,
    1 << 53,
    i64::MAX as u64,
    u64::MAX,
];

/// Paths of the integers in `value`.
fn integers(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                integers(value, &format!("{path}/{key}"), found);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                integers(value, &format!("{path}/{index}"), found);
            }
        }
        Value::Number(number) if number.is_u64() => found.push(path.to_string()),
        _ => {}
    }
}

/// Sets one integer of `config`, or all of them, to each of [`SIZES`], and calls `validate`, in
/// which arithmetic that wraps around panics.
fn try_sizes<C: Serialize + DeserializeOwned>(config: &C, validate: impl Fn(&C) -> bool) {
    let json = serde_json::to_value(config).unwrap();
    let mut paths = Vec::new();
    integers(&json, "", &mut paths);
    assert!(!paths.is_empty());
    for size in SIZES {
        let mut all = json.clone();
        for path in &paths {
            let mut one = json.clone();
            *one.pointer_mut(path).unwrap() = size.into();
            *all.pointer_mut(path).unwrap() = size.into();
            let config: C = serde_json::from_value(one).unwrap();
            let is_valid = validate(&config);
            assert!(!is_valid || size <= 1 << 24, "{path} may be {size}");
        }
        let all: C = serde_json::from_value(all).unwrap();
        validate(&all);
    }
}

#[test]
fn no_size_of_an_image_classifier_wraps_around() {
    for model in registry::MODELS {
        let config: ImageClassifierConfig = (model.config)();
        try_sizes(&config, |config| config.validate().is_ok());
    }
}

#[test]
fn no_size_of_a_language_model_wraps_around() {
    for model in LanguageModelInfo::all() {
        try_sizes(&model.config, |config: &LanguageModelConfig| {
            config.validate().is_ok()
        });
    }
}

#[test]
fn no_size_of_an_encoder_wraps_around() {
    for model in ENCODERS {
        let config: TextEncoderConfig = (model.config)();
        try_sizes(&config, |config| config.validate().is_ok());
    }
}

#[test]
fn a_model_that_does_not_fit_into_memory_is_refused_with_its_bytes() {
    // A terabyte, of which nothing is allocated.
    let config = SimpleCnnConfig::new(10)
        .with_channels([8, 440])
        .with_hidden(1 << 24);
    let device = Device::flex();
    let error = init_model(1, &device, || Ok(config.init(&device)?)).unwrap_err();
    let TrainError::Memory { bytes, .. } = &error else {
        panic!("{error}");
    };
    let parameters: u128 = 9 * 8 * (3 + 440) + 440 * 36 * (1 << 24) + 10 * (1 << 24);
    let biases: u128 = 8 + 440 + (1 << 24) + 10;
    assert_eq!(*bytes, 4 * (parameters + biases));
    assert!(error.to_string().contains(&format!("{bytes} bytes")));
}

#[test]
fn numbers_of_a_recipe_have_an_upper_bound() {
    for (recipe, key) in [
        ("cnn", "data.train_size"),
        ("cnn", "data.val_size"),
        ("cnn", "data.image_size"),
        ("cnn", "model.channels"),
        ("cnn", "model.hidden"),
        ("cnn", "model.image_size"),
        ("cnn", "train.batch_size"),
        ("cnn", "train.gradient_accumulation"),
        ("rnn", "data.train_size"),
        ("rnn", "data.sequence_length"),
        ("rnn", "data.eval_streams"),
        ("rnn", "data.vocab_size"),
        ("rnn", "model.num_layers"),
        ("transformer", "model.n_embd"),
        ("bert", "data.train_size"),
        ("bert", "data.max_length"),
        ("bert", "data.vocab_size"),
        ("bert", "model.vocab_size"),
        ("bert", "model.lora.rank"),
    ] {
        let value = match key {
            "model.channels" => "[9007199254740992, 4]",
            _ => "9007199254740992",
        };
        let error = Recipe::load(recipe, &[format!("{key}={value}")]).unwrap_err();
        let message = error.to_string();
        let option = key.rsplit('.').next().unwrap();
        assert!(message.contains(option), "{key}: {message}");
        assert!(message.contains("9007199254740992"), "{key}: {message}");
    }
}

#[test]
fn a_list_of_problems_ends_somewhere() {
    let unknown: String = (0..3000).map(|n| format!("unknown{n} = 1\n")).collect();
    let error = Recipe::parse(&unknown, "many.toml", &[]).unwrap_err();
    let message = error.to_string();
    assert!(message.starts_with("many.toml: "), "{message}");
    assert!(message.ends_with("; and 2980 more"), "{message}");
}
