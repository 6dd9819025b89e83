//! Token classification: a tag for every word, as for names or parts of speech.

use burn::tensor::{Device, Tensor};
use tinderbox_data::text::encoder::token_classification::{
    TokenClassificationBatch, TokenClassificationSource,
};
use tinderbox_model_transformer::{TextEncoder, TextEncoderConfig};

use super::input;
use super::outputs::{Guesses, hits, indices};
use super::score;
use crate::TrainError;
use crate::metrics::{MetricInfo, Tally, Values};
use crate::task::{Carry, Task};

/// Cross-entropy on the tags of words; the share of words with the right tag, and F1 over whole entities as CoNLL counts
/// them (an entity is right if its kind, beginning and end are).
pub struct TokenClassificationTask {
    config: TextEncoderConfig,
    labels: Vec<String>,
    label_smoothing: f64,
    metrics: [MetricInfo; 3],
}

/// Loss and the most probable tags of a training batch, not yet read from the device.
pub struct TokenClassificationOutput {
    guesses: Guesses,
    words: Words,
}

/// The words of a batch: the first piece of each.
struct Words {
    /// Their places, `row * time + t`.
    positions: Vec<u32>,
    /// Their tags.
    tags: Vec<u32>,
    /// How many words each row has.
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
                    // A batch has far fewer tokens than a u32 counts.
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
    /// The task for a model of this configuration, whose tags are called `labels`.
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

    fn count(&self, loss: f64, found: &[u32], words: &Words) -> Tally {
        let sums = [
            ("loss", loss * words.tags.len() as f64),
            ("accuracy", hits(found, &words.tags) as f64),
        ];
        let mut tally = Tally::new(words.tags.len(), sums);
        let (mut correct, mut predicted, mut real) = (0, 0, 0);
        let mut start = 0;
        for length in &words.rows {
            let row = start..start + length;
            let found = score::entities(&self.names(&found[row.clone()]));
            let truth = score::entities(&self.names(&words.tags[row]));
            correct += found.iter().filter(|entity| truth.contains(entity)).count();
            predicted += found.len();
            real += truth.len();
            start += length;
        }
        for (name, sum) in [(CORRECT, correct), (PREDICTED, predicted), (REAL, real)] {
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
const REAL: &str = "entities.real";

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
            // 2 p r / (p + r) with p = correct / predicted and r = correct / real; 0 where there is nothing at all.
            let f1 = 2.0 * sum(CORRECT) / (sum(PREDICTED) + sum(REAL)).max(1.0);
            values.insert("f1".into(), f1);
        }
        values
    }

    fn forward(
        &self,
        model: &TextEncoder,
        batch: TokenClassificationBatch,
        _carry: &mut Carry,
        device: &Device,
    ) -> Result<(Tensor<1>, TokenClassificationOutput), TrainError> {
        let words = Words::of(&batch);
        let logits = self.logits(model, &batch, &words, device)?;
        let (loss, guesses) = Guesses::of(logits, &words.tags, self.label_smoothing);
        let output = TokenClassificationOutput { guesses, words };
        Ok((loss, output))
    }

    fn tally(&self, output: TokenClassificationOutput) -> Result<Tally, TrainError> {
        let (loss, found) = output.guesses.read()?;
        Ok(self.count(loss, &found, &output.words))
    }

    fn evaluate(
        &self,
        model: &TextEncoder,
        batch: TokenClassificationBatch,
        _carry: &mut Carry,
        device: &Device,
    ) -> Result<Tally, TrainError> {
        let words = Words::of(&batch);
        let logits = self.logits(model, &batch, &words, device)?;
        let (_, guesses) = Guesses::of(logits, &words.tags, 0.0);
        let (loss, found) = guesses.read()?;
        Ok(self.count(loss, &found, &words))
    }
}
