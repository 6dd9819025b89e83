//! What holds for every encoder in the registry.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use common::encoders::{HEADS, input_of};
use common::{gradients_of, values};
use model_transformer::registry::{ENCODERS, EncoderInfo, find_encoder};
use model_transformer::{
    EncoderInput, Head, TextEncoder, TextEncoderConfig, num_parameters, weights,
};

/// The same network, narrow and of few tokens.
fn thin(info: &EncoderInfo) -> TextEncoderConfig {
    let mut config = (info.config)().with_vocab_size(31);
    match &mut config {
        TextEncoderConfig::Bert(config) => {
            config.hidden_size = 2 * config.num_attention_heads;
            config.intermediate_size = config.num_attention_heads;
            config.max_position_embeddings = 12;
        }
        TextEncoderConfig::DistilBert(config) => {
            config.dim = 2 * config.n_heads;
            config.hidden_dim = config.n_heads;
            config.max_position_embeddings = 12;
        }
        TextEncoderConfig::Roberta(config) => {
            config.hidden_size = 2 * config.num_attention_heads;
            config.intermediate_size = config.num_attention_heads;
            config.max_position_embeddings = 14;
        }
    }
    config
}

/// At most as many layers as make a test quick.
fn shallow(mut config: TextEncoderConfig) -> TextEncoderConfig {
    let layers = match &mut config {
        TextEncoderConfig::Bert(config) => &mut config.num_hidden_layers,
        TextEncoderConfig::DistilBert(config) => &mut config.n_layers,
        TextEncoderConfig::Roberta(config) => &mut config.num_hidden_layers,
    };
    *layers = (*layers).min(3);
    config
}

/// Two texts, the second of which is filled up.
fn input(device: &Device) -> EncoderInput {
    let input = input_of(&[vec![5, 12, 19, 26, 2], vec![9, 16, 23]], 5, 1, false);
    EncoderInput {
        tokens: input.tokens.to_device(device),
        segments: input.segments.map(|segments| segments.to_device(device)),
        real: input.real.map(|real| real.to_device(device)),
    }
}

/// The sum of the squares of all that the model says, and the shape.
fn said(model: &TextEncoder, head: Head, device: &Device) -> (Tensor<1>, Vec<usize>) {
    let input = input(device);
    let (said, shape) = match head {
        Head::None => {
            let features = model.forward_features(&input);
            let shape = features.dims().to_vec();
            let sum = features.clone().square().sum();
            match model.pool(features) {
                Some(pooled) => (sum + pooled.square().sum(), shape),
                None => (sum, shape),
            }
        }
        Head::MaskedLm => summed(model.forward_masked_lm(&input)),
        Head::Sequence => summed(model.forward_sequence(&input)),
        Head::Token => summed(model.forward_tokens(&input)),
        Head::Span => {
            let [start, end] = model.forward_spans(&input);
            // What fills up says nothing.
            summed(Tensor::cat(vec![start, end], 0).clamp_min(-1e3))
        }
    };
    (said, shape)
}

fn summed<const D: usize>(logits: Tensor<D>) -> (Tensor<1>, Vec<usize>) {
    let shape = logits.dims().to_vec();
    (logits.square().sum(), shape)
}

/// Of features not the sum of squares, which normalisation makes nearly constant.
fn answer(model: &TextEncoder, head: Head, device: &Device) -> Vec<f32> {
    match head {
        Head::None => values(model.forward_features(&input(device)).inner()),
        _ => values(said(model, head, device).0.inner()),
    }
}

#[test]
fn names_are_sorted_and_found() {
    assert!(ENCODERS.is_sorted_by_key(|info| info.name));
    for info in ENCODERS {
        assert_eq!(find_encoder(info.name).unwrap().name, info.name);
        assert_eq!((info.config)().head(), Head::None);
    }
    assert!(find_encoder("no-such-model").is_none());
}

#[test]
fn every_encoder_has_hugging_faces_number_of_parameters() {
    // The numbers in the table are those that transformers counts. Nothing is allocated here.
    for info in ENCODERS {
        let config = (info.config)();
        assert_eq!(config.num_parameters(), info.parameters, "{}", info.name);
        for (name, head) in HEADS {
            let config = config.clone().with_head(head, 5);
            let model = config.init(&Device::flex()).unwrap();
            let expected = config.num_parameters();
            assert_eq!(num_parameters(&model), expected, "{} {name}", info.name);
            assert_eq!(model.max_length(), config.max_length());
            assert_eq!(model.vocab_size(), config.vocab_size());
            assert_eq!(model.num_layers(), config.num_layers());
        }
    }
    let base = (find_encoder("bert_base").unwrap().config)();
    let with = |head| base.clone().with_head(head, 2).num_parameters();
    assert_eq!(with(Head::MaskedLm), 109_514_298);
    assert_eq!(with(Head::Sequence), 109_483_778);
    assert_eq!(with(Head::Token), 108_893_186);
    assert_eq!(with(Head::Span), 108_893_186);
}

#[test]
fn every_encoder_has_its_shapes_at_full_depth_with_every_head() {
    let device = Device::flex();
    for info in ENCODERS {
        let width = thin(info).hidden_size();
        for (name, head) in HEADS {
            let config = thin(info).with_head(head, 3);
            let (sum, shape) = said(&config.init(&device).unwrap(), head, &device);
            let expected = match head {
                Head::None => vec![2, 5, width],
                Head::MaskedLm => vec![2, 5, 31],
                Head::Sequence => vec![2, 3],
                Head::Token => vec![2, 5, 3],
                Head::Span => vec![4, 5],
            };
            assert_eq!(shape, expected, "{} {name}", info.name);
            assert!(values(sum)[0].is_finite(), "{} {name}", info.name);
        }
    }
}

#[test]
fn every_parameter_gets_a_gradient() {
    let device = Device::flex().autodiff();
    for info in ENCODERS {
        for (name, head) in HEADS {
            let config = shallow(thin(info)).with_head(head, 3);
            let model = config.init(&device).unwrap();
            let gradients = said(&model, head, &device).0.backward();
            let found = gradients_of(&model, &gradients).into_iter();
            let without = found.filter(|(_, gradient)| gradient.is_none());
            let without: Vec<String> = without.map(|(parameter, _)| parameter).collect();
            assert!(without.is_empty(), "{} {name}: {without:?}", info.name);
        }
    }
}

#[test]
fn saved_weights_give_the_same_answers_and_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let device = Device::flex();
    for info in ENCODERS {
        for (name, head) in HEADS {
            let config = shallow(thin(info)).with_head(head, 3);
            let model = config.init(&device).unwrap();
            weights::save(&model, &path).unwrap();
            let loaded = weights::load(config.init(&device).unwrap(), &path).unwrap();
            let sum = |model: &TextEncoder| values(said(model, head, &device).0);
            assert_eq!(sum(&model), sum(&loaded), "{} {name}", info.name);
            let bytes = std::fs::read(&path).unwrap();
            assert_eq!(bytes, weights::to_bytes(&loaded).unwrap());
        }
    }
}

#[test]
fn every_dropout_acts_in_training_and_only_there() {
    for (name, option, head) in [
        ("bert_tiny", "hidden_dropout_prob", Head::None),
        ("bert_tiny", "attention_probs_dropout_prob", Head::None),
        ("bert_tiny", "classifier_dropout", Head::Sequence),
        ("bert_tiny", "classifier_dropout", Head::Token),
        ("distilbert_base", "dropout", Head::None),
        ("distilbert_base", "dropout", Head::Token),
        ("distilbert_base", "attention_dropout", Head::None),
        ("distilbert_base", "seq_classif_dropout", Head::Sequence),
        ("distilbert_base", "qa_dropout", Head::Span),
        ("roberta_base", "hidden_dropout_prob", Head::None),
        ("roberta_base", "attention_probs_dropout_prob", Head::None),
        ("roberta_base", "classifier_dropout", Head::Sequence),
        ("roberta_base", "classifier_dropout", Head::Token),
    ] {
        let device = Device::flex().autodiff();
        let config = shallow(thin(find_encoder(name).unwrap())).with_head(head, 3);
        let mut json = serde_json::to_value(config).unwrap();
        // Large enough that a change is larger than rounding.
        json["initializer_range"] = 0.5.into();
        for (field, value) in json.as_object_mut().unwrap() {
            if field.contains("drop") {
                *value = if field == option {
                    0.4.into()
                } else {
                    0.0.into()
                };
            }
        }
        let config: TextEncoderConfig = serde_json::from_value(json).unwrap();
        let model = config.init(&device).unwrap();
        let trained = || answer(&model, head, &device);
        assert_ne!(trained(), trained(), "{name} {option} {head:?}");
        let (valid, plain) = (model.valid(), Device::flex());
        let evaluated = || answer(&valid, head, &plain);
        assert_eq!(evaluated(), evaluated(), "{name} {option} {head:?}");
    }
}

#[test]
fn a_configuration_is_the_same_after_json() {
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
    assert_eq!((small.max_length(), small.segment_kinds()), (512, 1));
    let misspelt = r#"{"family": "bert", "hidden_layers": 2}"#;
    let error = serde_json::from_str::<TextEncoderConfig>(misspelt).unwrap_err();
    assert!(error.to_string().contains("hidden_layers"), "{error}");
}

#[test]
fn options_that_describe_no_network_are_named() {
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

/// The values of a parameter.
fn floats(model: &TextEncoder, name: &str) -> Vec<f32> {
    let bytes = weights::to_bytes(model).unwrap();
    let dict = weights::StateDict::from_bytes(bytes, Path::new("model")).unwrap();
    dict.floats(name).unwrap().try_into_vec().unwrap()
}

#[test]
fn weights_begin_as_berts_and_padding_as_zeros() {
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
fn distilberts_positions_may_begin_as_sines() {
    let device = Device::flex();
    let TextEncoderConfig::DistilBert(mut config) = thin(find_encoder("distilbert_base").unwrap())
    else {
        unreachable!()
    };
    config.sinusoidal_pos_embds = true;
    let model = TextEncoder::from(config.init(&device).unwrap());
    let table = floats(&model, "distilbert.embeddings.position_embeddings.weight");
    // Sines of 0 and cosines of 0, then those of 1.
    assert_eq!(table[..4], [0.0, 1.0, 0.0, 1.0]);
    assert!((table[24] - 1_f32.sin()).abs() < 1e-6 && (table[25] - 1_f32.cos()).abs() < 1e-6);
}

#[test]
fn every_parameter_has_its_depth_and_its_side() {
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
                // With the name of a variant before it, too.
                assert_eq!(model.layer_of(&format!("Bert.{parameter}")), depth);
                let is_head = model.is_head(parameter);
                let is_above = depth == layers + 1 && !parameter.contains(".pooler.");
                assert_eq!(is_head, is_above, "{parameter}");
            }
            // The longest stretch of any depth is that of the layers, and all depths are there.
            let all: std::collections::BTreeSet<usize> = depths.into_iter().collect();
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
fn robertas_padding_may_be_another_token() {
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
fn texts_longer_than_the_table_are_refused_and_the_longest_is_not() {
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
        assert_eq!(message, "13 tokens, and 12 is the most");
    }
}

#[test]
#[should_panic(expected = "no head of sequences")]
fn a_head_that_is_not_there_is_named() {
    let device = Device::flex();
    let config = thin(find_encoder("bert_tiny").unwrap()).with_head(Head::Token, 3);
    config
        .init(&device)
        .unwrap()
        .forward_sequence(&input(&device));
}
