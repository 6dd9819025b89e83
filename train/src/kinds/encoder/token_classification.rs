//! Token classification: a tag for every word, such as of names or parts of speech.

use burn::tensor::{Device, Tensor};
use tinderbox_data::loader::Loader;
use tinderbox_data::text::encoder::token_classification::{
    self as tagged, TaggedSplits, TokenClassificationBatch, TokenClassificationSource, WordCut,
};
use tinderbox_model_transformer::Head;
use tinderbox_model_transformer::{TextEncoder, TextEncoderConfig};

use super::bundle::EncoderBundle;
use super::data::{self, EncoderRun, Part};
use super::fit::{fit, label_order, sequences};
use super::inputs::input;
use super::labels::{LabelOrder, known_labels};
use super::outputs::{Predictions, indices, num_correct};
use super::recipe::{EncoderDataRecipe, EncoderRecipe};
use super::score;
use crate::TrainError;
use crate::metrics::{MetricInfo, Tally, Values};
use crate::task::{HiddenState, Task};

const HEAD: Head = Head::TokenClassification;

/// Cross-entropy on the tags of words; accuracy over words, and F1 over entities as CoNLL counts
/// them (correct if type, start and end are).
pub struct TokenClassificationTask {
    config: TextEncoderConfig,
    labels: Vec<String>,
    label_smoothing: f64,
    metrics: [MetricInfo; 3],
}

/// Loss and predictions of a training batch, not yet read from the device.
pub struct TokenClassificationOutput {
    predictions: Predictions,
    words: Words,
}

/// Words of a batch, each represented by its first token.
struct Words {
    /// Their positions, `row * time + t`.
    positions: Vec<u32>,
    /// Their tags.
    tags: Vec<u32>,
    /// Number of words of each row.
    rows: Vec<usize>,
}

impl Words {
    fn of(batch: &TokenClassificationBatch) -> Self {
        let [rows, time] = batch.input.shape;
        let mut words = Self {
            positions: Vec::new(),
            tags: Vec::new(),
            rows: Vec::with_capacity(rows),
        };
        for (row, row_tags) in batch.tags.chunks(time.max(1)).enumerate() {
            let before = words.tags.len();
            for (t, tag) in row_tags.iter().enumerate() {
                if let Some(tag) = tag {
                    // A u32 holds the number of tokens of any batch.
                    words.positions.push((row * time + t) as u32);
                    words.tags.push(*tag);
                }
            }
            words.rows.push(words.tags.len() - before);
        }
        words
    }
}

impl TokenClassificationTask {
    /// The task for a model of this configuration, with tags named `labels`.
    pub fn new(config: TextEncoderConfig, labels: Vec<String>, label_smoothing: f64) -> Self {
        Self {
            config,
            labels,
            label_smoothing,
            metrics: [
                MetricInfo::lower("loss"),
                MetricInfo::fraction("accuracy"),
                MetricInfo::fraction("f1"),
            ],
        }
    }

    /// Logits of the words, `[count, tags]`.
    fn logits(
        &self,
        model: &TextEncoder,
        batch: &TokenClassificationBatch,
        words: &Words,
        device: &Device,
    ) -> Result<Tensor<2>, TrainError> {
        let input = input(&batch.input, &self.config, device);
        let logits = model.forward_token_classification(&input)?;
        let [rows, time, tags] = logits.dims();
        let logits = logits.reshape([rows * time, tags]);
        Ok(logits.select(0, indices(&words.positions, device)))
    }

    fn count(&self, loss: f64, predicted: &[u32], words: &Words) -> Tally {
        let sums = [
            ("loss", loss * words.tags.len() as f64),
            ("accuracy", num_correct(predicted, &words.tags) as f64),
        ];
        let mut tally = Tally::new(words.tags.len(), sums);
        let (mut correct, mut found, mut actual) = (0, 0, 0);
        let mut start = 0;
        for length in &words.rows {
            let row = start..start + length;
            let entities = score::entities(&self.names(&predicted[row.clone()]));
            let targets = score::entities(&self.names(&words.tags[row]));
            correct += entities
                .iter()
                .filter(|entity| targets.contains(entity))
                .count();
            found += entities.len();
            actual += targets.len();
            start += length;
        }
        for (name, sum) in [(CORRECT, correct), (PREDICTED, found), (ACTUAL, actual)] {
            tally.sums.insert(name.into(), sum as f64);
        }
        tally
    }

    fn names(&self, tags: &[u32]) -> Vec<&str> {
        let name = |tag: &u32| self.labels.get(*tag as usize).map_or("O", String::as_str);
        tags.iter().map(name).collect()
    }
}

const CORRECT: &str = "entities.correct";
const PREDICTED: &str = "entities.predicted";
const ACTUAL: &str = "entities.real";

impl Task for TokenClassificationTask {
    type Model = TextEncoder;
    type Source = TokenClassificationSource;
    type Output = TokenClassificationOutput;

    fn metrics(&self) -> &[MetricInfo] {
        &self.metrics
    }

    fn items(&self) -> &'static str {
        "words"
    }

    fn size(&self, source: &TokenClassificationSource) -> usize {
        source.words()
    }

    fn values(&self, tally: &Tally) -> Values {
        let mut values = tally.means();
        values.retain(|name, _| self.metrics.iter().any(|metric| metric.name == name));
        if tally.count > 0 {
            let sum = |name| tally.sums.get(name).copied().unwrap_or_default();
            // F1 = 2 p r / (p + r) with p = correct / predicted and r = correct / actual; 0 without
            // any.
            let f1 = 2.0 * sum(CORRECT) / (sum(PREDICTED) + sum(ACTUAL)).max(1.0);
            values.insert("f1".into(), f1);
        }
        values
    }

    fn forward(
        &self,
        model: &TextEncoder,
        batch: TokenClassificationBatch,
        _hidden_state: &mut HiddenState,
        device: &Device,
    ) -> Result<(Tensor<1>, TokenClassificationOutput), TrainError> {
        let words = Words::of(&batch);
        let logits = self.logits(model, &batch, &words, device)?;
        let (loss, predictions) = Predictions::of(logits, &words.tags, self.label_smoothing);
        let output = TokenClassificationOutput { predictions, words };
        Ok((loss, output))
    }

    fn tally(&self, output: TokenClassificationOutput) -> Result<Tally, TrainError> {
        let (loss, predicted) = output.predictions.read()?;
        Ok(self.count(loss, &predicted, &output.words))
    }

    fn evaluate(
        &self,
        model: &TextEncoder,
        batch: TokenClassificationBatch,
        _hidden_state: &mut HiddenState,
        device: &Device,
    ) -> Result<Tally, TrainError> {
        let words = Words::of(&batch);
        let logits = self.logits(model, &batch, &words, device)?;
        let (_, predictions) = Predictions::of(logits, &words.tags, 0.0);
        let (loss, predicted) = predictions.read()?;
        Ok(self.count(loss, &predicted, &words))
    }
}

/// Opens the data of a recipe for token classification and fits a model to them; `recorded` is the
/// model of a run that resumes.
///
/// # Errors
/// As [`prepare`].
pub fn prepare(
    recipe: &EncoderRecipe,
    recorded: Option<EncoderBundle>,
) -> Result<EncoderRun<TokenClassificationTask>, TrainError> {
    let section = &recipe.data;
    let splits = open(section)?;
    let (order, output_rows) = match &recorded {
        Some(recorded) => (
            LabelOrder::recorded(&recorded.labels, &splits.labels)?,
            None,
        ),
        None => label_order(recipe, HEAD, splits.labels.clone())?,
    };
    let splits = splits.renumbered(&order.ids, order.labels);
    let word_cut = WordCut::of(splits.words());
    let train = data::subset(splits.train, section.fraction);
    let encoder = match recorded {
        Some(recorded) => recorded,
        None => {
            let words = train.iter().flat_map(|sentence| &sentence.words);
            EncoderBundle {
                word_cut: Some(word_cut),
                ..fit(recipe, HEAD, splits.labels, words.map(String::as_str))?
            }
        }
    };
    let sequences = sequences(section, &encoder)?;
    let train = TokenClassificationSource::training(&train, &sequences, recipe.train.batch_size)?;
    let validation = TokenClassificationSource::evaluation(&splits.validation, &sequences)?;
    let notes = [order.note, data::truncated(train.truncated(), section)];
    Ok(EncoderRun {
        task: TokenClassificationTask::new(
            encoder.config.clone(),
            encoder.labels.clone(),
            recipe.train.label_smoothing,
        ),
        notes: notes.into_iter().flatten().collect(),
        output_rows,
        train: data::training(recipe, train)?,
        validation: data::evaluation(recipe, validation)?,
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
) -> Result<(TokenClassificationTask, Loader<TokenClassificationSource>), TrainError> {
    let section = &recipe.data;
    let splits = open(section)?;
    let ids = known_labels(&recorded.labels, &splits.labels)?;
    let splits = splits.renumbered(&ids, recorded.labels.clone());
    let sentences = data::pick(part, splits.train, splits.validation, splits.test)?;
    let source =
        TokenClassificationSource::evaluation(&sentences, &sequences(section, &recorded)?)?;
    let task = TokenClassificationTask::new(recorded.config, recorded.labels, 0.0);
    Ok((task, data::evaluation(recipe, source)?))
}

/// Opens the tagged words of a recipe.
///
/// # Errors
/// As [`prepare`].
pub fn open(section: &EncoderDataRecipe) -> Result<TaggedSplits, TrainError> {
    let fraction = section.validation_fraction;
    Ok(tagged::open(
        section.given_path()?,
        &section.tag_columns,
        fraction,
    )?)
}
