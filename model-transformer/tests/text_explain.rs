//! Explanations are complete, agree with finite differences, and are independent of padding and
//! batch size.
#![allow(clippy::unwrap_used)]

use std::sync::{Mutex, PoisonError};

use burn::tensor::{Device, Int, Tensor, TensorData};
use tinderbox_model_transformer::explain::{
    ExplainError, IntegratedGradients, attention_of, attention_rollout, explain_answer,
    explain_class, integrated_gradients,
};
use tinderbox_model_transformer::{
    BertConfig, DistilBertConfig, EncoderInput, Head, RobertaConfig, TextEncoder,
    TextEncoderConfig, weights,
};

fn settings(steps: usize) -> IntegratedGradients {
    IntegratedGradients::default().with_steps(steps)
}

/// The seed is global to the process: one test at a time initialises weights.
static SEED: Mutex<()> = Mutex::new(());

/// A tiny model of each family, with weights large enough for its outputs to vary.
fn models(head: Head, device: &Device) -> Vec<TextEncoder> {
    let bert = BertConfig::new(2, 2, 8)
        .with_vocab_size(20)
        .with_max_position_embeddings(16)
        .with_initializer_range(0.6);
    let distilbert = DistilBertConfig::default()
        .with_vocab_size(20)
        .with_max_position_embeddings(16)
        .with_initializer_range(0.6)
        .with_dim(8)
        .with_n_layers(2)
        .with_n_heads(2)
        .with_hidden_dim(16);
    let roberta = RobertaConfig::default()
        .with_vocab_size(20)
        .with_max_position_embeddings(18)
        .with_initializer_range(0.6)
        .with_hidden_size(8)
        .with_num_hidden_layers(2)
        .with_num_attention_heads(2)
        .with_intermediate_size(16);
    let configs = [
        TextEncoderConfig::Bert(bert),
        TextEncoderConfig::DistilBert(distilbert),
        TextEncoderConfig::Roberta(roberta),
    ];
    let _lock = SEED.lock().unwrap_or_else(PoisonError::into_inner);
    device.seed(5);
    let init = |config: TextEncoderConfig| {
        let model = config.with_head(head, 3).init(device).unwrap();
        // A weight is initialised when it is first accessed: here, in this order.
        weights::to_bytes(&model).unwrap();
        model
    };
    configs.map(init).into()
}

const TEXT: [i32; 6] = [3, 7, 9, 12, 5, 4];
/// Keeps the first and the last token.
const BASELINE: [i32; 6] = [3, 1, 1, 1, 1, 4];

fn row(tokens: &[i32], device: &Device) -> Tensor<2, Int> {
    Tensor::from_data(TensorData::new(tokens.to_vec(), [1, tokens.len()]), device)
}

fn input(device: &Device) -> EncoderInput {
    EncoderInput::new(row(&TEXT, device))
}

#[test]
fn integrated_gradients_of_a_linear_function_are_exact() {
    let device = Device::flex();
    let text = Tensor::<3>::from_floats([[[1.0, 2.0], [3.0, -1.0], [0.5, 0.5]]], &device);
    let baseline = Tensor::<3>::from_floats([[[0.0, 1.0], [3.0, -1.0], [1.5, 0.0]]], &device);
    let weight = Tensor::<3>::from_floats([[[2.0, 1.0], [5.0, 5.0], [-1.0, 4.0]]], &device);
    let output = |x: Tensor<3>| {
        let sum = (x * weight.clone()).sum_dim(2).sum_dim(1);
        sum.reshape([-1]) + 10.0
    };
    for steps in [1, 3, 25] {
        let found = integrated_gradients(text.clone(), baseline.clone(), &settings(steps), output);
        let found = found.unwrap();
        for (score, expected) in found.scores.iter().zip([3.0, 0.0, 3.0]) {
            assert!((score - expected).abs() < 1e-5, "{found:?}");
        }
        assert!(found.gap().abs() < 1e-5, "{found:?}");
        assert!((found.output - found.baseline - 6.0).abs() < 1e-5);
    }
}

/// Completeness axiom, for every family and both kinds of output.
#[test]
fn scores_sum_to_the_difference_from_the_baseline() {
    let device = Device::flex();
    let baseline = row(&BASELINE, &device);
    for model in models(Head::SequenceClassification, &device) {
        for class in 0..3 {
            let explain =
                |steps| explain_class(&model, &input(&device), &baseline, class, &settings(steps));
            let found = explain(1000).unwrap();
            let difference = (found.output - found.baseline).abs();
            let total: f32 = found.scores.iter().map(|score| score.abs()).sum();
            assert!(total > 0.02, "nothing to explain: {found:?}");
            assert!(
                found.gap().abs() < 0.01 * difference.max(total),
                "{found:?}"
            );
            // Tokens shared with the baseline score 0.
            assert_eq!((found.scores[0], found.scores[5]), (0.0, 0.0));
            let logits = model
                .forward_sequence_classification(&input(&device))
                .unwrap();
            let logits = logits.try_into_vec_as::<f32>().unwrap();
            assert!((found.output - logits[class]).abs() < 1e-5);
        }
    }
    for model in models(Head::QuestionAnswering, &device) {
        let found =
            explain_answer(&model, &input(&device), &baseline, [1, 3], &settings(200)).unwrap();
        let total: f32 = found.scores.iter().map(|score| score.abs()).sum();
        assert!(
            total > 0.05 && found.gap().abs() < 0.01 * total,
            "{found:?}"
        );
    }
}

/// One step takes the gradient at the midpoint, where a score is the derivative along the token's
/// path.
#[test]
fn scores_agree_with_finite_differences() {
    let device = Device::flex();
    let model = models(Head::SequenceClassification, &device).remove(0);
    let baseline = row(&BASELINE, &device);
    let found = explain_class(&model, &input(&device), &baseline, 1, &settings(1)).unwrap();
    let x = model.word_embeddings(row(&TEXT, &device));
    let path = x - model.word_embeddings(baseline.clone());
    let middle = model.word_embeddings(baseline) + path.clone() * 0.5;
    let logit = |at: Tensor<3>| {
        let logits = model
            .forward_sequence_classification_from(at, &input(&device))
            .unwrap();
        logits.try_into_vec_as::<f32>().unwrap()[1]
    };
    for token in 0..TEXT.len() {
        let mut only = vec![0.0f32; TEXT.len()];
        only[token] = 1.0;
        let only = Tensor::<1>::from_floats(only.as_slice(), &device).reshape([1, 6, 1]);
        let step = path.clone() * only * 0.01;
        let slope = (logit(middle.clone() + step.clone()) - logit(middle.clone() - step)) / 0.02;
        let score = found.scores[token];
        assert!(
            (score - slope).abs() < 2e-3 + 0.01 * slope.abs(),
            "{token}: {score} {slope}"
        );
    }
}

#[test]
fn padding_and_training_mode_change_nothing() {
    let device = Device::flex();
    for model in models(Head::SequenceClassification, &device) {
        let explain = |model: &TextEncoder, input: &EncoderInput, baseline: &[i32]| {
            let baseline = row(baseline, &device);
            explain_class(model, input, &baseline, 0, &settings(7)).unwrap()
        };
        let alone = explain(&model, &input(&device), &BASELINE);
        let real = [[true, true, true, true, true, true, false, false]];
        let padded = EncoderInput {
            tokens: row(&[&TEXT[..], &[1, 1]].concat(), &device),
            token_type_ids: None,
            attention_mask: Some(Tensor::from_bool(TensorData::from(real), &device)),
        };
        let padded = explain(&model, &padded, &[&BASELINE[..], &[1, 1]].concat());
        assert_eq!(padded.scores[6..], [0.0, 0.0]);
        let trained = explain(
            &burn::module::Module::train(model.clone()),
            &input(&device),
            &BASELINE,
        );
        for other in [&padded, &trained] {
            for (a, b) in alone.scores.iter().zip(&other.scores) {
                assert!((a - b).abs() < 1e-5, "{alone:?} {other:?}");
            }
            assert!((alone.output - other.output).abs() < 1e-5);
        }
    }
}

#[test]
fn the_batch_size_changes_nothing() {
    let device = Device::flex();
    let model = models(Head::SequenceClassification, &device).remove(0);
    let explain = |batch_size| {
        let settings = IntegratedGradients::default()
            .with_steps(11)
            .with_batch_size(batch_size);
        explain_class(
            &model,
            &input(&device),
            &row(&BASELINE, &device),
            2,
            &settings,
        )
        .unwrap()
    };
    let one = explain(1);
    for (a, b) in one.scores.iter().zip(&explain(4).scores) {
        assert!((a - b).abs() < 1e-5);
    }
}

#[test]
fn invalid_requests_are_errors() {
    let device = Device::flex();
    let model = models(Head::SequenceClassification, &device).remove(0);
    let explain = |tokens: Tensor<2, Int>, baseline: &Tensor<2, Int>, class, steps| {
        explain_class(
            &model,
            &EncoderInput::new(tokens),
            baseline,
            class,
            &settings(steps),
        )
        .unwrap_err()
    };
    let (text, baseline) = (row(&TEXT, &device), row(&BASELINE, &device));
    let error = explain(text.clone(), &baseline, 3, 5).to_string();
    assert_eq!(error, "there is no class 3; there are 3, counted from 0");
    let error = explain(text.clone(), &baseline, 0, 0).to_string();
    assert_eq!(error, "steps: must be at least 1, got 0");
    let two = text.clone().repeat_dim(0, 2);
    assert_eq!(
        explain(two.clone(), &two, 0, 5),
        ExplainError::NotOneText(2)
    );
    let short = row(&[1, 2], &device);
    assert!(matches!(
        explain(text, &short, 0, 5),
        ExplainError::Baseline { .. }
    ));
    let model = models(Head::QuestionAnswering, &device).remove(0);
    let error =
        explain_answer(&model, &input(&device), &baseline, [0, 6], &settings(1)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "there is no position 6; there are 6, counted from 0"
    );
}

/// Attention of two layers with two heads over two tokens.
fn attentions(device: &Device) -> Vec<Tensor<4>> {
    vec![
        Tensor::from_floats(
            [[[[1.0, 0.0], [0.5, 0.5]], [[0.0, 1.0], [0.5, 0.5]]]],
            device,
        ),
        Tensor::from_floats(
            [[[[0.2, 0.8], [1.0, 0.0]], [[0.4, 0.6], [0.0, 1.0]]]],
            device,
        ),
    ]
}

fn assert_map(map: Tensor<3>, expected: &[f32]) {
    let map = map.try_into_vec_as::<f32>().unwrap();
    for (a, b) in map.iter().zip(expected) {
        assert!((a - b).abs() < 1e-6, "{map:?} {expected:?}");
    }
}

/// By hand: the head means are `[[.5, .5], [.5, .5]]` and `[[.3, .7], [.5, .5]]`, with the residual
/// half `[[.75, .25], [.25, .75]]` and `[[.65, .35], [.25, .75]]`; the result is the second times
/// the first.
#[test]
fn rollout_is_the_product_of_the_layers() {
    let device = Device::flex();
    let rollout = attention_rollout(&attentions(&device)).unwrap();
    assert_map(rollout, &[0.575, 0.425, 0.375, 0.625]);
    assert!(attention_rollout(&[]).is_err());
}

#[test]
fn attention_of_a_layer_and_a_head_or_the_mean() {
    let device = Device::flex();
    let attentions = attentions(&device);
    let of = |layer, head| attention_of(&attentions, layer, head);
    assert_map(of(Some(1), Some(0)).unwrap(), &[0.2, 0.8, 1.0, 0.0]);
    assert_map(of(Some(1), None).unwrap(), &[0.3, 0.7, 0.5, 0.5]);
    assert_map(of(None, Some(1)).unwrap(), &[0.2, 0.8, 0.25, 0.75]);
    assert_map(of(None, None).unwrap(), &[0.4, 0.6, 0.5, 0.5]);
    let error = of(Some(2), None).unwrap_err().to_string();
    assert_eq!(error, "there is no layer 2; there are 2, counted from 0");
    let error = of(None, Some(7)).unwrap_err().to_string();
    assert_eq!(error, "there is no head 7; there are 2, counted from 0");
    assert!(attention_of(&[], None, None).is_err());
}

/// Rows of the attention of every family sum to 1, and so do those of the rollout.
#[test]
fn attention_rows_sum_to_one() {
    let device = Device::flex();
    for model in models(Head::None, &device) {
        let attentions = model.attentions(&input(&device));
        assert_eq!(attentions.len(), 2);
        let sums = attention_rollout(&attentions).unwrap().sum_dim(2);
        for sum in sums.try_into_vec_as::<f32>().unwrap() {
            assert!((sum - 1.0).abs() < 1e-5);
        }
    }
}
