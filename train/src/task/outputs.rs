//! What the tasks of encoders hand to the device, and read from it.

use burn::tensor::{Device, Int, Tensor, TensorData, Transaction};

use crate::TrainError;

/// Classes, tokens or places, `[count]`.
pub(super) fn indices(numbers: &[u32], device: &Device) -> Tensor<1, Int> {
    // A vocabulary, and a batch, is far smaller than an i32 counts.
    let numbers: Vec<i32> = numbers.iter().map(|&number| number as i32).collect();
    let shape = [numbers.len()];
    Tensor::from_data(TensorData::new(numbers, shape), device)
}

/// The place of the largest logit of each row, `[count]`, as a number that is read together with the loss.
pub(super) fn largest(logits: Tensor<2>) -> Tensor<1> {
    let [rows, _] = logits.dims();
    logits.argmax(1).reshape([rows]).float()
}

/// What [`largest`] found, once it is read: numbers far below 2^24, up to which float32 counts exactly.
pub(super) fn places(found: &[f32]) -> Vec<u32> {
    found.iter().map(|place| *place as u32).collect()
}

/// How many of `found` are as they should be.
pub(super) fn hits(found: &[u32], truth: &[u32]) -> usize {
    found.iter().zip(truth).filter(|(a, b)| a == b).count()
}

/// A mean loss and what else is read with it.
///
/// # Errors
/// The device failed.
pub(super) fn read<const D: usize>(
    loss: Tensor<1>,
    other: Tensor<D>,
) -> Result<(f64, Vec<f32>), TrainError> {
    let [loss, other] = read_all(Transaction::default().register(loss).register(other))?;
    let loss = loss.first().copied().unwrap_or(f32::NAN);
    Ok((f64::from(loss), other))
}

/// All tensors of a transaction in one go, because every read waits for the device.
///
/// # Errors
/// The device failed, or there are not `N`.
pub(super) fn read_all<const N: usize>(
    transaction: Transaction,
) -> Result<[Vec<f32>; N], TrainError> {
    let read = transaction
        .try_execute()
        .map_err(|e| TrainError::Execution(e.to_string()))?;
    let read = <[_; N]>::try_from(read)
        .map_err(|_| TrainError::Execution("a read returned too little".into()))?;
    Ok(read.map(|data| data.iter::<f32>().collect()))
}
