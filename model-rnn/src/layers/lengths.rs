//! Sequences of different lengths in one batch.

use burn::tensor::{Device, Tensor, TensorData};

use crate::LengthsError;

/// Which sequences of a batch are not over yet, at which time steps.
///
/// A sequence that is over keeps its state, so that the final state is that of its own end; backwards in time the state
/// likewise stays at its beginning until the sequence's last step is reached.
pub(super) struct Alive<'a> {
    lengths: &'a [usize],
    /// No sequence is over before this.
    shortest: usize,
    time: usize,
}

impl<'a> Alive<'a> {
    /// # Errors
    /// [`LengthsError`] if there is not one length for every sequence, or if one is longer than `time`.
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

    /// The length of every sequence.
    pub(super) fn lengths(&self) -> &[usize] {
        self.lengths
    }

    /// Zeros after the end of every sequence of `output` `[time, batch, width]`.
    pub(super) fn zero_padding(&self, output: Tensor<3>) -> Tensor<3> {
        if self.shortest == self.time {
            return output;
        }
        let mask = self.mask(&output.device());
        output * mask
    }

    /// 1 inside the sequences and 0 after their ends, `[time, batch, 1]`.
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
