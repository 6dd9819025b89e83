//! Errors about data, recipes and weights.

use std::fs;
use std::path::Path;

use crate::common::encoder::{names, reviews, train_bert, train_on};
use crate::common::{assert_one_line_error, tinderbox};
use crate::folders;
use serde_json::{Value, json};

/// Asserts that `tinderbox train` on these data fails with this code and one line that contains all
/// `words`.
fn assert_refused(source: &str, data: &Path, more: &[&str], code: i32, words: &[&str]) {
    let run = data.with_extension("run");
    assert_one_line_error(&mut train_on(source, data, &run, more), code, words);
    assert!(!run.exists(), "a run was begun");
}

#[test]
fn errors_in_data_name_the_file_and_line() {
    let (_folder, data, _) = folders();
    assert_refused("labelled", &data, &[], 1, &["data", "no such"]);
    reviews(&data);
    let text = ["data.columns.text=['title']"];
    assert_refused(
        "labelled",
        &data,
        &text,
        1,
        &["train.tsv", "title", "sentence"],
    );
    fs::write(data.join("dev.tsv"), "label\tsentence\n1\tfine\n7\tlost\n").unwrap();
    assert_refused("labelled", &data, &[], 1, &["dev.tsv", "line 3", "7"]);
    fs::remove_file(data.join("dev.tsv")).unwrap();
    fs::write(
        data.join("dev.jsonl"),
        "{\"label\": 1, \"sentence\": \"a\"}\n{\"label\": 1,\n",
    )
    .unwrap();
    assert_refused("labelled", &data, &[], 1, &["dev.jsonl", "line 2"]);
    fs::write(data.join("train-v1.json"), "{\"data\": [{]}").unwrap();
    fs::write(data.join("dev-v1.json"), "{}").unwrap();
    let stride = ["data.stride=4"];
    assert_refused("squad", &data, &stride, 1, &["train-v1.json", "line 1"]);
    let long = ["data.stride=48"];
    assert_refused(
        "squad",
        &data,
        &long,
        2,
        &["data.stride", "data.max_length"],
    );
}

#[test]
fn errors_in_a_recipe_name_the_key() {
    let (_folder, data, _) = folders();
    reviews(&data);
    for (set, code, words) in [
        ("data.max_length=2", 2, ["data.max_length", "at least 4"]),
        ("data.max_length=1000", 1, ["data.max_length", "1000"]),
        (
            "data.max_lenght=20",
            2,
            ["data.max_lenght", "data.max_length"],
        ),
        (
            "model.freeze_layers=3",
            1,
            ["model.freeze_layers", "2 layers"],
        ),
        ("model.lora.rank=0", 2, ["model.lora.rank", "above 0"]),
        ("model.lora.rnak=1", 2, ["rnak", "rank"]),
        (
            "model.lora.targets=['conv']",
            1,
            ["model.lora.targets", "conv"],
        ),
        (
            "model.lora.targets=['LayerNorm']",
            1,
            ["model.lora.targets", "LayerNorm"],
        ),
        (
            "model.lora.rank=17",
            1,
            ["model.lora.rank is 17", "rank 16 at most"],
        ),
        ("model.strict=false", 2, ["model.strict", "for encoders"]),
        (
            "optimizer.layer_decay=1.5",
            2,
            ["optimizer.layer_decay", "at most 1"],
        ),
        (
            "train.best_metric=exact_match",
            1,
            ["exact_match", "matthews"],
        ),
        ("model.name=bert_nan", 2, ["bert_nan", "bert_nano"]),
    ] {
        assert_refused("labelled", &data, &[set], code, &words);
    }
    let smooth = ["train.label_smoothing=0.1"];
    let rule = ["train.label_smoothing", "not for question answering"];
    assert_refused("squad", &data, &smooth, 2, &rule);
    let both = ["model.lora.rank=2", "model.freeze_backbone=true"];
    assert_refused("labelled", &data, &both, 2, &["cannot be given together"]);
    let image = ["train", "cnn", "--dry-run", "--set", "model.lora.rank=2"];
    assert_one_line_error(tinderbox().args(image), 2, &["model.lora", "encoders"]);
}

/// Weights with another config, or for other tokens.
#[test]
fn weights_of_another_model_are_refused() {
    let (folder, data, run) = folders();
    reviews(&data);
    train_bert(&run, &["train.max_steps=2"]).assert().success();
    let exported = folder.path().join("exported");
    let export = || {
        let mut command = tinderbox();
        command.arg("export").arg(&run).arg(&exported).args([
            "--format",
            "huggingface",
            "--overwrite",
        ]);
        command.assert().success();
    };
    export();
    let weights = format!("model.weights='{}'", exported.display());
    let settings = ["model.name=pretrained", &weights];
    // The sizes of TINY_BERT are those of the folder, so they contradict nothing.
    train_on(
        "labelled",
        &data,
        &folder.path().join("fits"),
        &[&settings[..], &["train.max_steps=1"]].concat(),
    )
    .assert()
    .success();

    // A weights file has no tokenizer.
    let file = format!(
        "model.weights='{}'",
        exported.join("model.safetensors").display()
    );
    let rule = ["model.safetensors", "data.tokenizer"];
    assert_refused("labelled", &data, &[&file], 1, &rule);

    let path = exported.join("config.json");
    let mut config: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    config["num_hidden_layers"] = json!(3);
    fs::write(&path, config.to_string()).unwrap();
    let more = [&settings[..], &["model.num_hidden_layers=3"]].concat();
    assert_refused("labelled", &data, &more, 1, &["encoder.layer.2"]);

    export();
    let vocabulary = exported.join("tokenizer.json");
    let mut tokenizer: Value = serde_json::from_slice(&fs::read(&vocabulary).unwrap()).unwrap();
    for place in ["cls", "sep"] {
        tokenizer["post_processor"][place][1] = json!(100_000);
    }
    fs::write(&vocabulary, tokenizer.to_string()).unwrap();
    assert_refused(
        "labelled",
        &data,
        &settings,
        1,
        &["100000", "belong together"],
    );
}

#[test]
fn weights_files_are_not_for_encoders() {
    let (_folder, data, run) = folders();
    names(&data);
    train_on("tagged", &data, &run, &["train.max_steps=1"])
        .assert()
        .success();
    let mut eval = tinderbox();
    eval.arg("eval").arg(&run).args(["--weights", "x"]);
    assert_one_line_error(&mut eval, 1, &["--weights is for image models"]);
}
