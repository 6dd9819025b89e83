//! Files of an image classifier beside its weights.

use tinderbox_data::image::Preprocess;
use tinderbox_model_cnn::ImageClassifierConfig;

use crate::TrainError;
use crate::run::{Bundle, LABELS, MODEL_CONFIG, RunDir};

const PREPROCESS: &str = "preprocess.json";

/// What a trained classifier needs besides its weights.
#[derive(Clone, Debug)]
pub struct ImageBundle {
    /// The model's configuration.
    pub config: ImageClassifierConfig,
    /// Class names, in the order of the logits.
    pub labels: Vec<String>,
    /// What is done to an image before the model sees it.
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
        run.recipe(&[])?.images()?;
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
