//! A few images, written in the various layouts.

use flate2::{Compression, write::GzEncoder};
use image::codecs::jpeg::JpegEncoder;
use std::fs::{self, File};
use std::path::Path;
use tempfile::TempDir;
use tinderbox_data::Split;
use tinderbox_data::image::{ImageNet, decode};

pub(crate) const TENCH: &str = "n01440764";
pub(crate) const CASSETTE_PLAYER: &str = "n02979186";
pub(crate) const PARACHUTE: &str = "n03888257";

/// Folder of the lists in the devkit's archive.
const DEVKIT: &str = "ILSVRC2012_devkit_t12/data";
/// Made by `golden/make_meta_mat.py`: cassette player is 1, tench is 2, parachute is 3.
pub(crate) const META: &[u8] = include_bytes!("../fixtures/meta.mat");

pub(crate) struct Picture {
    pub(crate) wnid: &'static str,
    pub(crate) name: String,
    pub(crate) jpeg: Vec<u8>,
}

/// Two, one and three images of three classes.
pub(crate) fn train() -> Vec<Picture> {
    let classes = [
        PARACHUTE,
        TENCH,
        CASSETTE_PLAYER,
        TENCH,
        PARACHUTE,
        PARACHUTE,
    ]
    .into_iter();
    let picture = |(wnid, number): (&'static str, u8)| Picture {
        wnid,
        name: format!("{wnid}_{number}.JPEG"),
        jpeg: jpeg(number * 30),
    };
    classes.zip(1..).map(picture).collect()
}

/// Four images with official names, and classes in no order.
pub(crate) fn validation() -> Vec<Picture> {
    let classes = [PARACHUTE, TENCH, TENCH, CASSETTE_PLAYER].into_iter();
    let picture = |(wnid, number): (&'static str, u8)| Picture {
        wnid,
        name: format!("ILSVRC2012_val_{number:08}.JPEG"),
        jpeg: jpeg(number * 30 + 10),
    };
    classes.zip(1..).map(picture).collect()
}

/// A single-coloured image, different for each `shade`.
pub(crate) fn jpeg(shade: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    let pixels = [shade, 255 - shade, 90].repeat(9 * 7);
    let encoder = &mut JpegEncoder::new(&mut bytes);
    encoder
        .encode(&pixels, 9, 7, image::ExtendedColorType::Rgb8)
        .unwrap();
    bytes
}

pub(crate) fn put(path: &Path, bytes: impl AsRef<[u8]>) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// Writes `folder/nXXXXXXXX/*.JPEG`.
pub(crate) fn class_folders(folder: &Path, pictures: &[Picture]) {
    for picture in pictures {
        put(
            &folder.join(picture.wnid).join(&picture.name),
            &picture.jpeg,
        );
    }
}

/// Writes `folder/*.JPEG`.
pub(crate) fn flat(folder: &Path, pictures: &[Picture]) {
    for picture in pictures {
        put(&folder.join(&picture.name), &picture.jpeg);
    }
}

/// A tar archive of `files`.
pub(crate) fn tar<'a>(files: impl IntoIterator<Item = (String, &'a [u8])>) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, name, bytes).unwrap();
    }
    archive.into_inner().unwrap()
}

/// The official archive of training images, with an inner archive per class.
pub(crate) fn train_archive(pictures: &[Picture]) -> Vec<u8> {
    let class = |wnid: &'static str| {
        let pictures = pictures.iter().filter(|picture| picture.wnid == wnid);
        tar(pictures.map(|picture| (picture.name.clone(), &picture.jpeg[..])))
    };
    let classes = [PARACHUTE, TENCH, CASSETTE_PLAYER].map(|wnid| (wnid, class(wnid)));
    tar(classes
        .iter()
        .map(|(wnid, archive)| (format!("{wnid}.tar"), &archive[..])))
}

pub(crate) fn validation_archive(pictures: &[Picture]) -> Vec<u8> {
    tar(pictures
        .iter()
        .map(|picture| (picture.name.clone(), &picture.jpeg[..])))
}

/// The devkit's class numbers, as in [`META`].
pub(crate) fn ground_truth(pictures: &[Picture]) -> String {
    let number = |picture: &Picture| match picture.wnid {
        CASSETTE_PLAYER => "1\n",
        TENCH => "2\n",
        _ => "3\n",
    };
    pictures.iter().map(number).collect()
}

pub(crate) fn devkit_archive(pictures: &[Picture]) -> Vec<u8> {
    let truth = ground_truth(pictures);
    let archive = tar([
        (format!("{DEVKIT}/meta.mat"), META),
        (
            format!("{DEVKIT}/ILSVRC2012_validation_ground_truth.txt"),
            truth.as_bytes(),
        ),
    ]);
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    std::io::Write::write_all(&mut encoder, &archive).unwrap();
    encoder.finish().unwrap()
}

/// A folder with training images in class folders.
pub(crate) fn with_train() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    class_folders(&dir.path().join("train"), &train());
    dir
}

/// A folder with training images in class folders and flat validation images without a list of
/// labels.
pub(crate) fn with_flat_validation() -> TempDir {
    let dir = with_train();
    flat(&dir.path().join("val"), &validation());
    dir
}

/// A Tiny-ImageNet folder.
pub(crate) fn tiny() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let at = |path: &str| dir.path().join(path);
    for picture in train() {
        let folder = at("train").join(picture.wnid);
        put(&folder.join("images").join(&picture.name), &picture.jpeg);
        put(&folder.join(format!("{}_boxes.txt", picture.wnid)), "");
    }
    flat(&at("val/images"), &validation());
    let line = |picture: &Picture| format!("{}\t{}\t0\t32\t44\t62\n", picture.name, picture.wnid);
    put(
        &at("val/val_annotations.txt"),
        validation().iter().map(line).collect::<String>(),
    );
    put(
        &at("wnids.txt"),
        format!("{PARACHUTE}\n{TENCH}\n{CASSETTE_PLAYER}\n"),
    );
    put(
        &at("words.txt"),
        format!("n00001740\tentity\n{TENCH}\ttench, Tinca tinca\n"),
    );
    dir
}

/// WordNet id and pixels of each image, sorted.
pub(crate) fn seen(dataset: &ImageNet) -> Vec<(String, Vec<u8>)> {
    let item = |index| {
        let wnid = dataset.wnids()[dataset.label(index)].clone();
        (wnid, dataset.image(index).unwrap().pixels)
    };
    let mut seen: Vec<_> = (0..dataset.len()).map(item).collect();
    seen.sort();
    seen
}

/// The expected result of [`seen`].
pub(crate) fn expected(pictures: &[Picture]) -> Vec<(String, Vec<u8>)> {
    let item = |picture: &Picture| {
        let image = decode::decode_bytes(&picture.jpeg, &picture.name).unwrap();
        (picture.wnid.to_owned(), image.pixels)
    };
    let mut expected: Vec<_> = pictures.iter().map(item).collect();
    expected.sort();
    expected
}

pub(crate) fn open(root: &Path, split: Split) -> ImageNet {
    ImageNet::open(root, split, None).unwrap()
}

/// Makes every folder and file under `root` look an hour old.
pub(crate) fn age(root: &Path) {
    let then = std::time::SystemTime::now() - std::time::Duration::from_secs(3600);
    for entry in walkdir::WalkDir::new(root) {
        let path = entry.unwrap().into_path();
        File::open(path).unwrap().set_modified(then).unwrap();
    }
}
