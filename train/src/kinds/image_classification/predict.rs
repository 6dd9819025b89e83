//! Predictions and explanations of an image classifier.

use std::path::Path;

use burn::tensor::{Tensor, TensorData};
use serde::Serialize;
use tinderbox_data::image::{Image, decode};
use tinderbox_data::{DataError, random};
use tinderbox_model_cnn::explain::{self, SmoothGrad};

use super::open::LoadedImageClassifier;
use crate::TrainError;
use crate::kinds::classes::{ClassProbability, named, ranked, read_logits};

/// Side of the image that layers are listed with, for networks that take any size, in pixels.
const LAYERS_SIDE: usize = 224;

/// Image after the validation transforms, as the network sees it.
#[derive(Clone, Debug)]
pub struct PreparedImage {
    /// Resized and cropped, before normalisation.
    pub image: Image,
    /// Normalised batch of one, `[1, channels, height, width]`.
    pub pixels: Tensor<4>,
}

/// Method of [`LoadedImageClassifier::explain`].
#[derive(Clone, Debug, PartialEq)]
pub enum ImageExplainMethod {
    /// Grad-CAM at a layer, by default the last convolution's.
    GradCam {
        /// Name of the layer, of [`LoadedImageClassifier::layers`].
        layer: Option<String>,
    },
    /// Gradient of the logit with respect to the pixels.
    InputGradient,
    /// Input gradient averaged over noisy copies of the image.
    SmoothGrad(SmoothGrad),
}

/// Regions of an image that support a class.
#[derive(Clone, Debug)]
pub struct ImageExplanation {
    /// Predicted classes, most probable first.
    pub classes: Vec<ClassProbability>,
    /// Index of the explained class.
    pub class: usize,
    /// Layer that Grad-CAM looked at.
    pub layer: Option<String>,
    /// Importance in `[0, 1]`, `[1, height, width]`: of the layer's size for Grad-CAM, of the
    /// image's otherwise.
    pub map: Tensor<3>,
}

/// A layer that Grad-CAM can look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LayerName {
    /// Name, as in `layer4.1`.
    pub name: String,
    /// True for the layer that is used by default.
    pub is_default: bool,
}

impl LoadedImageClassifier {
    /// Decodes an image file and applies the validation transforms.
    ///
    /// # Errors
    /// The file is not an image, or the transforms cannot be applied to it.
    pub fn prepare(&self, path: impl AsRef<Path>) -> Result<PreparedImage, TrainError> {
        let path = path.as_ref();
        let preprocess = &self.bundle.preprocess;
        let image = decode::decode(path)?;
        // Validation transforms draw nothing at random, so any generator will do.
        let mut rng = random::rng(0, "predict", 0, 0);
        let prepared = preprocess
            .prepare(image, &mut rng)
            .map_err(|error| DataError::Image {
                name: path.display().to_string(),
                reason: error.to_string(),
            })?;
        let (height, width) = (prepared.image.height, prepared.image.width);
        // Without a crop at the end of the transforms, the image's own size reaches the model.
        self.bundle
            .check_size(width, height)
            .map_err(|reason| DataError::Image {
                name: path.display().to_string(),
                reason,
            })?;
        let shape = [1, preprocess.channels, height, width];
        let mut pixels = vec![0.0; shape.iter().product()];
        preprocess.normalize_into(&prepared, &mut pixels);
        Ok(PreparedImage {
            image: prepared.image,
            pixels: Tensor::from_data(TensorData::new(pixels, shape), &self.device),
        })
    }

    /// Classifies an image file. Returns all classes, most probable first.
    ///
    /// # Errors
    /// As [`prepare`](Self::prepare); the device failed.
    pub fn predict(&self, path: impl AsRef<Path>) -> Result<Vec<ClassProbability>, TrainError> {
        self.predict_prepared(&self.prepare(path)?)
    }

    /// Classifies a prepared image. Returns all classes, most probable first.
    ///
    /// # Errors
    /// The device failed.
    pub fn predict_prepared(
        &self,
        image: &PreparedImage,
    ) -> Result<Vec<ClassProbability>, TrainError> {
        Ok(named(&self.bundle.labels, &self.ranked(image)?))
    }

    /// Explains `class`, by default the most probable one, of a prepared image.
    ///
    /// ```no_run
    /// use burn::tensor::Device;
    /// use tinderbox_train::kinds::image_classification::{self, ImageExplainMethod};
    ///
    /// let model = image_classification::open("runs/cnn", &Device::flex())?;
    /// let image = model.prepare("photo.jpg")?;
    /// let method = ImageExplainMethod::GradCam { layer: None };
    /// let explanation = model.explain(&image, None, &method)?;
    /// println!("{}: {}", model.label(explanation.class), explanation.map);
    /// # Ok::<(), tinderbox_train::TrainError>(())
    /// ```
    ///
    /// # Errors
    /// There is no such class or layer, a setting is out of range, or the device failed.
    pub fn explain(
        &self,
        image: &PreparedImage,
        class: Option<usize>,
        method: &ImageExplainMethod,
    ) -> Result<ImageExplanation, TrainError> {
        let ranked = self.ranked(image)?;
        let probable = ranked.first().map_or(0, |(class, _)| *class);
        let class = class.unwrap_or(probable);
        let (pixels, classes) = (image.pixels.clone(), [class]);
        let classes = Some(classes.as_slice());
        let layer = self.explained_layer(method);
        let map = match method {
            ImageExplainMethod::GradCam { .. } => {
                let layer = layer.as_deref().unwrap_or_default();
                explain::grad_cam(&self.model, pixels, layer, classes)?
            }
            ImageExplainMethod::InputGradient => {
                explain::input_gradient(&self.model, pixels, classes)?
            }
            ImageExplainMethod::SmoothGrad(settings) => {
                explain::smooth_grad(&self.model, pixels, classes, settings)?
            }
        };
        Ok(ImageExplanation {
            classes: named(&self.bundle.labels, &ranked),
            class,
            layer,
            map,
        })
    }

    /// Lists the layers that Grad-CAM can look at, in the order of the forward pass.
    pub fn layers(&self) -> Vec<LayerName> {
        let (config, preprocess) = (&self.bundle.config, &self.bundle.preprocess);
        let size = config
            .fixed_image_size()
            .or(preprocess.output_size())
            .unwrap_or(config.min_image_size().max(LAYERS_SIDE));
        let image = Tensor::zeros([1, config.in_channels(), size, size], &self.device);
        let default = self.model.last_conv_layer();
        let layers = explain::layer_names(&self.model, image).into_iter();
        layers
            .map(|name| LayerName {
                is_default: name == default,
                name,
            })
            .collect()
    }

    fn explained_layer(&self, method: &ImageExplainMethod) -> Option<String> {
        match method {
            ImageExplainMethod::GradCam { layer } => {
                let default = || self.model.last_conv_layer();
                Some(layer.clone().unwrap_or_else(default))
            }
            ImageExplainMethod::InputGradient | ImageExplainMethod::SmoothGrad(_) => None,
        }
    }

    fn ranked(&self, image: &PreparedImage) -> Result<Vec<(usize, f64)>, TrainError> {
        let logits = read_logits(self.model.forward(image.pixels.clone()))?;
        Ok(ranked(&logits))
    }
}

impl ImageExplanation {
    /// The map, bilinearly resized to `[height, width]`, row by row.
    ///
    /// # Errors
    /// The device failed.
    pub fn resized(&self, size: [usize; 2]) -> Result<Vec<f32>, TrainError> {
        read_logits(explain::upsample(self.map.clone(), size))
    }
}
