//! Masked language modelling: words that are hidden are told from those around them.
//!
//! Devlin et al. 2018, <https://arxiv.org/abs/1810.04805>, section 3.1.

use burn::tensor::{Device, Tensor};
use data::text::{MaskedBatch, MaskedSource};
use model_transformer::{TextEncoder, TextEncoderConfig};

use super::language::token_losses;
use super::sequence::{read, targets};
use super::{Carry, Task};
use crate::TrainError;
use crate::encoder;
use crate::trainer::metrics::{MetricInfo, Tally, Values};

/// Cross-entropy of hidden tokens in nats, as mean over them; perplexity, its exponential; and the share of those that
/// are found.
pub struct MaskedTask {
    config: TextEncoderConfig,
    label_smoothing: f64,
    metrics: [MetricInfo; 3],
}

/// Loss, logits and targets of a training batch, not yet read from the device.
pub struct MaskedOutput {
    loss: Tensor<1>,
    /// The largest logit's place for each hidden token.
    found: Tensor<1>,
    targets: Vec<u32>,
}

impl MaskedTask {
    /// The task for a model of this configuration.
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
                metric("perplexity", false, false),
                metric("accuracy", true, true),
            ],
        }
    }

    /// Logits of the hidden tokens alone, `[count, vocab]`: those of the others, with the whole vocabulary for each, would
    /// be most of the work.
    fn logits(&self, model: &TextEncoder, batch: &MaskedBatch, device: &Device) -> Tensor<2> {
        let input = encoder::input(&batch.input, &self.config, device);
        let features = model.forward_features(&input);
        let [rows, time, hidden] = features.dims();
        let features = features.reshape([rows * time, hidden]);
        model.masked_lm_head(features.select(0, targets(&batch.positions, device)))
    }
}

fn count(loss: f64, found: &[f32], targets: &[u32]) -> Tally {
    // Ids of tokens are far below 2^24, up to which float32 counts exactly.
    let hits = found
        .iter()
        .zip(targets)
        .filter(|(found, target)| **found == **target as f32)
        .count();
    let sums = [
        ("loss", loss * targets.len() as f64),
        ("accuracy", hits as f64),
    ];
    Tally::new(targets.len(), sums)
}

/// The place of the largest logit of each row, `[count]`, as a number that is read together with the loss.
pub(super) fn largest(logits: Tensor<2>) -> Tensor<1> {
    let [rows, _] = logits.dims();
    logits.argmax(1).reshape([rows]).float()
}

impl Task for MaskedTask {
    type Model = TextEncoder;
    type Source = MaskedSource;
    type Output = MaskedOutput;

    fn metrics(&self) -> &[MetricInfo] {
        &self.metrics
    }

    fn items(&self) -> &'static str {
        "hidden tokens"
    }

    fn values(&self, tally: &Tally) -> Values {
        let mut values = tally.means();
        if let Some(&loss) = values.get("loss") {
            values.insert("perplexity".into(), loss.exp());
        }
        values
    }

    fn forward(
        &self,
        model: &TextEncoder,
        batch: MaskedBatch,
        _carry: &mut Carry,
        device: &Device,
    ) -> Result<(Tensor<1>, MaskedOutput), TrainError> {
        let logits = self.logits(model, &batch, device);
        let loss = token_losses(
            logits.clone(),
            targets(&batch.targets, device),
            self.label_smoothing,
        )
        .mean();
        let output = MaskedOutput {
            loss: loss.clone().inner(),
            found: largest(logits.inner()),
            targets: batch.targets,
        };
        Ok((loss, output))
    }

    fn tally(&self, output: MaskedOutput) -> Result<Tally, TrainError> {
        let (loss, found) = read(output.loss, output.found)?;
        Ok(count(loss, &found, &output.targets))
    }

    fn evaluate(
        &self,
        model: &TextEncoder,
        batch: MaskedBatch,
        _carry: &mut Carry,
        device: &Device,
    ) -> Result<Tally, TrainError> {
        let logits = self.logits(model, &batch, device);
        let losses = token_losses(logits.clone(), targets(&batch.targets, device), 0.0);
        let (loss, found) = read(losses.mean(), largest(logits))?;
        Ok(count(loss, &found, &batch.targets))
    }
}
