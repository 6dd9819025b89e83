//! Generated shapes through the loader: the batches are the same for any number of workers.
//!
//! `cargo run -p tinderbox-data --example shapes`

#![allow(clippy::print_stdout, reason = "an example prints")]

use std::sync::Arc;
use std::time::Instant;
use tinderbox_data::image::{
    ImageBatch, ImageDataset, ImageSource, Mixing, Preprocess, RandomCrop, RandomHorizontalFlip,
    Shapes, Transform,
};
use tinderbox_data::loader::{Loader, LoaderConfig};
use tinderbox_data::{DataError, Split};

fn loader(workers: usize) -> Result<Loader<ImageSource>, DataError> {
    let shapes = ImageDataset::Shapes(Shapes::new(Split::Train, 2_000, 32, 42));
    let preprocess = Preprocess::new(3, vec![0.5; 3], vec![0.25; 3]).with_transforms(vec![
        Transform::RandomCrop(RandomCrop {
            size: 32,
            padding: 4,
        }),
        Transform::RandomHorizontalFlip(RandomHorizontalFlip { probability: 0.5 }),
    ]);
    let source = ImageSource::new(Arc::new(shapes), preprocess, 42)?;
    let source = source.with_mixing(Mixing::new(0.2, 1.0)?);
    let config = LoaderConfig::new(64).with_workers(workers).with_shuffle(42);
    Loader::new(Arc::new(source), config)
}

fn main() -> Result<(), DataError> {
    let mut first_epoch: Vec<ImageBatch> = Vec::new();
    for workers in [0, 1, 4] {
        let loader = loader(workers)?;
        let start = Instant::now();
        let batches = loader.epoch(0, 0).collect::<Result<Vec<_>, _>>()?;
        println!(
            "{workers} workers: {} batches of {:?} in {:.2?}",
            batches.len(),
            batches[0].shape,
            start.elapsed()
        );
        if first_epoch.is_empty() {
            first_epoch = batches;
        } else {
            assert_eq!(batches, first_epoch, "batches do not depend on the workers");
        }
    }

    // A resumed run enters the epoch at the batch where it stopped.
    let rest = loader(2)?.epoch(0, 20).collect::<Result<Vec<_>, _>>()?;
    assert_eq!(rest, first_epoch[20..]);
    println!("entered at batch 20: the same {} batches", rest.len());
    Ok(())
}
