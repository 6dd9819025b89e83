//! Layer norm and RMS norm against their compositions in f64.
#![allow(clippy::unwrap_used)]

mod common;

use burn::tensor::{DType, Tensor};
use common::{assert_close, leaf, numbers, values};
use proptest::prelude::*;
use tinderbox_kernels::norm::{layer_norm, rms_norm};

#[derive(Clone, Copy, Debug)]
enum Kind {
    Layer,
    LayerWithoutBias,
    Rms,
}

const KINDS: [Kind; 3] = [Kind::Layer, Kind::LayerWithoutBias, Kind::Rms];

/// Output and gradients of x, weight and bias, for a loss that weights the output with fixed
/// numbers; the rows are not contiguous.
fn run(dtype: DType, kind: Kind, [batch, rows, width]: [usize; 3], x: &[f64]) -> [Vec<f64>; 4] {
    let x = leaf(x, [batch, width, rows], dtype);
    let weight = leaf(&numbers(width, 1), [width], dtype);
    let bias = leaf(&numbers(width, 2), [width], dtype);
    let rows_of_x = x.clone().swap_dims(1, 2);
    let y: Tensor<3> = match kind {
        Kind::Layer => layer_norm(rows_of_x, weight.clone(), Some(bias.clone()), 1e-5),
        Kind::LayerWithoutBias => layer_norm(rows_of_x, weight.clone(), None, 1e-5),
        Kind::Rms => rms_norm(rows_of_x, weight.clone(), 1e-5),
    };
    let weights = leaf(
        &numbers(batch * rows * width, 3),
        [batch, rows, width],
        dtype,
    )
    .detach();
    let gradients = (y.clone() * weights).sum().backward();
    [
        values(y),
        values(x.grad(&gradients).unwrap()),
        values(weight.grad(&gradients).unwrap()),
        bias.grad(&gradients).map(values).unwrap_or_default(),
    ]
}

fn compare(kind: Kind, size: [usize; 3], x: &[f64], tolerance: f64) {
    let got = run(DType::F32, kind, size, x);
    let expected = run(DType::F64, kind, size, x);
    for (part, i) in [("y", 0), ("dx", 1), ("d weight", 2), ("d bias", 3)] {
        assert_close(
            &format!("{kind:?} {part}"),
            &got[i],
            &expected[i],
            tolerance,
        );
    }
    let again = run(DType::F32, kind, size, x);
    assert_eq!(format!("{got:?}"), format!("{again:?}"), "two runs");
}

fn shifted(len: usize, seed: u64, scale: f64, shift: f64) -> Vec<f64> {
    let numbers = numbers(len, seed).into_iter();
    numbers
        .map(|x| f64::from((x * scale + shift) as f32))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn values_and_gradients_equal_those_in_f64(
        batch in 1usize..4, rows in 1usize..20, width in 4usize..150, scale in 0.5f64..10.0, shift in -3.0f64..3.0,
        seed in 0u64..1000,
    ) {
        let x = shifted(batch * rows * width, seed, scale, shift);
        for kind in KINDS {
            compare(kind, [batch, rows, width], &x, 2e-5);
        }
    }
}

#[test]
fn large_tensors_are_split_into_chunks_seamlessly() {
    let size = [3, 71, 301];
    let x = shifted(size.iter().product(), 5, 2.0, 1.0);
    for kind in KINDS {
        compare(kind, size, &x, 1e-5);
    }
}

#[test]
fn constant_rows_are_their_own_mean() {
    for kind in KINDS {
        compare(kind, [1, 3, 1], &[2.0, -1.0, 0.5], 1e-4);
        compare(kind, [1, 1, 4], &[2.0; 4], 1e-4);
    }
}

#[test]
fn nan_and_infinity_propagate() {
    // In columns, because `run` reads them as rows.
    let x = [
        [f64::NAN, f64::INFINITY, 1.0],
        [1.0, 2.0, 4.0],
        [0.0, -1.0, -2.0],
    ];
    for kind in KINDS {
        compare(kind, [1, 3, 3], &x.concat(), 1e-4);
    }
}

#[test]
fn empty_inputs_give_empty_outputs() {
    for kind in KINDS {
        compare(kind, [2, 0, 3], &[], 0.0);
    }
    let nothing = leaf(&[], [0], DType::F32);
    let y: Tensor<2> = layer_norm(leaf(&[], [3, 0], DType::F32), nothing, None, 1e-5);
    assert_eq!(y.dims(), [3, 0]);
}
