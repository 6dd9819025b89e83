//! Dropout: which elements are dropped, and how the others are scaled.
#![allow(clippy::unwrap_used)]

mod common;

use burn::tensor::{DType, Device, Tensor};
use common::{assert_close, leaf, numbers, values};
use proptest::prelude::*;
use tinderbox_kernels::dropout::dropout;

/// The seed is global, so tests that set it must not run at the same time.
static SEED: std::sync::Mutex<()> = std::sync::Mutex::new(());

fn seeded(seed: u64, x: &Tensor<2>, probability: f64) -> Tensor<2> {
    let _lock = SEED
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    Device::flex().seed(seed);
    dropout(x.clone(), probability)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn an_element_is_dropped_or_scaled_and_so_is_its_gradient(
        rows in 1usize..40, cols in 1usize..900, probability in 0.01f64..0.95, seed in 0u64..1000,
    ) {
        let x = leaf(&numbers(rows * cols, seed), [cols, rows], DType::F32);
        let y = seeded(seed, &x.clone().transpose(), probability);
        let gradients = y.clone().sum().backward();
        let gradient = values(x.grad(&gradients).unwrap().transpose());
        let scale = f64::from((1.0 / (1.0 - probability)) as f32);
        let x = values(x.transpose());
        for ((y, x), d) in values(y).iter().zip(&x).zip(&gradient) {
            prop_assert!(*d == 0.0 || *d == scale);
            prop_assert!((y - x * d).abs() <= 1e-6 * scale);
        }
    }
}

#[test]
fn the_dropped_share_is_the_probability() {
    // Over several chunks, and along each column, whose elements are a constant distance apart.
    let (rows, cols) = (1000, 256);
    let x = leaf(&vec![1.0; rows * cols], [rows, cols], DType::F32);
    for probability in [0.1, 0.5, 0.9] {
        let kept = seeded(7, &x, probability)
            .detach()
            .greater_elem(0.0)
            .float();
        let share = 1.0 - values(kept.clone().mean())[0];
        // Four standard deviations of a binomial distribution.
        let deviation = |n: usize| (probability * (1.0 - probability) / n as f64).sqrt();
        assert!((share - probability).abs() < 4.0 * deviation(rows * cols));
        for column in values(kept.clone().mean_dim(0)) {
            assert!((1.0 - column - probability).abs() < 5.0 * deviation(rows));
        }
        // Neighbours are independent, in a row and in a column.
        for (dim, len) in [(1, cols), (0, rows)] {
            let pairs = kept.clone().narrow(dim, 0, len - 1) * kept.clone().narrow(dim, 1, len - 1);
            let both = values(pairs.mean())[0];
            let keep = 1.0 - probability;
            assert!((both - keep * keep).abs() < 8.0 * deviation(rows * cols));
        }
    }
}

#[test]
fn the_mask_depends_on_the_seed() {
    let x = leaf(&numbers(50_000, 1), [100, 500], DType::F32);
    let mask = |seed| values(seeded(seed, &x, 0.3));
    assert_eq!(mask(1), mask(1));
    assert_ne!(mask(1), mask(2));
    let _lock = SEED
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    Device::flex().seed(1);
    let two = [dropout(x.clone(), 0.3), dropout(x.clone(), 0.3)].map(values);
    assert_ne!(two[0], two[1], "each call draws anew");
}

#[test]
fn nothing_happens_without_autodiff_or_probability() {
    let x = leaf(&numbers(12, 1), [3, 4], DType::F32);
    assert_close(
        "p = 0",
        &values(dropout(x.clone(), 0.0)),
        &values(x.clone()),
        0.0,
    );
    let plain = x.clone().inner();
    assert_close("plain", &values(dropout(plain, 0.5)), &values(x), 0.0);
}

#[test]
fn nan_stays_and_infinity_times_zero_is_nan() {
    let x = leaf(&[f64::NAN; 6], [2, 3], DType::F32);
    assert!(values(seeded(1, &x, 0.5)).iter().all(|y| y.is_nan()));
    let x = leaf(&[f64::INFINITY; 64], [8, 8], DType::F32);
    let y = values(seeded(1, &x, 0.5));
    assert!(y.iter().all(|y| y.is_nan() || *y == f64::INFINITY));
    assert!(y.iter().any(|y| y.is_nan()));
}

#[test]
fn the_composition_drops_the_same_share() {
    let x = leaf(&vec![1.0; 20_000], [100, 200], DType::F64);
    let y = values(seeded(3, &x, 0.25));
    assert!(y.iter().all(|y| *y == 0.0 || (y - 4.0 / 3.0).abs() < 1e-12));
    let dropped = y.iter().filter(|y| **y == 0.0).count();
    assert!((4700..5300).contains(&dropped), "{dropped}");
}

#[test]
fn empty_inputs_give_empty_outputs() {
    assert_eq!(
        seeded(1, &leaf(&[], [0, 3], DType::F32), 0.5).dims(),
        [0, 3]
    );
}

#[test]
#[should_panic(expected = "dropout probability 1 must be at least 0 and below 1")]
fn probability_one_is_refused() {
    let _ = dropout(leaf(&[1.0], [1], DType::F32), 1.0);
}
