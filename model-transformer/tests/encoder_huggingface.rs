//! Hugging Face model folders of encoders, read and written. The fixtures are made by
//! `golden/make_encoders.py`.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeSet;
use std::path::Path;

use burn::tensor::Device;
use common::encoders::{
    HEADS, ThinEncoder, bert, distilbert, fixture_of, input_of, roberta, thin_encoders,
};
use common::{assert_close, values};
use serde_json::{Value, json};
use tinderbox_model_transformer::huggingface::{
    HuggingFaceError, OpenedEncoder, is_encoder, open_encoder, read_encoder_config, save_encoder,
};
use tinderbox_model_transformer::weights::{StateDict, parameter_names};
use tinderbox_model_transformer::{Head, TextEncoderConfig};

fn check(folder: &Path, thin: &ThinEncoder, head: (&str, Head)) -> OpenedEncoder {
    let opened = open_encoder(folder, &Device::flex()).unwrap();
    assert_eq!(opened.config.head(), head.1);
    let expected = thin.fixture.floats(&format!("plain.{}.logits", head.0));
    let got = thin.answer(&opened.model, head.1);
    assert_close(thin.name, &got, &expected, 1e-4);
    opened
}

#[test]
fn folders_of_save_pretrained_open() {
    let opened = check(&fixture_of("bert"), &bert(), ("masked_lm", Head::MaskedLm));
    assert!(opened.labels.is_empty());
    let opened = check(
        &fixture_of("distilbert"),
        &distilbert(),
        ("sequence", Head::SequenceClassification),
    );
    assert_eq!(opened.labels, ["bad", "middling", "good"]);
    let opened = check(
        &fixture_of("roberta"),
        &roberta(),
        ("token", Head::TokenClassification),
    );
    assert_eq!(opened.labels, ["bad", "middling", "good"]);
    for name in ["bert", "distilbert", "roberta", "bert_hub"] {
        assert!(is_encoder(&fixture_of(name)), "{name}");
    }
    for name in ["gpt2", "llama", "no-such-folder"] {
        assert!(!is_encoder(&fixture_of(name)), "{name}");
    }
}

#[test]
fn files_as_on_the_hub_open() {
    // A pickle with gamma and beta, constant buffers, copies of tied tensors, and a second head.
    check(
        &fixture_of("bert_hub"),
        &bert(),
        ("masked_lm", Head::MaskedLm),
    );
}

fn json_of(folder: &Path) -> Value {
    let text = std::fs::read_to_string(folder.join("config.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn what_is_written_is_what_hugging_face_writes() {
    for (name, thin, head) in [
        ("bert", bert(), HEADS[1]),
        ("distilbert", distilbert(), HEADS[2]),
        ("roberta", roberta(), HEADS[3]),
    ] {
        let written = tempfile::tempdir().unwrap();
        let OpenedEncoder {
            config,
            model,
            labels,
        } = check(&fixture_of(name), &thin, head);
        let pad = config.pad_token_id() as u32;
        save_encoder(&model, &config, &labels, pad, written.path()).unwrap();
        check(written.path(), &thin, head);
        let (ours, theirs) = (json_of(written.path()), json_of(&fixture_of(name)));
        // Hugging Face writes more; the options that both write must be equal.
        let mut same = 0;
        for (field, value) in ours.as_object().unwrap() {
            if let Some(theirs) = theirs.get(field) {
                assert_eq!(value, theirs, "{name}: {field}");
                same += 1;
            }
        }
        assert!(same >= 16, "{name}: {same}");
        let read = |folder: &Path| StateDict::read(&folder.join("model.safetensors")).unwrap();
        let shapes = |dict: &StateDict| -> Vec<(String, Vec<usize>)> {
            let names = dict.names();
            names
                .map(|name| (name.into(), dict.shape(name).unwrap().to_vec()))
                .collect()
        };
        assert_eq!(
            shapes(&read(written.path())),
            shapes(&read(&fixture_of(name)))
        );
    }
}

/// Parameter names of Hugging Face's model with this head, from the gradients in the fixture.
fn their_names(thin: &ThinEncoder, head: &str) -> BTreeSet<String> {
    let names = thin.fixture.0.names().into_iter();
    let start = format!("{head}.grad.");
    names
        .filter_map(|name| Some(name.strip_prefix(&start)?.to_string()))
        .collect()
}

#[test]
fn every_head_is_written_under_hugging_faces_names_and_read_back() {
    let device = Device::flex();
    for thin in thin_encoders() {
        for (name, head) in HEADS {
            let (config, model) = (thin.config(head), thin.model(head, &device));
            let labels: Vec<String> = match head {
                Head::SequenceClassification | Head::TokenClassification => {
                    ["a", "b", "c"].map(String::from).into()
                }
                Head::None | Head::MaskedLm | Head::QuestionAnswering => Vec::new(),
            };
            let written = tempfile::tempdir().unwrap();
            let pad = config.pad_token_id() as u32;
            save_encoder(&model, &config, &labels, pad, written.path()).unwrap();
            let dict = StateDict::read(&written.path().join("model.safetensors")).unwrap();
            let got: BTreeSet<String> = dict.names().map(String::from).collect();
            match head {
                Head::None => {
                    // Everything, without the prefix.
                    let prefix = format!("{}.", thin.name);
                    let own = parameter_names(&model).into_iter();
                    let own = own.map(|n| n.strip_prefix(&prefix).unwrap().to_string());
                    assert_eq!(got, own.collect());
                }
                _ => assert_eq!(got, their_names(&thin, name)),
            }
            let again = open_encoder(written.path(), &device).unwrap();
            assert_eq!((&again.config, &again.labels), (&config, &labels));
            assert_eq!(thin.answer(&again.model, head), thin.answer(&model, head));
        }
    }
}

#[test]
fn unnamed_labels_get_hugging_faces_default_names() {
    let thin = bert();
    let config = thin.config(Head::SequenceClassification);
    let model = thin.model(Head::SequenceClassification, &Device::flex());
    let written = tempfile::tempdir().unwrap();
    save_encoder(&model, &config, &[], 0, written.path()).unwrap();
    let (_, labels) = read_encoder_config(written.path()).unwrap();
    assert_eq!(labels, ["LABEL_0", "LABEL_1", "LABEL_2"]);
    let json = json_of(written.path());
    assert_eq!(
        json["label2id"],
        json!({"LABEL_0": 0, "LABEL_1": 1, "LABEL_2": 2})
    );
    assert_eq!(json["problem_type"], "single_label_classification");
    assert_eq!(
        json["architectures"],
        json!(["BertForSequenceClassification"])
    );
}

#[test]
fn labels_that_do_not_fit_are_refused() {
    let written = tempfile::tempdir().unwrap();
    let thin = bert();
    let config = thin.config(Head::SequenceClassification);
    let model = thin.model(Head::SequenceClassification, &Device::flex());
    let labels = ["yes", "no"].map(String::from);
    let error = save_encoder(&model, &config, &labels, 0, written.path()).unwrap_err();
    let HuggingFaceError::Config { source, .. } = error else {
        panic!("{error}");
    };
    assert_eq!(
        source.to_string(),
        "model option `num_labels`: is 3, but 2 labels are given"
    );
    assert!(!written.path().join("config.json").exists());
}

/// RoBERTa's positions start after the padding token of its configuration, whatever the tokenizer
/// pads with.
#[test]
fn roberta_keeps_its_own_padding_token() {
    for (thin, expected) in [(roberta(), 1), (bert(), 3)] {
        let written = tempfile::tempdir().unwrap();
        let (config, model) = (
            thin.config(Head::None),
            thin.model(Head::None, &Device::flex()),
        );
        save_encoder(&model, &config, &[], 3, written.path()).unwrap();
        assert_eq!(json_of(written.path())["pad_token_id"], expected);
    }
}

/// Error of a folder with this configuration.
fn error_of(config: &Value) -> String {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    open_encoder(folder.path(), &Device::flex())
        .unwrap_err()
        .to_string()
}

fn with(field: &str, value: Value) -> Value {
    let mut json = json_of(&fixture_of("bert"));
    json[field] = value;
    json
}

#[test]
fn options_that_would_change_the_result_are_refused() {
    for (field, value, message) in [
        (
            "position_embedding_type",
            json!("relative_key"),
            "only \"absolute\"",
        ),
        ("is_decoder", json!(true), "`is_decoder` is true"),
        ("add_cross_attention", json!(true), "`add_cross_attention`"),
        ("tie_word_embeddings", json!(false), "`tie_word_embeddings`"),
        ("hidden_act", json!("mish"), "mish"),
        (
            "model_type",
            json!("deberta"),
            "supported encoders are bert, distilbert, mpnet, roberta",
        ),
        ("model_type", json!(null), "no `model_type`"),
        (
            "architectures",
            json!(["BertForMultipleChoice"]),
            "BertForMultipleChoice",
        ),
        ("architectures", json!([7]), "`architectures`"),
        ("id2label", json!({"0": "a", "2": "b"}), "each of 0 to 1"),
        ("id2label", json!({"0": [1]}), "each of 0 to 0"),
        ("hidden_size", json!(9), "`hidden_size`"),
        ("hidden_size", json!("wide"), "wide"),
        ("num_hidden_layers", json!(1_000_000), "`num_hidden_layers`"),
        ("vocab_size", json!(-1), "-1"),
    ] {
        let error = error_of(&with(field, value));
        assert!(error.contains(message), "{field}: {error}");
        assert!(error.contains("config.json"), "{error}");
    }
    let error = error_of(&json!([]));
    assert!(error.contains("not an object"), "{error}");
    let error = error_of(&with("hidden_size", json!(8)));
    assert!(error.contains("no model.safetensors"), "{error}");
    let mut several = with("problem_type", json!("ordinal_regression"));
    several["architectures"] = json!(["BertForSequenceClassification"]);
    let error = error_of(&several);
    assert!(error.contains("`problem_type`"), "{error}");
    let mut many = with("num_labels", json!(1_u64 << 60));
    many["id2label"] = json!(null);
    let error = error_of(&many);
    assert!(error.contains("`num_labels`"), "{error}");
}

#[test]
fn absent_options_have_hugging_faces_defaults() {
    let read = |json: Value| {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("config.json"), json.to_string()).unwrap();
        read_encoder_config(folder.path()).unwrap()
    };
    let (config, labels) = read(json!({"model_type": "bert", "pad_token_id": null}));
    assert_eq!(config, TextEncoderConfig::Bert(Default::default()));
    assert!(labels.is_empty());
    let (config, _) = read(json!({"model_type": "roberta"}));
    assert_eq!((config.max_length(), config.type_vocab_size()), (510, 2));
    let class = "DistilBertForTokenClassification";
    let (config, labels) = read(json!({"model_type": "distilbert", "architectures": [class]}));
    assert_eq!((config.num_labels(), labels.len()), (2, 2));
    // More than ten labels: keys are ordered as numbers, not as text.
    let names: serde_json::Map<String, Value> = (0..12)
        .map(|id| (id.to_string(), format!("label {id}").into()))
        .collect();
    let class = "BertForSequenceClassification";
    let json = json!({"model_type": "bert", "architectures": [class], "id2label": names});
    let (config, labels) = read(json);
    assert_eq!(config.num_labels(), 12);
    assert_eq!(labels[2], "label 2");
    assert_eq!(labels[11], "label 11");
}

#[test]
fn a_saved_model_ignores_padding() {
    let thin = roberta();
    let written = tempfile::tempdir().unwrap();
    let (config, device) = (thin.config(Head::SequenceClassification), Device::flex());
    let model = thin.model(Head::SequenceClassification, &device);
    save_encoder(&model, &config, &[], 1, written.path()).unwrap();
    let again = open_encoder(written.path(), &device).unwrap().model;
    let row = vec![7, 8, 9];
    let alone = values(
        again
            .forward_sequence_classification(&input_of(std::slice::from_ref(&row), 3, 1, false))
            .unwrap(),
    );
    let filled = values(
        again
            .forward_sequence_classification(&input_of(&[row], 9, 1, false))
            .unwrap(),
    );
    assert_close("logits", &filled, &alone, 1e-5);
}
