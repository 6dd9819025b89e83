//! Properties of any encoder and any texts.
#![allow(clippy::unwrap_used)]

mod common;

use burn::tensor::{Device, Tensor};
use common::encoders::{ThinEncoder, input_of, thin_encoders};
use common::{assert_close, values};
use proptest::prelude::*;
use tinderbox_model_transformer::{EncoderInput, Head};

/// Rows of tokens without padding.
fn rows() -> impl Strategy<Value = Vec<Vec<i64>>> {
    prop::collection::vec(prop::collection::vec(5..50_i64, 1..9), 1..4)
}

/// Features of the tokens of each row.
fn features(thin: &ThinEncoder, input: &EncoderInput) -> Vec<Vec<f32>> {
    let model = thin.model(Head::None, &Device::flex());
    let features = model.forward_features(input);
    let [batch, _, width] = features.dims();
    let row = |row: usize| {
        let real = input.attention_mask.clone().unwrap().narrow(0, row, 1);
        let real: Vec<bool> = real.try_into_vec_as::<bool>().unwrap();
        let all = values(features.clone().narrow(0, row, 1));
        let tokens = all.chunks_exact(width).zip(real);
        let tokens = tokens.filter(|(_, is_real)| *is_real);
        tokens.flat_map(|(token, _)| token.to_vec()).collect()
    };
    (0..batch).map(row).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn padding_never_changes_an_answer(rows in rows(), more in 0..6_usize, pad in 0..2_i64) {
        let time = more + rows.iter().map(Vec::len).max().unwrap();
        for thin in thin_encoders() {
            let batch = features(&thin, &input_of(&rows, time, pad, false));
            for (row, got) in rows.iter().zip(batch) {
                let alone = input_of(std::slice::from_ref(row), row.len(), pad, false);
                let expected = features(&thin, &alone).remove(0);
                assert_close(thin.name, &got, &expected, 1e-5);
                // Without an attention mask, too.
                let all_real = EncoderInput { attention_mask: None, ..alone };
                let model = thin.model(Head::None, &Device::flex());
                assert_close(thin.name, &values(model.forward_features(&all_real)), &expected, 1e-5);
            }
        }
    }

    #[test]
    fn roberta_does_not_mind_padding_before_a_text(rows in rows(), more in 0..6_usize) {
        let time = more + rows.iter().map(Vec::len).max().unwrap();
        let [_, _, _, roberta] = thin_encoders();
        let left = features(&roberta, &input_of(&rows, time, 1, true));
        let right = features(&roberta, &input_of(&rows, time, 1, false));
        for (left, right) in left.iter().zip(right) {
            assert_close("roberta", left, &right, 1e-5);
        }
    }

    #[test]
    fn logits_of_a_batch_are_those_of_its_rows(rows in rows(), more in 0..6_usize) {
        let time = more + rows.iter().map(Vec::len).max().unwrap();
        let device = Device::flex();
        for thin in thin_encoders() {
            let model = thin.model(Head::SequenceClassification, &device);
            let got = values(model.forward_sequence_classification(&input_of(&rows, time, 0, false)).unwrap());
            let alone = rows.iter().flat_map(|row| {
                let row = input_of(std::slice::from_ref(row), row.len(), 0, false);
                values(model.forward_sequence_classification(&row).unwrap())
            });
            assert_close(thin.name, &got, &alone.collect::<Vec<f32>>(), 1e-5);
        }
    }

    #[test]
    fn attention_is_a_distribution_over_the_tokens(rows in rows(), more in 0..6_usize) {
        let time = more + rows.iter().map(Vec::len).max().unwrap();
        for thin in thin_encoders() {
            let input = input_of(&rows, time, 0, false);
            let model = thin.model(Head::None, &Device::flex());
            for layer in model.attentions(&input) {
                let [batch, heads, queries, keys] = layer.dims();
                prop_assert_eq!([batch, heads, queries, keys], [rows.len(), 2, time, time]);
                let sums = values(layer.clone().sum_dim(3));
                prop_assert!(sums.iter().all(|sum| (sum - 1.0).abs() < 1e-5));
                let real = input.attention_mask.clone().unwrap().unsqueeze_dims::<4>(&[1, 1]);
                let hidden: Tensor<4> = layer.mask_fill(real.expand([batch, heads, queries, keys]), 0.0);
                prop_assert!(values(hidden).iter().all(|&x| x == 0.0));
            }
        }
    }
}

#[test]
fn a_row_of_padding_alone_gives_finite_numbers() {
    for thin in thin_encoders() {
        let input = input_of(&[vec![7, 8], vec![]], 4, 0, false);
        let model = thin.model(Head::SequenceClassification, &Device::flex());
        let logits = values(model.forward_sequence_classification(&input).unwrap());
        assert!(logits.iter().all(|x| x.is_finite()), "{}", thin.name);
    }
}
