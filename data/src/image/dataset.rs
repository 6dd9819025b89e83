//! All image data sets behind one type.

use super::{Cifar, Idx, Image, ImageFolder, ImageNet, PassedOver, Shapes, Shards, Subset};
use crate::error::DataError;
use crate::files;
use crate::fingerprint::Fingerprint;
use crate::random::permutation;
use burn::data::dataset::Dataset;

/// A decoded image and its class.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageItem {
    /// The image as stored, before any transform.
    pub image: Image,
    /// Index into the data set's `classes()`.
    pub label: usize,
}

/// An image data set.
#[derive(Clone, Debug)]
pub enum ImageDataset {
    /// Generated shapes.
    Shapes(Shapes),
    /// CIFAR-10 or CIFAR-100.
    Cifar(Cifar),
    /// MNIST's file format.
    Idx(Idx),
    /// A folder of image files per class.
    Folder(ImageFolder),
    /// ImageNet or Tiny-ImageNet.
    ImageNet(ImageNet),
    /// Part of another data set.
    Subset(Subset),
    /// Tar archives of image files.
    Shards(Shards),
}

/// Forwards a call to the data set.
macro_rules! each {
    ($self:ident, $dataset:ident => $call:expr) => {
        match $self {
            ImageDataset::Shapes($dataset) => $call,
            ImageDataset::Cifar($dataset) => $call,
            ImageDataset::Idx($dataset) => $call,
            ImageDataset::Folder($dataset) => $call,
            ImageDataset::ImageNet($dataset) => $call,
            ImageDataset::Subset($dataset) => $call,
            ImageDataset::Shards($dataset) => $call,
        }
    };
}

impl ImageDataset {
    /// Number of images.
    pub fn len(&self) -> usize {
        each!(self, dataset => dataset.len())
    }

    /// True if there are no images.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Class names, indexed by label.
    pub fn classes(&self) -> &[String] {
        each!(self, dataset => dataset.classes())
    }

    /// The label of image `index`, without decoding it.
    pub fn label(&self, index: usize) -> usize {
        each!(self, dataset => dataset.label(index))
    }

    /// Name of image `index` in messages: its path, or its file and record.
    pub fn name(&self, index: usize) -> String {
        each!(self, dataset => dataset.name(index))
    }

    /// Name of image `index` within the data set: the path below its split's folder, or its file and
    /// record. It stays the same when the data set moves.
    pub fn relative_name(&self, index: usize) -> String {
        each!(self, dataset => dataset.relative_name(index))
    }

    /// Decodes image `index`, as stored.
    ///
    /// # Errors
    /// If its file cannot be read or decoded.
    pub fn decode(&self, index: usize) -> Result<Image, DataError> {
        match self {
            Self::Shapes(shapes) => Ok(shapes.image(index)),
            Self::Cifar(cifar) => Ok(cifar.image(index)),
            Self::Idx(idx) => Ok(idx.image(index)),
            Self::Folder(folder) => folder.image(index),
            Self::ImageNet(imagenet) => imagenet.image(index),
            Self::Subset(subset) => subset.image(index),
            Self::Shards(shards) => shards.image(index),
        }
    }

    /// The file of image `index`; `None` if images are stored in another way.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn file(&self, index: usize) -> Result<Option<Vec<u8>>, DataError> {
        match self {
            Self::Shapes(_) | Self::Cifar(_) | Self::Idx(_) => Ok(None),
            Self::Folder(folder) => folder.file(index).map(Some),
            Self::ImageNet(imagenet) => imagenet.file(index).map(Some),
            Self::Shards(shards) => shards.file(index).map(Some),
            Self::Subset(subset) => subset.file(index),
        }
    }

    /// Files beside the images that are left out of the data set.
    pub fn passed_over(&self) -> PassedOver {
        match self {
            Self::Folder(folder) => folder.passed_over().clone(),
            Self::ImageNet(imagenet) => imagenet.passed_over().clone(),
            Self::Subset(subset) => subset.whole().passed_over(),
            Self::Shards(shards) => shards.passed_over().clone(),
            Self::Shapes(_) | Self::Cifar(_) | Self::Idx(_) => PassedOver::default(),
        }
    }

    /// Order in which a shuffled epoch visits the images: a uniform permutation, except for shards
    /// ([`Shards::order`]).
    pub fn order(&self, seed: u64, epoch: u64) -> Vec<usize> {
        match self {
            Self::Shards(shards) => shards.order(seed, epoch),
            Self::Subset(subset) => subset.order(seed, epoch),
            _ => permutation(seed, epoch, self.len()),
        }
    }

    /// Adds what identifies the data: every image's label, and its name and size or its content. Of
    /// image files the beginning of some is read as well: of all in a small data set, of a few
    /// thousand, evenly spread, in a large one.
    pub fn identify(&self, fingerprint: &mut Fingerprint) {
        const MOST_READ: usize = 4096;
        fingerprint.number(self.len());
        let every = self.len().div_ceil(MOST_READ).max(1);
        for index in 0..self.len() {
            fingerprint.number(self.label(index));
            self.identify_image(index, fingerprint);
            if index.is_multiple_of(every) {
                fingerprint.bytes(&self.beginning(index));
            }
        }
    }

    /// Adds what identifies image `index` and is known without reading it.
    pub(super) fn identify_image(&self, index: usize, fingerprint: &mut Fingerprint) {
        each!(self, dataset => dataset.identify_image(index, fingerprint));
    }

    /// The first bytes of the file of image `index`. Empty if there is none, and for a file that
    /// cannot be read, which is left to the loader.
    pub(super) fn beginning(&self, index: usize) -> Vec<u8> {
        let read = match self {
            Self::Shapes(_) | Self::Cifar(_) | Self::Idx(_) => return Vec::new(),
            Self::Folder(folder) => files::beginning(folder.path(index)),
            Self::ImageNet(imagenet) => imagenet.beginning(index),
            Self::Shards(shards) => shards.beginning(index),
            Self::Subset(subset) => return subset.beginning(index),
        };
        read.unwrap_or_default()
    }

    /// Number of images in each class, indexed by label.
    pub fn class_counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.classes().len()];
        for index in 0..self.len() {
            counts[self.label(index)] += 1;
        }
        counts
    }

    /// Width and height in pixels, if known to be the same for all images.
    pub fn image_size(&self) -> Option<(usize, usize)> {
        match self {
            Self::Shapes(shapes) => Some((shapes.size(), shapes.size())),
            Self::Cifar(_) => Some((Cifar::SIDE, Cifar::SIDE)),
            Self::Idx(idx) => Some(idx.image_size()),
            Self::Folder(_) | Self::ImageNet(_) | Self::Shards(_) => None,
            Self::Subset(subset) => subset.whole().image_size(),
        }
    }
}

impl Dataset<ImageItem, DataError> for ImageDataset {
    fn get(&self, index: usize) -> Result<ImageItem, DataError> {
        Ok(ImageItem {
            label: self.label(index),
            image: self.decode(index)?,
        })
    }

    fn len(&self) -> usize {
        self.len()
    }
}

macro_rules! in_memory_dataset {
    ($($dataset:ty),*) => {$(
        impl Dataset<ImageItem, DataError> for $dataset {
            fn get(&self, index: usize) -> Result<ImageItem, DataError> {
                Ok(ImageItem { label: self.label(index), image: self.image(index) })
            }

            fn len(&self) -> usize {
                self.len()
            }
        }
    )*};
}
in_memory_dataset!(Shapes, Cifar, Idx);

macro_rules! on_disk_dataset {
    ($($dataset:ty),*) => {$(
        impl Dataset<ImageItem, DataError> for $dataset {
            fn get(&self, index: usize) -> Result<ImageItem, DataError> {
                Ok(ImageItem { label: self.label(index), image: self.image(index)? })
            }

            fn len(&self) -> usize {
                self.len()
            }
        }
    )*};
}
on_disk_dataset!(ImageFolder, ImageNet, Shards, Subset);
