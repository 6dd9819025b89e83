//! Pooling against its composition in f64.
#![allow(clippy::unwrap_used)]

mod common;

use burn::tensor::{DType, Device, Tensor};
use common::{assert_close, leaf, numbers, values};
use proptest::prelude::*;
use tinderbox_kernels::pool::{adaptive_avg_pool2d, avg_pool2d, max_pool2d};

/// Output and input gradient of `pool`, for a loss that weights the output with fixed numbers.
fn run(
    dtype: DType,
    x: &[f64],
    shape: [usize; 4],
    pool: impl Fn(Tensor<4>) -> Tensor<4>,
) -> [Vec<f64>; 2] {
    let x = leaf(x, shape, dtype);
    let y = pool(x.clone());
    let weights = numbers(y.shape().num_elements(), 77);
    let weights = leaf(&weights, y.dims(), dtype).detach();
    let gradients = (y.clone() * weights).sum().backward();
    [values(y), values(x.grad(&gradients).unwrap())]
}

fn compare(x: &[f64], shape: [usize; 4], pool: impl Fn(Tensor<4>) -> Tensor<4>) {
    let got = run(DType::F32, x, shape, &pool);
    let expected = run(DType::F64, x, shape, &pool);
    assert_close("y", &got[0], &expected[0], 1e-6);
    assert_close("dx", &got[1], &expected[1], 1e-6);
    let again = run(DType::F32, x, shape, &pool);
    let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&got[0]), bits(&again[0]));
    assert_eq!(bits(&got[1]), bits(&again[1]));
}

/// Numbers many of which are equal, with NaN and infinities if `special`.
fn coarse(len: usize, seed: u64, special: bool) -> Vec<f64> {
    let convert = |(i, value): (usize, f64)| match (i * 7 + seed as usize) % 23 {
        0 if special => f64::NAN,
        1 if special => f64::INFINITY,
        2..=6 if special => f64::NEG_INFINITY,
        _ => (value * 4.0).round(),
    };
    let numbers = numbers(len, seed);
    numbers.into_iter().enumerate().map(convert).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn maxima_equal_those_in_f64(
        shape in prop::array::uniform4(1usize..4), size in prop::array::uniform2(1usize..30),
        kernel in prop::array::uniform2(1usize..5), stride in prop::array::uniform2(1usize..4),
        padding in prop::array::uniform2(0usize..3), dilation in prop::array::uniform2(1usize..3),
        ceil: bool, special: bool, seed in 0u64..1000,
    ) {
        let shape = [shape[0], shape[1], size[0], size[1]];
        let x = coarse(shape.iter().product(), seed, special);
        compare(&x, shape, |x| max_pool2d(x, kernel, stride, padding, dilation, ceil));
    }

    #[test]
    fn common_maxima_equal_those_in_f64(
        size in prop::array::uniform2(1usize..80), kernel in 2usize..4, padding in 0usize..2, ceil: bool, special: bool,
        seed in 0u64..1000,
    ) {
        let shape = [2, 3, size[0], size[1]];
        let x = coarse(shape.iter().product(), seed, special);
        compare(&x, shape, |x| max_pool2d(x, [kernel; 2], [2; 2], [padding; 2], [1; 2], ceil));
    }

    #[test]
    fn means_equal_those_in_f64(
        shape in prop::array::uniform4(1usize..4), size in prop::array::uniform2(1usize..30),
        kernel in prop::array::uniform2(1usize..5), stride in prop::array::uniform2(1usize..5),
        padding in prop::array::uniform2(0usize..3), counts: bool, ceil: bool, seed in 0u64..1000,
    ) {
        let shape = [shape[0], shape[1], size[0], size[1]];
        let x = numbers(shape.iter().product(), seed);
        compare(&x, shape, |x| avg_pool2d(x, kernel, stride, padding, counts, ceil));
    }

    #[test]
    fn adaptive_means_equal_those_in_f64(
        output in prop::array::uniform2(1usize..7), times in prop::array::uniform2(1usize..9),
        extra in prop::array::uniform2(0usize..2), seed in 0u64..1000,
    ) {
        let size = [0, 1].map(|i| output[i] * times[i] + extra[i]);
        let shape = [2, 3, size[0], size[1]];
        let x = numbers(shape.iter().product(), seed);
        compare(&x, shape, |x| adaptive_avg_pool2d(x, output));
    }
}

#[test]
fn many_planes_are_divided_between_threads() {
    let shape = [5, 7, 61, 47];
    let x = numbers(shape.iter().product(), 3);
    compare(&x, shape, |x| {
        max_pool2d(x, [3, 3], [2, 2], [1, 1], [1, 1], false)
    });
    compare(&x, shape, |x| {
        max_pool2d(x, [2, 2], [2, 2], [0, 0], [1, 1], false)
    });
    compare(&x, shape, |x| {
        avg_pool2d(x, [3, 2], [2, 1], [1, 0], true, true)
    });
    compare(&x, shape, |x| adaptive_avg_pool2d(x, [1, 1]));
}

#[test]
fn nan_and_infinity_stay_in_their_windows() {
    let mut x = numbers(2 * 12 * 12, 5);
    x[3] = f64::NAN;
    x[100] = f64::INFINITY;
    x[200] = f64::NEG_INFINITY;
    x[201] = f64::INFINITY;
    compare(&x, [1, 2, 12, 12], |x| {
        avg_pool2d(x, [3, 3], [2, 2], [1, 1], true, false)
    });
    compare(&x, [1, 2, 12, 12], |x| adaptive_avg_pool2d(x, [4, 4]));
    compare(&x, [1, 2, 12, 12], |x| adaptive_avg_pool2d(x, [1, 1]));
}

#[test]
fn large_windows() {
    let x = numbers(2 * 20 * 33, 6);
    let shape = [1, 2, 20, 33];
    // More taps than a byte can count, and exactly as many.
    compare(&x, shape, |x| {
        max_pool2d(x, [16, 16], [3, 1], [2, 0], [1, 1], false)
    });
    compare(&x, shape, |x| {
        max_pool2d(x, [15, 17], [1, 2], [2, 0], [1, 1], false)
    });
    compare(&x, shape, |x| {
        avg_pool2d(x, [19, 30], [1, 3], [2, 4], false, true)
    });
}

#[test]
fn non_contiguous_views_are_supported() {
    let x = numbers(3 * 4 * 11 * 9, 8);
    let pools: [fn(Tensor<4>) -> Tensor<4>; 3] = [
        |x| max_pool2d(x, [3, 3], [2, 2], [1, 1], [1, 1], false),
        |x| avg_pool2d(x, [2, 2], [2, 2], [0, 0], true, false),
        |x| adaptive_avg_pool2d(x, [1, 1]),
    ];
    for pool in pools {
        compare(&x, [3, 4, 11, 9], |x| pool(x.swap_dims(2, 3)));
        compare(&x, [3, 4, 11, 9], |x| pool(x.permute([1, 0, 3, 2])));
        compare(&x, [3, 4, 11, 9], |x| {
            pool(x.slice([1..3, 0..4, 2..9, 1..8]))
        });
    }
}

#[test]
fn empty_inputs_give_empty_outputs() {
    let device = Device::flex().autodiff();
    for shape in [[0, 3, 8, 8], [2, 0, 8, 8]] {
        let x = Tensor::<4>::zeros(shape, &device).require_grad();
        let y = max_pool2d(x.clone(), [2, 2], [2, 2], [0, 0], [1, 1], false);
        assert_eq!(y.dims(), [shape[0], shape[1], 4, 4]);
        let z = avg_pool2d(x.clone(), [2, 2], [2, 2], [0, 0], true, false);
        let gradients = (y + z).sum().backward();
        assert_eq!(x.grad(&gradients).unwrap().dims(), shape);
        assert_eq!(
            adaptive_avg_pool2d(x, [1, 1]).dims(),
            [shape[0], shape[1], 1, 1]
        );
    }
    // A window larger than the image.
    let x = Tensor::<4>::ones([1, 2, 3, 3], &device).require_grad();
    let y = max_pool2d(x.clone(), [5, 5], [1, 1], [0, 0], [1, 1], false);
    assert_eq!(y.dims(), [1, 2, 0, 0]);
    let gradients = (x.clone().sum() + y.sum()).backward();
    assert_eq!(values(x.grad(&gradients).unwrap()), vec![1.0; 18]);
}

#[test]
fn without_gradients_the_values_are_the_same() {
    let x = leaf(&numbers(2 * 3 * 9 * 9, 9), [2, 3, 9, 9], DType::F32);
    let pool = |x| max_pool2d(x, [3, 3], [2, 2], [1, 1], [1, 1], true);
    assert_eq!(values(pool(x.clone())), values(pool(x.inner())));
}
