//! Language models as other programs save them: RoPE scaling, nanoGPT's checkpoints, tied weights
//! under either name, settings of generation.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor};
use common::{Fixture, assert_close, fixture_folder, gpt2, llama, llama3, values};
use serde_json::{Value, json};
use tinderbox_model_transformer::huggingface::{self, Family};
use tinderbox_model_transformer::weights::{LoadOptions, StateDict};
use tinderbox_model_transformer::{CausalLm, CausalLmConfig, GptConfig, nanogpt};

/// `golden/make_rope.py` makes the fixtures.
#[test]
fn every_scaling_of_rope_is_hugging_faces() {
    let fixture = Fixture::new(include_bytes!("fixtures/rope.safetensors"));
    let configs: Value = serde_json::from_str(include_str!("fixtures/rope.json")).unwrap();
    let device = Device::flex();
    let tokens = fixture.int_tensor::<2>("tokens", &device);
    for (name, config) in configs.as_object().unwrap() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "config.json", config);
        let config = huggingface::read_config(folder.path()).unwrap();
        let model = fixture.load(config.init(&device).unwrap(), "weights.");
        let expected = fixture.floats(&format!("{name}.logits"));
        let length = expected.len() / 31;
        let logits = values(model.forward(tokens.clone().narrow(1, 0, length)));
        assert_close(name, &logits, &expected, 1e-4);
        // It is read again as it was written.
        huggingface::save(&model, &config, folder.path()).unwrap();
        assert_eq!(
            huggingface::read_config(folder.path()).unwrap(),
            config,
            "{name}"
        );
    }
}

#[test]
fn a_scaling_without_a_type_is_llama_3s() {
    let CausalLmConfig::Llama(config) = llama3().config else {
        unreachable!()
    };
    let mut json = serde_json::to_value(&config).unwrap();
    json["rope_scaling"]
        .as_object_mut()
        .unwrap()
        .remove("rope_type");
    json.as_object_mut().unwrap().remove("hidden_act");
    assert_eq!(
        serde_json::from_value::<tinderbox_model_transformer::LlamaConfig>(json).unwrap(),
        config
    );
}

fn nano(name: &str) -> PathBuf {
    fixture_folder().join("nanogpt").join(name)
}

/// `golden/make_nanogpt.py` makes the fixtures.
#[test]
fn checkpoints_of_nanogpt_open_with_their_logits() {
    let fixture = Fixture::new(include_bytes!("fixtures/nanogpt/logits.safetensors"));
    let device = Device::flex();
    for name in ["ckpt", "bias"] {
        let (model, config) = nanogpt::open(&nano(&format!("{name}.pt")), &device).unwrap();
        let tokens = fixture.int_tensor::<2>("tokens", &device);
        let expected = fixture.floats(&format!("{name}.logits"));
        assert_close(name, &values(model.forward(tokens)), &expected, 1e-4);
        assert_eq!(config.context_length(), 16);
    }
    let error = nanogpt::open(&nano("hugging_face.safetensors"), &device).unwrap_err();
    assert!(error.to_string().contains("model_args.n_layer"), "{error}");
}

fn bias_model(device: &Device) -> CausalLm {
    let config = GptConfig::small(1, 2, 8, 16)
        .with_vocab_size(30)
        .with_bias(true);
    config.init(device).unwrap().into()
}

/// Square matrices included, strict or not: the file's layout is that of its other matrices.
#[test]
fn nanogpts_matrices_are_transposed_as_a_whole() {
    let device = Device::flex();
    let fixture = Fixture::new(include_bytes!("fixtures/nanogpt/logits.safetensors"));
    let tokens = || fixture.int_tensor::<2>("tokens", &device);
    let expected = huggingface::load(bias_model(&device), &nano("hugging_face.safetensors"));
    let expected = values(expected.unwrap().forward(tokens()));
    for strict in [true, false] {
        let options = LoadOptions { strict, head: None };
        let (model, left) =
            huggingface::load_with(bias_model(&device), &nano("bias.pt"), None, &options).unwrap();
        assert!(left.is_empty(), "{left}");
        assert_close("logits", &values(model.forward(tokens())), &expected, 1e-5);
    }
}

fn write(folder: &Path, name: &str, json: &Value) {
    std::fs::write(folder.join(name), json.to_string()).unwrap();
}

/// A folder of a thin model whose weights are those of `dict`.
fn folder_with(config: &CausalLmConfig, model: &CausalLm, dict: &StateDict) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    huggingface::save(model, config, folder.path()).unwrap();
    let bytes = dict.to_safetensors().unwrap();
    std::fs::write(folder.path().join("model.safetensors"), bytes).unwrap();
    folder
}

#[test]
fn a_tied_matrix_may_be_stored_under_its_second_name_or_within_a_module() {
    let device = Device::flex();
    let tokens = || Tensor::from_ints([[1, 2, 3, 4]], &device);
    for (thin, table) in [
        (gpt2(), "transformer.wte.weight"),
        (llama3(), "model.embed_tokens.weight"),
    ] {
        let model = thin
            .fixture
            .load(thin.config.init(&device).unwrap(), "init.");
        let expected = values(model.forward(tokens()));
        let names: [fn(&str) -> String; 3] = [
            |name| name.to_string(),
            |name| format!("model.{name}"),
            |name| format!("net._orig_mod.{name}"),
        ];
        for rename in names {
            let written = tempfile::tempdir().unwrap();
            huggingface::save(&model, &thin.config, written.path()).unwrap();
            let dict = StateDict::read(&written.path().join("model.safetensors")).unwrap();
            let head = |name: &str| {
                if name == table {
                    "lm_head.weight".into()
                } else {
                    name.to_string()
                }
            };
            let dict = dict.rename(|name| Some(rename(&head(name)))).unwrap();
            let folder = folder_with(&thin.config, &model, &dict);
            let opened = huggingface::open(folder.path(), &device).unwrap();
            assert_close(
                thin.name,
                &values(opened.forward(tokens())),
                &expected,
                1e-6,
            );
        }
    }
}

#[test]
fn whole_safetensors_come_before_shards_and_these_before_pickles() {
    let (thin, device) = (llama(), Device::flex());
    let model = thin
        .fixture
        .load(thin.config.init(&device).unwrap(), "init.");
    let folder = tempfile::tempdir().unwrap();
    huggingface::save(&model, &thin.config, folder.path()).unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::rename(path("model.safetensors"), path("part.safetensors")).unwrap();
    write(
        folder.path(),
        "model.safetensors.index.json",
        &json!({"weight_map": {"a": "part.safetensors"}}),
    );
    std::fs::write(path("pytorch_model.bin"), "not read").unwrap();
    huggingface::open(folder.path(), &device).unwrap();
    write(
        folder.path(),
        "adapter_config.json",
        &json!({"peft_type": "LORA"}),
    );
    let error = huggingface::open(folder.path(), &device)
        .unwrap_err()
        .to_string();
    assert!(error.contains("adapter_config.json"), "{error}");
}

/// As `GenerationConfig.from_pretrained` of transformers 5.23 reads the same files.
#[test]
fn ends_and_settings_of_generation_are_those_of_the_file_that_counts() {
    let of = |config: Value, generation: Option<Value>| {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "config.json", &config);
        if let Some(generation) = generation {
            write(folder.path(), "generation_config.json", &generation);
        }
        huggingface::read_generation_defaults(folder.path()).unwrap()
    };
    assert!(of(json!({}), None).ends.is_empty());
    assert_eq!(of(json!({"eos_token_id": 5}), None).ends, [5]);
    assert_eq!(of(json!({"eos_token_id": [3, 4]}), None).ends, [3, 4]);
    assert_eq!(
        of(
            json!({"eos_token_id": 5}),
            Some(json!({"eos_token_id": [7, -1]}))
        )
        .ends,
        [7]
    );
    // A file without an end means none, whatever the other says.
    let sampled = of(json!({"eos_token_id": 5}), Some(json!({"do_sample": true})));
    assert!(sampled.ends.is_empty());
    let sampled = of(
        json!({"top_k": 3}),
        Some(json!({"do_sample": true, "temperature": 0.6})),
    );
    assert_eq!((sampled.temperature, sampled.top_k), (Some(0.6), Some(50)));
    let old = of(
        json!({"top_k": 3, "repetition_penalty": 1.3, "num_beams": 1}),
        None,
    );
    assert_eq!(
        (old.do_sample, old.top_k, old.repetition_penalty),
        (None, Some(3), Some(1.3))
    );
    old.check(true).unwrap();
    let beams = of(json!({}), Some(json!({"num_beams": 4, "typical_p": 0.9})));
    let error = beams.check(true).unwrap_err().to_string();
    assert!(
        error.contains("`num_beams` is 4") && !error.contains("typical_p"),
        "{error}"
    );
    assert!(
        beams
            .check(false)
            .unwrap_err()
            .to_string()
            .contains("typical_p")
    );
}

#[test]
fn damaged_settings_name_their_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    for (name, text, reason) in [
        ("config.json", "{\"model_type\": \"gpt2\"", "not JSON"),
        ("config.json", "{}", "model_type"),
        ("config.json", "{\"model_type\": \"bloom\"}", "`bloom`"),
        (
            "config.json",
            "version https://git-lfs.github.com/spec/v1",
            "Git LFS",
        ),
    ] {
        std::fs::write(path.join(name), text).unwrap();
        let error = huggingface::family(path).unwrap_err().to_string();
        assert!(error.contains(name) && error.contains(reason), "{error}");
    }
    write(path, "config.json", &json!({"model_type": "llama"}));
    assert_eq!(huggingface::family(path).unwrap(), Family::CausalLm);
    for (json, reason) in [
        (json!({"eos_token_id": "</s>"}), "eos_token_id"),
        (json!({"temperature": "hot"}), "temperature"),
        (json!([]), "not an object"),
    ] {
        write(path, "generation_config.json", &json);
        let error = huggingface::read_generation_defaults(path)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("generation_config.json") && error.contains(reason),
            "{error}"
        );
    }
}
