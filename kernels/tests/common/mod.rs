//! Operations in `f32`, which have kernels, against the same functions in `f64`, which are composed
//! of Burn's operations.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use burn::tensor::{DType, Device, Tensor, TensorData};

/// Pseudo-random numbers between -1 and 1: a linear congruential generator, the same everywhere.
pub fn numbers(len: usize, seed: u64) -> Vec<f64> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(1);
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        // Rounded to f32, so that both sides start from the same numbers.
        f64::from(((state >> 33) as f64 / f64::from(1u32 << 30) - 1.0) as f32)
    };
    (0..len).map(|_| next()).collect()
}

/// A trainable tensor of this type.
pub fn leaf<const D: usize>(values: &[f64], shape: [usize; D], dtype: DType) -> Tensor<D> {
    let device = Device::flex().autodiff();
    let data = TensorData::new(values.to_vec(), shape).convert_dtype(dtype);
    Tensor::from_data(data, (&device, dtype)).require_grad()
}

pub fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().try_into_vec_as::<f64>().unwrap()
}

/// Panics unless every pair differs by at most `tolerance` times the largest expected number (at
/// least 1), or both are NaN or the same infinity.
pub fn assert_close(name: &str, got: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(got.len(), expected.len(), "{name}: lengths");
    let finite = expected.iter().filter(|value| value.is_finite());
    let scale = finite.fold(1.0f64, |most, value| most.max(value.abs()));
    for (i, (got, expected)) in got.iter().zip(expected).enumerate() {
        let same = got == expected || (got.is_nan() && expected.is_nan());
        assert!(
            same || (got - expected).abs() <= tolerance * scale,
            "{name}[{i}]: {got} is not {expected} (largest {scale})"
        );
    }
}
