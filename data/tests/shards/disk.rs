//! Image folders, and the shards made of them, in a temporary folder.

use image::ExtendedColorType;
use image::codecs::jpeg::JpegEncoder;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use tinderbox_data::Split;
use tinderbox_data::image::{
    Image, ImageDataset, ImageFolder, ShardOptions, ShardSize, Shards, WrittenShards, write_png,
    write_shards,
};

/// An image that is different for each `number`.
pub(crate) fn picture(width: usize, height: usize, channels: usize, number: usize) -> Image {
    let pixels = (0..width * height * channels)
        .map(|i| (i / channels * 7 + i % channels * 60 + number * 13) as u8)
        .collect();
    Image {
        width,
        height,
        channels,
        pixels,
    }
}

pub(crate) fn write_jpeg(path: &Path, image: &Image) {
    let layout = match image.channels {
        1 => ExtendedColorType::L8,
        _ => ExtendedColorType::Rgb8,
    };
    let (width, height) = (image.width as u32, image.height as u32);
    let mut bytes = Vec::new();
    JpegEncoder::new(&mut bytes)
        .encode(&image.pixels, width, height, layout)
        .unwrap();
    fs::write(path, bytes).unwrap();
}

/// Writes two classes: `len` training images of all kinds, and five validation images.
pub(crate) fn folder(root: &Path, len: usize) {
    for (split, len) in [("train", len), ("val", 5)] {
        for number in 0..len {
            let class = root.join(split).join(["cat", "dog"][number % 2]);
            fs::create_dir_all(&class).unwrap();
            let path = |extension: &str| class.join(format!("a.{split}.{number}.{extension}"));
            let colour = picture(40 + number, 30, 3, number);
            match number % 5 {
                0 => write_png(&path("png"), &colour).unwrap(),
                // The extension does not match the format.
                1 => write_png(&path("JPEG"), &colour).unwrap(),
                2 => write_jpeg(&path("jpg"), &picture(30, 40 + number, 1, number)),
                _ => write_jpeg(&path("JPEG"), &colour),
            }
        }
    }
}

pub(crate) fn open_folder(root: &Path, split: Split) -> Arc<ImageDataset> {
    Arc::new(ImageDataset::Folder(
        ImageFolder::open(root, split).unwrap(),
    ))
}

pub(crate) fn options(per_shard: usize) -> ShardOptions {
    ShardOptions::default()
        .with_size(ShardSize::Images(per_shard))
        .with_workers(2)
        .with_seed(3)
}

/// Writes the shards of `folder(.., len)` to `root/shards`.
pub(crate) fn sharded(root: &Path, len: usize, options: &ShardOptions) {
    folder(root, len);
    convert(root, options).unwrap();
}

pub(crate) fn convert(root: &Path, options: &ShardOptions) -> Result<WrittenShards, String> {
    let (train, validation) = (
        open_folder(root, Split::Train),
        open_folder(root, Split::Validation),
    );
    let output = root.join("shards");
    write_shards(&output, train, validation, options, &mut |_, _| ()).map_err(|e| e.to_string())
}

pub(crate) fn open(root: &Path, split: Split) -> Result<Shards, String> {
    Shards::open(&root.join("shards"), split).map_err(|error| error.to_string())
}

/// The files in a folder of shards, without locks and caches.
pub(crate) fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    files
        .map(|file| (file.file_name().into_string().unwrap(), file.path()))
        .filter(|(name, _)| name != ".lock" && !name.ends_with(".index.json"))
        .map(|(name, path)| (name, fs::read(path).unwrap()))
        .collect()
}
