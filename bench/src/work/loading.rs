//! Image loading: files into normalised batches, on the calling thread.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use serde_json::json;
use tinderbox_data::Split;
use tinderbox_data::image::{
    ImageDataset, ImageFolder, ImageSource, Preprocess, Shards, Transform,
};
use tinderbox_data::loader::{Epoch, Loader, LoaderConfig};

use super::{Job, Step};
use crate::workload::Workload;

/// Loads one batch per step, epoch after epoch.
pub(super) fn step(job: Job, images: &Path) -> anyhow::Result<Step> {
    let dataset = match job.workload {
        Workload::LoadShards => ImageDataset::Shards(Shards::open(images, Split::Train)?),
        _ => ImageDataset::Folder(ImageFolder::open(images, Split::Train)?),
    };
    let source = ImageSource::new(Arc::new(dataset), preprocess(job.shape.size)?, 0)?;
    let config = LoaderConfig::new(job.shape.batch)
        .with_shuffle(0)
        .with_drop_last(true);
    let loader = Loader::new(Arc::new(source), config)?;
    let mut number = 0;
    let mut epoch: Epoch<ImageSource> = loader.epoch(number, 0);
    Ok(Box::new(move || {
        let batch = match epoch.next() {
            Some(batch) => batch,
            None => {
                number += 1;
                epoch = loader.epoch(number, 0);
                epoch.next().context("an epoch without batches")?
            }
        };
        batch?;
        Ok(())
    }))
}

/// Training transforms of ImageNet networks, as a recipe spells them.
fn preprocess(size: usize) -> anyhow::Result<Preprocess> {
    let transforms: Vec<Transform> = serde_json::from_value(json!([
        {"random_resized_crop": {"size": size}},
        {"random_horizontal_flip": {"probability": 0.5}},
    ]))?;
    let (mean, std) = (vec![0.485, 0.456, 0.406], vec![0.229, 0.224, 0.225]);
    Ok(Preprocess::new(3, mean, std).with_transforms(transforms))
}
