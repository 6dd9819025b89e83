//! Files of an image classifier besides its weights.

use tinderbox_data::image::Preprocess;
use tinderbox_model_cnn::ImageClassifierConfig;

use super::recipe::ImageDataRecipe;
use crate::TrainError;
use crate::run::{Bundle, LABELS, MODEL_CONFIG, RunDir};

const PREPROCESS: &str = "preprocess.json";

/// Configuration, labels and preprocessing of a trained image classifier.
#[derive(Clone, Debug)]
pub struct ImageBundle {
    /// Configuration of the model.
    pub config: ImageClassifierConfig,
    /// Class names, in the order of the logits.
    pub labels: Vec<String>,
    /// Preprocessing of an image.
    pub preprocess: Preprocess,
}

impl Bundle for ImageBundle {
    const FILES: &'static [&'static str] = &[MODEL_CONFIG, LABELS, PREPROCESS];

    fn write(&self, run: &RunDir) -> Result<(), TrainError> {
        run.write_json(MODEL_CONFIG, &self.config)?;
        run.write_json(LABELS, &self.labels)?;
        run.write_json(PREPROCESS, &self.preprocess)
    }

    fn read(run: &RunDir) -> Result<Self, TrainError> {
        run.recipe_as::<ImageDataRecipe>()?;
        let bundle = Self {
            config: run.read_json(MODEL_CONFIG)?,
            labels: run.read_json(LABELS)?,
            preprocess: run.read_json(PREPROCESS)?,
        };
        let (labels, classes) = (bundle.labels.len(), bundle.config.num_classes());
        if labels > classes {
            let reason = format!("{labels} labels for a model with {classes} classes");
            return Err(TrainError::corrupt(&run.path().join(LABELS), reason));
        }
        Ok(bundle)
    }
}
