//! Activation functions against their compositions in f64.
#![allow(clippy::unwrap_used)]

mod common;

use burn::tensor::{DType, Tensor};
use common::{assert_close, leaf, numbers, values};
use proptest::prelude::*;
use tinderbox_kernels::activation::{add, gelu, gelu_tanh, relu, sigmoid, silu, swiglu, tanh};

type Function = fn(Tensor<2>) -> Tensor<2>;
type Pair = fn(Tensor<2>, Tensor<2>) -> Tensor<2>;

const FUNCTIONS: [(&str, Function); 6] = [
    ("relu", relu),
    ("gelu", gelu),
    ("gelu_tanh", gelu_tanh),
    ("silu", silu),
    ("tanh", tanh),
    ("sigmoid", sigmoid),
];
const PAIRS: [(&str, Pair); 2] = [("add", add), ("swiglu", swiglu)];

fn wide(len: usize, seed: u64, scale: f64) -> Vec<f64> {
    let numbers = numbers(len, seed).into_iter();
    numbers.map(|x| f64::from((x * scale) as f32)).collect()
}

/// Output and gradients of a loss that weights the output with fixed numbers. `a` is a transposed
/// view, so its rows are not contiguous.
fn run(
    dtype: DType,
    [rows, cols]: [usize; 2],
    scale: f64,
    seed: u64,
    f: impl Fn(Tensor<2>, Tensor<2>) -> Tensor<2>,
) -> [Vec<f64>; 3] {
    let a = leaf(&wide(rows * cols, seed, scale), [cols, rows], dtype);
    let b = leaf(&wide(rows * cols, seed + 1, scale), [rows, cols], dtype);
    let y = f(a.clone().transpose(), b.clone());
    let weights = leaf(&numbers(rows * cols, seed + 2), [rows, cols], dtype).detach();
    let gradients = (y.clone() * weights).sum().backward();
    let gradient = |x: &Tensor<2>| x.grad(&gradients).map(values).unwrap_or_default();
    [values(y), gradient(&a), gradient(&b)]
}

/// A function of one tensor ignores the second.
fn compare(
    name: &str,
    size: [usize; 2],
    scale: f64,
    seed: u64,
    f: impl Fn(Tensor<2>, Tensor<2>) -> Tensor<2>,
) {
    let got = run(DType::F32, size, scale, seed, &f);
    let expected = run(DType::F64, size, scale, seed, &f);
    let again = run(DType::F32, size, scale, seed, &f);
    assert_eq!(format!("{got:?}"), format!("{again:?}"), "{name}: two runs");
    for (part, i) in [("y", 0), ("da", 1), ("db", 2)] {
        assert_close(&format!("{name} {part}"), &got[i], &expected[i], 2e-6);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn values_and_gradients_equal_those_in_f64(
        rows in 1usize..40, cols in 1usize..70, scale in 0.1f64..12.0, seed in 0u64..1000,
    ) {
        for (name, f) in FUNCTIONS {
            compare(name, [rows, cols], scale, seed, |a, _| f(a));
        }
        for (name, f) in PAIRS {
            compare(name, [rows, cols], scale, seed, f);
        }
    }
}

#[test]
fn large_tensors_are_split_into_chunks_seamlessly() {
    for (name, f) in PAIRS {
        compare(name, [131, 257], 3.0, 5, f);
    }
    for (name, f) in FUNCTIONS {
        compare(name, [131, 257], 3.0, 5, |a, _| f(a));
    }
}

#[test]
fn a_shared_gradient_is_not_modified() {
    // The gradient of the sum goes to both sides: updating it on one must not be visible on the
    // other.
    let run = |dtype| {
        let x = leaf(&wide(60, 3, 2.0), [6, 10], dtype);
        let y = leaf(&wide(60, 4, 2.0), [6, 10], dtype);
        let gradients = add(gelu(x.clone()), tanh(y.clone())).sum().backward();
        [
            values(x.grad(&gradients).unwrap()),
            values(y.grad(&gradients).unwrap()),
        ]
    };
    let (got, expected) = (run(DType::F32), run(DType::F64));
    assert_close("dx", &got[0], &expected[0], 2e-6);
    assert_close("dy", &got[1], &expected[1], 2e-6);
}

#[test]
fn nan_and_infinity_propagate() {
    let special = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -30.0, 30.0];
    for (name, f) in FUNCTIONS {
        let run = |dtype| {
            let x = leaf(&special, [2, 3], dtype);
            let y = f(x.clone());
            let gradients = y.clone().sum().backward();
            (values(y), values(x.grad(&gradients).unwrap()))
        };
        let (got, expected) = (run(DType::F32), run(DType::F64));
        assert_close(name, &got.0, &expected.0, 2e-6);
        assert_close(&format!("d {name}"), &got.1, &expected.1, 2e-6);
    }
}

#[test]
fn empty_inputs_give_empty_outputs() {
    for (_, f) in FUNCTIONS {
        assert_eq!(f(leaf(&[], [0, 3], DType::F32)).dims(), [0, 3]);
    }
    for (_, f) in PAIRS {
        let y = f(leaf(&[], [3, 0], DType::F32), leaf(&[], [3, 0], DType::F32));
        assert_eq!(y.dims(), [3, 0]);
    }
}

#[test]
fn a_sum_of_different_shapes_broadcasts() {
    let a = leaf(&numbers(6, 1), [2, 3], DType::F32);
    let b = leaf(&numbers(3, 2), [1, 3], DType::F32);
    assert_close("y", &values(add(a.clone(), b.clone())), &values(a + b), 0.0);
}
