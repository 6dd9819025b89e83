//! `[data]` of image classification: where images come from and how they are preprocessed.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tinderbox_data::image::Transform;

/// Where images come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImageDataSource {
    /// Ten classes of drawn shapes, generated from the seed; needs no file.
    Shapes,
    /// CIFAR-10's binary batches.
    Cifar10,
    /// MNIST, as IDX files.
    Mnist,
    /// Fashion-MNIST, as IDX files.
    FashionMnist,
    /// Any data set in MNIST's IDX files, under MNIST's file names.
    Idx,
    /// A folder with `train/CLASS/*.{jpg,jpeg,png}` and `val/CLASS/...`.
    Folder,
    /// ImageNet (ILSVRC 2012) as it is unpacked, or in its archives.
    #[serde(rename = "imagenet")]
    ImageNet,
    /// Tiny-ImageNet as it is unpacked.
    #[serde(rename = "tiny_imagenet")]
    TinyImageNet,
    /// Tar shards, as `tinderbox data shards` and WebDataset's tools write them: `train-*.tar` and `val-*.tar`.
    Shards,
}

/// Images, and what is done to them before the network sees them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ImageDataRecipe {
    /// Where images come from.
    pub source: ImageDataSource,
    /// The folder they lie in. Without it, downloadable sets are looked for in the cache folder.
    pub path: Option<PathBuf>,
    /// Download the set into the cache folder if it is not there.
    pub download: bool,
    /// Use only the first so many classes.
    pub classes: Option<usize>,
    /// Use only this share of the images of each class, at least one: always the same ones.
    pub fraction: Option<f64>,
    /// The same for validation images, where it is to be another share.
    pub val_fraction: Option<f64>,
    /// Number of training images that `shapes` draws.
    pub train_size: usize,
    /// Number of validation images that `shapes` draws.
    pub val_size: usize,
    /// Height and width of the images that `shapes` draws.
    pub image_size: usize,
    /// Applied to a training image, in this order.
    ///
    /// Without it nothing is random: what validation does is done.
    pub train_transforms: Option<Vec<Transform>>,
    /// Applied to a validation image, in this order; the model's own resize and crop by default.
    pub val_transforms: Option<Vec<Transform>>,
    /// Mix each training image with another of its batch, by shares from Beta(alpha, alpha); 0 does not (mixup).
    pub mixup_alpha: f64,
    /// Replace a rectangle of each training image by that of another, likewise (CutMix). With both, one of them is drawn
    /// for each batch.
    pub cutmix_alpha: f64,
    /// Per-channel mean, of pixels in `[0, 1]`; the model's own by default.
    pub mean: Option<Vec<f32>>,
    /// Per-channel standard deviation; the model's own by default.
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
