//! What the tasks of encoders hand to the device, and read from it.

use burn::tensor::{Device, Int, Tensor, TensorData, Transaction};
use tinderbox_kernels::loss::cross_entropy;

use crate::TrainError;

/// Classes, tokens or places, `[count]`.
pub(super) fn indices(numbers: &[u32], device: &Device) -> Tensor<1, Int> {
    // A vocabulary, and a batch, is far smaller than an i32 counts.
    let numbers: Vec<i32> = numbers.iter().map(|&number| number as i32).collect();
    let shape = [numbers.len()];
    Tensor::from_data(TensorData::new(numbers, shape), device)
}

/// How many of `found` are as they should be.
pub(super) fn hits(found: &[u32], truth: &[u32]) -> usize {
    found.iter().zip(truth).filter(|(a, b)| a == b).count()
}

/// The mean loss of a batch and the class that each row of its logits guesses, not yet read from the device.
pub(super) struct Guesses {
    loss: Tensor<1>,
    /// The place of the largest logit of each row, as a number that is read together with the loss.
    found: Tensor<1>,
}

impl Guesses {
    /// Of logits `[count, classes]` and the right classes, with the mean loss to learn from, `[1]`.
    pub(super) fn of(logits: Tensor<2>, truth: &[u32], smoothing: f64) -> (Tensor<1>, Self) {
        let [count, _] = logits.dims();
        let targets = indices(truth, &logits.device());
        let found = logits.clone().inner().argmax(1).reshape([count]).float();
        let loss = cross_entropy(logits, targets, smoothing).mean();
        let guesses = Self {
            loss: loss.clone().inner(),
            found,
        };
        (loss, guesses)
    }

    /// The mean loss, and the guesses.
    ///
    /// # Errors
    /// The device failed.
    pub(super) fn read(self) -> Result<(f64, Vec<u32>), TrainError> {
        let both = Transaction::default()
            .register(self.loss)
            .register(self.found);
        let [loss, found] = read_all(both)?;
        let loss = loss.first().copied().unwrap_or(f32::NAN);
        // Places are far below 2^24, up to which float32 counts exactly.
        let found = found.iter().map(|place| *place as u32).collect();
        Ok((f64::from(loss), found))
    }
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
