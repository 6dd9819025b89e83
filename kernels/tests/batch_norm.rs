//! Batch normalisation against its composition in f64.
#![allow(clippy::unwrap_used)]

mod common;

use burn::tensor::{DType, Device, Tensor};
use common::{assert_close, leaf, numbers, values};
use proptest::prelude::*;
use tinderbox_kernels::norm::{Epilogue, batch_norm, batch_norm_train};

/// Input and options of one call.
#[derive(Clone, Debug)]
struct Case {
    shape: [usize; 4],
    x: Vec<f64>,
    /// Normalises with the statistics of the batch.
    train: bool,
    residual: bool,
    relu: bool,
    seed: u64,
}

impl Case {
    fn new(shape: [usize; 4], [train, residual, relu]: [bool; 3], seed: u64) -> Self {
        Self {
            shape,
            x: numbers(shape.iter().product(), seed),
            train,
            residual,
            relu,
            seed,
        }
    }

    /// Output, mean and variance, and the gradients of x, weight, bias and residual, for a loss
    /// that weights the output with fixed numbers.
    fn run(&self, dtype: DType, view: impl Fn(Tensor<4>) -> Tensor<4>) -> [Vec<f64>; 7] {
        let shape = self.shape;
        let numbers = |seed: u64, len: usize| numbers(len, self.seed + seed);
        let input = leaf(&self.x, shape, dtype);
        let x = view(input.clone());
        let channels = x.dims()[1];
        let of_channels = |seed| leaf(&numbers(seed, channels), [channels], dtype);
        let (weight, bias) = (of_channels(1), of_channels(2));
        let residual = leaf(&numbers(3, x.dims().iter().product()), x.dims(), dtype);
        let epilogue = Epilogue::default()
            .with_residual(self.residual.then(|| residual.clone()))
            .with_relu(self.relu);
        let (w, b) = (weight.clone(), bias.clone());
        let (y, mean, variance) = if self.train {
            let all = batch_norm_train(x.clone(), w, b, 1e-5, epilogue);
            (all.output, all.mean, all.variance)
        } else {
            let mean = of_channels(4).detach();
            let variance = (of_channels(5) + 1.1).detach();
            let y = batch_norm(
                x.clone(),
                w,
                b,
                mean.clone(),
                variance.clone(),
                1e-5,
                epilogue,
            );
            (y, mean, variance)
        };
        let weights = leaf(&numbers(6, x.dims().iter().product()), x.dims(), dtype).detach();
        let gradients = (y.clone() * weights).sum().backward();
        let of_residual = if self.residual {
            values(residual.grad(&gradients).unwrap())
        } else {
            vec![]
        };
        [
            values(y),
            values(mean),
            values(variance),
            values(input.grad(&gradients).unwrap()),
            values(weight.grad(&gradients).unwrap()),
            values(bias.grad(&gradients).unwrap()),
            of_residual,
        ]
    }

    /// True if an input of ReLU is so close to zero that rounding may decide.
    fn is_in_doubt(&self, view: impl Fn(Tensor<4>) -> Tensor<4>) -> bool {
        let before = Self {
            relu: false,
            ..self.clone()
        };
        let [y, ..] = before.run(DType::F64, view);
        y.iter().any(|y| y.abs() < 3e-6)
    }

    fn compare(&self, view: impl Fn(Tensor<4>) -> Tensor<4>) {
        let got = self.run(DType::F32, &view);
        let expected = self.run(DType::F64, &view);
        if self.relu && self.is_in_doubt(&view) {
            return;
        }
        let names = ["y", "mean", "variance", "dx", "dw", "db", "dr"];
        for (name, (got, expected)) in names.iter().zip(got.iter().zip(&expected)) {
            assert_close(name, got, expected, 3e-5);
        }
        let bits =
            |all: [Vec<f64>; 7]| all.map(|v| v.into_iter().map(f64::to_bits).collect::<Vec<_>>());
        assert_eq!(bits(got), bits(self.run(DType::F32, &view)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn values_and_gradients_equal_those_in_f64(
        batch in 1usize..6, channels in 1usize..20, size in prop::array::uniform2(1usize..24),
        modes: [bool; 3], seed in 0u64..1000,
    ) {
        // The variance of very few elements may be tiny, and the quotient inaccurate.
        prop_assume!(batch * size[0] * size[1] > 3);
        Case::new([batch, channels, size[0], size[1]], modes, seed).compare(|x| x);
    }
}

fn all_modes() -> impl Iterator<Item = [bool; 3]> {
    (0..8).map(|i| [i & 1 != 0, i & 2 != 0, i & 4 != 0])
}

#[test]
fn large_batches_are_divided_between_threads() {
    for modes in all_modes() {
        // Whole channels, parts of a channel, planes in pieces, many channels per task.
        for shape in [
            [3, 9, 40, 45],
            [40, 2, 30, 31],
            [2, 3, 90, 70],
            [3, 300, 7, 7],
        ] {
            Case::new(shape, modes, 11).compare(|x| x);
        }
    }
}

#[test]
fn non_contiguous_views_are_supported() {
    for modes in all_modes() {
        let case = Case::new([4, 6, 5, 7], modes, 21);
        case.compare(|x| x.swap_dims(0, 1));
        case.compare(|x| x.permute([3, 2, 1, 0]));
        case.compare(|x| x.slice([1..4, 2..5, 0..4, 1..7]));
    }
}

#[test]
fn nan_and_infinity_stay_in_their_channels() {
    for modes in all_modes() {
        let mut case = Case::new([3, 9, 6, 7], modes, 31);
        case.x[5] = f64::NAN;
        case.x[50] = f64::INFINITY;
        case.x[200] = f64::NEG_INFINITY;
        case.compare(|x| x);
    }
}

#[test]
fn the_variance_of_numbers_far_from_zero_is_right() {
    let shapes = [[8, 9, 60, 61], [30, 2, 50, 41], [64, 40, 3, 3]];
    // With and without outliers at the beginning.
    for (shape, zeros) in shapes.into_iter().flat_map(|s| [(s, false), (s, true)]) {
        let mut case = Case::new(shape, [true, false, false], 41);
        let unit = 3f64.sqrt();
        for value in &mut case.x {
            *value = f64::from((*value * unit + 1000.0) as f32);
        }
        if zeros {
            let eighth = case.x.len() / 8;
            case.x[..eighth].fill(0.0);
        }
        let x = leaf(&case.x, shape, DType::F32);
        let exact = leaf(&case.x, shape, DType::F64);
        let ones = |dtype| Tensor::<1>::ones([shape[1]], (&Device::flex().autodiff(), dtype));
        let normalise = |x: Tensor<4>, ones: Tensor<1>| {
            batch_norm_train(x, ones.clone(), ones, 0.0, Epilogue::default())
        };
        let got = normalise(x, ones(DType::F32));
        let expected = normalise(exact, ones(DType::F64));
        let (variance, exact) = (values(got.variance), values(expected.variance));
        for (got, exact) in variance.iter().zip(&exact) {
            assert!((got - exact).abs() < 3e-5 * exact, "{got} is not {exact}");
        }
        assert_close("mean", &values(got.mean), &values(expected.mean), 1e-6);
        assert_close("y", &values(got.output), &values(expected.output), 1e-4);
    }
}

#[test]
fn one_element_per_channel_becomes_the_bias() {
    let x = leaf(&[3.0, -5.0], [1, 2, 1, 1], DType::F32);
    let [weight, bias] = [[2.0, 4.0], [0.5, 7.0]].map(|v| leaf(&v, [2], DType::F32));
    let all = batch_norm_train(x, weight, bias, 1e-5, Epilogue::default());
    assert_eq!(values(all.output), [0.5, 7.0]);
    assert_eq!(values(all.mean), [3.0, -5.0]);
    assert_eq!(values(all.variance), [0.0, 0.0]);
}

#[test]
fn statistics_have_no_gradients_and_stay_on_the_device() {
    let x = leaf(&numbers(24, 1), [2, 3, 2, 2], DType::F32);
    let ones = || Tensor::<1>::ones([3], &Device::flex().autodiff());
    let all = batch_norm_train(x.clone(), ones(), ones(), 1e-5, Epilogue::default());
    assert!(all.mean.is_autodiff() && all.variance.is_autodiff());
    let gradients = (x.clone().sum() + all.mean.sum() + all.variance.sum()).backward();
    assert_eq!(values(x.grad(&gradients).unwrap()), [1.0; 24]);
    let plain = batch_norm_train(
        x.inner(),
        ones().inner(),
        ones().inner(),
        1e-5,
        Epilogue::default(),
    );
    assert!(!plain.mean.is_autodiff() && !plain.output.is_autodiff());
    assert_eq!(values(plain.output), values(all.output));
}

#[test]
fn constants_get_no_gradient() {
    let x = leaf(&numbers(5 * 9 * 4, 1), [5, 9, 2, 2], DType::F32);
    let weight = leaf(&numbers(9, 2), [9], DType::F32);
    let bias = leaf(&numbers(9, 3), [9], DType::F32);
    let residual = leaf(&numbers(5 * 9 * 4, 4), [5, 9, 2, 2], DType::F32);
    let run = |x: &Tensor<4>, weight: &Tensor<1>, residual: &Tensor<4>| {
        let epilogue = Epilogue::default()
            .with_residual(Some(residual.clone()))
            .with_relu(true);
        let all = batch_norm_train(x.clone(), weight.clone(), bias.clone(), 1e-5, epilogue);
        all.output.powi_scalar(2).sum().backward()
    };
    let all = run(&x, &weight, &residual);
    let constants = run(
        &x.clone().inner(),
        &weight.clone().inner(),
        &residual.clone().inner(),
    );
    let of_x = run(&x, &weight.inner(), &residual.inner());
    assert_eq!(
        values(bias.grad(&constants).unwrap()),
        values(bias.grad(&all).unwrap())
    );
    assert_eq!(
        values(x.grad(&of_x).unwrap()),
        values(x.grad(&all).unwrap())
    );
}

#[test]
fn empty_inputs_give_empty_outputs() {
    let device = Device::flex().autodiff();
    for shape in [[0, 3, 4, 4], [2, 3, 0, 4], [0, 9, 4, 4], [2, 9, 4, 0]] {
        let x = Tensor::<4>::zeros(shape, &device).require_grad();
        let one = || Tensor::<1>::ones([shape[1]], &device);
        let all = batch_norm_train(x.clone(), one(), one(), 1e-5, Epilogue::default());
        assert_eq!(all.output.dims(), shape);
        assert_eq!(all.mean.dims(), [shape[1]]);
        assert_eq!(x.grad(&all.output.sum().backward()).unwrap().dims(), shape);
        let y = batch_norm(x, one(), one(), one(), one(), 1e-5, Epilogue::default());
        assert_eq!(y.dims(), shape);
    }
}
