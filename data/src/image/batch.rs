//! Batches of images, each in one contiguous buffer.

use super::transforms::Prepared;
use super::{ImageDataset, MixedLabels, Mixing, Preprocess};
use crate::error::DataError;
use crate::fingerprint::Fingerprint;
use crate::loader::Source;
use crate::random;
use burn::tensor::{Device, Int, Tensor, TensorData};
use std::sync::Arc;

/// A batch of normalised images and their labels.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageBatch {
    /// Normalised samples: `[batch, channels, height, width]`.
    pub pixels: Vec<f32>,
    /// Labels: `[batch]`.
    pub labels: Vec<usize>,
    /// Indices of the images in their data set: `[batch]`.
    pub indices: Vec<usize>,
    /// Shape of `pixels`: `[batch, channels, height, width]`.
    pub shape: [usize; 4],
    /// The second labels, after mixup or CutMix.
    pub mixed: Option<MixedLabels>,
}

impl ImageBatch {
    /// Number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// True if the batch is empty.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The images on `device`: `[batch, channels, height, width]`. Copies the samples, unlike
    /// [`into_tensors`](Self::into_tensors).
    pub fn images(&self, device: &Device) -> Tensor<4> {
        Tensor::from_data(TensorData::new(self.pixels.clone(), self.shape), device)
    }

    /// The labels on `device`: `[batch]`.
    pub fn targets(&self, device: &Device) -> Tensor<1, Int> {
        let labels: Vec<i64> = self.labels.iter().map(|&label| label as i64).collect();
        let len = labels.len();
        Tensor::from_data(TensorData::new(labels, [len]), device)
    }

    /// Soft targets after mixup or CutMix, on `device`: `[batch, num_classes]`, each row summing to
    /// 1. `None` if the images are not mixed.
    ///
    /// # Panics
    /// If a label is not below `num_classes`.
    pub fn soft_targets(&self, num_classes: usize, device: &Device) -> Option<Tensor<2>> {
        let MixedLabels { partners, share } = self.mixed.as_ref()?;
        let mut targets = vec![0.0; self.len() * num_classes];
        let rows = targets.chunks_exact_mut(num_classes.max(1));
        for (row, (&label, &partner)) in rows.zip(self.labels.iter().zip(partners)) {
            row[label] += *share as f32;
            row[partner] += (1.0 - share) as f32;
        }
        let shape = [self.len(), num_classes];
        Some(Tensor::from_data(TensorData::new(targets, shape), device))
    }

    /// The label with the largest weight for each image, its own or its partner's: `[batch]`.
    pub fn main_labels(&self) -> &[usize] {
        match &self.mixed {
            Some(mixed) if mixed.share < 0.5 => &mixed.partners,
            _ => &self.labels,
        }
    }

    /// Images `[batch, channels, height, width]` and labels `[batch]` on `device`, without copying
    /// the samples.
    pub fn into_tensors(self, device: &Device) -> (Tensor<4>, Tensor<1, Int>) {
        let targets = self.targets(device);
        let images = Tensor::from_data(TensorData::new(self.pixels, self.shape), device);
        (images, targets)
    }
}

/// A preprocessed image, not yet collated.
#[derive(Clone, Debug)]
pub struct PreparedImage {
    prepared: Prepared,
    label: usize,
    index: usize,
}

/// A [`Source`] of images that are decoded, transformed and all of one size.
#[derive(Clone, Debug)]
pub struct ImageSource {
    dataset: Arc<ImageDataset>,
    preprocess: Preprocess,
    mixing: Option<Mixing>,
    seed: u64,
    /// Size of every preprocessed image, in pixels.
    width: usize,
    height: usize,
}

impl ImageSource {
    /// Images of `dataset`, preprocessed. Random transforms depend on `seed`, the epoch and the
    /// image's index.
    ///
    /// # Errors
    /// If `preprocess` is invalid, or neither the transforms nor the data set fix one size for all
    /// images.
    pub fn new(
        dataset: Arc<ImageDataset>,
        preprocess: Preprocess,
        seed: u64,
    ) -> Result<Self, DataError> {
        preprocess.validate()?;
        let Some((width, height)) = preprocess.size_after(dataset.image_size()) else {
            let reason = "images would have different sizes, which cannot be batched; end with a crop, \
                          or with { resize = { size = .., exact = true } }";
            return Err(DataError::config("transforms", reason));
        };
        if width == 0 || height == 0 {
            let reason = format!("images would be {width}x{height} pixels");
            return Err(DataError::config("transforms", reason));
        }
        Ok(Self {
            dataset,
            preprocess,
            mixing: None,
            seed,
            width,
            height,
        })
    }

    /// Applies mixup or CutMix to each batch, depending on the seed, the epoch and the batch's
    /// number.
    #[must_use]
    pub fn with_mixing(self, mixing: Option<Mixing>) -> Self {
        Self { mixing, ..self }
    }

    /// The data set.
    pub fn dataset(&self) -> &Arc<ImageDataset> {
        &self.dataset
    }

    /// The preprocessing.
    pub fn preprocess(&self) -> &Preprocess {
        &self.preprocess
    }

    /// Shape of a preprocessed image: `[channels, height, width]`.
    pub fn shape(&self) -> [usize; 3] {
        [self.preprocess.channels, self.height, self.width]
    }
}

impl Source for ImageSource {
    type Item = PreparedImage;
    type Batch = ImageBatch;

    fn len(&self) -> usize {
        self.dataset.len()
    }

    fn order(&self, seed: u64, epoch: u64) -> Vec<usize> {
        self.dataset.order(seed, epoch)
    }

    fn name(&self, index: usize) -> String {
        self.dataset.name(index)
    }

    fn identify(&self, fingerprint: &mut Fingerprint) -> Result<(), DataError> {
        self.dataset.identify(fingerprint);
        Ok(())
    }

    fn item(&self, epoch: u64, index: usize) -> Result<PreparedImage, DataError> {
        let mut rng = random::rng(self.seed, "augment", epoch, index as u64);
        let prepared = match self.dataset.file(index)? {
            Some(file) => {
                let name = self.name(index);
                self.preprocess.prepare_file(&file, &name, &mut rng)?
            }
            None => self
                .preprocess
                .prepare(self.dataset.decode(index)?, &mut rng)?,
        };
        let image = &prepared.image;
        if (image.width, image.height) != (self.width, self.height) {
            let reason = format!(
                "is {} after the transforms, but its batch is {}x{}; end the transforms with a crop",
                image.size(),
                self.width,
                self.height
            );
            return Err(DataError::image(self.name(index), reason));
        }
        Ok(PreparedImage {
            prepared,
            label: self.dataset.label(index),
            index,
        })
    }

    fn collate(&self, epoch: u64, batch: usize, items: Vec<PreparedImage>) -> ImageBatch {
        let [channels, height, width] = self.shape();
        let image_len = channels * height * width;
        let mut pixels = vec![0.0; items.len() * image_len];
        for (item, out) in items.iter().zip(pixels.chunks_exact_mut(image_len)) {
            self.preprocess.normalize_into(&item.prepared, out);
        }
        let mut images = ImageBatch {
            pixels,
            labels: items.iter().map(|item| item.label).collect(),
            indices: items.iter().map(|item| item.index).collect(),
            shape: [items.len(), channels, height, width],
            mixed: None,
        };
        if let Some(mixing) = &self.mixing {
            let mut rng = random::rng(self.seed, "mix", epoch, batch as u64);
            mixing.apply(&mut images, &mut rng);
        }
        images
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use crate::Split;
    use crate::image::{RandomCrop, RandomHorizontalFlip, Shapes, Transform};
    use crate::loader::{Loader, LoaderConfig};

    fn source(transforms: Vec<Transform>, channels: usize) -> Result<ImageSource, DataError> {
        let shapes = ImageDataset::Shapes(Shapes::new(Split::Train, 10, 16, 5));
        let preprocess = Preprocess {
            transforms,
            channels,
            mean: vec![0.5; channels],
            std: vec![0.25; channels],
        };
        ImageSource::new(Arc::new(shapes), preprocess, 1)
    }

    fn augmented() -> ImageSource {
        let crop = Transform::RandomCrop(RandomCrop {
            size: 12,
            padding: 2,
        });
        let flip = Transform::RandomHorizontalFlip(RandomHorizontalFlip { probability: 0.5 });
        source(vec![crop, flip], 3).unwrap()
    }

    fn batches(source: ImageSource, workers: usize, epoch: u64) -> Vec<ImageBatch> {
        let config = LoaderConfig::new(4).with_workers(workers).with_shuffle(1);
        let loader = Loader::new(Arc::new(source), config).unwrap();
        let batches: Vec<ImageBatch> = loader.epoch(epoch, 0).map(Result::unwrap).collect();
        let rest: Vec<ImageBatch> = loader.epoch(epoch, 1).map(Result::unwrap).collect();
        assert_eq!(batches[1..], rest, "an epoch can be entered anywhere");
        batches
    }

    #[test]
    fn a_batch_becomes_tensors() {
        let batch = batches(augmented(), 0, 0).remove(0);
        assert_eq!(batch.shape, [4, 3, 12, 12]);
        let device = Device::flex();
        let (copied, targets) = (batch.images(&device), batch.targets(&device));
        let (pixels, labels) = (batch.pixels.clone(), batch.labels.clone());
        let (images, _) = batch.into_tensors(&device);
        assert_eq!(images.dims(), [4, 3, 12, 12]);
        assert_eq!(images.into_data().try_into_vec::<f32>().unwrap(), pixels);
        assert_eq!(copied.into_data().try_into_vec::<f32>().unwrap(), pixels);
        let targets = targets.try_into_vec_as::<i64>().unwrap();
        assert_eq!(
            targets,
            labels.iter().map(|&l| l as i64).collect::<Vec<_>>()
        );
    }

    #[test]
    fn augmentation_depends_on_the_epoch_and_not_on_the_workers() {
        assert_eq!(batches(augmented(), 0, 3), batches(augmented(), 3, 3));
        let mixing = || augmented().with_mixing(Mixing::new(0.2, 1.0).unwrap());
        let whole = batches(mixing(), 0, 3);
        assert_eq!(whole, batches(mixing(), 3, 3));
        assert_ne!(whole, batches(mixing(), 0, 4));
        assert_ne!(whole[0].mixed, whole[1].mixed);
        let (first, second) = (
            augmented().item(0, 4).unwrap(),
            augmented().item(1, 4).unwrap(),
        );
        assert_ne!(first.prepared, second.prepared);
        assert_eq!(first.label, second.label);
    }

    #[test]
    fn the_size_is_the_data_sets_if_no_transform_fixes_it() {
        assert_eq!(source(vec![], 1).unwrap().shape(), [1, 16, 16]);
        let empty = ImageDataset::Shapes(Shapes::new(Split::Train, 10, 0, 5));
        let preprocess = source(vec![], 3).unwrap().preprocess().clone();
        let error = ImageSource::new(Arc::new(empty), preprocess, 1).unwrap_err();
        assert!(error.to_string().contains("images would be 0x0 pixels"));
    }
}
