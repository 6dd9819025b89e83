//! Agreement with Hugging Face's encoders. The fixtures are made by `golden/make_encoders.py`.
#![allow(clippy::unwrap_used)]

mod common;

use burn::nn::loss::CrossEntropyLossConfig;
use burn::optim::{AdamWConfig, GradientsParams};
use burn::tensor::{Device, Int, Tensor, TensorData};
use common::encoders::{HEADS, ThinEncoder, thin_encoders};
use common::{Fixture, assert_close, gradients_by_name, values};
use safetensors::SafeTensors;
use tinderbox_model_transformer::{EncoderInput, Head, TextEncoder, num_parameters, weights};

const CASES: [&str; 3] = ["plain", "padded", "left"];

#[test]
fn features_and_attention_are_hugging_faces() {
    let plain = Device::flex();
    // Attention is one fused operation without gradients, several with them.
    for device in [plain.clone(), plain.autodiff()] {
        for thin in thin_encoders() {
            let model = thin.model(Head::None, &device);
            assert_eq!(num_parameters(&model), thin.config.num_parameters());
            for case in CASES {
                let input = thin.input(case, &device);
                check_features(&thin, case, &model, &input);
            }
        }
    }
}

fn check_features(thin: &ThinEncoder, case: &str, model: &TextEncoder, input: &EncoderInput) {
    let compare = |what: &str, got: Vec<f32>| {
        let expected = thin.fixture.floats(&format!("{case}.{what}"));
        assert_close(
            &format!("{} {case} {what}", thin.name),
            &got,
            &expected,
            1e-4,
        );
    };
    let features = model.forward_features(input);
    compare("features", values(features.clone().inner()));
    let has_pooler = thin.name != "distilbert";
    let pooled = model.pool(features);
    assert_eq!(pooled.is_some(), has_pooler);
    if let Some(pooled) = pooled {
        compare("pooled", values(pooled.inner()));
    }
    let attentions = model.attentions(input);
    assert_eq!(attentions.len(), 2);
    for (layer, probabilities) in attentions.into_iter().enumerate() {
        compare(&format!("attention.{layer}"), values(probabilities.inner()));
    }
}

/// Logits of the head, flattened; those of an answer without padding.
fn logits(model: &TextEncoder, head: Head, input: &EncoderInput) -> Vec<f32> {
    match head {
        Head::None => Vec::new(),
        Head::MaskedLm => values(model.forward_masked_lm(input).unwrap().inner()),
        Head::SequenceClassification => values(
            model
                .forward_sequence_classification(input)
                .unwrap()
                .inner(),
        ),
        Head::TokenClassification => {
            values(model.forward_token_classification(input).unwrap().inner())
        }
        Head::QuestionAnswering => {
            let sides = model
                .forward_question_answering(input)
                .unwrap()
                .map(Tensor::inner);
            let both = Tensor::<2>::stack::<3>(sides.to_vec(), 2);
            let real = input
                .attention_mask
                .clone()
                .map(|real| real.unsqueeze_dim::<3>(2));
            match real {
                Some(real) => values(both.mask_fill(real.bool_not().repeat_dim(2, 2), 0.0)),
                None => values(both),
            }
        }
    }
}

/// Logits of the fixture, comparable with [`logits`].
fn expected_logits(thin: &ThinEncoder, head: (&str, Head), case: &str) -> Vec<f32> {
    let key = format!("{case}.{}.logits", head.0);
    let expected = thin.fixture.floats(&key);
    let real = thin.fixture.0.tensor(&format!("{case}.real"));
    match (head.1, real) {
        (Head::QuestionAnswering, Ok(real)) => {
            let is_real = |place: usize| real.data()[place / 2] > 0;
            let keep = |(place, x): (usize, f32)| if is_real(place) { x } else { 0.0 };
            expected.into_iter().enumerate().map(keep).collect()
        }
        _ => expected,
    }
}

#[test]
fn logits_of_every_head_are_hugging_faces() {
    let plain = Device::flex();
    for device in [plain.clone(), plain.autodiff()] {
        for thin in thin_encoders() {
            for head in &HEADS[1..] {
                let model = thin.model(head.1, &device);
                assert_eq!(num_parameters(&model), thin.config(head.1).num_parameters());
                for case in CASES {
                    let input = thin.input(case, &device);
                    let got = logits(&model, head.1, &input);
                    let what = format!("{} {case} {}", thin.name, head.0);
                    assert_close(&what, &got, &expected_logits(&thin, *head, case), 1e-4);
                }
            }
        }
    }
}

#[test]
fn padding_gets_the_lowest_answer_logits() {
    for thin in thin_encoders() {
        let device = Device::flex();
        let input = thin.input("padded", &device);
        let model = thin.model(Head::QuestionAnswering, &device);
        for side in model.forward_question_answering(&input).unwrap() {
            let real = input.attention_mask.clone().unwrap();
            let padding = values(side.mask_fill(real, -1e9));
            assert!(padding.iter().all(|&x| x <= -6e4), "{}", thin.name);
        }
    }
}

#[test]
fn embeddings_may_be_given_in_place_of_tokens() {
    for thin in thin_encoders() {
        let device = Device::flex();
        let input = thin.input("padded", &device);
        let other = EncoderInput {
            tokens: input.tokens.zeros_like(),
            ..input.clone()
        };
        let model = thin.model(Head::SequenceClassification, &device);
        let words = model.word_embeddings(input.tokens.clone());
        let got = model
            .forward_sequence_classification_from(words, &other)
            .unwrap();
        assert_eq!(
            values(got),
            values(model.forward_sequence_classification(&input).unwrap())
        );
        let model = thin.model(Head::QuestionAnswering, &device);
        let words = model.word_embeddings(input.tokens.clone());
        let [got, _] = model
            .forward_question_answering_from(words, &other)
            .unwrap();
        let [expected, _] = model.forward_question_answering(&input).unwrap();
        assert_eq!(values(got), values(expected));
    }
}

fn labels(thin: &ThinEncoder, head: &str) -> Vec<i64> {
    let number = |b: &[u8]| i64::from_le_bytes(b.try_into().unwrap());
    let view = thin.fixture.0.tensor(&format!("{head}.labels")).unwrap();
    view.data().chunks_exact(8).map(number).collect()
}

/// Loss over the targets, as the tasks compute it.
fn loss(thin: &ThinEncoder, head: (&str, Head), model: &TextEncoder, device: &Device) -> Tensor<1> {
    let input = thin.input("padded", device);
    let labels = labels(thin, head.0);
    let (logits, targets): (Tensor<2>, Vec<i64>) = match head.1 {
        Head::None => unreachable!(),
        Head::SequenceClassification => (
            model.forward_sequence_classification(&input).unwrap(),
            labels,
        ),
        Head::QuestionAnswering => {
            let [start, end] = model.forward_question_answering(&input).unwrap();
            let (starts, ends) = labels
                .chunks_exact(2)
                .map(|pair| (pair[0], pair[1]))
                .unzip();
            let starts: Vec<i64> = starts;
            (Tensor::cat(vec![start, end], 0), [starts, ends].concat())
        }
        Head::TokenClassification => {
            let logits = model
                .forward_token_classification(&input)
                .unwrap()
                .flatten::<2>(0, 1);
            (logits.select(0, asked(&labels, device)), wanted(&labels))
        }
        Head::MaskedLm => {
            // The head sees only the masked positions.
            let features = model.forward_features(&input).flatten::<2>(0, 1);
            let features = features.select(0, asked(&labels, device));
            (model.masked_lm_head(features).unwrap(), wanted(&labels))
        }
    };
    let targets = Tensor::from_data(TensorData::from(targets.as_slice()), device);
    let loss = CrossEntropyLossConfig::new().init(device);
    loss.forward(logits, targets)
}

fn asked(labels: &[i64], device: &Device) -> Tensor<1, Int> {
    let places = (0..).zip(labels).filter(|(_, label)| **label >= 0);
    let places: Vec<i64> = places.map(|(place, _)| place).collect();
    Tensor::from_data(TensorData::from(places.as_slice()), device)
}

fn wanted(labels: &[i64]) -> Vec<i64> {
    labels.iter().copied().filter(|&label| label >= 0).collect()
}

/// The model after two steps of AdamW. Results of the first step are compared.
fn train(thin: &ThinEncoder, head: (&str, Head)) -> TextEncoder {
    let device = Device::flex().autodiff();
    let mut model = thin.model(head.1, &device);
    let optimizer = AdamWConfig::new().with_epsilon(1e-8).with_weight_decay(0.1);
    let mut optimizer = optimizer.init();
    for step in 0..2 {
        let loss = loss(thin, head, &model, &device);
        let gradients = loss.backward();
        if step == 0 {
            let expected = thin.fixture.floats(&format!("{}.loss", head.0));
            let what = format!("{} {}", thin.name, head.0);
            assert_close(&what, &values(loss.inner()), &expected, 1e-5);
            let start = format!("{}.grad.", head.0);
            let found = gradients_by_name(&model, &gradients);
            let names = thin.fixture.0.names().into_iter();
            let expected = names.filter(|name| name.starts_with(&start)).count();
            assert_eq!(found.len(), expected, "{what}");
            for (name, got) in found {
                let expected = thin.fixture.floats(&format!("{start}{name}"));
                assert_close(&format!("{what} {name}"), &got.unwrap(), &expected, 1e-3);
            }
        }
        let gradients = GradientsParams::from_grads(gradients, &model);
        model = optimizer.step(0.01, model, gradients);
    }
    model
}

/// A bias shared by all keys, or by all positions of an answer, has no effect: its gradient is
/// rounding error, which Adam amplifies.
fn is_without_effect(gradient: &[f32]) -> bool {
    gradient.iter().all(|x| x.abs() < 1e-6)
}

#[test]
fn loss_gradients_and_two_steps_of_training_are_hugging_faces() {
    for thin in thin_encoders() {
        for head in &HEADS[1..] {
            let bytes = weights::to_bytes(&train(&thin, *head)).unwrap();
            let now = Fixture(SafeTensors::deserialize(bytes.leak()).unwrap());
            let start = format!("{}.step2.", head.0);
            let (mut compared, mut without_effect) = (0, 0);
            for key in thin.fixture.0.names() {
                let Some(name) = key.strip_prefix(&start) else {
                    continue;
                };
                compared += 1;
                let gradient = thin.fixture.floats(&format!("{}.grad.{name}", head.0));
                if is_without_effect(&gradient) {
                    without_effect += 1;
                    continue;
                }
                let what = format!("{} {key}", thin.name);
                let (got, expected) = (now.floats(name), thin.fixture.floats(key));
                assert_close(&what, &got, &expected, 1e-3);
            }
            // For question answering, the last bias before the head and the head's own.
            let expected = if head.1 == Head::QuestionAnswering {
                4
            } else {
                2
            };
            assert_eq!(without_effect, expected, "{} {}", thin.name, head.0);
            assert_eq!(compared, now.0.len(), "{} {}", thin.name, head.0);
        }
    }
}
