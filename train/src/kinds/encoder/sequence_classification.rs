//! Classification of texts and of pairs of texts.

use burn::tensor::{Device, Tensor};
use tinderbox_data::text::encoder::sequence_classification::{LabelledBatch, LabelledSource};
use tinderbox_model_transformer::{TextEncoder, TextEncoderConfig};

use super::input;
use super::outputs::{Guesses, hits};
use super::score;
use crate::TrainError;
use crate::metrics::{MetricInfo, Tally, Values};
use crate::task::{Carry, Task};

/// Cross-entropy on the labels of texts; accuracy, F1 (of the second of two classes, else the mean over classes) and
/// Matthews' correlation.
pub struct SequenceClassificationTask {
    config: TextEncoderConfig,
    label_smoothing: f64,
    metrics: [MetricInfo; 4],
}

/// Loss, guesses and labels of a training batch, not yet read from the device.
pub struct SequenceClassificationOutput {
    guesses: Guesses,
    labels: Vec<u32>,
}

impl SequenceClassificationTask {
    /// The task for a model of this configuration. `label_smoothing` is for training only.
    pub fn new(config: TextEncoderConfig, label_smoothing: f64) -> Self {
        Self {
            config,
            label_smoothing,
            metrics: [
                MetricInfo::lower("loss"),
                MetricInfo::fraction("accuracy"),
                MetricInfo::fraction("f1"),
                MetricInfo::higher("matthews"),
            ],
        }
    }

    fn logits(
        &self,
        model: &TextEncoder,
        batch: &LabelledBatch,
        device: &Device,
    ) -> Result<Tensor<2>, TrainError> {
        let input = input(&batch.input, &self.config, device);
        Ok(model.forward_sequence_classification(&input)?)
    }

    /// What guesses with this mean loss add to the metrics.
    fn count(&self, loss: f64, found: &[u32], labels: &[u32]) -> Tally {
        let sums = [
            ("loss", loss * labels.len() as f64),
            ("accuracy", hits(found, labels) as f64),
        ];
        let mut tally = Tally::new(labels.len(), sums);
        let classes = self.config.num_labels();
        tally.sums.extend(score::class_sums(found, labels, classes));
        tally
    }
}

impl Task for SequenceClassificationTask {
    type Model = TextEncoder;
    type Source = LabelledSource;
    type Output = SequenceClassificationOutput;

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
    ) -> Result<(Tensor<1>, SequenceClassificationOutput), TrainError> {
        let logits = self.logits(model, &batch, device)?;
        let (loss, guesses) = Guesses::of(logits, &batch.labels, self.label_smoothing);
        let output = SequenceClassificationOutput {
            guesses,
            labels: batch.labels,
        };
        Ok((loss, output))
    }

    fn tally(&self, output: SequenceClassificationOutput) -> Result<Tally, TrainError> {
        let (loss, found) = output.guesses.read()?;
        Ok(self.count(loss, &found, &output.labels))
    }

    fn evaluate(
        &self,
        model: &TextEncoder,
        batch: LabelledBatch,
        _carry: &mut Carry,
        device: &Device,
    ) -> Result<Tally, TrainError> {
        let logits = self.logits(model, &batch, device)?;
        let (_, guesses) = Guesses::of(logits, &batch.labels, 0.0);
        let (loss, found) = guesses.read()?;
        Ok(self.count(loss, &found, &batch.labels))
    }
}
