//! Embedding lookup against Burn's in f64.
#![allow(clippy::unwrap_used)]

mod common;

use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use common::{assert_close, leaf, numbers, values};
use proptest::prelude::*;
use tinderbox_kernels::embedding::embedding;

fn places(places: Vec<i32>, shape: [usize; 2]) -> Tensor<2, Int> {
    Tensor::from_data(TensorData::new(places, shape), &Device::flex().autodiff())
}

/// Output and gradient of the table, for a loss that weights the output with fixed numbers. Table
/// and indices are transposed views, neither contiguous.
fn run(
    dtype: DType,
    [count, width]: [usize; 2],
    [batch, time]: [usize; 2],
    seed: u64,
) -> [Vec<f64>; 2] {
    let table = leaf(&numbers(count * width, seed), [width, count], dtype);
    let at = numbers(batch * time, seed + 1).into_iter();
    let at = at.map(|x| ((x + 1.0) / 2.0 * count as f64).min(count as f64 - 1.0) as i32);
    let at = places(at.collect(), [time, batch]).transpose();
    let y = embedding(table.clone().transpose(), at);
    let weights = leaf(
        &numbers(batch * time * width, seed + 2),
        [batch, time, width],
        dtype,
    )
    .detach();
    let gradients = (y.clone() * weights).sum().backward();
    [values(y), values(table.grad(&gradients).unwrap())]
}

fn compare(table: [usize; 2], places: [usize; 2], seed: u64) {
    let got = run(DType::F32, table, places, seed);
    let expected = run(DType::F64, table, places, seed);
    assert_close("y", &got[0], &expected[0], 0.0);
    assert_close("d table", &got[1], &expected[1], 1e-6);
    assert_eq!(got, run(DType::F32, table, places, seed));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn values_and_gradients_equal_those_in_f64(
        count in 1usize..60, width in 1usize..70, batch in 1usize..5, time in 1usize..40, seed in 0u64..1000,
    ) {
        compare([count, width], [batch, time], seed);
    }
}

#[test]
fn large_tables_are_split_into_chunks_seamlessly() {
    compare([701, 67], [7, 53], 1);
    compare([3, 67], [7, 101], 2);
}

#[test]
fn nan_and_infinity_propagate() {
    let table = leaf(&[f64::NAN, 1.0, f64::INFINITY, 2.0], [2, 2], DType::F32);
    let y = embedding(table.clone(), places(vec![1, 0, 1], [1, 3]));
    let infinity = f64::INFINITY;
    let expected = [infinity, 2.0, f64::NAN, 1.0, infinity, 2.0];
    assert_close("y", &values(y.clone()), &expected, 0.0);
    let d = [1.0, 1.0, f64::NAN, f64::NAN, infinity, infinity];
    let d = leaf(&d, [1, 3, 2], DType::F32).detach();
    let gradients = (y * d).sum().backward();
    let expected = [f64::NAN, f64::NAN, infinity, infinity];
    assert_close(
        "d",
        &values(table.grad(&gradients).unwrap()),
        &expected,
        0.0,
    );
}

#[test]
fn empty_inputs_give_empty_outputs() {
    let table = leaf(&numbers(6, 1), [3, 2], DType::F32);
    let y = embedding(table.clone(), places(vec![], [2, 0]));
    assert_eq!(y.dims(), [2, 0, 2]);
    let gradients = y.sum().backward();
    assert_eq!(values(table.grad(&gradients).unwrap()), [0.0; 6]);
    let thin = leaf(&[], [3, 0], DType::F32);
    assert_eq!(embedding(thin, places(vec![1], [1, 1])).dims(), [1, 1, 0]);
}

#[test]
#[should_panic(expected = "index 3 is out of range for 3 rows")]
fn an_index_that_is_too_large_is_named() {
    let _ = embedding(leaf(&[0.0; 6], [3, 2], DType::F32), places(vec![3], [1, 1]));
}
