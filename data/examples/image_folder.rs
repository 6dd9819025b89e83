//! An image folder, made on the fly: files on disk, preprocessing, batches, and a contact sheet.
//!
//! `cargo run -p tinderbox-data --example image_folder`

#![allow(clippy::print_stdout, reason = "an example prints")]

use std::fs;
use std::path::Path;
use std::sync::Arc;
use tinderbox_data::image::{
    CenterCrop, ImageDataset, ImageFolder, ImageSource, Preprocess, Resize, Shapes, Transform,
    contact_sheet, write_png,
};
use tinderbox_data::loader::{Loader, LoaderConfig};
use tinderbox_data::{DataError, Split};

/// Writes `root/train/CLASS/NUMBER.png`.
fn write_folder(root: &Path, shapes: &Shapes) -> Result<(), Box<dyn std::error::Error>> {
    for index in 0..shapes.len() {
        let class = &shapes.classes()[shapes.label(index)];
        let folder = root.join("train").join(class);
        fs::create_dir_all(&folder)?;
        write_png(&folder.join(format!("{index}.png")), &shapes.image(index))?;
    }
    Ok(())
}

fn loader(root: &Path) -> Result<Loader<ImageSource>, DataError> {
    let folder = ImageFolder::open(root, Split::Train)?;
    println!("{} images of {}", folder.len(), folder.classes().join(", "));
    let preprocess = Preprocess::new(3, vec![0.5; 3], vec![0.5; 3]).with_transforms(vec![
        Transform::Resize(Resize {
            size: 40,
            exact: false,
            interpolation: Default::default(),
        }),
        Transform::CenterCrop(CenterCrop { size: 32 }),
    ]);
    let source = ImageSource::new(Arc::new(ImageDataset::Folder(folder)), preprocess, 0)?;
    let config = LoaderConfig::new(8).with_workers(2).with_shuffle(0);
    Loader::new(Arc::new(source), config)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = tempfile::tempdir()?;
    write_folder(root.path(), &Shapes::new(Split::Train, 50, 48, 1))?;
    let loader = loader(root.path())?;
    let preprocess = loader.source().preprocess().clone();

    let mut rows = Vec::new();
    for batch in loader.epoch(0, 0) {
        let batch = batch?;
        let [_, channels, height, width] = batch.shape;
        println!("{:?}, labels {:?}", batch.shape, batch.labels);
        let images = batch.pixels.chunks_exact(channels * height * width);
        rows.push(
            images
                .map(|image| preprocess.denormalize(image, width, height))
                .collect(),
        );
    }
    let sheet = std::env::temp_dir().join("tinderbox-image-folder.png");
    write_png(&sheet, &contact_sheet(&rows, 2)?)?;
    println!("the batches as images: {}", sheet.display());
    Ok(())
}
