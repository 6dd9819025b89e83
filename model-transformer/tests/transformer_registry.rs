//! Properties of every causal language model in the registry.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor};
use common::{gradients_by_name, values};
use tinderbox_model_transformer::registry::{self, MODELS, ModelInfo};
use tinderbox_model_transformer::{CausalLm, CausalLmConfig, num_parameters, weights};

/// The same model, narrow: the tests are about layers, names and shapes.
fn thin(info: &ModelInfo) -> CausalLmConfig {
    let config = (info.config)().with_vocab_size(31).with_context_length(12);
    match config {
        CausalLmConfig::Gpt(mut config) => {
            config.n_embd = 2 * config.n_head;
            CausalLmConfig::Gpt(config)
        }
        CausalLmConfig::Llama(mut config) => {
            config.hidden_size = 2 * config.num_attention_heads;
            config.intermediate_size = config.num_attention_heads;
            CausalLmConfig::Llama(config)
        }
    }
}

/// Limits the number of layers, for speed.
fn shallow(config: CausalLmConfig) -> CausalLmConfig {
    match config {
        CausalLmConfig::Gpt(mut config) => {
            config.n_layer = config.n_layer.min(3);
            CausalLmConfig::Gpt(config)
        }
        CausalLmConfig::Llama(mut config) => {
            config.num_hidden_layers = config.num_hidden_layers.min(3);
            CausalLmConfig::Llama(config)
        }
    }
}

fn tokens(device: &Device) -> Tensor<2, Int> {
    let tokens: Vec<i64> = (0..10).map(|i| i * 7 % 31).collect();
    Tensor::<1, Int>::from_ints(tokens.as_slice(), device).reshape([2, 5])
}

#[test]
fn names_are_sorted_and_found() {
    assert!(MODELS.is_sorted_by_key(|info| info.name));
    for info in MODELS {
        assert_eq!(registry::find(info.name).unwrap().name, info.name);
    }
    assert!(registry::find("no-such-model").is_none());
}

#[test]
fn every_model_has_hugging_faces_number_of_parameters() {
    // The numbers in the table were counted with Hugging Face transformers. Nothing is allocated
    // here: parameters are initialised when they are first accessed.
    for info in MODELS {
        let config = (info.config)();
        assert_eq!(config.num_parameters(), info.parameters, "{}", info.name);
        let model = config.init(&Device::flex()).unwrap();
        assert_eq!(num_parameters(&model), info.parameters, "{}", info.name);
        assert_eq!(model.context_length(), config.context_length());
        assert_eq!(model.vocab_size(), config.vocab_size());
    }
}

#[test]
fn every_model_has_its_shapes_at_full_depth() {
    for info in MODELS {
        let device = Device::flex();
        let model = thin(info).init(&device).unwrap();
        let logits = model.forward(tokens(&device));
        assert_eq!(logits.dims(), [2, 5, 31], "{}", info.name);
        assert!(
            values(logits).iter().all(|x| x.is_finite()),
            "{}",
            info.name
        );
    }
}

#[test]
fn every_parameter_gets_a_gradient() {
    for info in MODELS {
        let device = Device::flex().autodiff();
        let config = shallow(thin(info));
        let model = config.init(&device).unwrap();
        let gradients = model.forward(tokens(&device)).square().sum().backward();
        let found = gradients_by_name(&model, &gradients);
        let without: Vec<&String> = found
            .iter()
            .filter(|(_, gradient)| gradient.is_none())
            .map(|(name, _)| name)
            .collect();
        assert!(without.is_empty(), "{}: {without:?}", info.name);
    }
}

#[test]
fn no_model_sees_later_tokens() {
    for info in MODELS {
        let device = Device::flex();
        let model = shallow(thin(info)).init(&device).unwrap();
        let before = values(model.forward(tokens(&device)).narrow(1, 0, 3));
        let end = Tensor::<2, Int>::full([2, 2], 30, &device);
        let changed = Tensor::cat(vec![tokens(&device).narrow(1, 0, 3), end], 1);
        let after = values(model.forward(changed).narrow(1, 0, 3));
        assert_eq!(before, after, "{}", info.name);
    }
}

#[test]
fn every_dropout_is_active_in_training_only() {
    for option in [
        "embd_pdrop",
        "attn_pdrop",
        "resid_pdrop",
        "attention_dropout",
    ] {
        let device = Device::flex().autodiff();
        let name = match option {
            "attention_dropout" => "llama_mini",
            _ => "gpt_mini",
        };
        let mut json = serde_json::to_value((registry::find(name).unwrap().config)()).unwrap();
        json[option] = 0.3.into();
        let config: CausalLmConfig = serde_json::from_value(json).unwrap();
        let model = config.init(&device).unwrap();
        let trained = || values(model.forward(tokens(&device)).inner());
        assert_ne!(trained(), trained(), "{option}");
        let valid = model.valid();
        let evaluated = || values(valid.forward(tokens(&Device::flex())));
        assert_eq!(evaluated(), evaluated(), "{option}");
    }
}

#[test]
fn saved_weights_give_the_same_logits_and_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    for info in MODELS {
        let device = Device::flex();
        let config = shallow(thin(info));
        let model = config.init(&device).unwrap();
        weights::save(&model, &path).unwrap();
        let loaded = weights::load(config.init(&device).unwrap(), &path).unwrap();
        let logits = |model: &CausalLm| values(model.forward(tokens(&device)));
        assert_eq!(logits(&model), logits(&loaded), "{}", info.name);
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(bytes, weights::to_bytes(&loaded).unwrap());
    }
}

#[test]
fn a_configuration_survives_json() {
    for info in MODELS {
        let config = (info.config)();
        let json = serde_json::to_string(&config).unwrap();
        let again: CausalLmConfig = serde_json::from_str(&json).unwrap();
        assert_eq!(again, config);
    }
    let small = r#"{"family": "gpt", "n_layer": 2, "n_embd": 8, "n_head": 2, "activation_function": "gelu"}"#;
    let small: CausalLmConfig = serde_json::from_str(small).unwrap();
    assert_eq!(small.context_length(), 1024);
    let misspelt = r#"{"family": "gpt", "n_layers": 2}"#;
    let error = serde_json::from_str::<CausalLmConfig>(misspelt).unwrap_err();
    assert!(error.to_string().contains("n_layers"), "{error}");
}

#[test]
fn weights_begin_as_gpt2s() {
    let device = Device::flex();
    device.seed(5);
    let CausalLmConfig::Gpt(mut config) = thin(registry::find("gpt2").unwrap()) else {
        unreachable!()
    };
    (config.n_layer, config.n_embd) = (8, 48);
    let bytes = weights::to_bytes(&config.init(&device).unwrap()).unwrap();
    let dict = weights::StateDict::from_bytes(bytes, Path::new("model")).unwrap();
    let deviation = |name: &str| {
        let floats: Vec<f32> = dict.floats(name).unwrap().try_into_vec().unwrap();
        (floats.iter().map(|x| x * x).sum::<f32>() / floats.len() as f32).sqrt()
    };
    for (name, expected) in [
        ("transformer.wte.weight", 0.02),
        ("transformer.h.3.attn.c_attn.weight", 0.02),
        ("transformer.h.3.mlp.c_fc.weight", 0.02),
        ("transformer.h.3.attn.c_proj.weight", 0.005),
        ("transformer.h.3.mlp.c_proj.weight", 0.005),
        ("transformer.h.3.mlp.c_fc.bias", 0.0),
        ("transformer.ln_f.weight", 1.0),
    ] {
        let got = deviation(name);
        assert!((got - expected).abs() <= 0.1 * expected, "{name}: {got}");
    }
}

#[test]
fn invalid_options_are_named() {
    let wrong = [
        (r#"{"family": "gpt", "n_embd": 10, "n_head": 3}"#, "n_embd"),
        (r#"{"family": "gpt", "n_layer": 0}"#, "n_layer"),
        (r#"{"family": "gpt", "n_layer": 100000000000}"#, "n_layer"),
        (r#"{"family": "gpt", "n_head": 0}"#, "n_head"),
        (
            r#"{"family": "gpt", "n_embd": 4611686018427387904, "n_inner": 1}"#,
            "n_embd",
        ),
        (r#"{"family": "gpt", "attn_pdrop": 1.0}"#, "attn_pdrop"),
        (
            r#"{"family": "gpt", "layer_norm_epsilon": 0.0}"#,
            "layer_norm_epsilon",
        ),
        (
            r#"{"family": "llama", "num_attention_heads": 0}"#,
            "num_attention_heads",
        ),
        (
            r#"{"family": "llama", "num_key_value_heads": 3}"#,
            "num_attention_heads",
        ),
        (
            r#"{"family": "llama", "num_key_value_heads": 0}"#,
            "num_key_value_heads",
        ),
        (r#"{"family": "llama", "head_dim": 5}"#, "head_dim"),
        (r#"{"family": "llama", "hidden_size": 100}"#, "hidden_size"),
        (r#"{"family": "llama", "rope_theta": -1.0}"#, "rope_theta"),
        (r#"{"family": "llama", "vocab_size": 0}"#, "vocab_size"),
    ];
    for (json, option) in wrong {
        let config: CausalLmConfig = serde_json::from_str(json).unwrap();
        let error = config.init(&Device::flex()).unwrap_err();
        assert_eq!(error.option, option, "{json}: {error}");
    }
}

#[test]
#[should_panic(expected = "13 tokens exceed the context length of 12")]
fn a_text_longer_than_the_context_is_refused() {
    let device = Device::flex();
    let model = thin(registry::find("gpt_mini").unwrap())
        .init(&device)
        .unwrap();
    model.forward(Tensor::zeros([1, 13], &device));
}
