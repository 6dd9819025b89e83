//! Linear layers against their composition in f64.
#![allow(clippy::unwrap_used)]

mod common;

use burn::tensor::{DType, Tensor};
use common::{assert_close, leaf, numbers, values};
use proptest::prelude::*;
use tinderbox_kernels::linear::{linear, linear_transposed};

/// Output and gradients of x, weight and bias, for a loss that weights the output with fixed
/// numbers.
fn run(dtype: DType, [rows, inputs, outputs]: [usize; 3], bias: bool, seed: u64) -> [Vec<f64>; 4] {
    let x = leaf(&numbers(rows * inputs, seed), [1, rows, inputs], dtype);
    let weight = leaf(
        &numbers(inputs * outputs, seed + 1),
        [inputs, outputs],
        dtype,
    );
    let b = leaf(&numbers(outputs, seed + 2), [outputs], dtype);
    let y = linear(x.clone(), weight.clone(), bias.then(|| b.clone()));
    let weights = leaf(
        &numbers(rows * outputs, seed + 3),
        [1, rows, outputs],
        dtype,
    )
    .detach();
    let gradients = (y.clone() * weights).sum().backward();
    let b = if bias {
        values(b.grad(&gradients).unwrap())
    } else {
        vec![]
    };
    [
        values(y),
        values(x.grad(&gradients).unwrap()),
        values(weight.grad(&gradients).unwrap()),
        b,
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn values_and_gradients_equal_those_in_f64(
        rows in 1usize..40, inputs in 1usize..70, outputs in 1usize..70, bias: bool, seed in 0u64..1000,
    ) {
        let got = run(DType::F32, [rows, inputs, outputs], bias, seed);
        let expected = run(DType::F64, [rows, inputs, outputs], bias, seed);
        for (name, i) in [("y", 0), ("dx", 1), ("dw", 2), ("db", 3)] {
            assert_close(name, &got[i], &expected[i], 1e-5);
        }
    }
}

#[test]
fn a_transposed_input_is_supported() {
    let x = leaf(&numbers(35, 1), [5, 7], DType::F32);
    let weight = leaf(&numbers(10, 2), [5, 2], DType::F32);
    let y: Tensor<2> = linear(x.clone().transpose(), weight.clone(), None);
    assert_close("y", &values(y), &values(x.transpose().matmul(weight)), 1e-6);
}

/// Output and gradients of x, a transposed weight, and the bias.
fn run_transposed(
    dtype: DType,
    [rows, inputs, outputs]: [usize; 3],
    bias: bool,
    seed: u64,
) -> Vec<Vec<f64>> {
    let x = leaf(&numbers(rows * inputs, seed), [1, rows, inputs], dtype);
    let shape = [outputs, inputs];
    let weight = leaf(&numbers(outputs * inputs, seed + 1), shape, dtype);
    let bias = bias.then(|| leaf(&numbers(outputs, seed + 2), [outputs], dtype));
    let y = linear_transposed(x.clone(), weight.clone(), bias.clone());
    let weights = leaf(
        &numbers(rows * outputs, seed + 3),
        [1, rows, outputs],
        dtype,
    );
    let gradients = (y.clone() * weights.detach()).sum().backward();
    let mut all = vec![values(y)];
    all.push(values(x.grad(&gradients).unwrap()));
    all.push(values(weight.grad(&gradients).unwrap()));
    all.extend(bias.map(|bias| values(bias.grad(&gradients).unwrap())));
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_transposed_weight_gives_the_values_and_gradients_of_f64(
        rows in prop_oneof![Just(1usize), 1usize..40], inputs in 1usize..70, outputs in 1usize..70, bias: bool,
        seed in 0u64..1000,
    ) {
        let got = run_transposed(DType::F32, [rows, inputs, outputs], bias, seed);
        let expected = run_transposed(DType::F64, [rows, inputs, outputs], bias, seed);
        for (name, (got, expected)) in ["y", "dx", "dw", "db"].into_iter().zip(got.iter().zip(&expected)) {
            assert_close(name, got, expected, 1e-5);
        }
    }
}

#[test]
fn a_single_row_through_a_large_table() {
    let size = [1, 40, 5000];
    for bias in [false, true] {
        let got = run_transposed(DType::F32, size, bias, 1);
        let expected = run_transposed(DType::F64, size, bias, 1);
        assert_close("y", &got[0], &expected[0], 1e-5);
    }
}

type Run = fn(DType, [usize; 3], bool, u64) -> Vec<Vec<f64>>;

#[test]
fn large_products_are_divided_between_threads() {
    let size = [300, 97, 331];
    let plain = |dtype, size, bias, seed| run(dtype, size, bias, seed).to_vec();
    let runs: [Run; 2] = [plain, run_transposed];
    for run in runs {
        let got = run(DType::F32, size, true, 1);
        let expected = run(DType::F64, size, true, 1);
        for (name, (got, expected)) in ["y", "dx", "dw", "db"]
            .into_iter()
            .zip(got.iter().zip(&expected))
        {
            assert_close(name, got, expected, 1e-5);
        }
        assert!(got == run(DType::F32, size, true, 1), "two runs");
    }
}
