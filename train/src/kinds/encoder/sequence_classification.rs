//! Sequence classification: labels of texts and of pairs of texts.

use std::collections::{BTreeMap, BTreeSet};

use burn::tensor::{Device, Tensor};
use tinderbox_data::loader::Loader;
use tinderbox_data::text::encoder::sequence_classification::{
    self as labelled, LabelledBatch, LabelledSource, LabelledSplits, LabelledText, TableRow,
};
use tinderbox_data::text::generated::sentiment;
use tinderbox_model_transformer::Head;
use tinderbox_model_transformer::{TextEncoder, TextEncoderConfig};

use super::bundle::EncoderBundle;
use super::data::{self, EncoderRun, Part};
use super::fit::{fit, label_order, sequences};
use super::inputs::input;
use super::labels::{LabelOrder, known_labels};
use super::outputs::{Predictions, num_correct};
use super::recipe::{EncoderDataSource, EncoderRecipe};
use super::score;
use crate::TrainError;
use crate::metrics::{MetricInfo, Tally, Values};
use crate::task::{HiddenState, Task};

const HEAD: Head = Head::SequenceClassification;

/// Cross-entropy on labels; accuracy, F1 (of the second of two classes, else the mean over classes)
/// and Matthews correlation.
pub struct SequenceClassificationTask {
    config: TextEncoderConfig,
    label_smoothing: f64,
    metrics: [MetricInfo; 4],
}

/// Loss, predictions and labels of a training batch, not yet read from the device.
pub struct SequenceClassificationOutput {
    predictions: Predictions,
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

    /// Tally of predictions with this mean loss.
    fn count(&self, loss: f64, predicted: &[u32], labels: &[u32]) -> Tally {
        let sums = [
            ("loss", loss * labels.len() as f64),
            ("accuracy", num_correct(predicted, labels) as f64),
        ];
        let mut tally = Tally::new(labels.len(), sums);
        let classes = self.config.num_labels();
        tally
            .sums
            .extend(score::class_sums(predicted, labels, classes));
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
        _hidden_state: &mut HiddenState,
        device: &Device,
    ) -> Result<(Tensor<1>, SequenceClassificationOutput), TrainError> {
        let logits = self.logits(model, &batch, device)?;
        let (loss, predictions) = Predictions::of(logits, &batch.labels, self.label_smoothing);
        let output = SequenceClassificationOutput {
            predictions,
            labels: batch.labels,
        };
        Ok((loss, output))
    }

    fn tally(&self, output: SequenceClassificationOutput) -> Result<Tally, TrainError> {
        let (loss, predicted) = output.predictions.read()?;
        Ok(self.count(loss, &predicted, &output.labels))
    }

    fn evaluate(
        &self,
        model: &TextEncoder,
        batch: LabelledBatch,
        _hidden_state: &mut HiddenState,
        device: &Device,
    ) -> Result<Tally, TrainError> {
        let logits = self.logits(model, &batch, device)?;
        let (_, predictions) = Predictions::of(logits, &batch.labels, 0.0);
        let (loss, predicted) = predictions.read()?;
        Ok(self.count(loss, &predicted, &batch.labels))
    }
}

/// Opens the data of a recipe for sequence classification and fits a model to them; `recorded` is
/// the model of a run that resumes.
///
/// # Errors
/// Texts are missing or invalid, or the model does not fit them.
pub fn prepare(
    recipe: &EncoderRecipe,
    recorded: Option<EncoderBundle>,
) -> Result<EncoderRun<SequenceClassificationTask>, TrainError> {
    let section = &recipe.data;
    let splits = open(recipe)?;
    let (order, output_rows) = match &recorded {
        Some(recorded) => (
            LabelOrder::recorded(&recorded.labels, &splits.labels)?,
            None,
        ),
        None => label_order(recipe, HEAD, splits.labels.clone())?,
    };
    let LabelledSplits {
        labels,
        mut train,
        validation,
        ..
    } = splits.renumbered(&order.ids, order.labels);
    train = data::subset(train, section.fraction);
    let encoder = match recorded {
        Some(recorded) => recorded,
        None => {
            let texts = train.iter().flat_map(|text| {
                let pair = text.pair.as_deref();
                std::iter::once(text.text.as_str()).chain(pair)
            });
            fit(recipe, HEAD, labels, texts)?
        }
    };
    let sequences = sequences(section, &encoder)?;
    let train = LabelledSource::training(&train, &sequences, recipe.train.batch_size)?;
    let notes = [order.note, data::truncated(train.truncated(), section)];
    Ok(EncoderRun {
        task: SequenceClassificationTask::new(encoder.config.clone(), recipe.train.label_smoothing),
        notes: notes.into_iter().flatten().collect(),
        output_rows,
        train: data::training(recipe, train)?,
        validation: loader(recipe, &encoder, &validation)?,
        encoder,
    })
}

/// The task of a model without smoothing, and a part of the data of a recipe, to evaluate on.
///
/// # Errors
/// As [`prepare`].
pub fn evaluation_of(
    recipe: &EncoderRecipe,
    recorded: EncoderBundle,
    part: Part,
) -> Result<(SequenceClassificationTask, Loader<LabelledSource>), TrainError> {
    let texts = match part {
        Part::Whole => whole(recipe, &recorded.labels)?,
        part => {
            let splits = open(recipe)?;
            let ids = known_labels(&recorded.labels, &splits.labels)?;
            let splits = splits.renumbered(&ids, recorded.labels.clone());
            data::pick(part, splits.train, splits.validation, splits.test)?
        }
    };
    let loader = loader(recipe, &recorded, &texts)?;
    Ok((
        SequenceClassificationTask::new(recorded.config, 0.0),
        loader,
    ))
}

/// All texts of a table, with the places of their labels among those of a model.
fn whole(recipe: &EncoderRecipe, known: &[String]) -> Result<Vec<LabelledText>, TrainError> {
    let path = recipe.data.given_path()?;
    let rows = labelled::read_table(path, &recipe.data.columns, None)?;
    let labels: BTreeSet<&String> = rows.iter().filter_map(|row| row.label.as_ref()).collect();
    let labels: Vec<String> = labels.into_iter().cloned().collect();
    let ids = known_labels(known, &labels)?;
    let ids: BTreeMap<String, u32> = labels.into_iter().zip(ids).collect();
    let text = |row: TableRow| {
        let label = row.label.as_ref().and_then(|label| ids.get(label));
        let label = *label.ok_or_else(|| {
            let column = &recipe.data.columns.label;
            TrainError::Mismatch(format!(
                "{}: line {}: the label ({column:?}) is missing",
                path.display(),
                row.line
            ))
        })?;
        Ok(LabelledText {
            text: row.text,
            pair: row.pair,
            label,
        })
    };
    rows.into_iter().map(text).collect()
}

fn loader(
    recipe: &EncoderRecipe,
    encoder: &EncoderBundle,
    texts: &[LabelledText],
) -> Result<Loader<LabelledSource>, TrainError> {
    let sequences = sequences(&recipe.data, encoder)?;
    data::evaluation(recipe, LabelledSource::evaluation(texts, &sequences)?)
}

/// Opens the labelled texts of a recipe.
///
/// # Errors
/// As [`prepare`].
pub fn open(recipe: &EncoderRecipe) -> Result<LabelledSplits, TrainError> {
    let section = &recipe.data;
    let fraction = section.validation_fraction;
    Ok(match section.source {
        EncoderDataSource::Sentiment => LabelledSplits {
            labels: sentiment::LABELS.map(String::from).to_vec(),
            train: sentiment::texts(recipe.seed, "train", section.train_size),
            validation: sentiment::texts(recipe.seed, "validation", section.val_size),
            test: Some(sentiment::texts(recipe.seed, "test", section.val_size)),
        },
        EncoderDataSource::TextFolder => labelled::open_folders(section.given_path()?, fraction)?,
        _ => labelled::open_table(section.given_path()?, &section.columns, fraction)?,
    })
}
