//! Decoding, transforms, and the loader, on images of the size of ImageNet's.

#![allow(clippy::unwrap_used, reason = "a benchmark may panic")]

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use image::ExtendedColorType;
use image::codecs::jpeg::JpegEncoder;
use std::sync::Arc;
use tinderbox_data::image::transforms::{Prepared, RandomResizedCrop};
use tinderbox_data::image::{
    CenterCrop, Image, ImageDataset, ImageSource, Interpolation, Preprocess, RandomCrop,
    RandomHorizontalFlip, Resize, Shapes, Transform, decode,
};
use tinderbox_data::loader::{Loader, LoaderConfig};
use tinderbox_data::{Split, random};

fn main() {
    divan::main();
}

/// An image of 500x375 pixels, as are most of ImageNet's.
fn photograph() -> Image {
    let shapes = Shapes::new(Split::Train, 1, 500, 1);
    let mut image = shapes.image(0);
    image.height = 375;
    image.pixels.truncate(500 * 375 * 3);
    image
}

fn jpeg() -> Vec<u8> {
    let image = photograph();
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, 90)
        .encode(&image.pixels, 500, 375, ExtendedColorType::Rgb8)
        .unwrap();
    bytes
}

fn random_resized_crop() -> RandomResizedCrop {
    RandomResizedCrop {
        size: 224,
        scale: [0.08, 1.0],
        ratio: [3.0 / 4.0, 4.0 / 3.0],
        interpolation: Interpolation::Bilinear,
    }
}

#[divan::bench]
fn decode_whole(bencher: Bencher<'_, '_>) {
    let bytes = jpeg();
    bencher.bench(|| decode::decode_bytes(black_box(&bytes), "photograph").unwrap());
}

/// Decodes the random crop alone and resizes it.
#[divan::bench]
fn decode_random_resized_crop(bencher: Bencher<'_, '_>) {
    let bytes = jpeg();
    let preprocess = Preprocess::new(3, vec![0.5; 3], vec![0.25; 3])
        .with_transforms(vec![Transform::RandomResizedCrop(random_resized_crop())]);
    let mut rng = random::rng(1, "bench", 0, 0);
    bencher.bench_local(|| {
        preprocess
            .prepare_file(black_box(&bytes), "photograph", &mut rng)
            .unwrap()
    });
}

fn bench_transform(bencher: Bencher<'_, '_>, transform: &Transform) {
    let image = photograph();
    let mut rng = random::rng(1, "bench", 0, 0);
    bencher
        .with_inputs(|| Prepared::from(image.clone()))
        .bench_local_values(|image| transform.apply(image, &mut rng).unwrap());
}

#[divan::bench(args = [Interpolation::Bilinear, Interpolation::Bicubic, Interpolation::Nearest])]
fn resize_to_256(bencher: Bencher<'_, '_>, interpolation: Interpolation) {
    let resize = Resize {
        size: 256,
        exact: false,
        interpolation,
    };
    bench_transform(bencher, &Transform::Resize(resize));
}

#[divan::bench]
fn center_crop(bencher: Bencher<'_, '_>) {
    bench_transform(bencher, &Transform::CenterCrop(CenterCrop { size: 224 }));
}

#[divan::bench]
fn normalize(bencher: Bencher<'_, '_>) {
    let preprocess = Preprocess::new(3, vec![0.5; 3], vec![0.25; 3]);
    let image = Prepared::from(photograph());
    let mut out = vec![0.0; image.image.pixels.len()];
    bencher.bench_local(|| preprocess.normalize_into(black_box(&image), &mut out));
}

/// An epoch of 512 generated images of 32x32 pixels, by number of workers.
#[divan::bench(args = [0, 1, 2, 4], sample_count = 20)]
fn loader(bencher: Bencher<'_, '_>, workers: usize) {
    const IMAGES: usize = 512;
    let shapes = ImageDataset::Shapes(Shapes::new(Split::Train, IMAGES, 32, 1));
    let preprocess = Preprocess::new(3, vec![0.5; 3], vec![0.25; 3]).with_transforms(vec![
        Transform::RandomCrop(RandomCrop {
            size: 32,
            padding: 4,
        }),
        Transform::RandomHorizontalFlip(RandomHorizontalFlip { probability: 0.5 }),
    ]);
    let source = ImageSource::new(Arc::new(shapes), preprocess, 1).unwrap();
    let config = LoaderConfig::new(64).with_workers(workers).with_shuffle(1);
    let loader = Loader::new(Arc::new(source), config).unwrap();
    bencher.counter(ItemsCount::new(IMAGES)).bench(|| {
        loader
            .epoch(0, 0)
            .map(|batch| batch.unwrap().len())
            .sum::<usize>()
    });
}
