//! All passes against the definition, summed in `f64`.

use proptest::prelude::*;

use super::*;
use crate::conv::Conv2dOptions;

fn shape(batch: usize, channels: [usize; 2], input: [usize; 2], padding: [usize; 2]) -> ConvShape {
    ConvShape {
        batch,
        in_channels: channels[0],
        out_channels: channels[1],
        input,
        output: std::array::from_fn(|i| input[i] + 2 * padding[i] - 2),
        kernel: [3, 3],
        options: Conv2dOptions {
            stride: [1, 1],
            padding,
            dilation: [1, 1],
            groups: 1,
        },
    }
}

/// Sizes of the input, the weights and the output.
fn lens(shape: &ConvShape) -> [usize; 3] {
    let map = |size: [usize; 2]| size[0] * size[1];
    [
        shape.batch * shape.in_channels * map(shape.input),
        shape.in_channels * shape.out_channels * 9,
        shape.batch * shape.out_channels * map(shape.output),
    ]
}

/// Pseudo-random numbers between -1 and 1 (a linear congruential generator).
fn numbers(len: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(1);
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((state >> 33) as f64 / f64::from(1u32 << 30) - 1.0) as f32
    };
    (0..len).map(|_| next()).collect()
}

/// Calls `each` with the indices of every input, weight and output that are multiplied.
fn for_each_product(shape: &ConvShape, mut each: impl FnMut(usize, usize, usize)) {
    let ([height, width], [down, across]) = (shape.input, shape.output);
    let [pad, left] = shape.options.padding;
    for n in 0..shape.batch {
        for o in 0..shape.out_channels {
            for c in 0..shape.in_channels {
                for k in 0..9 {
                    let kernel = (o * shape.in_channels + c) * 9 + k;
                    for y in (0..down).filter(|y| (pad..height + pad).contains(&(y + k / 3))) {
                        let row = (n * shape.in_channels + c) * height + y + k / 3 - pad;
                        let to = ((n * shape.out_channels + o) * down + y) * across;
                        for x in (0..across).filter(|x| (left..width + left).contains(&(x + k % 3)))
                        {
                            each(row * width + x + k % 3 - left, kernel, to + x);
                        }
                    }
                }
            }
        }
    }
}

/// Output, input gradient and weight gradient.
fn passes(shape: &ConvShape, x: &[f32], weight: &[f32], dy: &[f32]) -> [Vec<f32>; 3] {
    let [mut dx, mut dw, mut y] = lens(shape).map(|len| vec![7.0; len]);
    forward(shape, x, weight, None, false, &mut y);
    input_gradient(shape, dy, weight, &mut dx);
    weight_gradient(shape, x, dy, &mut dw);
    [y, dx, dw]
}

fn expected(shape: &ConvShape, x: &[f32], weight: &[f32], dy: &[f32]) -> [Vec<f64>; 3] {
    let [mut dx, mut dw, mut y] = lens(shape).map(|len| vec![0.0; len]);
    for_each_product(shape, |i, k, o| {
        y[o] += f64::from(x[i]) * f64::from(weight[k]);
        dx[i] += f64::from(dy[o]) * f64::from(weight[k]);
        dw[k] += f64::from(dy[o]) * f64::from(x[i]);
    });
    [y, dx, dw]
}

/// Largest difference, relative to the largest number.
fn error(got: &[f32], expected: &[f64]) -> f64 {
    let most = expected
        .iter()
        .fold(1e-30f64, |most, value| most.max(value.abs()));
    let differences = got.iter().zip(expected);
    let error = differences.map(|(got, expected)| (f64::from(*got) - expected).abs());
    error.fold(
        0.0,
        |most: f64, error| if error <= most { most } else { error },
    ) / most
}

fn check(shape: &ConvShape, seed: u64, tolerance: f64) {
    let [x, weight, dy] = lens(shape);
    let (x, weight, dy) = (
        numbers(x, seed),
        numbers(weight, seed + 1),
        numbers(dy, seed + 2),
    );
    let got = passes(shape, &x, &weight, &dy);
    let expected = expected(shape, &x, &weight, &dy);
    let names = ["output", "input gradient", "weight gradient"];
    for ((got, expected), name) in got.iter().zip(&expected).zip(names) {
        let error = error(got, expected);
        assert!(error <= tolerance, "{name} of {shape:?}: error {error}");
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build();
    let again = pool.map(|pool| pool.install(|| passes(shape, &x, &weight, &dy)));
    assert!(
        again.is_ok_and(|again| again == got),
        "other bits on other threads: {shape:?}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn all_passes_equal_the_definition(
        batch in 1..4usize,
        channels in [1..40usize, 1..40usize],
        input in [2..20usize, 2..20usize],
        padding in [0..3usize, 0..3usize],
        seed: u64,
    ) {
        let input = [0, 1].map(|i| input[i].max(3 - padding[i].min(1)));
        check(&shape(batch, channels, input, padding), seed >> 1, 1e-5);
    }
}

#[test]
fn many_channels_take_other_paths_and_stay_accurate() {
    // One block of tiles, several, and many channels in one direction only.
    check(&shape(1, [512, 96], [9, 7], [1, 1]), 1, 1e-5);
    check(&shape(3, [112, 100], [28, 30], [1, 1]), 2, 1e-5);
    check(&shape(2, [3, 528], [5, 6], [0, 1]), 3, 1e-5);
    check(&shape(2, [256, 256], [15, 15], [1, 1]), 4, 1e-5);
}

#[test]
fn it_is_chosen_for_the_layers_of_common_networks() {
    let is_faster =
        |batch, channels, size| is_faster(&shape(batch, channels, [size, size], [1, 1]));
    for (batch, channels, size) in [
        (8, [64, 64], 56),
        (8, [128, 128], 28),
        (8, [512, 512], 7),
        (128, [16, 16], 32),
        (64, [32, 64], 12),
        (1, [256, 256], 14),
    ] {
        assert!(
            is_faster(batch, channels, size),
            "{batch} {channels:?} {size}"
        );
    }
    // Few channels; weights that cost more than the map; and not a 3 x 3 convolution.
    assert!(!is_faster(64, [3, 64], 32));
    assert!(!is_faster(1, [512, 512], 7));
    let mut strided = shape(8, [64, 64], [56, 56], [1, 1]);
    strided.options.stride = [2, 2];
    assert!(!super::is_faster(&strided));
}

#[test]
fn a_wide_map() {
    check(&shape(1, [5, 17], [6, 700], [1, 1]), 5, 1e-5);
}

#[test]
fn bias_and_relu() {
    let shape = shape(2, [7, 35], [9, 10], [1, 1]);
    let [x, weight, dy] = lens(&shape);
    let (x, weight, bias) = (numbers(x, 1), numbers(weight, 2), numbers(35, 3));
    let dy = vec![0.0; dy];
    let [mut plain, _, _] = expected(&shape, &x, &weight, &dy);
    for (map, plain) in plain.chunks_exact_mut(90).enumerate() {
        plain
            .iter_mut()
            .for_each(|y| *y += f64::from(bias[map % 35]));
    }
    let mut y = vec![7.0; plain.len()];
    forward(&shape, &x, &weight, Some(&bias), false, &mut y);
    assert!(error(&y, &plain) <= 1e-5);
    forward(&shape, &x, &weight, Some(&bias), true, &mut y);
    plain.iter_mut().for_each(|y| *y = y.max(0.0));
    assert!(error(&y, &plain) <= 1e-5);
}

#[test]
fn empty_inputs_give_zeros() {
    for (batch, channels) in [(0, [3, 4]), (2, [0, 4]), (2, [3, 0])] {
        let shape = shape(batch, channels, [5, 5], [1, 1]);
        let [x, weight, dy] = lens(&shape).map(|len| vec![1.0; len]);
        for result in passes(&shape, &x, &weight, &dy) {
            assert!(result.iter().all(|value| *value == 0.0), "{shape:?}");
        }
    }
    let empty = shape(1, [2, 2], [0, 0], [1, 1]);
    let [x, weight, dy] = lens(&empty).map(|len| vec![1.0; len]);
    let [y, dx, dw] = passes(&empty, &x, &weight, &dy);
    assert_eq!((y.len(), dx.len()), (0, 0));
    assert!(dw.iter().all(|value| *value == 0.0));
}

#[test]
fn nan_and_infinity_reach_only_dependent_results() {
    let shape = shape(2, [5, 18], [11, 10], [1, 1]);
    let [x_len, weight_len, dy_len] = lens(&shape);
    for bad in [f32::NAN, f32::INFINITY] {
        for place in 0..3 {
            let mut x = numbers(x_len, 1);
            let mut weight = numbers(weight_len, 2);
            let mut dy = numbers(dy_len, 3);
            match place {
                0 => x[137] = bad,
                1 => weight[100] = bad,
                _ => dy[1005] = bad,
            }
            let got = passes(&shape, &x, &weight, &dy);
            let expected = expected(&shape, &x, &weight, &dy);
            for (pass, (got, expected)) in got.iter().zip(&expected).enumerate() {
                // Numbers that are not finite are also multiplied with the padding, as in Burn.
                let padded = place == 1 && pass < 2 || place == 2 && pass == 2;
                for (got, expected) in got.iter().zip(expected) {
                    assert!(
                        got.is_finite() == expected.is_finite() || padded,
                        "{got} is not {expected}"
                    );
                }
                assert_eq!(
                    got.iter().any(|value| !value.is_finite()),
                    expected.iter().any(|value| !value.is_finite())
                );
            }
        }
    }
    let mut x = numbers(x_len, 1);
    x[137] = f32::NAN;
    let mut y = vec![0.0; dy_len];
    forward(&shape, &x, &numbers(weight_len, 2), None, true, &mut y);
    assert!(
        y.iter().any(|value| value.is_nan())
            && y.iter().all(|value| value.is_nan() || *value >= 0.0)
    );
}
