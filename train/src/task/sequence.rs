//! Classification of texts and of pairs of texts.

use burn::tensor::{Device, Int, Tensor, TensorData, Transaction};
use data::text::{LabelledBatch, SequenceSource};
use model_transformer::{TextEncoder, TextEncoderConfig};

use super::image::ranked;
use super::language::token_losses;
use super::score;
use super::{Carry, Task};
use crate::TrainError;
use crate::encoder;
use crate::trainer::metrics::{MetricInfo, Tally, Values};

/// Cross-entropy on the labels of texts; accuracy, F1 (of the second of two classes, else the mean over classes) and
/// Matthews' correlation.
pub struct SequenceTask {
    config: TextEncoderConfig,
    label_smoothing: f64,
    metrics: [MetricInfo; 4],
}

/// Loss, logits and labels of a training batch, not yet read from the device.
pub struct SequenceOutput {
    loss: Tensor<1>,
    logits: Tensor<2>,
    labels: Vec<u32>,
}

impl SequenceTask {
    /// The task for a model of this configuration. `label_smoothing` is for training only.
    pub fn new(config: TextEncoderConfig, label_smoothing: f64) -> Self {
        let metric = |name, higher_is_better, is_fraction| MetricInfo {
            name,
            higher_is_better,
            is_fraction,
        };
        Self {
            config,
            label_smoothing,
            metrics: [
                metric("loss", false, false),
                metric("accuracy", true, true),
                metric("f1", true, true),
                metric("matthews", true, false),
            ],
        }
    }

    fn logits(&self, model: &TextEncoder, batch: &LabelledBatch, device: &Device) -> Tensor<2> {
        let input = encoder::input(&batch.input, &self.config, device);
        model.forward_sequence(&input)
    }

    /// What logits `[labels, classes]` (row by row) with this mean loss add to the metrics.
    fn count(&self, loss: f64, logits: &[f32], labels: &[u32]) -> Tally {
        let classes = self.config.num_labels();
        let predicted: Vec<u32> = logits
            .chunks_exact(classes)
            .map(|row| ranked(row).first().map_or(0, |(class, _)| *class as u32))
            .collect();
        let hits = predicted.iter().zip(labels).filter(|(a, b)| a == b).count();
        let sums = [
            ("loss", loss * labels.len() as f64),
            ("accuracy", hits as f64),
        ];
        let mut tally = Tally::new(labels.len(), sums);
        tally
            .sums
            .extend(score::class_sums(&predicted, labels, classes));
        tally
    }
}

/// Labels as targets, `[count]`.
pub(super) fn targets(labels: &[u32], device: &Device) -> Tensor<1, Int> {
    // Below the number of classes or tokens, and so of an i32.
    let ids: Vec<i32> = labels.iter().map(|&label| label as i32).collect();
    Tensor::from_data(TensorData::new(ids, [labels.len()]), device)
}

/// A mean loss and what else is read with it, in one go, because every read waits for the device.
pub(super) fn read<const D: usize>(
    loss: Tensor<1>,
    other: Tensor<D>,
) -> Result<(f64, Vec<f32>), TrainError> {
    let read = Transaction::default()
        .register(loss)
        .register(other)
        .try_execute()
        .map_err(|e| TrainError::Execution(e.to_string()))?;
    let [loss, other] = <[_; 2]>::try_from(read)
        .map_err(|_| TrainError::Execution("a read returned too little".into()))?;
    let loss = loss.iter::<f32>().next().unwrap_or(f32::NAN);
    Ok((f64::from(loss), other.iter::<f32>().collect()))
}

impl Task for SequenceTask {
    type Model = TextEncoder;
    type Source = SequenceSource;
    type Output = SequenceOutput;

    fn metrics(&self) -> &[MetricInfo] {
        &self.metrics
    }

    fn items(&self) -> &'static str {
        "texts"
    }

    fn values(&self, tally: &Tally) -> Values {
        let mut values = tally.means();
        values.retain(|name, _| self.metrics.iter().any(|metric| metric.name == name));
        if tally.count > 0 {
            let classes = self.config.num_labels();
            values.insert("f1".into(), score::f1(tally, classes));
            values.insert("matthews".into(), score::matthews(tally, classes));
        }
        values
    }

    fn forward(
        &self,
        model: &TextEncoder,
        batch: LabelledBatch,
        _carry: &mut Carry,
        device: &Device,
    ) -> Result<(Tensor<1>, SequenceOutput), TrainError> {
        let logits = self.logits(model, &batch, device);
        let targets = targets(&batch.labels, device);
        let loss = token_losses(logits.clone(), targets, self.label_smoothing).mean();
        let output = SequenceOutput {
            loss: loss.clone().inner(),
            logits: logits.inner(),
            labels: batch.labels,
        };
        Ok((loss, output))
    }

    fn tally(&self, output: SequenceOutput) -> Result<Tally, TrainError> {
        let (loss, logits) = read(output.loss, output.logits)?;
        Ok(self.count(loss, &logits, &output.labels))
    }

    fn evaluate(
        &self,
        model: &TextEncoder,
        batch: LabelledBatch,
        _carry: &mut Carry,
        device: &Device,
    ) -> Result<Tally, TrainError> {
        let logits = self.logits(model, &batch, device);
        let loss = token_losses(logits.clone(), targets(&batch.labels, device), 0.0).mean();
        let (loss, logits) = read(loss, logits)?;
        Ok(self.count(loss, &logits, &batch.labels))
    }
}
