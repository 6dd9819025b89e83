//! Properties of every encoder in the registry.
#![allow(clippy::unwrap_used)]

mod common;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use common::encoders::{HEADS, input_of, shallow, thin};
use common::{gradients_by_name, values};
use tinderbox_model_transformer::registry::{ENCODERS, find_encoder};
use tinderbox_model_transformer::{
    EncoderInput, Head, TextEncoder, TextEncoderConfig, num_parameters, weights,
};

/// Two texts, the second one padded.
fn input(device: &Device) -> EncoderInput {
    let input = input_of(&[vec![5, 12, 19, 26, 2], vec![9, 16, 23]], 5, 1, false);
    EncoderInput {
        tokens: input.tokens.to_device(device),
        token_type_ids: input.token_type_ids.map(|ids| ids.to_device(device)),
        attention_mask: input.attention_mask.map(|mask| mask.to_device(device)),
    }
}

/// Sum of squares and shape of the output.
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
        Head::MaskedLm => summed(model.forward_masked_lm(&input).unwrap()),
        Head::SequenceClassification => {
            summed(model.forward_sequence_classification(&input).unwrap())
        }
        Head::TokenClassification => summed(model.forward_token_classification(&input).unwrap()),
        Head::QuestionAnswering => {
            let [start, end] = model.forward_question_answering(&input).unwrap();
            // Padding is left out.
            summed(Tensor::cat(vec![start, end], 0).clamp_min(-1e3))
        }
    };
    (said, shape)
}

fn summed<const D: usize>(logits: Tensor<D>) -> (Tensor<1>, Vec<usize>) {
    let shape = logits.dims().to_vec();
    (logits.square().sum(), shape)
}

/// Not the sum of squares for features: normalisation makes it nearly constant.
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
    // The numbers in the table were counted with Hugging Face transformers. Nothing is allocated
    // here.
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
    assert_eq!(with(Head::SequenceClassification), 109_483_778);
    assert_eq!(with(Head::TokenClassification), 108_893_186);
    assert_eq!(with(Head::QuestionAnswering), 108_893_186);
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
                Head::SequenceClassification => vec![2, 3],
                Head::TokenClassification => vec![2, 5, 3],
                Head::QuestionAnswering => vec![4, 5],
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
            let found = gradients_by_name(&model, &gradients).into_iter();
            let without = found.filter(|(_, gradient)| gradient.is_none());
            let without: Vec<String> = without.map(|(parameter, _)| parameter).collect();
            assert!(without.is_empty(), "{} {name}: {without:?}", info.name);
        }
    }
}

#[test]
fn saved_weights_give_the_same_outputs_and_the_same_bytes() {
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
fn every_dropout_is_active_in_training_only() {
    for (name, option, head) in [
        ("bert_tiny", "hidden_dropout_prob", Head::None),
        ("bert_tiny", "attention_probs_dropout_prob", Head::None),
        (
            "bert_tiny",
            "classifier_dropout",
            Head::SequenceClassification,
        ),
        ("bert_tiny", "classifier_dropout", Head::TokenClassification),
        ("distilbert_base", "dropout", Head::None),
        ("distilbert_base", "dropout", Head::TokenClassification),
        ("distilbert_base", "attention_dropout", Head::None),
        (
            "distilbert_base",
            "seq_classif_dropout",
            Head::SequenceClassification,
        ),
        ("distilbert_base", "qa_dropout", Head::QuestionAnswering),
        ("roberta_base", "hidden_dropout_prob", Head::None),
        ("roberta_base", "attention_probs_dropout_prob", Head::None),
        (
            "roberta_base",
            "classifier_dropout",
            Head::SequenceClassification,
        ),
        (
            "roberta_base",
            "classifier_dropout",
            Head::TokenClassification,
        ),
    ] {
        let device = Device::flex().autodiff();
        let config = shallow(thin(find_encoder(name).unwrap())).with_head(head, 3);
        let mut json = serde_json::to_value(config).unwrap();
        // Large enough for changes to exceed rounding errors.
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
fn a_missing_head_is_an_error() {
    let device = Device::flex();
    let config = thin(find_encoder("bert_tiny").unwrap()).with_head(Head::TokenClassification, 3);
    let model = config.init(&device).unwrap();
    let error = model.forward_sequence_classification(&input(&device));
    let message = error.unwrap_err().to_string();
    assert_eq!(message, "this encoder has no sequence classification head");
}
