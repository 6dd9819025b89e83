//! Evaluation of an image classifier: accuracy, per class, confusion matrix.

use serde::Serialize;
use tinderbox_data::Split;
use tinderbox_data::image::PassedOver;

use super::data::{loader_config, open_dataset, validation_loader};
use super::open::LoadedImageClassifier;
use super::recipe::ImageRecipe;
use crate::TrainError;
use crate::kinds::classes::{ranked, read_logits};
use crate::pretrained::DataAccess;

/// Metrics of an image classifier on a split.
#[derive(Clone, Debug, Serialize)]
pub struct ImageEvaluation {
    /// Source of the weights.
    pub weights: String,
    /// Number of images.
    pub images: usize,
    /// Mean cross-entropy.
    pub loss: f64,
    /// Fraction of images whose most probable class is right.
    pub top1_accuracy: f64,
    /// Fraction of images whose class is among the five most probable.
    pub top5_accuracy: f64,
    /// Metrics per class, in the order of the labels.
    pub classes: Vec<ImageClassScore>,
    /// `confusion[truth][prediction]`, in images.
    pub confusion: Vec<Vec<u64>>,
    /// Names of unreadable images that were skipped.
    #[serde(skip)]
    pub skipped: Vec<String>,
    /// Files beside the images that are no part of the data set.
    #[serde(skip)]
    pub passed_over: PassedOver,
}

/// Precision, recall and F1 of a class.
#[derive(Clone, Debug, Serialize)]
pub struct ImageClassScore {
    /// Name of the class.
    pub name: String,
    /// Number of images of the class.
    pub images: u64,
    /// Fraction of predictions of the class that are right.
    pub precision: f64,
    /// Fraction of images of the class that are found.
    pub recall: f64,
    /// Harmonic mean of precision and recall.
    pub f1: f64,
}

/// Sums over a split.
struct Counts {
    loss: f64,
    top5: u64,
    confusion: Vec<Vec<u64>>,
    skipped: Vec<String>,
    passed_over: PassedOver,
}

impl LoadedImageClassifier {
    /// Measures the model on a split of the data of `recipe`, with the validation transforms.
    ///
    /// # Errors
    /// The data cannot be read, or have other classes than the model; the device failed.
    pub fn evaluate(
        &self,
        recipe: &ImageRecipe,
        split: Split,
        access: &mut DataAccess,
    ) -> Result<ImageEvaluation, TrainError> {
        let dataset = open_dataset(&recipe.data, recipe.seed, split, access)?;
        let labels = &self.bundle.labels;
        self.bundle.check_classes(dataset.classes())?;
        let classes = self.bundle.config.num_classes();
        let config = loader_config(recipe);
        let mut counts = Counts {
            loss: 0.0,
            top5: 0,
            confusion: vec![vec![0; labels.len()]; labels.len()],
            skipped: Vec::new(),
            passed_over: dataset.passed_over(),
        };
        let loader = validation_loader(dataset, &self.bundle.preprocess, &config)?;
        for batch in loader.epoch(0, 0) {
            let batch = batch?;
            let truths = batch.labels.clone();
            let (images, _) = batch.into_tensors(&self.device);
            let logits = read_logits(self.model.forward(images))?;
            for (row, truth) in logits.chunks_exact(classes).zip(truths) {
                let ranked = ranked(row);
                let place = ranked.iter().position(|(class, _)| *class == truth);
                counts.top5 += u64::from(place.is_some_and(|place| place < 5));
                let probability = place.map_or(0.0, |place| ranked[place].1);
                counts.loss -= probability.max(f64::MIN_POSITIVE).ln();
                // A model may have more outputs than labels; such a prediction has no column.
                if let Some(cell) = counts.confusion[truth].get_mut(ranked[0].0) {
                    *cell += 1;
                }
            }
        }
        counts.skipped = loader.skipped();
        Ok(self.scores(counts))
    }

    fn scores(&self, counts: Counts) -> ImageEvaluation {
        let confusion = counts.confusion;
        let images: u64 = confusion.iter().flatten().sum();
        let correct: u64 = (0..confusion.len())
            .map(|class| confusion[class][class])
            .sum();
        let ratio = |part: u64, whole: u64| part as f64 / whole.max(1) as f64;
        let class = |(class, name): (usize, &String)| {
            let correct = confusion[class][class];
            let images = confusion[class].iter().sum();
            let predicted = confusion.iter().map(|row| row[class]).sum();
            ImageClassScore {
                name: name.clone(),
                images,
                precision: ratio(correct, predicted),
                recall: ratio(correct, images),
                f1: ratio(2 * correct, images + predicted),
            }
        };
        ImageEvaluation {
            weights: self.origin.clone(),
            images: images as usize,
            loss: counts.loss / images.max(1) as f64,
            top1_accuracy: ratio(correct, images),
            top5_accuracy: ratio(counts.top5, images),
            classes: self.bundle.labels.iter().enumerate().map(class).collect(),
            confusion,
            skipped: counts.skipped,
            passed_over: counts.passed_over,
        }
    }
}
