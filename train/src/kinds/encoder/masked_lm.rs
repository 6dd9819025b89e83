//! Masked language modelling: words that are hidden are told from those around them.
//!
//! Devlin et al. 2018, <https://arxiv.org/abs/1810.04805>, section 3.1.

use burn::tensor::{Device, Tensor};
use tinderbox_data::text::encoder::masked_lm::{MaskedLmBatch, MaskedLmSource};
use tinderbox_model_transformer::{TextEncoder, TextEncoderConfig};

use super::input;
use super::outputs::{Guesses, hits, indices};
use crate::TrainError;
use crate::metrics::{MetricInfo, Tally, Values};
use crate::task::{Carry, Task};

/// Cross-entropy of hidden tokens in nats, as mean over them; perplexity, its exponential; and the share of those that
/// are found.
pub struct MaskedLmTask {
    config: TextEncoderConfig,
    label_smoothing: f64,
    metrics: [MetricInfo; 3],
}

/// Loss, guesses and targets of a training batch, not yet read from the device.
pub struct MaskedLmOutput {
    guesses: Guesses,
    targets: Vec<u32>,
}

impl MaskedLmTask {
    /// The task for a model of this configuration.
    pub fn new(config: TextEncoderConfig, label_smoothing: f64) -> Self {
        Self {
            config,
            label_smoothing,
            metrics: [
                MetricInfo::lower("loss"),
                MetricInfo::lower("perplexity"),
                MetricInfo::fraction("accuracy"),
            ],
        }
    }

    /// Logits of the hidden tokens alone, `[count, vocab]`: those of the others, with the whole vocabulary for each, would
    /// be most of the work.
    fn logits(
        &self,
        model: &TextEncoder,
        batch: &MaskedLmBatch,
        device: &Device,
    ) -> Result<Tensor<2>, TrainError> {
        let input = input(&batch.input, &self.config, device);
        let features = model.forward_features(&input);
        let [rows, time, hidden] = features.dims();
        let features = features.reshape([rows * time, hidden]);
        let features = features.select(0, indices(&batch.positions, device));
        Ok(model.masked_lm_head(features)?)
    }
}

fn count(loss: f64, found: &[u32], targets: &[u32]) -> Tally {
    let sums = [
        ("loss", loss * targets.len() as f64),
        ("accuracy", hits(found, targets) as f64),
    ];
    Tally::new(targets.len(), sums)
}

impl Task for MaskedLmTask {
    type Model = TextEncoder;
    type Source = MaskedLmSource;
    type Output = MaskedLmOutput;

    fn metrics(&self) -> &[MetricInfo] {
        &self.metrics
    }

    fn items(&self) -> &'static str {
        "hidden tokens"
    }

    fn size(&self, source: &MaskedLmSource) -> usize {
        source.targets()
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
        batch: MaskedLmBatch,
        _carry: &mut Carry,
        device: &Device,
    ) -> Result<(Tensor<1>, MaskedLmOutput), TrainError> {
        let logits = self.logits(model, &batch, device)?;
        let (loss, guesses) = Guesses::of(logits, &batch.targets, self.label_smoothing);
        let output = MaskedLmOutput {
            guesses,
            targets: batch.targets,
        };
        Ok((loss, output))
    }

    fn tally(&self, output: MaskedLmOutput) -> Result<Tally, TrainError> {
        let (loss, found) = output.guesses.read()?;
        Ok(count(loss, &found, &output.targets))
    }

    fn evaluate(
        &self,
        model: &TextEncoder,
        batch: MaskedLmBatch,
        _carry: &mut Carry,
        device: &Device,
    ) -> Result<Tally, TrainError> {
        let logits = self.logits(model, &batch, device)?;
        let (_, guesses) = Guesses::of(logits, &batch.targets, 0.0);
        let (loss, found) = guesses.read()?;
        Ok(count(loss, &found, &batch.targets))
    }
}
