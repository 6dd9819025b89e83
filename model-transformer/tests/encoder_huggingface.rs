//! Folders of Hugging Face's encoders, in and out. The fixtures are made by `golden/make_encoders.py`.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use common::encoders::{HEADS, ThinEncoder, bert, distilbert, input_of, roberta, thin_encoders};
use common::{assert_close, fixture_folder, values};
use model_transformer::huggingface::{
    HuggingFaceError, OpenedEncoder, is_encoder, load_encoder, open_encoder, read_encoder_config,
    save_encoder,
};
use model_transformer::weights::{Mismatch, StateDict, parameter_names};
use model_transformer::{Head, TextEncoder, TextEncoderConfig};
use serde_json::{Value, json};

fn folder(name: &str) -> PathBuf {
    fixture_folder().join("huggingface").join(name)
}

/// What the model says about the fixture's plain batch.
fn answer(thin: &ThinEncoder, model: &TextEncoder, head: Head) -> Vec<f32> {
    let input = thin.input("plain", &Device::flex());
    match head {
        Head::None => values(model.forward_features(&input)),
        Head::MaskedLm => values(model.forward_masked_lm(&input)),
        Head::Sequence => values(model.forward_sequence(&input)),
        Head::Token => values(model.forward_tokens(&input)),
        Head::Span => model.forward_spans(&input).map(values).concat(),
    }
}

fn check(folder: &Path, thin: &ThinEncoder, head: (&str, Head)) -> OpenedEncoder {
    let opened = open_encoder(folder, &Device::flex()).unwrap();
    assert_eq!(opened.config.head(), head.1);
    let expected = thin.fixture.floats(&format!("plain.{}.logits", head.0));
    let got = answer(thin, &opened.model, head.1);
    assert_close(thin.name, &got, &expected, 1e-4);
    opened
}

#[test]
fn folders_of_save_pretrained_open() {
    let opened = check(&folder("bert"), &bert(), ("masked_lm", Head::MaskedLm));
    assert!(opened.labels.is_empty());
    let opened = check(
        &folder("distilbert"),
        &distilbert(),
        ("sequence", Head::Sequence),
    );
    assert_eq!(opened.labels, ["bad", "middling", "good"]);
    let opened = check(&folder("roberta"), &roberta(), ("token", Head::Token));
    assert_eq!(opened.labels, ["bad", "middling", "good"]);
    for name in ["bert", "distilbert", "roberta", "bert_hub"] {
        assert!(is_encoder(&folder(name)), "{name}");
    }
    for name in ["gpt2", "llama", "no-such-folder"] {
        assert!(!is_encoder(&folder(name)), "{name}");
    }
}

#[test]
fn files_as_on_the_hub_open() {
    // A pickle with gamma and beta, constants, tied tensors twice, and a second head.
    check(&folder("bert_hub"), &bert(), ("masked_lm", Head::MaskedLm));
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
        } = check(&folder(name), &thin, head);
        let pad = config.pad_token_id() as u32;
        save_encoder(&model, &config, &labels, pad, written.path()).unwrap();
        check(written.path(), &thin, head);
        let (ours, theirs) = (json_of(written.path()), json_of(&folder(name)));
        // Hugging Face writes more, of which we know nothing; what we write too must be the same.
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
        assert_eq!(shapes(&read(written.path())), shapes(&read(&folder(name))));
    }
}

/// The names of the parameters of Hugging Face's model with this head, from the gradients in the fixture.
fn their_names(thin: &ThinEncoder, head: &str) -> BTreeSet<String> {
    let names = thin.fixture.0.names().into_iter();
    let start = format!("{head}.grad.");
    names
        .filter_map(|name| Some(name.strip_prefix(&start)?.to_string()))
        .collect()
}

#[test]
fn every_head_is_written_under_hugging_faces_names_and_comes_back() {
    let device = Device::flex();
    for thin in thin_encoders() {
        for (name, head) in HEADS {
            let (config, model) = (thin.config(head), thin.model(head, &device));
            let labels: Vec<String> = match head {
                Head::Sequence | Head::Token => ["a", "b", "c"].map(String::from).into(),
                Head::None | Head::MaskedLm | Head::Span => Vec::new(),
            };
            let written = tempfile::tempdir().unwrap();
            let pad = config.pad_token_id() as u32;
            save_encoder(&model, &config, &labels, pad, written.path()).unwrap();
            let dict = StateDict::read(&written.path().join("model.safetensors")).unwrap();
            let got: BTreeSet<String> = dict.names().map(String::from).collect();
            match head {
                Head::None => {
                    // Without the prefix, and otherwise all of it.
                    let prefix = format!("{}.", thin.name);
                    let own = parameter_names(&model).into_iter();
                    let own = own.map(|n| n.strip_prefix(&prefix).unwrap().to_string());
                    assert_eq!(got, own.collect());
                }
                _ => assert_eq!(got, their_names(&thin, name)),
            }
            let again = open_encoder(written.path(), &device).unwrap();
            assert_eq!((&again.config, &again.labels), (&config, &labels));
            assert_eq!(
                answer(&thin, &again.model, head),
                answer(&thin, &model, head)
            );
        }
    }
}

#[test]
fn labels_without_names_get_hugging_faces() {
    let thin = bert();
    let config = thin.config(Head::Sequence);
    let model = thin.model(Head::Sequence, &Device::flex());
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
fn labels_and_padding_that_do_not_fit_are_refused() {
    let written = tempfile::tempdir().unwrap();
    let refuse = |thin: ThinEncoder, labels: &[&str], pad: u32| {
        let config = thin.config(Head::Sequence);
        let model = thin.model(Head::Sequence, &Device::flex());
        let labels: Vec<String> = labels.iter().map(|label| label.to_string()).collect();
        let error = save_encoder(&model, &config, &labels, pad, written.path()).unwrap_err();
        let HuggingFaceError::Config { source, .. } = error else {
            panic!("{error}");
        };
        source.to_string()
    };
    let message = refuse(bert(), &["yes", "no"], 0);
    assert_eq!(
        message,
        "model option `num_labels`: is 3, and 2 labels are named"
    );
    let message = refuse(roberta(), &[], 0);
    assert!(message.contains("`pad_token_id`: is 1"), "{message}");
    assert!(!written.path().join("config.json").exists());
}

/// A model with another head out of the weights in `folder`.
fn load(
    thin: &ThinEncoder,
    head: Head,
    labels: usize,
    path: &Path,
    new_head: bool,
) -> Result<(TextEncoder, Mismatch), HuggingFaceError> {
    let config = thin.config.clone().with_head(head, labels);
    load_encoder(config.init(&Device::flex()).unwrap(), path, new_head)
}

#[test]
fn a_new_head_stands_on_old_weights() {
    let device = Device::flex();
    // From masked tokens to sequences: a pooler, too, that the file does not have.
    let path = folder("bert");
    let (model, mismatch) = load(&bert(), Head::Sequence, 5, &path, true).unwrap();
    let new = [
        "bert.pooler.dense.weight",
        "bert.pooler.dense.bias",
        "classifier.weight",
        "classifier.bias",
    ];
    let mut missing = mismatch.missing.clone();
    missing.sort();
    let mut expected = new.map(String::from);
    expected.sort();
    assert_eq!(missing, expected);
    assert_eq!(mismatch.unexpected.len(), 5);
    assert!(
        mismatch
            .unexpected
            .iter()
            .all(|name| name.starts_with("cls.predictions."))
    );
    let input = bert().input("plain", &device);
    assert_eq!(model.forward_sequence(&input).dims(), [2, 5]);
    let features = values(model.forward_features(&input));
    assert_close(
        "features",
        &features,
        &bert().fixture.floats("plain.features"),
        1e-4,
    );
    // Which is no model that was trained, and is not taken for one.
    let error = load(&bert(), Head::Sequence, 5, &path, false).unwrap_err();
    assert!(error.to_string().contains("4 missing"), "{error}");
    // The pooler of a file is read.
    let (_, mismatch) = load(&bert(), Head::Sequence, 5, &folder("bert_hub"), true).unwrap();
    assert_eq!(mismatch.missing.len(), 2);
    assert!(
        mismatch
            .missing
            .iter()
            .all(|name| name.starts_with("classifier."))
    );
    // And left out where there is no use for it.
    let (_, mismatch) = load(&bert(), Head::Token, 5, &folder("bert_hub"), true).unwrap();
    let has = |start: &str| {
        mismatch
            .unexpected
            .iter()
            .any(|name| name.starts_with(start))
    };
    assert!(has("bert.pooler.") && has("cls.seq_relationship."));
}

#[test]
fn a_head_is_new_where_the_old_one_does_not_fit() {
    let thin = distilbert();
    let path = folder("distilbert");
    let labels = |model: &TextEncoder| answer(&thin, model, Head::Sequence);
    let old = labels(&open_encoder(&path, &Device::flex()).unwrap().model);
    let (model, mismatch) = load(&thin, Head::Sequence, 3, &path, true).unwrap();
    assert_eq!(labels(&model), old);
    assert!(mismatch.is_empty(), "{mismatch}");
    // With another number of labels only a new one will do; what lies before it is read.
    let (_, mismatch) = load(&thin, Head::Sequence, 4, &path, true).unwrap();
    assert_eq!(mismatch.different.len(), 2, "{mismatch}");
    assert!(mismatch.missing.is_empty(), "{mismatch}");
    let error = load(&thin, Head::Sequence, 4, &path, false).unwrap_err();
    assert!(
        error.to_string().contains("2 different (classifier."),
        "{error}"
    );
    // Two heads of one name and of different parts.
    let (_, mismatch) = load(&roberta(), Head::Sequence, 3, &folder("roberta"), true).unwrap();
    assert_eq!(mismatch.missing.len(), 4);
    assert_eq!(
        mismatch.unexpected,
        ["classifier.bias", "classifier.weight"]
    );
    load(&roberta(), Head::Sequence, 3, &folder("roberta"), false).unwrap_err();
}

#[test]
fn a_head_for_masked_tokens_is_read_where_it_is() {
    let (model, mismatch) = load(&bert(), Head::MaskedLm, 2, &folder("bert"), true).unwrap();
    assert!(mismatch.is_empty(), "{mismatch}");
    let expected = bert().fixture.floats("plain.masked_lm.logits");
    let got = answer(&bert(), &model, Head::MaskedLm);
    assert_close("logits", &got, &expected, 1e-4);
    let (_, mismatch) = load(&roberta(), Head::MaskedLm, 2, &folder("roberta"), true).unwrap();
    assert_eq!(mismatch.missing.len(), 5);
}

#[test]
fn a_file_without_a_prefix_fits_under_any_head() {
    let thin = bert();
    let device = Device::flex();
    let written = tempfile::tempdir().unwrap();
    let (config, model) = (thin.config(Head::None), thin.model(Head::None, &device));
    save_encoder(&model, &config, &[], 0, written.path()).unwrap();
    // A file in place of a folder.
    let path = written.path().join("model.safetensors");
    let (model, mismatch) = load(&thin, Head::Sequence, 3, &path, true).unwrap();
    assert_eq!(mismatch.missing.len(), 2);
    let input = thin.input("padded", &device);
    let expected = thin.fixture.floats("padded.features");
    assert_close(
        "features",
        &values(model.forward_features(&input)),
        &expected,
        1e-4,
    );
}

/// The bytes of the fixture's BERT for masked tokens, with names as `rename` would have them.
fn renamed(rename: impl FnMut(&str) -> Option<String>) -> tempfile::NamedTempFile {
    let dict = StateDict::read(&folder("bert").join("model.safetensors")).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    let bytes = dict.rename(rename).unwrap().to_safetensors().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    file
}

#[test]
fn a_bias_under_its_second_name_alone_is_read() {
    let file = renamed(|name| Some(name.replace("predictions.bias", "predictions.decoder.bias")));
    let (model, mismatch) = load(&bert(), Head::MaskedLm, 2, file.path(), false).unwrap();
    assert!(mismatch.is_empty(), "{mismatch}");
    let expected = bert().fixture.floats("plain.masked_lm.logits");
    let got = answer(&bert(), &model, Head::MaskedLm);
    assert_close("logits", &got, &expected, 1e-4);
}

#[test]
fn weights_of_another_network_are_refused_whatever_the_head() {
    let path = folder("bert");
    for new_head in [false, true] {
        let message = |change: fn(&mut model_transformer::BertConfig)| {
            let TextEncoderConfig::Bert(mut config) = bert().config(Head::MaskedLm) else {
                unreachable!()
            };
            change(&mut config);
            let model = TextEncoder::from(config.init(&Device::flex()).unwrap());
            load_encoder(model, &path, new_head)
                .unwrap_err()
                .to_string()
        };
        let error = message(|config| config.vocab_size = 60);
        let table =
            "bert.embeddings.word_embeddings.weight: the model has [60, 8], the file [50, 8]";
        assert!(error.contains(table), "{error}");
        assert!(error.contains("model.safetensors"), "{error}");
        let error = message(|config| config.num_hidden_layers = 1);
        assert!(
            error.contains("16 unexpected (bert.encoder.layer.1."),
            "{error}"
        );
        let error = message(|config| config.num_hidden_layers = 3);
        assert!(
            error.contains("16 missing (bert.encoder.layer.2."),
            "{error}"
        );
        let error = message(|config| config.intermediate_size = 13);
        assert!(error.contains("different"), "{error}");
        // Of another family, nothing fits.
        let error = load(&roberta(), Head::MaskedLm, 2, &path, new_head).unwrap_err();
        assert!(error.to_string().contains("missing"), "{error}");
    }
    let file = renamed(|name| Some(name.replace("cls.predictions.bias", "mystery")));
    let error = load(&bert(), Head::Sequence, 2, file.path(), true).unwrap_err();
    assert!(
        error.to_string().contains("1 unexpected (mystery)"),
        "{error}"
    );
}

/// What is said about a folder with this configuration.
fn error_of(config: &Value) -> String {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    open_encoder(folder.path(), &Device::flex())
        .unwrap_err()
        .to_string()
}

fn with(field: &str, value: Value) -> Value {
    let mut json = json_of(&folder("bert"));
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
            "bert, distilbert, roberta can be opened",
        ),
        ("model_type", json!(null), "no `model_type`"),
        (
            "architectures",
            json!(["BertForMultipleChoice"]),
            "BertForMultipleChoice",
        ),
        ("architectures", json!([7]), "`architectures`"),
        ("id2label", json!({"0": "a", "2": "b"}), "each of 0 to 1"),
        ("id2label", json!({"0": 1}), "each of 0 to 0"),
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
    let mut many = with("num_labels", json!(1_u64 << 60));
    many["id2label"] = json!(null);
    let error = error_of(&many);
    assert!(error.contains("`num_labels`"), "{error}");
}

#[test]
fn what_a_configuration_does_not_say_is_what_hugging_face_takes() {
    let read = |json: Value| {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("config.json"), json.to_string()).unwrap();
        read_encoder_config(folder.path()).unwrap()
    };
    let (config, labels) = read(json!({"model_type": "bert", "pad_token_id": null}));
    assert_eq!(config, TextEncoderConfig::Bert(Default::default()));
    assert!(labels.is_empty());
    let (config, _) = read(json!({"model_type": "roberta"}));
    assert_eq!((config.max_length(), config.segment_kinds()), (510, 2));
    let class = "DistilBertForTokenClassification";
    let (config, labels) = read(json!({"model_type": "distilbert", "architectures": [class]}));
    assert_eq!((config.num_labels(), labels.len()), (2, 2));
    // More than ten labels: keys are numbers, not text in alphabetical order.
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
fn a_saved_model_does_not_mind_padding_either() {
    let thin = roberta();
    let written = tempfile::tempdir().unwrap();
    let (config, device) = (thin.config(Head::Sequence), Device::flex());
    let model = thin.model(Head::Sequence, &device);
    save_encoder(&model, &config, &[], 1, written.path()).unwrap();
    let again = open_encoder(written.path(), &device).unwrap().model;
    let row = vec![7, 8, 9];
    let alone = values(again.forward_sequence(&input_of(std::slice::from_ref(&row), 3, 1, false)));
    let filled = values(again.forward_sequence(&input_of(&[row], 9, 1, false)));
    assert_close("logits", &filled, &alone, 1e-5);
}
