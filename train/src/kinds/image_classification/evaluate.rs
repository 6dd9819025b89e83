//! Evaluation of an image classifier: accuracy, per class, confusion matrix.

use serde::Serialize;
use tinderbox_data::Split;
use tinderbox_data::image::{ImageDataset, PassedOver};

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
        let outputs: Vec<usize> = (0..labels.len()).collect();
        self.measure(dataset, recipe, labels, &outputs)
    }

    /// Measures weights that were opened without a run on a split of the data of `recipe`. The
    /// classes of the data are found among the labels by name; without labels they are those of the
    /// network in order, which the returned note says.
    ///
    /// # Errors
    /// The data cannot be read, or have a class that the network has not; the device failed.
    pub fn evaluate_published(
        &self,
        recipe: &ImageRecipe,
        split: Split,
        access: &mut DataAccess,
    ) -> Result<(ImageEvaluation, Option<String>), TrainError> {
        let dataset = open_dataset(&recipe.data, recipe.seed, split, access)?;
        let classes = dataset.classes().to_vec();
        let labels = &self.bundle.labels;
        let outputs = self.bundle.config.num_classes();
        if labels.is_empty() {
            if classes.len() > outputs {
                return Err(TrainError::Mismatch(format!(
                    "the data have {} classes, and the network {outputs}",
                    classes.len()
                )));
            }
            let note = format!(
                "the weights have no class names: the {} classes of the data are taken for the first of {outputs} \
                 outputs, in alphabetical order; name them with --labels FILE",
                classes.len()
            );
            let places: Vec<usize> = (0..classes.len()).collect();
            return Ok((
                self.measure(dataset, recipe, &classes, &places)?,
                Some(note),
            ));
        }
        let place = |class: &String| {
            let place = labels.iter().position(|label| label == class);
            let unknown =
                || format!("the data have a class `{class}`, which is not among the labels");
            place.ok_or_else(|| TrainError::Mismatch(unknown()))
        };
        let places: Vec<usize> = classes.iter().map(place).collect::<Result<_, _>>()?;
        Ok((self.measure(dataset, recipe, labels, &places)?, None))
    }

    /// `names` are the names of the outputs, and `places` the output of each class of the data.
    fn measure(
        &self,
        dataset: ImageDataset,
        recipe: &ImageRecipe,
        names: &[String],
        places: &[usize],
    ) -> Result<ImageEvaluation, TrainError> {
        let classes = self.bundle.config.num_classes();
        let config = loader_config(recipe);
        let mut counts = Counts {
            loss: 0.0,
            top5: 0,
            confusion: vec![vec![0; names.len()]; names.len()],
            skipped: Vec::new(),
            passed_over: dataset.passed_over(),
        };
        let loader = validation_loader(dataset, &self.bundle.preprocess, &config)?;
        for batch in loader.epoch(0, 0) {
            let batch = batch?;
            let truths = batch.labels.clone();
            let (images, _) = batch.into_tensors(&self.device);
            let logits = read_logits(self.model.forward(images))?;
            let truths = truths.into_iter().map(|truth| places[truth]);
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
        Ok(self.scores(counts, names))
    }

    fn scores(&self, counts: Counts, names: &[String]) -> ImageEvaluation {
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
            classes: names.iter().enumerate().map(class).collect(),
            confusion,
            skipped: counts.skipped,
            passed_over: counts.passed_over,
        }
    }
}
