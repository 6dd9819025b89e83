//! Convolution against its composition in f64.
#![allow(clippy::unwrap_used)]

mod common;

use burn::tensor::{DType, Tensor};
use common::{assert_close, leaf, numbers, values};
use proptest::prelude::*;
use tinderbox_kernels::conv::{Conv2dOptions, conv2d, conv2d_relu};

/// A convolution to test.
#[derive(Clone, Copy, Debug)]
struct Case {
    x: [usize; 4],
    out: usize,
    kernel: [usize; 2],
    options: Conv2dOptions,
    bias: bool,
    relu: bool,
}

impl Case {
    fn weight(&self) -> [usize; 4] {
        let [rows, cols] = self.kernel;
        [self.out, self.x[1] / self.options.groups, rows, cols]
    }

    /// Output and gradients of x, weight and bias, for a loss that weights the output with fixed
    /// numbers.
    fn run(&self, dtype: DType, seed: u64) -> [Vec<f64>; 4] {
        let data = |shape: [usize; 4], seed| numbers(shape.iter().product(), seed);
        self.run_on(
            &data(self.x, seed),
            &data(self.weight(), seed + 1),
            dtype,
            seed,
        )
    }

    fn run_on(&self, x: &[f64], weight: &[f64], dtype: DType, seed: u64) -> [Vec<f64>; 4] {
        self.results(x, weight, dtype, seed, |y| y)
    }

    /// Output and gradients of x, weight and bias, for a loss that weights `finish(output)` with
    /// fixed numbers.
    fn results(
        &self,
        x: &[f64],
        weight: &[f64],
        dtype: DType,
        seed: u64,
        finish: impl FnOnce(Tensor<4>) -> Tensor<4>,
    ) -> [Vec<f64>; 4] {
        let x = leaf(x, self.x, dtype);
        let weight = leaf(weight, self.weight(), dtype);
        let bias = leaf(&numbers(self.out, seed + 2), [self.out], dtype);
        let y = self.apply(x.clone(), weight.clone(), self.bias.then(|| bias.clone()));
        let y = finish(y);
        let shape = y.dims();
        let weights = leaf(&numbers(shape.iter().product(), seed + 3), shape, dtype).detach();
        let gradients = (y.clone() * weights).sum().backward();
        let bias = if self.bias {
            values(bias.grad(&gradients).unwrap())
        } else {
            vec![]
        };
        [
            values(y),
            values(x.grad(&gradients).unwrap()),
            values(weight.grad(&gradients).unwrap()),
            bias,
        ]
    }

    fn apply(&self, x: Tensor<4>, weight: Tensor<4>, bias: Option<Tensor<1>>) -> Tensor<4> {
        if self.relu {
            conv2d_relu(x, weight, bias, self.options)
        } else {
            conv2d(x, weight, bias, self.options)
        }
    }

    fn check(&self, seed: u64) {
        let got = self.run(DType::F32, seed);
        // Where a sum is close to 0, f32 and f64 may disagree about ReLU.
        let mut linear = *self;
        linear.relu = false;
        let expected = if self.relu {
            linear.rectified(&got[0], seed)
        } else {
            self.run(DType::F64, seed)
        };
        for (name, i) in [("y", 0), ("dx", 1), ("dw", 2), ("db", 3)] {
            assert_close(name, &got[i], &expected[i], 1e-5);
        }
        assert_eq!(bits(&got), bits(&self.run(DType::F32, seed)), "two runs");
    }

    /// In f64, with the ReLU mask of f32.
    fn rectified(&self, output: &[f64], seed: u64) -> [Vec<f64>; 4] {
        let data = |shape: [usize; 4], seed| numbers(shape.iter().product(), seed);
        let (x, weight) = (data(self.x, seed), data(self.weight(), seed + 1));
        let mask = output.iter().map(|y| f64::from(u8::from(*y > 0.0)));
        let mask: Vec<f64> = mask.collect();
        self.results(&x, &weight, DType::F64, seed, |y| {
            let shape = y.dims();
            y * leaf(&mask, shape, DType::F64).detach()
        })
    }
}

fn bits(all: &[Vec<f64>; 4]) -> Vec<u64> {
    all.iter().flatten().map(|value| value.to_bits()).collect()
}

fn case() -> impl Strategy<Value = Case> {
    let pair = |range: std::ops::Range<usize>| [range.clone(), range];
    (
        (
            1usize..4,
            1usize..5,
            1usize..7,
            prop_oneof![Just(1usize), 1usize..5],
            pair(1..24),
        ),
        (pair(1..5), pair(1..4), pair(0..4), pair(1..3)),
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(
            |(
                (batch, inputs, outputs, groups, size),
                (kernel, stride, padding, dilation),
                bias,
                relu,
            )| {
                let fit = |i: usize| size[i].max(dilation[i] * (kernel[i] - 1) + 1);
                Case {
                    x: [batch, inputs * groups, fit(0), fit(1)],
                    out: outputs * groups * if groups == 1 { 5 } else { 1 },
                    kernel,
                    options: Conv2dOptions::default()
                        .with_stride(stride)
                        .with_padding(padding)
                        .with_dilation(dilation)
                        .with_groups(groups),
                    bias,
                    relu,
                }
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn values_and_gradients_equal_those_in_f64(case in case(), seed in 0u64..1000) {
        case.check(seed);
    }
}

fn square(
    x: [usize; 4],
    out: usize,
    kernel: usize,
    stride: usize,
    padding: usize,
    groups: usize,
) -> Case {
    Case {
        x,
        out,
        kernel: [kernel; 2],
        options: Conv2dOptions::default()
            .with_stride([stride; 2])
            .with_padding([padding; 2])
            .with_groups(groups),
        bias: true,
        relu: false,
    }
}

/// Enough channels and pixels for every way to divide the work.
#[test]
fn larger_shapes_equal_those_in_f64() {
    let cases = [
        square([2, 3, 40, 40], 64, 7, 2, 3, 1),
        square([5, 3, 24, 24], 32, 3, 1, 1, 1),
        square([5, 20, 12, 12], 70, 3, 1, 1, 1),
        square([4, 70, 9, 9], 150, 3, 2, 1, 1),
        square([9, 200, 7, 7], 180, 3, 1, 1, 1),
        square([1, 30, 33, 33], 50, 3, 1, 1, 1),
        square([2, 3, 60, 60], 40, 11, 4, 2, 1),
        square([2, 24, 30, 30], 24, 7, 1, 3, 24),
        square([5, 128, 14, 14], 128, 3, 1, 1, 32),
        square([2, 64, 10, 10], 96, 3, 1, 1, 2),
        square([5, 64, 15, 15], 48, 1, 2, 0, 1),
        square([2, 6, 8, 8], 16, 1, 1, 3, 1),
    ];
    for (i, case) in cases.into_iter().enumerate() {
        case.check(i as u64);
        Case { relu: true, ..case }.check(i as u64);
    }
}

#[test]
fn nan_and_infinity_propagate() {
    for case in [
        square([1, 3, 9, 7], 5, 3, 1, 1, 1),
        square([2, 4, 9, 21], 4, 3, 1, 1, 4),
        square([2, 4, 9, 8], 20, 3, 2, 1, 1),
    ] {
        for special in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            for relu in [false, true] {
                let case = Case { relu, ..case };
                let mut x = numbers(case.x.iter().product(), 1);
                // In the middle of a row and at its end.
                x[10] = special;
                x[case.x[3] * 2 - 1] = special;
                let weight = numbers(case.weight().iter().product(), 2);
                let got = case.run_on(&x, &weight, DType::F32, 3);
                let expected = case.run_on(&x, &weight, DType::F64, 3);
                for (name, i) in [("y", 0), ("dx", 1), ("dw", 2), ("db", 3)] {
                    assert_close(name, &got[i], &expected[i], 1e-5);
                }
            }
        }
    }
}

#[test]
fn non_contiguous_views_are_supported() {
    let options = Conv2dOptions::default().with_padding([1, 1]);
    let make = |dtype| {
        let x = leaf(&numbers(2 * 8 * 9 * 5, 1), [2, 8, 9, 5], dtype);
        let weight = leaf(&numbers(3 * 5 * 3 * 3, 2), [3, 3, 5, 3], dtype);
        let view = x
            .clone()
            .permute([0, 3, 1, 2])
            .slice([0..2, 0..5, 2..8, 1..8]);
        let y = conv2d(view, weight.clone().permute([0, 2, 1, 3]), None, options);
        let gradients = y.clone().powi_scalar(2).sum().backward();
        [
            values(y),
            values(x.grad(&gradients).unwrap()),
            values(weight.grad(&gradients).unwrap()),
        ]
    };
    for (got, expected) in make(DType::F32).iter().zip(&make(DType::F64)) {
        assert_close("view", got, expected, 1e-5);
    }
}

#[test]
fn an_empty_batch_is_an_empty_output() {
    let case = square([0, 3, 8, 8], 4, 3, 1, 1, 1);
    let x = leaf(&[], case.x, DType::F32);
    let weight = leaf(&numbers(108, 1), case.weight(), DType::F32);
    let bias = leaf(&numbers(4, 1), [4], DType::F32);
    for relu in [false, true] {
        let y = Case { relu, ..case }.apply(x.clone(), weight.clone(), Some(bias.clone()));
        assert_eq!(y.dims(), [0, 4, 8, 8]);
        let gradients = y.sum().backward();
        assert_eq!(values(weight.grad(&gradients).unwrap()), vec![0.0; 108]);
        assert_eq!(values(bias.grad(&gradients).unwrap()), vec![0.0; 4]);
    }
}

/// Only padding.
#[test]
fn empty_images_leave_the_bias() {
    for (batch, groups) in [(1, 1), (5, 1), (2, 3)] {
        let case = square([batch, 3, 0, 4], 30, 3, 1, 2, groups);
        let x = leaf(&[], case.x, DType::F32);
        let weight = case.weight();
        let weight = leaf(&numbers(weight.iter().product(), 1), weight, DType::F32);
        let bias = leaf(&[2.0; 30], [30], DType::F32);
        let y = case.apply(x, weight.clone(), Some(bias));
        assert_eq!(y.dims(), [batch, 30, 2, 6]);
        let gradients = y.clone().sum().backward();
        assert!(values(y).iter().all(|y| *y == 2.0));
        let dw = values(weight.grad(&gradients).unwrap());
        assert!(dw.iter().all(|dw| *dw == 0.0));
    }
}

#[test]
fn no_channels_leave_the_bias() {
    let case = square([1, 0, 4, 4], 2, 3, 1, 1, 1);
    let x = leaf(&[], case.x, DType::F32);
    let weight = leaf(&[], case.weight(), DType::F32);
    let bias = leaf(&[1.0, 2.0], [2], DType::F32);
    let y = values(case.apply(x, weight, Some(bias)));
    assert_eq!(y, [vec![1.0; 16], vec![2.0; 16]].concat());
}
