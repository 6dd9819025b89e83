//! `[data]` of image classification: where images come from and how they are preprocessed.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tinderbox_data::image::Transform;
use tinderbox_model_cnn::{ImageClassifierConfig, registry};

use super::class_weights::ClassWeights;
use crate::recipe::{DataSection, ModelRecipe, Problems, Recipe};

/// Upper limit on the number of generated images.
const MAX_SHAPES: usize = 10_000_000;
/// Upper limit on the height and width of generated images.
const MAX_SIDE: usize = 4096;

/// A recipe for image classification.
pub type ImageRecipe = Recipe<ImageDataRecipe>;

/// Source of the images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImageDataSource {
    /// Ten classes of drawn shapes, generated from the seed.
    Shapes,
    /// CIFAR-10's binary or Python batches.
    Cifar10,
    /// CIFAR-100's binary or Python files.
    Cifar100,
    /// MNIST, as IDX files.
    Mnist,
    /// Fashion-MNIST, as IDX files.
    FashionMnist,
    /// Any data set in MNIST's IDX files, under MNIST's file names.
    Idx,
    /// A folder with `train/CLASS/*.jpg` (or another format) and `val/CLASS/...`.
    Folder,
    /// ImageNet (ILSVRC 2012), unpacked or in its archives.
    #[serde(rename = "imagenet")]
    ImageNet,
    /// Tiny-ImageNet, unpacked.
    #[serde(rename = "tiny_imagenet")]
    TinyImageNet,
    /// Tar shards of `tinderbox data shards` or WebDataset: `train-*.tar` and `val-*.tar`.
    Shards,
}

/// Image data and their preprocessing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ImageDataRecipe {
    /// Source of the images.
    pub source: ImageDataSource,
    /// Folder of the data (default: the cache folder, for downloadable sets).
    pub path: Option<PathBuf>,
    /// Download the data set into the cache folder if it is missing.
    pub download: bool,
    /// Use the first n classes only.
    pub classes: Option<usize>,
    /// Use this fraction of the images of each class, at least one: always the same ones.
    pub fraction: Option<f64>,
    /// Fraction of the validation images (default: `fraction`).
    pub val_fraction: Option<f64>,
    /// Fraction of the training images of each class to hold out for validation, for data without
    /// a validation part.
    pub validation_fraction: Option<f64>,
    /// Use the 20 coarse labels of `cifar100` in place of the 100 fine ones.
    pub coarse_labels: bool,
    /// Weight of each class in the training loss.
    pub class_weights: Option<ClassWeights>,
    /// Number of training images that `shapes` draws.
    pub train_size: usize,
    /// Number of validation images that `shapes` draws.
    pub val_size: usize,
    /// Height and width of the images that `shapes` draws.
    pub image_size: usize,
    /// Transforms of a training image, in order.
    ///
    /// Default: the validation transforms, no augmentation.
    pub train_transforms: Option<Vec<Transform>>,
    /// Transforms of a validation image, in order (default: the model's own resize and crop).
    pub val_transforms: Option<Vec<Transform>>,
    /// Mixup: mix each training image with another of its batch by weights from Beta(alpha, alpha);
    /// 0 turns it off.
    pub mixup_alpha: f64,
    /// CutMix: replace a rectangle of each training image with that of another, of an area drawn
    /// from Beta(alpha, alpha). With mixup too, one of them is drawn for each batch.
    pub cutmix_alpha: f64,
    /// Mean per channel, of pixels in `[0, 1]` (default: the model's).
    pub mean: Option<Vec<f32>>,
    /// Standard deviation per channel (default: the model's).
    pub std: Option<Vec<f32>>,
}

impl Default for ImageDataRecipe {
    fn default() -> Self {
        Self {
            source: ImageDataSource::Shapes,
            path: None,
            download: false,
            classes: None,
            fraction: None,
            val_fraction: None,
            validation_fraction: None,
            coarse_labels: false,
            class_weights: None,
            train_size: 12_000,
            val_size: 2_000,
            image_size: 32,
            train_transforms: None,
            val_transforms: None,
            mixup_alpha: 0.0,
            cutmix_alpha: 0.0,
            mean: None,
            std: None,
        }
    }
}

impl DataSection for ImageDataRecipe {
    type Source = ImageDataSource;

    const KIND: &'static str = "image classification";

    fn best_metric(&self) -> &'static str {
        "accuracy"
    }

    fn is_generated(&self) -> bool {
        self.source == ImageDataSource::Shapes
    }

    fn paths(&mut self) -> Vec<&mut PathBuf> {
        self.path.iter_mut().collect()
    }

    fn check(recipe: &Recipe<Self>, problems: &mut Problems) {
        match model_config(&recipe.model) {
            Ok(config) => problems.take(config.validate()),
            Err(found) => problems.extend(found),
        }
        check_images(&recipe.data, problems);
        recipe.refuse_recurrent_options(problems);
        recipe.refuse_encoder_options(problems);
    }
}

/// The model of a recipe: its defaults, overridden by the options of the section.
///
/// # Errors
/// A sentence per problem: an unknown name, an unknown option, a value of the wrong type.
pub fn model_config(model: &ModelRecipe) -> Result<ImageClassifierConfig, Vec<String>> {
    match registry::find(&model.name) {
        Some(info) => model.with_options(&(info.config)()),
        None => Err(model.unknown(registry::MODELS.iter().map(|info| info.name))),
    }
}

fn check_images(data: &ImageDataRecipe, problems: &mut Problems) {
    let needs_path = matches!(
        data.source,
        ImageDataSource::Folder
            | ImageDataSource::Idx
            | ImageDataSource::ImageNet
            | ImageDataSource::Shards
            | ImageDataSource::TinyImageNet
    );
    problems.require(
        !needs_path || data.path.is_some(),
        "data.path",
        "must be given for this data.source",
    );
    problems.require(
        data.classes != Some(0),
        "data.classes",
        "must be at least 1, got 0",
    );
    for (key, fraction) in [
        ("data.fraction", data.fraction),
        ("data.val_fraction", data.val_fraction),
    ] {
        let value = fraction.unwrap_or(1.0);
        let holds = value > 0.0 && value <= 1.0;
        problems.require(
            holds,
            key,
            &format!("must be above 0 and at most 1, got {value}"),
        );
    }
    check_parts(data, problems);
    if data.source == ImageDataSource::Shapes {
        for (key, value) in [
            ("data.train_size", data.train_size),
            ("data.val_size", data.val_size),
            ("data.image_size", data.image_size),
        ] {
            problems.positive(key, value as f64);
            problems.at_most(key, value, MAX_SHAPES);
        }
        problems.at_most("data.image_size", data.image_size, MAX_SIDE);
    }
    for (key, transforms) in [
        ("data.train_transforms", &data.train_transforms),
        ("data.val_transforms", &data.val_transforms),
    ] {
        let found = Transform::problems(key, transforms.as_deref().unwrap_or_default());
        problems.extend(found.iter().map(ToString::to_string));
    }
    problems.not_negative("data.mixup_alpha", data.mixup_alpha);
    problems.not_negative("data.cutmix_alpha", data.cutmix_alpha);
    for value in data.std.iter().flatten() {
        problems.positive("data.std", f64::from(*value));
    }
    problems.require(
        data.mean.as_ref().map(Vec::len) == data.std.as_ref().map(Vec::len),
        "data.mean and data.std",
        "must be given together, one number per channel",
    );
}

/// Checks what divides the images into parts and classes.
fn check_parts(data: &ImageDataRecipe, problems: &mut Problems) {
    if let Some(fraction) = data.validation_fraction {
        problems.require(
            fraction > 0.0 && fraction < 1.0,
            "data.validation_fraction",
            &format!("must be above 0 and below 1, got {fraction}"),
        );
        problems.require(
            data.source != ImageDataSource::Shapes,
            "data.validation_fraction",
            "is for images on disk; shapes draws data.val_size validation images",
        );
    }
    problems.require(
        !data.coarse_labels || data.source == ImageDataSource::Cifar100,
        "data.coarse_labels",
        "is for data.source = \"cifar100\"",
    );
    if let Some(weights) = &data.class_weights {
        problems.extend(
            weights
                .problem()
                .map(|problem| format!("data.class_weights {problem}")),
        );
    }
}
