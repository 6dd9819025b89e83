//! LoRA adapters, frozen layers, and runs that start from another run's weights.

use std::fs;
use std::path::Path;

use crate::common::encoder::{names, train_bert, train_on};
use crate::common::{assert_one_line_error, tinderbox};
use crate::{eval, folders};
use serde_json::Value;
use tinderbox_weights::StateDict;

/// Tensors of this file of a run's newest checkpoint.
fn checkpoint(run: &Path, file: &str) -> StateDict {
    let latest = fs::read_to_string(run.join("checkpoints/latest")).unwrap();
    StateDict::read(&run.join("checkpoints").join(latest.trim()).join(file)).unwrap()
}

fn floats(dict: &StateDict, name: &str) -> Vec<f32> {
    dict.floats(name).unwrap().iter::<f32>().collect()
}

#[test]
fn only_adapters_and_head_are_trained_and_merging_gives_the_same() {
    let (folder, _, run) = folders();
    let settings = [
        "model.lora.rank=2",
        "model.lora.alpha=8",
        "optimizer.learning_rate=0.01",
    ];
    train_bert(&run, &settings).assert().success();
    let adapters = checkpoint(&run, "adapters.safetensors");
    let base = StateDict::read(&run.join("base.safetensors")).unwrap();
    let is_adapter = |name: &str| name.contains(".lora.") || name.starts_with("classifier.");
    assert!(adapters.names().all(is_adapter));
    assert!(!base.names().any(is_adapter));
    // Two layers, queries and values, two factors each; the head.
    assert_eq!(adapters.names().count(), 8 + 2);
    let second = "bert.encoder.layer.0.attention.self.query.weight.lora.b";
    assert!(
        floats(&adapters, second).iter().any(|x| *x != 0.0),
        "it has learnt nothing"
    );

    // The export is base and adapters merged, with Hugging Face's names and no others.
    let exported = folder.path().join("exported");
    tinderbox()
        .arg("export")
        .arg(&run)
        .arg(&exported)
        .args(["--format", "huggingface"])
        .assert()
        .success();
    let merged = StateDict::read(&exported.join("model.safetensors")).unwrap();
    assert!(!merged.names().any(|name| name.contains("lora")));
    let changed = |name: &str| floats(&merged, name) != floats(&base, name);
    let changed: Vec<&str> = base.names().filter(|name| changed(name)).collect();
    assert_eq!(changed.len(), 4, "{changed:?}");
    assert!(
        changed
            .iter()
            .all(|name| name.ends_with("query.weight") || name.ends_with("value.weight"))
    );

    let predict = |model: &Path| -> f64 {
        let output = tinderbox()
            .arg("predict")
            .arg(model)
            .args(["--text", "the soup was not bad at all", "--json"])
            .assert()
            .success();
        let line: Value = serde_json::from_slice(&output.get_output().stdout).unwrap();
        line["classes"][0]["probability"].as_f64().unwrap()
    };
    assert!((predict(&run) - predict(&exported)).abs() < 1e-5);

    // Another base than that of the adapters is detected.
    let path = run.join("base.safetensors");
    let mut bytes = fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&path, bytes).unwrap();
    let mut eval = tinderbox();
    eval.arg("eval").arg(&run);
    assert_one_line_error(
        &mut eval,
        1,
        &["base.safetensors", "does not match its checksum"],
    );
}

#[test]
fn frozen_layers_stay_as_they_are() {
    let (_folder, _, run) = folders();
    let frozen = |set: &str| -> Vec<String> {
        let start = run.with_file_name("start");
        for (path, steps) in [(&start, "train.max_steps=1"), (&run, "train.max_steps=9")] {
            let mut command = train_bert(path, &[set, steps, "schedule.warmup_steps=0"]);
            command.arg("--overwrite").assert().success();
        }
        let (before, after) = (
            checkpoint(&start, "model.safetensors"),
            checkpoint(&run, "model.safetensors"),
        );
        let same = |name: &&str| floats(&before, name) == floats(&after, name);
        before.names().filter(same).map(str::to_string).collect()
    };
    let names = frozen("model.freeze_layers=1");
    assert!(
        names
            .iter()
            .any(|name| name.starts_with("bert.embeddings."))
    );
    assert!(
        names
            .iter()
            .any(|name| name.starts_with("bert.encoder.layer.0."))
    );
    assert!(
        !names
            .iter()
            .any(|name| name.starts_with("bert.encoder.layer.1.output."))
    );
    assert!(!names.iter().any(|name| name.starts_with("classifier.")));
    let names = frozen("model.freeze_backbone=true");
    assert!(
        names
            .iter()
            .any(|name| name.starts_with("bert.encoder.layer.1.output."))
    );
    assert!(!names.iter().any(|name| name.starts_with("classifier.")));
}

#[test]
fn a_run_can_start_from_the_export_of_another() {
    let (folder, data, run) = folders();
    train_bert(&run, &["train.max_steps=4"]).assert().success();
    let exported = folder.path().join("exported");
    tinderbox()
        .arg("export")
        .arg(&run)
        .arg(&exported)
        .args(["--format", "huggingface"])
        .assert()
        .success();
    // Hugging Face's library uses the tokenizer unchanged, not the family's usual one.
    let settings: Value =
        serde_json::from_slice(&fs::read(exported.join("tokenizer_config.json")).unwrap()).unwrap();
    assert_eq!(settings["tokenizer_class"], "PreTrainedTokenizerFast");
    assert_eq!(settings["model_max_length"], 48);
    assert_eq!(settings["cls_token"], "[CLS]");
    assert_eq!(settings["pad_token"], "[PAD]");
    // Classes there, tags here: the head is initialised anew, which is reported.
    names(&data);
    let weights = format!("model.weights='{}'", exported.display());
    let next = folder.path().join("next");
    let shown = tinderbox()
        .args(["train", "sst2", "--ui", "plain", "--run-dir"])
        .arg(&next)
        .args([
            "--set",
            &weights,
            "--set",
            "data.source=tagged",
            "--set",
            "train.max_steps=2",
        ])
        .arg("--data")
        .arg(&data)
        .assert()
        .success();
    let told = String::from_utf8(shown.get_output().stderr.clone()).unwrap()
        + &String::from_utf8(shown.get_output().stdout.clone()).unwrap();
    assert!(told.contains("loaded pretrained weights from"), "{told}");
    assert!(told.contains("classifier"), "{told}");
    let config: Value =
        serde_json::from_slice(&fs::read(next.join("model.json")).unwrap()).unwrap();
    assert_eq!(config["hidden_size"], 16);
    assert_eq!(config["num_labels"], 4);

    // The folder is no longer needed: everything is in the run.
    fs::remove_dir_all(&exported).unwrap();
    eval(&next, "validation");
    tinderbox()
        .args(["train", "sst2", "--ui", "quiet", "--resume", "--run-dir"])
        .arg(&next)
        .args(["--set", "train.max_steps=4"])
        .assert()
        .success();
}

/// PEFT adapts embeddings without the decoder that is tied to them, and wants every weight of a
/// module that it saves.
#[test]
fn peft_gets_adapted_embeddings_and_the_decoder_tied_to_them() {
    let (folder, _, run) = folders();
    let corpus = folder.path().join("corpus.txt");
    let text = "the soup was not bad at all\nwe saw a good film today\n".repeat(20);
    fs::write(&corpus, text).unwrap();
    let settings = [
        "model.lora.rank=2",
        "model.lora.alpha=8",
        "model.lora.targets=['query', 'word_embeddings']",
        "optimizer.learning_rate=0.01",
    ];
    train_on("masked", &corpus, &run, &settings)
        .assert()
        .success();
    let [peft, merged] = ["peft", "huggingface"].map(|format| {
        let exported = folder.path().join(format);
        let mut command = tinderbox();
        command.arg("export").arg(&run).arg(&exported);
        command.args(["--format", format]).assert().success();
        exported
    });
    let merged = StateDict::read(&merged.join("model.safetensors")).unwrap();
    let adapters = StateDict::read(&peft.join("adapter_model.safetensors")).unwrap();
    let saved = |name: &str| floats(&adapters, &format!("base_model.model.{name}"));
    let table = floats(&merged, "bert.embeddings.word_embeddings.weight");
    let decoder = saved("cls.predictions.decoder.weight");
    assert_eq!(table.len(), decoder.len());
    assert!(
        table
            .iter()
            .zip(&decoder)
            .all(|(a, b)| (a - b).abs() < 1e-6)
    );
    let bias = saved("cls.predictions.bias");
    assert_eq!(saved("cls.predictions.decoder.bias"), bias);
    let words = "base_model.model.bert.embeddings.word_embeddings";
    let shape = |factor: &str| {
        adapters
            .shape(&format!("{words}.{factor}"))
            .unwrap()
            .to_vec()
    };
    assert_eq!(shape("lora_embedding_A"), [2, bias.len()]);
    assert_eq!(shape("lora_embedding_B"), [16, 2]);
    assert!(peft.join("tokenizer_config.json").is_file());
}
