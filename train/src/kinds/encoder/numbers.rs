//! Regression and multi-label classification: numbers of texts and of pairs of texts.

use std::collections::BTreeMap;

use burn::tensor::{Device, Tensor, TensorData, Transaction};
use tinderbox_data::loader::Loader;
use tinderbox_data::text::encoder::sequence_classification::{
    self as labelled, NumberedBatch, NumberedSource, NumberedSplits,
};
use tinderbox_kernels::activation::relu;
use tinderbox_model_transformer::{Head, ProblemType, TextEncoder, TextEncoderConfig};

use super::bundle::EncoderBundle;
use super::correlation::{pearson, spearman};
use super::data::{self, EncoderRun, Part};
use super::fit::{fit, label_order, sequences};
use super::inputs::input;
use super::labels::{LabelOrder, known_labels};
use super::outputs::read_all;
use super::recipe::EncoderRecipe;
use super::score;
use crate::TrainError;
use crate::metrics::{MetricInfo, Tally, Values};
use crate::task::{HiddenState, Task};

const HEAD: Head = Head::SequenceClassification;
/// Sums of the predicted and the true number of each text, by its place in the data.
const PREDICTED: &str = "number.";
const TRUE: &str = "target.";

/// Regression: mean squared error; Pearson's and Spearman's correlation. Multi-label
/// classification: binary cross-entropy of each label; accuracy of whole sets, F1 over all labels
/// together (micro) and as a mean over labels (macro). A label holds if its probability is above a
/// half.
pub struct NumbersTask {
    config: TextEncoderConfig,
    metrics: Vec<MetricInfo>,
}

impl NumbersTask {
    /// The task for a model of this configuration, whose problem type decides the loss.
    pub fn new(config: TextEncoderConfig) -> Self {
        let metrics = match config.problem_type() {
            ProblemType::Regression => vec![
                MetricInfo::lower("loss"),
                MetricInfo::higher("pearson"),
                MetricInfo::higher("spearman"),
            ],
            ProblemType::MultiLabel | ProblemType::SingleLabel => vec![
                MetricInfo::lower("loss"),
                MetricInfo::fraction("accuracy"),
                MetricInfo::fraction("f1"),
                MetricInfo::fraction("f1_macro"),
            ],
        };
        Self { config, metrics }
    }

    fn is_regression(&self) -> bool {
        self.config.problem_type() == ProblemType::Regression
    }

    /// Mean loss `[1]` and logits `[rows, labels]`.
    fn loss(
        &self,
        model: &TextEncoder,
        batch: &NumberedBatch,
        device: &Device,
    ) -> Result<(Tensor<1>, Tensor<2>), TrainError> {
        let input = input(&batch.input, &self.config, device);
        let logits = model.forward_sequence_classification(&input)?;
        let data = TensorData::new(batch.values.clone(), logits.dims());
        let targets = Tensor::<2>::from_data(data, device);
        let loss = if self.is_regression() {
            (logits.clone() - targets).square()
        } else {
            binary_cross_entropy(logits.clone(), targets)
        };
        Ok((loss.mean(), logits))
    }

    fn count_sets(&self, tally: &mut Tally, logits: &[f32], batch: &NumberedBatch) {
        let labels = self.config.num_labels();
        let mut counts = vec![[0.0; 3]; labels];
        let mut whole = 0;
        for (logits, values) in logits.chunks(labels).zip(batch.values.chunks(labels)) {
            let mut is_right = true;
            for ((count, logit), value) in counts.iter_mut().zip(logits).zip(values) {
                let (predicted, holds) = (*logit > 0.0, *value > 0.5);
                is_right &= predicted == holds;
                count[0] += f64::from(u8::from(predicted && holds));
                count[1] += f64::from(u8::from(predicted));
                count[2] += f64::from(u8::from(holds));
            }
            whole += usize::from(is_right);
        }
        tally.sums.insert("accuracy".into(), whole as f64);
        tally.sums.extend(score::set_sums(&counts));
    }
}

/// `-z ln σ(x) - (1 - z) ln (1 - σ(x))`, element-wise, as PyTorch's `BCEWithLogitsLoss`.
fn binary_cross_entropy(logits: Tensor<2>, targets: Tensor<2>) -> Tensor<2> {
    let rest = logits.clone().abs().neg().exp().log1p();
    relu(logits.clone()) - logits * targets + rest
}

impl Task for NumbersTask {
    type Model = TextEncoder;
    type Source = NumberedSource;
    /// Mean loss, not yet read from the device, and the number of texts.
    type Output = (Tensor<1>, usize);

    fn metrics(&self) -> &[MetricInfo] {
        &self.metrics
    }

    fn items(&self) -> &'static str {
        "texts"
    }

    fn values(&self, tally: &Tally) -> Values {
        let mut values = tally.means();
        values.retain(|name, _| self.metrics.iter().any(|metric| metric.name == name));
        let of = |prefix: &str| -> BTreeMap<&str, f64> {
            let sums = tally.sums.iter();
            sums.filter_map(|(name, sum)| Some((name.strip_prefix(prefix)?, *sum)))
                .collect()
        };
        if self.is_regression() {
            let [a, b] =
                [PREDICTED, TRUE].map(|prefix| -> Vec<f64> { of(prefix).into_values().collect() });
            if !a.is_empty() {
                values.insert("pearson".into(), pearson(&a, &b));
                values.insert("spearman".into(), spearman(&a, &b));
            }
        } else if values.contains_key("accuracy") {
            let [micro, macro_] = score::set_f1(tally, self.config.num_labels());
            values.insert("f1".into(), micro);
            values.insert("f1_macro".into(), macro_);
        }
        values
    }

    fn forward(
        &self,
        model: &TextEncoder,
        batch: NumberedBatch,
        _hidden_state: &mut HiddenState,
        device: &Device,
    ) -> Result<(Tensor<1>, Self::Output), TrainError> {
        let (loss, _) = self.loss(model, &batch, device)?;
        let output = (loss.clone().inner(), batch.items.len());
        Ok((loss, output))
    }

    fn tally(&self, (loss, texts): Self::Output) -> Result<Tally, TrainError> {
        let loss = loss
            .try_into_scalar::<f32>()
            .map_err(|e| TrainError::Execution(e.to_string()))?;
        Ok(Tally::new(
            texts,
            [("loss", f64::from(loss) * texts as f64)],
        ))
    }

    fn evaluate(
        &self,
        model: &TextEncoder,
        batch: NumberedBatch,
        _hidden_state: &mut HiddenState,
        device: &Device,
    ) -> Result<Tally, TrainError> {
        let (loss, logits) = self.loss(model, &batch, device)?;
        let both = Transaction::default().register(loss).register(logits);
        let [loss, logits] = read_all(both)?;
        let loss = loss.first().copied().unwrap_or(f32::NAN);
        let texts = batch.items.len();
        let mut tally = Tally::new(texts, [("loss", f64::from(loss) * texts as f64)]);
        if self.is_regression() {
            for (item, (logit, value)) in batch.items.iter().zip(logits.iter().zip(&batch.values)) {
                for (prefix, number) in [(PREDICTED, logit), (TRUE, value)] {
                    let name = format!("{prefix}{item}");
                    tally.sums.insert(name, f64::from(*number));
                }
            }
        } else {
            self.count_sets(&mut tally, &logits, &batch);
        }
        Ok(tally)
    }
}

/// Opens the data of a recipe with numbers or sets of labels and fits a model to them; `recorded` is
/// the model of a run that resumes.
///
/// # Errors
/// Texts are missing or invalid, or the model does not fit them.
pub fn prepare(
    recipe: &EncoderRecipe,
    recorded: Option<EncoderBundle>,
) -> Result<EncoderRun<NumbersTask>, TrainError> {
    let section = &recipe.data;
    let problem = section.problem_type.unwrap_or_default();
    if recipe.train.label_smoothing != 0.0 {
        let reason = "train.label_smoothing is for data with one class per text";
        return Err(TrainError::Mismatch(reason.into()));
    }
    let splits = open(recipe)?;
    let (order, output_rows) = match &recorded {
        Some(recorded) => (
            LabelOrder::recorded(&recorded.labels, &splits.labels)?,
            None,
        ),
        None if problem == ProblemType::Regression => {
            let order = LabelOrder::unchanged(splits.labels.clone());
            (order, single_row(recipe)?)
        }
        None => label_order(recipe, HEAD, splits.labels.clone())?,
    };
    let splits = splits.renumbered(&order.ids, order.labels);
    let train = data::subset(splits.train, section.fraction);
    let mut encoder = match recorded {
        Some(recorded) => recorded,
        None => {
            let texts = train.iter().flat_map(|text| {
                let pair = text.pair.as_deref();
                std::iter::once(text.text.as_str()).chain(pair)
            });
            fit(recipe, HEAD, splits.labels, texts)?
        }
    };
    encoder.config = encoder.config.with_problem_type(problem);
    let sequences = sequences(section, &encoder)?;
    let train = NumberedSource::training(&train, &sequences, recipe.train.batch_size)?;
    let validation = NumberedSource::evaluation(&splits.validation, &sequences)?;
    let notes = [order.note, data::truncated(train.truncated(), section)];
    Ok(EncoderRun {
        task: NumbersTask::new(encoder.config.clone()),
        notes: notes.into_iter().flatten().collect(),
        output_rows,
        train: data::training(recipe, train)?,
        validation: data::evaluation(recipe, validation)?,
        encoder,
    })
}

/// A published head with a single output is kept; any other is newly initialised.
fn single_row(recipe: &EncoderRecipe) -> Result<Option<Vec<Option<usize>>>, TrainError> {
    let (_, rows) = label_order(recipe, HEAD, vec![String::new()])?;
    Ok(rows)
}

/// The task of a model, and a part of the data of a recipe, to evaluate on.
///
/// # Errors
/// As [`prepare`].
pub fn evaluation_of(
    recipe: &EncoderRecipe,
    mut model: EncoderBundle,
    part: Part,
) -> Result<(NumbersTask, Loader<NumberedSource>), TrainError> {
    let problem = recipe.data.problem_type.unwrap_or_default();
    let is_regression = problem == ProblemType::Regression;
    let outputs = model.config.num_labels();
    if is_regression && outputs != 1 {
        let reason = format!("the model has {outputs} numbers per text, and tables have one");
        return Err(TrainError::Mismatch(reason));
    }
    model.config = model.config.with_problem_type(problem);
    let section = &recipe.data;
    let texts = match (part, is_regression) {
        (Part::Whole, true) => labelled::read_numbers(section.given_path()?, &section.columns)?,
        (Part::Whole, false) => {
            let (path, columns) = (section.given_path()?, &section.columns);
            let labels = labelled::label_set_names(path, columns)?;
            let ids = known_labels(&model.labels, &labels)?;
            let splits = NumberedSplits {
                train: labelled::read_label_sets(path, columns, &labels)?,
                labels,
                validation: Vec::new(),
                test: None,
            };
            splits.renumbered(&ids, model.labels.clone()).train
        }
        (part, _) => {
            let splits = open(recipe)?;
            let ids = if is_regression {
                vec![0]
            } else {
                known_labels(&model.labels, &splits.labels)?
            };
            let splits = splits.renumbered(&ids, model.labels.clone());
            data::pick(part, splits.train, splits.validation, splits.test)?
        }
    };
    let source = NumberedSource::evaluation(&texts, &sequences(&recipe.data, &model)?)?;
    Ok((
        NumbersTask::new(model.config),
        data::evaluation(recipe, source)?,
    ))
}

/// Opens the texts of a [`resolved`](super::resolved) recipe with a number or a set of labels each.
///
/// # Errors
/// The files are missing or malformed.
pub fn open(recipe: &EncoderRecipe) -> Result<NumberedSplits, TrainError> {
    let section = &recipe.data;
    let (path, fraction) = (section.given_path()?, section.validation_fraction);
    let columns = &section.columns;
    Ok(match section.problem_type {
        Some(ProblemType::Regression) => labelled::open_numbers(path, columns, fraction)?,
        _ => labelled::open_label_sets(path, columns, fraction)?,
    })
}
