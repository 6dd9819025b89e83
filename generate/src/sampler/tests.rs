#![allow(clippy::unwrap_used)]

use super::*;
use proptest::prelude::*;

/// Logits of tokens 2, 0, 3, 1 with probabilities 0.5, 0.3, 0.15, 0.05.
const LOGITS: [f32; 4] = [
    -1.203_972_8,
    -2.995_732_3,
    -std::f32::consts::LN_2,
    -1.897_12,
];

fn sampler(change: impl FnOnce(&mut Sampling)) -> Sampler {
    let mut sampling = Sampling::default();
    change(&mut sampling);
    Sampler::new(sampling, 7).unwrap()
}

/// Frequency of each token over 20,000 positions.
fn frequencies(sampler: &Sampler) -> [f64; 4] {
    let mut counts = [0.0; 4];
    for position in 0..20_000 {
        let choice = sampler.choose(&LOGITS, &[], position).unwrap();
        counts[choice.token as usize] += 1.0 / 20_000.0;
    }
    counts
}

fn assert_near(found: [f64; 4], expected: [f64; 4]) {
    // Four standard deviations of 20,000 draws are at most 0.0142.
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() < 0.0142, "{found} {expected}");
        assert!(expected > 0.0 || *found == 0.0, "{found}");
    }
}

#[test]
fn tokens_are_drawn_in_proportion_to_their_probability() {
    assert_near(frequencies(&sampler(|_| {})), [0.3, 0.05, 0.5, 0.15]);
}

#[test]
fn temperature_sharpens_and_zero_is_greedy() {
    // Temperature 1/2 squares the probabilities.
    let sum = 0.09 + 0.0025 + 0.25 + 0.0225;
    let expected = [0.09 / sum, 0.0025 / sum, 0.25 / sum, 0.0225 / sum];
    assert_near(frequencies(&sampler(|s| s.temperature = 0.5)), expected);
    let greedy = sampler(|s| s.temperature = 0.0);
    assert_eq!(frequencies(&greedy)[2].round(), 1.0);
    // Ties go to the lower id.
    assert_eq!(greedy.choose(&[1.0, 3.0, 3.0], &[], 0).unwrap().token, 1);
}

#[test]
fn filters_keep_the_most_probable() {
    let two = [0.3 / 0.8, 0.0, 0.5 / 0.8, 0.0];
    assert_near(frequencies(&sampler(|s| s.top_k = Some(2))), two);
    assert_near(frequencies(&sampler(|s| s.top_p = Some(0.7))), two);
    assert_near(frequencies(&sampler(|s| s.min_p = Some(0.5))), two);
    let one = [0.0, 0.0, 1.0, 0.0];
    assert_near(frequencies(&sampler(|s| s.top_p = Some(1e-9))), one);
    assert_near(frequencies(&sampler(|s| s.top_k = Some(1))), one);
}

/// `golden/make_sampling.py` makes the fixture.
#[test]
fn ties_are_kept_as_hugging_face_keeps_them() {
    let cases = include_str!("../../tests/fixtures/sampling.json");
    let cases: Vec<serde_json::Value> = serde_json::from_str(cases).unwrap();
    assert!(cases.len() > 90);
    for case in cases {
        let list = |key: &str| case[key].as_array().unwrap().clone();
        let logits = list("logits");
        let logits: Vec<f32> = logits.iter().map(|x| x.as_f64().unwrap() as f32).collect();
        let sampler = sampler(|s| {
            s.temperature = case["temperature"].as_f64().unwrap_or(1.0);
            s.top_k = case["top_k"].as_u64().map(|k| k as usize);
            s.top_p = case["top_p"].as_f64();
            s.min_p = case["min_p"].as_f64();
        });
        let candidates = sampler.candidates(ranked(&logits));
        let mut kept: Vec<u64> = candidates.iter().map(|(token, _)| *token as u64).collect();
        kept.sort_unstable();
        let expected: Vec<u64> = list("kept").iter().map(|id| id.as_u64().unwrap()).collect();
        assert_eq!(kept, expected, "{case}");
    }
}

#[test]
fn a_repeated_token_is_penalised_once() {
    let greedy = sampler(|s| {
        s.temperature = 0.0;
        s.repetition_penalty = 2.0;
    });
    // Negative logits are multiplied: -0.69 becomes -1.39, below -1.20.
    assert_eq!(greedy.choose(&LOGITS, &[2], 0).unwrap().token, 0);
    assert_eq!(greedy.choose(&LOGITS, &[2, 2, 0], 0).unwrap().token, 2);
    // Positive ones are divided.
    assert_eq!(greedy.choose(&[1.9, 3.0], &[1], 0).unwrap().token, 0);
    // A token outside the vocabulary is ignored.
    assert_eq!(greedy.choose(&LOGITS, &[99], 0).unwrap().token, 2);
}

#[test]
fn log_probabilities_are_the_models_own() {
    let choice = sampler(|s| {
        s.temperature = 0.1;
        s.top_k = Some(1);
    })
    .choose(&LOGITS, &[2], 0)
    .unwrap();
    assert!((choice.log_prob - 0.5f64.ln()).abs() < 1e-6, "{choice:?}");
}

#[test]
fn invalid_settings_and_logits_are_errors() {
    let wrong: [fn(&mut Sampling); 7] = [
        |s| s.temperature = -1.0,
        |s| s.temperature = f64::NAN,
        |s| s.top_k = Some(0),
        |s| s.top_p = Some(0.0),
        |s| s.top_p = Some(1.5),
        |s| s.min_p = Some(2.0),
        |s| s.repetition_penalty = 0.0,
    ];
    for change in wrong {
        let mut sampling = Sampling::default();
        change(&mut sampling);
        assert!(Sampler::new(sampling, 0).is_err());
    }
    let sampler = sampler(|_| {});
    assert!(sampler.choose(&[], &[], 0).is_err());
    assert!(sampler.choose(&[0.0, f32::NAN], &[], 0).is_err());
    let certain = sampler.choose(&[0.0, f32::INFINITY], &[], 0).unwrap();
    assert_eq!((certain.token, certain.log_prob.is_nan()), (1, true));
}

#[test]
fn samples_differ_and_are_reproducible() {
    let tokens = |sampler: &Sampler| -> Vec<u32> {
        let choose = |p| sampler.choose(&LOGITS, &[], p).unwrap().token;
        (0..50).map(choose).collect()
    };
    let first = sampler(|_| {});
    let second = first.clone().for_sample(1);
    assert_eq!(tokens(&first), tokens(&first.clone()));
    assert_ne!(tokens(&first), tokens(&second));
}

proptest! {
    #[test]
    fn a_sampled_token_is_among_the_top_k(
        logits in prop::collection::vec(-20f32..20.0, 1..50), k in 1usize..60, temperature in 0.01f64..5.0,
        top_p in 0.01f64..1.0, min_p in 0.001f64..1.0, position: u64, seed: u64,
    ) {
        let sampling = Sampling {
            temperature, top_k: Some(k), top_p: Some(top_p), min_p: Some(min_p), repetition_penalty: 1.0,
        };
        let sampler = Sampler::new(sampling, seed).unwrap();
        let position = position >> 8;
        let choice = sampler.choose(&logits, &[], position).unwrap();
        let chosen = logits[choice.token as usize];
        let scaled = |logit: f32| logit / temperature as f32;
        let better = logits.iter().filter(|logit| scaled(**logit) > scaled(chosen)).count();
        prop_assert!(better < k);
        prop_assert!(choice.log_prob <= 1e-9);
        prop_assert_eq!(choice, sampler.choose(&logits, &[], position).unwrap());
    }
}
