//! Tensors that the tasks of encoders exchange with the device.

use burn::tensor::{Device, Int, Tensor, TensorData, Transaction};
use tinderbox_kernels::loss::cross_entropy;

use crate::TrainError;

/// Classes, tokens or positions as a tensor, `[count]`.
pub(super) fn indices(numbers: &[u32], device: &Device) -> Tensor<1, Int> {
    // An i32 holds any vocabulary or batch.
    let numbers: Vec<i32> = numbers.iter().map(|&number| number as i32).collect();
    let shape = [numbers.len()];
    Tensor::from_data(TensorData::new(numbers, shape), device)
}

/// Number of correct predictions.
pub(super) fn num_correct(predicted: &[u32], targets: &[u32]) -> usize {
    predicted
        .iter()
        .zip(targets)
        .filter(|(a, b)| a == b)
        .count()
}

/// Mean loss of a batch, and the predicted class of each row of its logits, not yet read from the
/// device.
pub(super) struct Predictions {
    loss: Tensor<1>,
    /// Argmax of each row, as floats so that it is read together with the loss.
    predicted: Tensor<1>,
}

impl Predictions {
    /// Predictions of logits `[count, classes]`, with the mean loss to train on, `[1]`.
    pub(super) fn of(logits: Tensor<2>, targets: &[u32], smoothing: f64) -> (Tensor<1>, Self) {
        let [count, _] = logits.dims();
        let targets = indices(targets, &logits.device());
        let predicted = logits.clone().inner().argmax(1).reshape([count]).float();
        let loss = cross_entropy(logits, targets, smoothing).mean();
        let predictions = Self {
            loss: loss.clone().inner(),
            predicted,
        };
        (loss, predictions)
    }

    /// Reads the mean loss and the predictions.
    ///
    /// # Errors
    /// The device failed.
    pub(super) fn read(self) -> Result<(f64, Vec<u32>), TrainError> {
        let both = Transaction::default()
            .register(self.loss)
            .register(self.predicted);
        let [loss, predicted] = read_all(both)?;
        let loss = loss.first().copied().unwrap_or(f32::NAN);
        // Classes are far below 2^24, up to which float32 is exact.
        let predicted = predicted.iter().map(|place| *place as u32).collect();
        Ok((f64::from(loss), predicted))
    }
}

/// Reads all tensors of a transaction at once, since every read waits for the device.
///
/// # Errors
/// The device failed, or the transaction has not `N` tensors.
pub(super) fn read_all<const N: usize>(
    transaction: Transaction,
) -> Result<[Vec<f32>; N], TrainError> {
    let read = transaction
        .try_execute()
        .map_err(|e| TrainError::Execution(e.to_string()))?;
    let read = <[_; N]>::try_from(read)
        .map_err(|_| TrainError::Execution("the device returned too few tensors".into()))?;
    Ok(read.map(|data| data.iter::<f32>().collect()))
}
