//! Forward passes over rows of tokens, batched by length.

use burn::tensor::Tensor;
use tinderbox_data::text::encoder::{EncoderBatch, Encoding, InputBuilder};
use tinderbox_model_transformer::{EncoderInput, TextEncoderConfig};

use super::inputs::input;
use super::open::LoadedEncoder;
use crate::TrainError;
use crate::kinds::classes::read_logits;

/// Rows per batch of predictions.
pub(super) const BATCH_SIZE: usize = 32;

/// Runs `forward` on all rows, at most `batch_size` at a time, and returns the output values of
/// each row, in the order of the rows. The output's first dimension is the batch; per-token outputs
/// include those of padding.
pub(super) fn forward_rows<const D: usize>(
    rows: &[Encoding],
    batch_size: usize,
    inputs: &InputBuilder,
    to_input: impl Fn(&EncoderBatch) -> EncoderInput,
    forward: impl Fn(&EncoderInput) -> Result<Tensor<D>, TrainError>,
) -> Result<Vec<Vec<f32>>, TrainError> {
    let mut outputs = vec![Vec::new(); rows.len()];
    for indices in batches(rows, batch_size) {
        let batch: Vec<&Encoding> = indices.iter().filter_map(|&i| rows.get(i)).collect();
        let batch = EncoderBatch::new(&batch, inputs.pad_id());
        let values = read_logits(forward(&to_input(&batch))?)?;
        let size = values.len() / indices.len().max(1);
        for (index, values) in indices.into_iter().zip(values.chunks(size.max(1))) {
            if let Some(output) = outputs.get_mut(index) {
                *output = values.to_vec();
            }
        }
    }
    Ok(outputs)
}

/// Batches of row indices of about one length, longest first, so that a batch too large for the
/// memory fails at once.
fn batches(rows: &[Encoding], size: usize) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..rows.len()).collect();
    let length = |index: &usize| rows.get(*index).map_or(0, Encoding::len);
    order.sort_by_key(|index| std::cmp::Reverse(length(index)));
    order.chunks(size.max(1)).map(<[usize]>::to_vec).collect()
}

impl LoadedEncoder {
    pub(super) fn forward_rows<const D: usize>(
        &self,
        rows: &[Encoding],
        forward: impl Fn(&EncoderInput) -> Result<Tensor<D>, TrainError>,
    ) -> Result<Vec<Vec<f32>>, TrainError> {
        let to_input = |batch: &EncoderBatch| self.input(batch);
        forward_rows(rows, BATCH_SIZE, &self.inputs, to_input, forward)
    }

    pub(super) fn input(&self, batch: &EncoderBatch) -> EncoderInput {
        let config: &TextEncoderConfig = &self.config;
        input(batch, config, &self.device)
    }

    /// One row as a batch.
    pub(super) fn input_of(&self, row: &Encoding) -> EncoderInput {
        self.input(&EncoderBatch::new(&[row], self.inputs.pad_id()))
    }
}
