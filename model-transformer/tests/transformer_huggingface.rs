//! Hugging Face model folders of causal language models, read and written. The fixtures are made by
//! `golden/make_transformer.py`.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;

use burn::tensor::Device;
use common::{Thin, assert_close, batch, fixture_folder, gpt2, llama, thin_models, values};
use serde_json::{Value, json};
use tinderbox_model_transformer::huggingface::{self, HuggingFaceError};
use tinderbox_model_transformer::layers::positions::RopeScaling;
use tinderbox_model_transformer::weights::StateDict;
use tinderbox_model_transformer::{CausalLm, CausalLmConfig, GptConfig};

/// Checks the logits of the model in `folder` against the fixture of `thin`.
fn check(folder: &Path, thin: &Thin) -> CausalLm {
    let device = Device::flex();
    let model = huggingface::open(folder, &device).unwrap();
    let (tokens, _) = batch(&thin.fixture, &device);
    let logits = values(model.forward(tokens));
    assert_close(thin.name, &logits, &thin.fixture.floats("logits"), 1e-4);
    model
}

fn folder(name: &str) -> std::path::PathBuf {
    fixture_folder().join("huggingface").join(name)
}

#[test]
fn folders_of_save_pretrained_open() {
    check(&folder("gpt2"), &gpt2());
    // Two shards with an index.
    check(&folder("llama"), &llama());
}

#[test]
fn files_as_on_the_hub_open() {
    // Without a prefix, with a copy of the tied head and with constant masks.
    check(&folder("hub"), &gpt2());
}

#[test]
fn what_is_written_is_what_hugging_face_writes() {
    for (name, thin) in [("gpt2", gpt2()), ("llama", llama())] {
        let written = tempfile::tempdir().unwrap();
        let model = check(&folder(name), &thin);
        let config = huggingface::read_config(&folder(name)).unwrap();
        huggingface::save(&model, &config, written.path()).unwrap();
        check(written.path(), &thin);
        let config_of = |folder: &Path| -> Value {
            let text = std::fs::read_to_string(folder.join("config.json")).unwrap();
            serde_json::from_str(&text).unwrap()
        };
        let (ours, theirs) = (config_of(written.path()), config_of(&folder(name)));
        // Hugging Face writes more; the options that both write must be equal.
        let mut same = 0;
        for (field, value) in ours.as_object().unwrap() {
            if let Some(theirs) = theirs.get(field) {
                assert_eq!(value, theirs, "{name}: {field}");
                same += 1;
            }
        }
        assert!(same >= 15, "{name}: {same}");
        // So must names and shapes of tensors, which the fixture has under `init.`.
        let dict = StateDict::read(&written.path().join("model.safetensors")).unwrap();
        let mut expected: Vec<(String, Vec<usize>)> = Vec::new();
        for (name, view) in thin.fixture.0.iter() {
            if let Some(name) = name.strip_prefix("init.") {
                expected.push((name.to_string(), view.shape().to_vec()));
            }
        }
        expected.sort();
        let got: Vec<(String, Vec<usize>)> = dict
            .names()
            .map(|name| (name.to_string(), dict.shape(name).unwrap().to_vec()))
            .collect();
        assert_eq!(got, expected);
    }
}

#[test]
fn every_thin_model_is_read_back() {
    for thin in thin_models() {
        let written = tempfile::tempdir().unwrap();
        let model = thin
            .fixture
            .load(thin.config.init(&Device::flex()).unwrap(), "init.");
        huggingface::save(&model, &thin.config, written.path()).unwrap();
        check(written.path(), &thin);
        let again = huggingface::read_config(written.path()).unwrap();
        assert_eq!(again.num_parameters(), thin.config.num_parameters());
    }
}

#[test]
fn a_gpt_without_biases_is_written_with_zeros() {
    let device = Device::flex();
    let config = GptConfig::small(2, 2, 8, 16);
    let model = CausalLm::from(config.init(&device).unwrap());
    let tokens = || burn::tensor::Tensor::from_ints([[1, 2, 3]], &device);
    let expected = values(model.forward(tokens()));
    let written = tempfile::tempdir().unwrap();
    let config = CausalLmConfig::Gpt(config);
    huggingface::save(&model, &config, written.path()).unwrap();
    let again = huggingface::open(written.path(), &device).unwrap();
    assert_close("logits", &values(again.forward(tokens())), &expected, 1e-6);
    let dict = StateDict::read(&written.path().join("model.safetensors")).unwrap();
    let bias = dict.floats("transformer.h.1.mlp.c_fc.bias").unwrap();
    assert_eq!(bias.try_into_vec::<f32>().unwrap(), [0.0; 32]);
}

/// As `from_pretrained` does, with a warning.
#[test]
fn a_head_that_differs_is_used_though_the_configuration_ties_it() {
    let thin = gpt2();
    let CausalLmConfig::Gpt(config) = &thin.config else {
        unreachable!()
    };
    let device = Device::flex();
    let untied = config.clone().with_tie_word_embeddings(false);
    let model = CausalLm::from(untied.init(&device).unwrap());
    let written = tempfile::tempdir().unwrap();
    huggingface::save(&model, &thin.config, written.path()).unwrap();
    let (tokens, _) = batch(&thin.fixture, &device);
    let expected = values(model.forward(tokens.clone()));
    let opened = huggingface::open(written.path(), &device).unwrap();
    assert_close("logits", &values(opened.forward(tokens)), &expected, 1e-6);
    let tied = thin.config.init(&device).unwrap();
    let error = huggingface::load(tied, &written.path().join("model.safetensors")).unwrap_err();
    assert!(
        error.to_string().contains("1 unexpected (lm_head.weight)"),
        "{error}"
    );
    let untied = CausalLmConfig::Gpt(untied);
    huggingface::save(&model, &untied, written.path()).unwrap();
    huggingface::open(written.path(), &device).unwrap();
}

/// Error of a folder with these files.
fn error(files: &[(&str, Value)]) -> HuggingFaceError {
    let folder = tempfile::tempdir().unwrap();
    for (name, json) in files {
        std::fs::write(folder.path().join(name), json.to_string()).unwrap();
    }
    huggingface::open(folder.path(), &Device::flex()).unwrap_err()
}

fn small_gpt(field: &str, value: Value) -> Value {
    let mut config =
        json!({"model_type": "gpt2", "n_layer": 1, "n_head": 2, "n_embd": 4, "vocab_size": 5});
    config[field] = value;
    config
}

#[test]
fn options_that_would_change_the_result_are_refused() {
    let llama = |field: &str, value: Value| json!({"model_type": "llama", field: value});
    for (config, reason) in [
        (small_gpt("model_type", json!("bloom")), "`bloom`"),
        (
            small_gpt("scale_attn_weights", json!(false)),
            "scale_attn_weights",
        ),
        (
            small_gpt("activation_function", json!("tanhshrink")),
            "tanhshrink",
        ),
        (small_gpt("n_layer", json!(-1)), "-1"),
        (small_gpt("n_head", json!(3)), "n_embd"),
        (llama("hidden_act", json!("laplace")), "laplace"),
        (
            llama("rope_scaling", json!({"type": "longrope"})),
            "longrope",
        ),
        (
            llama("partial_rotary_factor", json!(0.5)),
            "partial_rotary_factor",
        ),
        (
            llama("rope_parameters", json!({"rope_type": "llama3"})),
            "factor",
        ),
        (json!([1, 2]), "not an object"),
        (json!({}), "model_type"),
    ] {
        let error = error(&[("config.json", config.clone())]).to_string();
        assert!(error.contains("config.json"), "{error}");
        assert!(error.contains(reason), "{config}: {error}");
    }
}

#[test]
fn older_llama_configurations_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let config = json!({
        "model_type": "llama", "rope_theta": 500000.0, "n_ctx": 7, "rope_scaling": {
            "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
            "original_max_position_embeddings": 8192
        }
    });
    std::fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    let config = huggingface::read_config(folder.path()).unwrap();
    let CausalLmConfig::Llama(config) = config else {
        panic!("{config:?}");
    };
    assert_eq!(config.rope_theta, 500_000.0);
    let Some(RopeScaling::Llama3(scaling)) = config.rope_scaling else {
        panic!("{config:?}");
    };
    assert_eq!(scaling.factor, 8.0);
    // Absent options have Hugging Face's defaults.
    assert_eq!(
        (config.rms_norm_eps, config.max_position_embeddings),
        (1e-6, 2048)
    );
}

#[test]
fn a_folder_without_weights_and_an_index_that_leaves_the_folder_are_refused() {
    let config = ("config.json", small_gpt("n_layer", json!(1)));
    let error_without = error(std::slice::from_ref(&config));
    assert!(
        matches!(error_without, HuggingFaceError::NoWeights { .. }),
        "{error_without}"
    );
    let name = "model.safetensors.index.json";
    for (map, reason) in [
        (
            json!({"weight_map": {"a": "../secret.safetensors"}}),
            "leaves the folder",
        ),
        (
            json!({"weight_map": {"a": "/etc/passwd"}}),
            "leaves the folder",
        ),
        (json!({"weight_map": {"a": ".."}}), "leaves the folder"),
        (json!({"weight_map": {"a": 1}}), "is not a file name"),
        (json!({"weights": {}}), "no `weight_map`"),
        (
            json!({"weight_map": {"a": "gone.safetensors"}}),
            "gone.safetensors",
        ),
    ] {
        let error = error(&[config.clone(), (name, map)]).to_string();
        assert!(error.contains(reason), "{error}");
    }
    let error = huggingface::open(Path::new("no-such-folder"), &Device::flex()).unwrap_err();
    assert!(error.to_string().contains("config.json"), "{error}");
}
