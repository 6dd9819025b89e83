//! Sequences of different lengths in one batch.

use burn::tensor::{Device, Tensor, TensorData};

use crate::LengthsError;

/// Lengths of the sequences of a padded batch.
///
/// A sequence keeps its state on padding, so that the final state is that of its last step;
/// backwards in time, the initial state is kept until the last step is reached.
pub(super) struct Lengths<'a> {
    lengths: &'a [usize],
    /// Length of the shortest sequence.
    shortest: usize,
    time: usize,
}

impl<'a> Lengths<'a> {
    /// # Errors
    /// A [`LengthsError`] if the number of lengths is not `batch`, or if a length exceeds `time`.
    pub(super) fn new(
        lengths: &'a [usize],
        batch: usize,
        time: usize,
    ) -> Result<Self, LengthsError> {
        let got = lengths.len();
        if got != batch {
            return Err(LengthsError::Count { got, batch });
        }
        let too_long = lengths
            .iter()
            .enumerate()
            .find(|(_, length)| **length > time);
        if let Some((index, &length)) = too_long {
            return Err(LengthsError::TooLong {
                index,
                length,
                time,
            });
        }
        let shortest = lengths.iter().copied().min().unwrap_or(time);
        Ok(Self {
            lengths,
            shortest,
            time,
        })
    }

    /// Length of every sequence.
    pub(super) fn as_slice(&self) -> &[usize] {
        self.lengths
    }

    /// Sets `output` `[time, batch, width]` to 0 on padding.
    pub(super) fn zero_padding(&self, output: Tensor<3>) -> Tensor<3> {
        if self.shortest == self.time {
            return output;
        }
        let mask = self.mask(&output.device());
        output * mask
    }

    /// 1 inside the sequences and 0 on padding, `[time, batch, 1]`.
    fn mask(&self, device: &Device) -> Tensor<3> {
        let at = |t: usize| {
            self.lengths
                .iter()
                .map(move |&length| f32::from(t < length))
        };
        let mask: Vec<f32> = (0..self.time).flat_map(at).collect();
        Tensor::from_data(
            TensorData::new(mask, [self.time, self.lengths.len(), 1]),
            device,
        )
    }
}
