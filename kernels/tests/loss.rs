//! Softmax and cross-entropy against their compositions in f64.
#![allow(clippy::unwrap_used)]

mod common;

use burn::tensor::{DType, Device, Int, Tensor};
use common::{assert_close, leaf, numbers, values};
use proptest::prelude::*;
use tinderbox_kernels::loss::{cross_entropy, log_softmax, softmax};

type Rows = fn(Tensor<3>) -> Tensor<3>;

const FUNCTIONS: [(&str, Rows); 2] = [("softmax", softmax), ("log_softmax", log_softmax)];

/// Output and gradient, for a loss that weights the output with fixed numbers; the rows are not
/// contiguous.
fn run_rows(dtype: DType, f: Rows, [batch, rows, width]: [usize; 3], x: &[f64]) -> [Vec<f64>; 2] {
    let x = leaf(x, [batch, width, rows], dtype);
    let y = f(x.clone().swap_dims(1, 2));
    let weights = leaf(
        &numbers(batch * rows * width, 9),
        [batch, rows, width],
        dtype,
    )
    .detach();
    let gradients = (y.clone() * weights).sum().backward();
    [values(y), values(x.grad(&gradients).unwrap())]
}

fn targets(targets: &[i32]) -> Tensor<1, Int> {
    Tensor::from_data(targets, &Device::flex().autodiff())
}

/// Losses and gradient, with a weight for each loss.
fn run_loss(dtype: DType, x: &[f64], classes: usize, at: &[i32], smoothing: f64) -> [Vec<f64>; 2] {
    let x = leaf(x, [at.len(), classes], dtype);
    let losses = cross_entropy(x.clone(), targets(at), smoothing);
    let weights = leaf(&numbers(at.len(), 7), [at.len()], dtype).detach();
    let gradients = (losses.clone() * weights).sum().backward();
    [values(losses), values(x.grad(&gradients).unwrap())]
}

fn scaled(len: usize, seed: u64, scale: f64) -> Vec<f64> {
    let numbers = numbers(len, seed).into_iter();
    numbers.map(|x| f64::from((x * scale) as f32)).collect()
}

fn some_targets(count: usize, classes: usize, seed: u64) -> Vec<i32> {
    let share = numbers(count, seed).into_iter().map(|x| (x + 1.0) / 2.0);
    let last = classes as i32 - 1;
    share
        .map(|x| ((x * classes as f64) as i32).min(last))
        .collect()
}

fn compare_loss(rows: usize, classes: usize, scale: f64, smoothing: f64, seed: u64) {
    let x = scaled(rows * classes, seed, scale);
    let at = some_targets(rows, classes, seed + 1);
    let got = run_loss(DType::F32, &x, classes, &at, smoothing);
    let expected = run_loss(DType::F64, &x, classes, &at, smoothing);
    assert_close("losses", &got[0], &expected[0], 2e-6);
    assert_close("dx", &got[1], &expected[1], 2e-6);
    assert_eq!(got, run_loss(DType::F32, &x, classes, &at, smoothing));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn rows_equal_those_in_f64(
        batch in 1usize..4, rows in 1usize..20, width in 1usize..150, scale in 0.1f64..30.0, seed in 0u64..1000,
    ) {
        let size = [batch, rows, width];
        let x = scaled(batch * rows * width, seed, scale);
        for (name, f) in FUNCTIONS {
            let got = run_rows(DType::F32, f, size, &x);
            let expected = run_rows(DType::F64, f, size, &x);
            assert_close(name, &got[0], &expected[0], 2e-6);
            assert_close(&format!("d {name}"), &got[1], &expected[1], 2e-6);
        }
    }

    #[test]
    fn losses_and_gradients_equal_those_in_f64(
        rows in 1usize..20, classes in 1usize..150, scale in 0.1f64..30.0,
        smoothing in prop_oneof![Just(0.0), 0.01f64..0.5], seed in 0u64..1000,
    ) {
        compare_loss(rows, classes, scale, smoothing, seed);
    }
}

#[test]
fn large_tensors_are_split_into_chunks_seamlessly() {
    compare_loss(67, 1003, 5.0, 0.1, 3);
    compare_loss(3, 20_011, 5.0, 0.0, 4);
    let size = [3, 41, 331];
    let x = scaled(size.iter().product(), 5, 8.0);
    for (name, f) in FUNCTIONS {
        let got = run_rows(DType::F32, f, size, &x);
        let expected = run_rows(DType::F64, f, size, &x);
        assert_close(name, &got[0], &expected[0], 2e-6);
        assert_close(&format!("d {name}"), &got[1], &expected[1], 2e-6);
        assert_eq!(got, run_rows(DType::F32, f, size, &x));
    }
}

#[test]
fn nan_and_infinity_propagate() {
    let inf = f64::INFINITY;
    let x = [
        [1.0, f64::NAN, 2.0, 0.0],
        [1.0, -inf, 2.0, 0.0],
        [1.0, inf, 2.0, 0.0],
        [-inf, -inf, -inf, -inf],
        [1e4, -1e4, 0.0, 1e4],
    ]
    .concat();
    for (name, f) in FUNCTIONS {
        // Transposed, because `run_rows` reads columns.
        let turned: Vec<f64> = (0..4)
            .flat_map(|c| (0..5).map(move |r| r * 4 + c))
            .map(|i| x[i])
            .collect();
        let got = run_rows(DType::F32, f, [1, 5, 4], &turned);
        let expected = run_rows(DType::F64, f, [1, 5, 4], &turned);
        assert_close(name, &got[0], &expected[0], 1e-6);
        assert_close(&format!("d {name}"), &got[1], &expected[1], 1e-6);
    }
    for at in 0..4 {
        let got = run_loss(DType::F32, &x, 4, &[at; 5], 0.0);
        let expected = run_loss(DType::F64, &x, 4, &[at; 5], 0.0);
        assert_close("losses", &got[0], &expected[0], 1e-6);
        assert_close("dx", &got[1], &expected[1], 1e-6);
    }
}

#[test]
fn empty_inputs_give_empty_outputs() {
    for (_, f) in FUNCTIONS {
        assert_eq!(f(leaf(&[], [2, 3, 0], DType::F32)).dims(), [2, 3, 0]);
        assert_eq!(f(leaf(&[], [2, 0, 3], DType::F32)).dims(), [2, 0, 3]);
    }
    let losses = cross_entropy(leaf(&[], [0, 3], DType::F32), targets(&[]), 0.1);
    assert_eq!(losses.dims(), [0]);
}

#[test]
#[should_panic(expected = "target 3 of row 1 is out of range for 3 classes")]
fn a_target_that_is_too_large_is_named() {
    let _ = cross_entropy(leaf(&[0.0; 6], [2, 3], DType::F32), targets(&[0, 3]), 0.0);
}

#[test]
#[should_panic(expected = "of row 0 is out of range for 3 classes")]
fn a_negative_target_is_refused() {
    let _ = cross_entropy(leaf(&[0.0; 6], [2, 3], DType::F32), targets(&[-1, 0]), 0.0);
}
