//! Masked language modelling: predict masked tokens from their context.
//!
//! Devlin et al. 2018, <https://arxiv.org/abs/1810.04805>, section 3.1.

use burn::tensor::{Device, Tensor};
use tinderbox_data::loader::Loader;
use tinderbox_data::text::encoder::masked_lm::{
    MaskedLmBatch, MaskedLmSource, MaskingOptions, TextLines,
};
use tinderbox_model_transformer::Head;
use tinderbox_model_transformer::{TextEncoder, TextEncoderConfig};

use super::bundle::EncoderBundle;
use super::data::{self, EncoderRun, Part};
use super::fit::{fit, sequences};
use super::inputs::input;
use super::outputs::{Predictions, indices, num_correct};
use super::recipe::{EncoderDataRecipe, EncoderRecipe};
use crate::TrainError;
use crate::metrics::{MetricInfo, Tally, Values};
use crate::task::{HiddenState, Task};

/// Cross-entropy of masked tokens in nats, averaged over them; its exponential, the perplexity; and
/// accuracy.
pub struct MaskedLmTask {
    config: TextEncoderConfig,
    label_smoothing: f64,
    metrics: [MetricInfo; 3],
}

/// Loss, predictions and targets of a training batch, not yet read from the device.
pub struct MaskedLmOutput {
    predictions: Predictions,
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

    /// Logits of the masked tokens only, `[count, vocab]`: those of the others, with the whole
    /// vocabulary for each, would be most of the work.
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

fn count(loss: f64, predicted: &[u32], targets: &[u32]) -> Tally {
    let sums = [
        ("loss", loss * targets.len() as f64),
        ("accuracy", num_correct(predicted, targets) as f64),
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
        _hidden_state: &mut HiddenState,
        device: &Device,
    ) -> Result<(Tensor<1>, MaskedLmOutput), TrainError> {
        let logits = self.logits(model, &batch, device)?;
        let (loss, predictions) = Predictions::of(logits, &batch.targets, self.label_smoothing);
        let output = MaskedLmOutput {
            predictions,
            targets: batch.targets,
        };
        Ok((loss, output))
    }

    fn tally(&self, output: MaskedLmOutput) -> Result<Tally, TrainError> {
        let (loss, predicted) = output.predictions.read()?;
        Ok(count(loss, &predicted, &output.targets))
    }

    fn evaluate(
        &self,
        model: &TextEncoder,
        batch: MaskedLmBatch,
        _hidden_state: &mut HiddenState,
        device: &Device,
    ) -> Result<Tally, TrainError> {
        let logits = self.logits(model, &batch, device)?;
        let (_, predictions) = Predictions::of(logits, &batch.targets, 0.0);
        let (loss, predicted) = predictions.read()?;
        Ok(count(loss, &predicted, &batch.targets))
    }
}

/// Opens the data of a recipe for masked language modelling and fits a model to them; `recorded` is
/// the model of a run that resumes.
///
/// # Errors
/// As [`prepare`].
pub fn prepare(
    recipe: &EncoderRecipe,
    recorded: Option<EncoderBundle>,
) -> Result<EncoderRun<MaskedLmTask>, TrainError> {
    let section = &recipe.data;
    let lines = TextLines::open(section.given_path()?, section.validation_fraction)?;
    let train = data::subset(lines.train, section.fraction);
    let encoder = match recorded {
        Some(recorded) => recorded,
        None => {
            let texts = train.iter().map(String::as_str);
            fit(recipe, Head::MaskedLm, Vec::new(), texts)?
        }
    };
    let sequences = sequences(section, &encoder)?;
    let (options, batch_size) = (mask_options(section), recipe.train.batch_size);
    let train = MaskedLmSource::training(&train, &sequences, &options, recipe.seed, batch_size)?;
    let validation =
        MaskedLmSource::evaluation(&lines.validation, &sequences, &options, recipe.seed)?;
    Ok(EncoderRun {
        output_rows: None,
        task: MaskedLmTask::new(encoder.config.clone(), recipe.train.label_smoothing),
        train: data::training(recipe, train)?,
        validation: data::evaluation(recipe, validation)?,
        notes: Vec::new(),
        encoder,
    })
}

/// The task of a run without smoothing, and a split of its data, to evaluate on.
///
/// # Errors
/// As [`prepare`].
pub fn evaluation_of(
    recipe: &EncoderRecipe,
    recorded: EncoderBundle,
    part: Part,
) -> Result<(MaskedLmTask, Loader<MaskedLmSource>), TrainError> {
    let section = &recipe.data;
    let lines = TextLines::open(section.given_path()?, section.validation_fraction)?;
    let lines = data::pick(part, lines.train, lines.validation, lines.test)?;
    let (sequences, options) = (sequences(section, &recorded)?, mask_options(section));
    let source = MaskedLmSource::evaluation(&lines, &sequences, &options, recipe.seed)?;
    Ok((
        MaskedLmTask::new(recorded.config, 0.0),
        data::evaluation(recipe, source)?,
    ))
}

fn mask_options(section: &EncoderDataRecipe) -> MaskingOptions {
    MaskingOptions {
        probability: section.mask_probability,
        whole_word: section.whole_word,
        ..MaskingOptions::default()
    }
}
