//! Configurations, initial weights, and the depth of parameters of encoders.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeSet;
use std::path::Path;

use burn::tensor::Device;
use common::encoders::{HEADS, input_of, shallow, thin};
use tinderbox_model_transformer::registry::{ENCODERS, find_encoder};
use tinderbox_model_transformer::{Head, TextEncoder, TextEncoderConfig, weights};

#[test]
fn a_configuration_survives_json() {
    for info in ENCODERS {
        for (_, head) in HEADS {
            let config = (info.config)().with_head(head, 7);
            let json = serde_json::to_string(&config).unwrap();
            let again: TextEncoderConfig = serde_json::from_str(&json).unwrap();
            assert_eq!(again, config);
        }
    }
    let small = r#"{"family": "distilbert", "n_layers": 2, "head": "masked_lm"}"#;
    let small: TextEncoderConfig = serde_json::from_str(small).unwrap();
    assert_eq!((small.num_layers(), small.head()), (2, Head::MaskedLm));
    assert_eq!((small.max_length(), small.type_vocab_size()), (512, 1));
    let misspelt = r#"{"family": "bert", "hidden_layers": 2}"#;
    let error = serde_json::from_str::<TextEncoderConfig>(misspelt).unwrap_err();
    assert!(error.to_string().contains("hidden_layers"), "{error}");
}

#[test]
fn heads_have_short_names_in_json_and_hugging_faces_are_read() {
    for (head, short, long) in [
        (Head::None, "none", "none"),
        (Head::MaskedLm, "masked_lm", "masked_lm"),
        (
            Head::SequenceClassification,
            "sequence",
            "sequence_classification",
        ),
        (Head::TokenClassification, "token", "token_classification"),
        (Head::QuestionAnswering, "span", "question_answering"),
    ] {
        assert_eq!(serde_json::to_value(head).unwrap(), short);
        for name in [short, long] {
            assert_eq!(serde_json::from_value::<Head>(name.into()).unwrap(), head);
        }
    }
}

#[test]
fn invalid_options_are_named() {
    for (json, option) in [
        (r#"{"family": "bert", "hidden_size": 100}"#, "hidden_size"),
        (
            r#"{"family": "bert", "num_hidden_layers": 0}"#,
            "num_hidden_layers",
        ),
        (
            r#"{"family": "bert", "num_hidden_layers": 100000000000}"#,
            "num_hidden_layers",
        ),
        (
            r#"{"family": "bert", "num_attention_heads": 0}"#,
            "num_attention_heads",
        ),
        (
            r#"{"family": "bert", "vocab_size": 4611686018427387904}"#,
            "vocab_size",
        ),
        (
            r#"{"family": "bert", "intermediate_size": 0}"#,
            "intermediate_size",
        ),
        (
            r#"{"family": "bert", "type_vocab_size": 0}"#,
            "type_vocab_size",
        ),
        (
            r#"{"family": "bert", "hidden_dropout_prob": 1.0}"#,
            "hidden_dropout_prob",
        ),
        (
            r#"{"family": "bert", "classifier_dropout": -0.1}"#,
            "classifier_dropout",
        ),
        (
            r#"{"family": "bert", "layer_norm_eps": 0.0}"#,
            "layer_norm_eps",
        ),
        (
            r#"{"family": "bert", "pad_token_id": 30522}"#,
            "pad_token_id",
        ),
        (r#"{"family": "bert", "num_labels": 0}"#, "num_labels"),
        (
            r#"{"family": "bert", "head": "span", "num_labels": 3}"#,
            "num_labels",
        ),
        (r#"{"family": "distilbert", "dim": 100}"#, "dim"),
        (r#"{"family": "distilbert", "n_layers": 0}"#, "n_layers"),
        (
            r#"{"family": "distilbert", "qa_dropout": 2.0}"#,
            "qa_dropout",
        ),
        (
            r#"{"family": "roberta", "max_position_embeddings": 2}"#,
            "max_position_embeddings",
        ),
        (
            r#"{"family": "roberta", "pad_token_id": 18446744073709551615}"#,
            "pad_token_id",
        ),
    ] {
        let config: TextEncoderConfig = serde_json::from_str(json).unwrap();
        let error = config.init(&Device::flex()).unwrap_err();
        assert_eq!(error.option, option, "{json}: {error}");
        assert!(!error.reason.is_empty());
    }
}

/// Values of a parameter.
fn floats(model: &TextEncoder, name: &str) -> Vec<f32> {
    let bytes = weights::to_bytes(model).unwrap();
    let dict = weights::StateDict::from_bytes(bytes, Path::new("model")).unwrap();
    dict.floats(name).unwrap().try_into_vec().unwrap()
}

#[test]
fn weights_are_initialised_as_berts_and_padding_to_zero() {
    let device = Device::flex();
    device.seed(5);
    let config = (find_encoder("bert_tiny").unwrap().config)().with_vocab_size(300);
    let model = config.with_head(Head::MaskedLm, 2).init(&device).unwrap();
    let deviation = |name: &str| {
        let floats = floats(&model, name);
        (floats.iter().map(|x| x * x).sum::<f32>() / floats.len() as f32).sqrt()
    };
    for (name, expected) in [
        ("bert.embeddings.word_embeddings.weight", 0.02),
        ("bert.embeddings.position_embeddings.weight", 0.02),
        ("bert.encoder.layer.1.attention.self.key.weight", 0.02),
        ("bert.encoder.layer.1.attention.output.dense.weight", 0.02),
        ("bert.encoder.layer.1.output.dense.weight", 0.02),
        ("bert.encoder.layer.1.output.dense.bias", 0.0),
        ("bert.encoder.layer.1.output.LayerNorm.weight", 1.0),
        ("cls.predictions.transform.dense.weight", 0.02),
        ("cls.predictions.bias", 0.0),
    ] {
        let got = deviation(name);
        assert!((got - expected).abs() <= 0.1 * expected, "{name}: {got}");
    }
    let words = floats(&model, "bert.embeddings.word_embeddings.weight");
    assert!(words[..128].iter().all(|&x| x == 0.0));
    assert!(words[128..].iter().all(|&x| x != 0.0));
    let roberta = thin(find_encoder("roberta_base").unwrap())
        .init(&device)
        .unwrap();
    for table in ["word", "position"] {
        let table = floats(
            &roberta,
            &format!("roberta.embeddings.{table}_embeddings.weight"),
        );
        let zeros: Vec<bool> = table
            .chunks(24)
            .map(|row| row.iter().all(|&x| x == 0.0))
            .collect();
        let rows = (0..zeros.len()).filter(|&row| zeros[row]);
        assert_eq!(rows.collect::<Vec<usize>>(), [1]);
    }
}

#[test]
fn distilberts_positions_may_be_initialised_as_sines() {
    let device = Device::flex();
    let TextEncoderConfig::DistilBert(mut config) = thin(find_encoder("distilbert_base").unwrap())
    else {
        unreachable!()
    };
    config.sinusoidal_pos_embds = true;
    let model = TextEncoder::from(config.init(&device).unwrap());
    let table = floats(&model, "distilbert.embeddings.position_embeddings.weight");
    // Sine and cosine of 0, then of 1.
    assert_eq!(table[..4], [0.0, 1.0, 0.0, 1.0]);
    assert!((table[24] - 1_f32.sin()).abs() < 1e-6 && (table[25] - 1_f32.cos()).abs() < 1e-6);
}

#[test]
fn every_parameter_has_a_depth_and_is_head_or_backbone() {
    for info in ENCODERS {
        for (name, head) in HEADS {
            let config = shallow(thin(info)).with_head(head, 3);
            let layers = config.num_layers();
            let model = config.init(&Device::flex()).unwrap();
            let names = weights::parameter_names(&model);
            let depths: Vec<usize> = names.iter().map(|name| model.layer_of(name)).collect();
            for (parameter, &depth) in names.iter().zip(&depths) {
                let expected = match parameter {
                    p if p.contains(".embeddings.") => 0,
                    p if p.contains(".layer.") => {
                        let number = p.split('.').nth(3).unwrap();
                        number.parse::<usize>().unwrap() + 1
                    }
                    _ => layers + 1,
                };
                assert_eq!(depth, expected, "{parameter}");
                // Also with the name of a variant as a prefix.
                assert_eq!(model.layer_of(&format!("Bert.{parameter}")), depth);
                let is_head = model.is_head(parameter);
                let is_above = depth == layers + 1 && !parameter.contains(".pooler.");
                assert_eq!(is_head, is_above, "{parameter}");
            }
            // All depths occur, and layers have the most parameters.
            let all: BTreeSet<usize> = depths.into_iter().collect();
            let top = names
                .iter()
                .any(|n| model.is_head(n) || n.contains(".pooler."));
            let expected = layers + 1 + usize::from(top);
            assert_eq!(all.len(), expected, "{} {name}", info.name);
            for target in model.lora_targets() {
                let found = names.iter().filter(|name| name.ends_with(target)).count();
                assert_eq!(found, layers, "{} {target}", info.name);
            }
        }
    }
}

#[test]
fn robertas_padding_token_may_change() {
    let config = (find_encoder("roberta_base").unwrap().config)();
    let other = config.clone().with_pad_token_id(3);
    assert_eq!((config.max_length(), other.max_length()), (512, 512));
    assert_eq!((config.pad_token_id(), other.pad_token_id()), (1, 3));
    let TextEncoderConfig::Roberta(other) = other else {
        unreachable!()
    };
    assert_eq!(other.max_position_embeddings, 516);
}

#[test]
fn texts_up_to_the_maximum_length_are_accepted_and_longer_ones_panic() {
    let device = Device::flex();
    for name in ["bert_tiny", "distilbert_base", "roberta_base"] {
        let model = shallow(thin(find_encoder(name).unwrap()))
            .init(&device)
            .unwrap();
        let features = |time: usize| {
            let rows = vec![vec![7; time]];
            model.forward_features(&input_of(&rows, time, 0, false))
        };
        assert_eq!(features(12).dims()[1], 12);
        let refusal = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| features(13)));
        let message = refusal.unwrap_err();
        let message = message.downcast_ref::<String>().unwrap();
        assert_eq!(message, "13 tokens exceed the maximum length of 12");
    }
}
