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

impl ImageBundle {
    /// Checks the preprocessing by itself and against the model.
    fn check_preprocess(&self) -> Result<(), String> {
        let Preprocess { channels, .. } = self.preprocess;
        self.preprocess.validate().map_err(|e| e.to_string())?;
        let inputs = self.config.in_channels();
        if channels != inputs {
            return Err(format!(
                "channels: it is {channels}, and the model takes {inputs}"
            ));
        }
        match self.preprocess.output_size() {
            Some(size) => self
                .check_size(size, size)
                .map_err(|reason| format!("transforms: {reason}")),
            None => Ok(()),
        }
    }

    /// Checks the size of preprocessed images, in pixels, against the model.
    pub(super) fn check_size(&self, width: usize, height: usize) -> Result<(), String> {
        let least = self.config.min_image_size();
        match self.config.fixed_image_size() {
            Some(size) if (height, width) != (size, size) => Err(format!(
                "the model takes images of {size}x{size} pixels, and these would have {width}x{height}"
            )),
            None if height.min(width) < least => Err(format!(
                "the model takes images of at least {least}x{least} pixels, and these would have {width}x{height}"
            )),
            _ => Ok(()),
        }
    }

    /// The bundle, if data with the classes `found` have those that it was made for.
    pub(super) fn with_same_classes(self, found: &[String]) -> Result<Self, TrainError> {
        self.check_classes(found)?;
        Ok(self)
    }

    /// Checks that data with the classes `found` have those of the labels. The error names only the
    /// first difference: there may be a thousand classes.
    pub(super) fn check_classes(&self, found: &[String]) -> Result<(), TrainError> {
        let expected = &self.labels;
        let differs = found.iter().zip(expected).position(|(a, b)| a != b);
        let reason = match differs {
            Some(class) => format!(
                "the data have other classes than the model was trained on: class {class} is `{}`, not `{}`",
                found[class], expected[class]
            ),
            None if found.len() != expected.len() => format!(
                "the data have {} classes, the model was trained on {}",
                found.len(),
                expected.len()
            ),
            None => return Ok(()),
        };
        Err(TrainError::Mismatch(reason))
    }
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
        let path = |name: &str| run.path().join(name);
        let config = &bundle.config;
        config
            .validate()
            .map_err(|error| TrainError::corrupt(&path(MODEL_CONFIG), error))?;
        bundle
            .check_preprocess()
            .map_err(|reason| TrainError::corrupt(&path(PREPROCESS), reason))?;
        let (labels, classes) = (bundle.labels.len(), config.num_classes());
        if labels > classes {
            let reason = format!("{labels} labels for a model with {classes} classes");
            return Err(TrainError::corrupt(&path(LABELS), reason));
        }
        Ok(bundle)
    }
}
