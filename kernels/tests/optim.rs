//! Optimizer steps against their compositions in f64, and bit by bit against their formulas in f32.
#![allow(clippy::unwrap_used)]

mod common;

use burn::tensor::{DType, Device, Tensor};
use common::{assert_close, leaf, numbers, values};
use proptest::prelude::*;
use tinderbox_kernels::optim::{Adam, Sgd, adam, sgd, sum_of_squares};

fn plain(values: &[f64], dtype: DType) -> Tensor<1> {
    leaf(values, [values.len()], dtype).inner()
}

/// Parameter and state after three steps with three gradients.
fn run_sgd(dtype: DType, len: usize, options: &Sgd, seed: u64) -> [Vec<f64>; 2] {
    let mut parameter = plain(&numbers(len, seed), dtype);
    let mut buffer = None;
    for step in 1..4 {
        let gradient = plain(&numbers(len, seed + step), dtype);
        (parameter, buffer) = sgd(parameter, gradient, buffer, options);
    }
    [values(parameter), buffer.map(values).unwrap_or_default()]
}

fn run_adam(dtype: DType, len: usize, options: Adam, seed: u64) -> [Vec<f64>; 3] {
    let mut parameter = plain(&numbers(len, seed), dtype);
    let mut state = (None, None);
    for step in 1..4 {
        let gradient = plain(&numbers(len, seed + step), dtype);
        let options = options.with_step(step);
        let (new, first, second) = adam(parameter, gradient, state.0, state.1, &options);
        parameter = new;
        state = (Some(first), Some(second));
    }
    [
        values(parameter),
        values(state.0.unwrap()),
        values(state.1.unwrap()),
    ]
}

fn an_adam(weight_decay: f64, decoupled: bool) -> Adam {
    Adam::new(0.01, 1).with_weight_decay(weight_decay, decoupled)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn sgd_equals_its_composition_in_f64(
        len in 0usize..300, momentum in prop_oneof![Just(0.0), 0.1f64..0.99], nesterov: bool,
        weight_decay in prop_oneof![Just(0.0), 1e-4f64..0.1], seed in 0u64..1000,
    ) {
        let options = Sgd::new(0.1).with_momentum(momentum).with_nesterov(nesterov).with_weight_decay(weight_decay);
        let got = run_sgd(DType::F32, len, &options, seed);
        let expected = run_sgd(DType::F64, len, &options, seed);
        assert_close("p", &got[0], &expected[0], 1e-6);
        assert_close("b", &got[1], &expected[1], 1e-6);
    }

    #[test]
    fn adam_equals_its_composition_in_f64(
        len in 0usize..300, weight_decay in prop_oneof![Just(0.0), 1e-3f64..0.1], decoupled: bool, seed in 0u64..1000,
    ) {
        let options = an_adam(weight_decay, decoupled);
        let got = run_adam(DType::F32, len, options, seed);
        let expected = run_adam(DType::F64, len, options, seed);
        assert_close("p", &got[0], &expected[0], 2e-6);
        assert_close("m", &got[1], &expected[1], 1e-6);
        assert_close("v", &got[2], &expected[2], 1e-6);
    }

    #[test]
    fn squares_are_summed(len in 0usize..40_000, seed in 0u64..1000) {
        let sum = |dtype| values(sum_of_squares(plain(&numbers(len, seed), dtype)))[0];
        let (got, expected) = (sum(DType::F32), sum(DType::F64));
        prop_assert!((got - expected).abs() <= 1e-6 * expected);
        prop_assert_eq!(got.to_bits(), sum(DType::F32).to_bits());
    }
}

#[test]
fn rounding_follows_the_formulas() {
    // More than one chunk, so that several threads work.
    let len = 40_003;
    let [p, g, m, v] = [1, 2, 3, 4].map(|seed| numbers(len, seed));
    let v: Vec<f64> = v.iter().map(|v| v.abs()).collect();
    let options = an_adam(0.02, true).with_step(7);
    let state = |values: &[f64]| Some(plain(values, DType::F32));
    let new = adam(
        plain(&p, DType::F32),
        plain(&g, DType::F32),
        state(&m),
        state(&v),
        &options,
    );
    let new = [new.0, new.1, new.2].map(values);
    let step_size = (0.01 / (1.0 - 0.9f64.powi(7))) as f32;
    let correction = (1.0 - 0.999f64.powi(7)).sqrt() as f32;
    for i in 0..len {
        let [p, g, m, v] = [p[i], g[i], m[i], v[i]].map(|x| x as f32);
        let m = m * 0.9 + g * (1.0f64 - 0.9) as f32;
        let v = v * 0.999 + g * g * (1.0f64 - 0.999) as f32;
        let denominator = v.sqrt() / correction + 1e-8;
        let p = p * (1.0f64 - 0.01 * 0.02) as f32 - m / denominator * step_size;
        assert_eq!([new[0][i], new[1][i], new[2][i]], [p, m, v].map(f64::from));
    }
}

#[test]
fn shared_tensors_are_not_modified() {
    let len = 20_000;
    let [p, g, b] = [1, 2, 3].map(|seed| numbers(len, seed));
    let [parameter, gradient, buffer] = [&p, &g, &b].map(|values| plain(values, DType::F32));
    let options = Sgd::new(0.1).with_momentum(0.9);
    let shared = sgd(
        parameter.clone(),
        gradient.clone(),
        Some(buffer.clone()),
        &options,
    );
    for (name, tensor, before) in [
        ("p", &parameter, &p),
        ("g", &gradient, &g),
        ("b", &buffer, &b),
    ] {
        assert_close(name, &values(tensor.clone()), before, 0.0);
    }
    let alone = sgd(parameter, gradient, Some(buffer), &options);
    assert_eq!(values(shared.0), values(alone.0));
    assert_eq!(values(shared.1.unwrap()), values(alone.1.unwrap()));
}

#[test]
fn slices_are_read_from_their_offset() {
    let all = plain(&numbers(30, 1), DType::F32);
    let part = all.clone().narrow(0, 10, 10);
    let gradient = plain(&numbers(10, 2), DType::F32);
    let options = Sgd::new(0.5);
    let (new, _) = sgd(part.clone(), gradient.clone(), None, &options);
    assert_close("p", &values(new), &values(part - gradient * 0.5), 0.0);
    assert_close("all", &values(all), &numbers(30, 1), 0.0);
}

#[test]
fn nan_and_infinity_propagate() {
    let gradient = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1.0];
    let run = |dtype| {
        let parameter = plain(&[1.0; 4], dtype);
        let (p, m, v) = adam(
            parameter,
            plain(&gradient, dtype),
            None,
            None,
            &an_adam(0.0, false),
        );
        let total = sum_of_squares(plain(&gradient, dtype));
        [values(p), values(m), values(v), values(total)]
    };
    let (got, expected) = (run(DType::F32), run(DType::F64));
    for i in 0..4 {
        assert_close("nan", &got[i], &expected[i], 1e-6);
    }
}

#[test]
fn the_step_stays_on_its_device() {
    let options = Sgd::new(0.1)
        .with_momentum(0.9)
        .with_nesterov(true)
        .with_weight_decay(0.1);
    let x = plain(&numbers(5, 1), DType::F32);
    let (new, buffer) = sgd(x.clone(), x, None, &options);
    assert_eq!(new.device(), Device::flex());
    assert_eq!(buffer.unwrap().device(), Device::flex());
}
