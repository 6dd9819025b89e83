//! Shards that were written here: what is in them, that they are the same every time, and how they are read.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageFormat};
use proptest::prelude::*;
use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tempfile::TempDir;
use tinderbox_data::Split;
use tinderbox_data::image::{
    CenterCrop, Image, ImageBatch, ImageDataset, ImageFolder, ImageSource, Preprocess,
    RandomHorizontalFlip, Shapes, ShardOptions, ShardSize, Shards, Transform, verify_shards,
    write_png, write_shards,
};
use tinderbox_data::loader::{Loader, LoaderConfig};

/// A picture that no other number gives.
fn picture(width: usize, height: usize, channels: usize, number: usize) -> Image {
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

fn write_jpeg(path: &Path, image: &Image) {
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

/// Two classes; `len` training images of all kinds, five for validation.
fn folder(root: &Path, len: usize) {
    for (split, len) in [("train", len), ("val", 5)] {
        for number in 0..len {
            let class = root.join(split).join(["cat", "dog"][number % 2]);
            fs::create_dir_all(&class).unwrap();
            let path = |extension: &str| class.join(format!("a.{split}.{number}.{extension}"));
            let colour = picture(40 + number, 30, 3, number);
            match number % 5 {
                0 => write_png(&path("png"), &colour).unwrap(),
                // What it is called is not what it is.
                1 => write_png(&path("JPEG"), &colour).unwrap(),
                2 => write_jpeg(&path("jpg"), &picture(30, 40 + number, 1, number)),
                _ => write_jpeg(&path("JPEG"), &colour),
            }
        }
    }
}

fn open_folder(root: &Path, split: Split) -> Arc<ImageDataset> {
    Arc::new(ImageDataset::Folder(
        ImageFolder::open(root, split).unwrap(),
    ))
}

fn options(per_shard: usize) -> ShardOptions {
    ShardOptions {
        size: ShardSize::Images(per_shard),
        workers: 2,
        seed: 3,
        ..ShardOptions::default()
    }
}

/// The shards of `folder(.., len)` under `root/shards`.
fn sharded(root: &Path, len: usize, options: &ShardOptions) {
    folder(root, len);
    convert(root, options).unwrap();
}

fn convert(
    root: &Path,
    options: &ShardOptions,
) -> Result<tinderbox_data::image::WrittenShards, String> {
    let (train, validation) = (
        open_folder(root, Split::Train),
        open_folder(root, Split::Validation),
    );
    let output = root.join("shards");
    write_shards(&output, train, validation, options, &mut |_, _| ()).map_err(|e| e.to_string())
}

fn open(root: &Path, split: Split) -> Result<Shards, String> {
    Shards::open(&root.join("shards"), split).map_err(|error| error.to_string())
}

/// Everything in a folder that a conversion is about: not locks and what is kept to save time.
fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    files
        .map(|file| (file.file_name().into_string().unwrap(), file.path()))
        .filter(|(name, _)| name != ".lock" && !name.ends_with(".index.json"))
        .map(|(name, path)| (name, fs::read(path).unwrap()))
        .collect()
}

#[test]
fn every_image_comes_back_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    sharded(dir.path(), 23, &options(5));
    for split in [Split::Train, Split::Validation] {
        let before = open_folder(dir.path(), split);
        let after = open(dir.path(), split).unwrap();
        assert_eq!(after.classes(), ["cat", "dog"]);
        let of_folder = |i| (before.label(i), before.file(i).unwrap().unwrap());
        let of_shards = |i| (after.label(i), after.file(i).unwrap());
        let mut expected: Vec<_> = (0..before.len()).map(of_folder).collect();
        let mut found: Vec<_> = (0..after.len()).map(of_shards).collect();
        // Validation images keep their order, training images do not.
        assert_eq!(found == expected, split == Split::Validation);
        expected.sort();
        found.sort();
        assert!(found == expected);
        for index in 0..after.len() {
            let is_png = image::guess_format(&of_shards(index).1).unwrap() == ImageFormat::Png;
            let name = after.name(index);
            assert!(
                name.ends_with(if is_png { ".png" } else { ".jpg" }),
                "{name}"
            );
            after.image(index).unwrap();
        }
    }
    let names = contents(&dir.path().join("shards"));
    let names: Vec<&str> = names.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "shards.json",
            "train-000000.tar",
            "train-000001.tar",
            "train-000002.tar",
            "train-000003.tar",
            "train-000004.tar",
            "val-000000.tar"
        ]
    );
}

#[test]
fn the_bytes_do_not_depend_on_the_workers() {
    let dir = tempfile::tempdir().unwrap();
    folder(dir.path(), 40);
    let convert = |workers, max_side| {
        let options = ShardOptions {
            size: ShardSize::Bytes(20_000),
            max_side,
            workers,
            ..options(1)
        };
        convert(dir.path(), &options).unwrap();
        let shards = dir.path().join("shards");
        let contents = contents(&shards);
        fs::remove_dir_all(shards).unwrap();
        contents
    };
    for max_side in [None, Some(45)] {
        let expected = convert(0, max_side);
        assert!(expected.len() > 4, "{}", expected.len());
        for (name, bytes) in &expected {
            assert!(!name.ends_with("tar") || bytes.len() <= 20_000, "{name}");
        }
        assert!(convert(1, max_side) == expected);
        assert!(convert(4, max_side) == expected);
    }
}

#[test]
fn only_what_is_too_large_is_scaled() {
    let dir = tempfile::tempdir().unwrap();
    folder(dir.path(), 1);
    let class = dir.path().join("val/cat");
    fs::remove_dir_all(dir.path().join("val")).unwrap();
    fs::create_dir_all(&class).unwrap();
    for (name, width, height, channels) in [
        ("a.jpg", 120, 90, 3),
        ("b.jpg", 90, 121, 1),
        ("c.jpg", 64, 64, 3),
        ("d.jpg", 500, 1, 3),
    ] {
        write_jpeg(&class.join(name), &picture(width, height, channels, 1));
    }
    write_png(&class.join("e.png"), &picture(128, 32, 3, 1)).unwrap();
    let options = ShardOptions {
        max_side: Some(64),
        ..options(9)
    };
    convert(dir.path(), &options).unwrap();
    let before = open_folder(dir.path(), Split::Validation);
    let shards = open(dir.path(), Split::Validation).unwrap();
    let found: Vec<_> = (0..5)
        .map(|index| {
            let image = shards.image(index).unwrap();
            let same = before.file(index).unwrap().unwrap() == shards.file(index).unwrap();
            let name = shards.name(index);
            let (_, extension) = name.rsplit_once('.').unwrap();
            (
                image.width,
                image.height,
                image.channels,
                extension.to_owned(),
                same,
            )
        })
        .collect();
    let expected = [
        (64, 48, 3, "jpg", false),
        (47, 63, 1, "jpg", false),
        (64, 64, 3, "jpg", true),
        // Nothing is left to scale in one row.
        (500, 1, 3, "jpg", false),
        (64, 16, 3, "png", false),
    ];
    assert_eq!(
        found,
        expected.map(|(w, h, c, e, s)| (w, h, c, e.to_owned(), s))
    );
}

#[test]
fn images_that_are_no_files_become_png() {
    let dir = tempfile::tempdir().unwrap();
    let shapes = |split| Arc::new(ImageDataset::Shapes(Shapes::new(split, 12, 16, 5)));
    let (train, validation) = (shapes(Split::Train), shapes(Split::Validation));
    let output = dir.path().join("shards");
    write_shards(
        &output,
        train,
        validation.clone(),
        &options(5),
        &mut |_, _| (),
    )
    .unwrap();
    let shards = open(dir.path(), Split::Validation).unwrap();
    assert_eq!(shards.classes(), validation.classes());
    for index in 0..12 {
        assert_eq!(
            shards.image(index).unwrap(),
            validation.decode(index).unwrap()
        );
        assert_eq!(shards.label(index), validation.label(index));
    }
}

fn batches(shards: &Shards, workers: usize, epoch: u64, first: usize) -> Vec<ImageBatch> {
    let preprocess = Preprocess {
        transforms: vec![
            Transform::CenterCrop(CenterCrop { size: 16 }),
            Transform::RandomHorizontalFlip(RandomHorizontalFlip { probability: 0.5 }),
        ],
        channels: 3,
        mean: vec![0.5; 3],
        std: vec![0.25; 3],
    };
    let dataset = Arc::new(ImageDataset::Shards(shards.clone()));
    let source = ImageSource::new(dataset, preprocess, 9).unwrap();
    let config = LoaderConfig::new(4).with_workers(workers).with_shuffle(9);
    let loader = Loader::new(Arc::new(source), config).unwrap();
    loader.epoch(epoch, first).map(Result::unwrap).collect()
}

#[test]
fn batches_are_the_same_for_any_workers_and_from_any_batch() {
    let dir = tempfile::tempdir().unwrap();
    sharded(dir.path(), 30, &options(3));
    let shards = open(dir.path(), Split::Train).unwrap();
    let expected = batches(&shards, 0, 2, 0);
    assert_eq!(expected.len(), 8);
    for workers in [0, 1, 4] {
        for first in 0..8 {
            assert!(batches(&shards, workers, 2, first) == expected[first..]);
        }
    }
    assert!(batches(&shards, 0, 3, 0) != expected);
    let items = expected.iter().flat_map(|batch| batch.indices.clone());
    assert_eq!(items.collect::<HashSet<_>>().len(), 30);
}

#[test]
fn an_epoch_is_a_shuffle_that_reads_few_shards_at_a_time() {
    const PER_SHARD: usize = 6;
    let dir = tempfile::tempdir().unwrap();
    sharded(dir.path(), 60, &options(PER_SHARD));
    let shards = open(dir.path(), Split::Train).unwrap();
    let places = RefCell::new(HashSet::new());
    let config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    proptest!(config, |(seed: u64, epoch: u64)| {
        let order = shards.order(seed, epoch);
        prop_assert_eq!(&order, &shards.order(seed, epoch));
        let mut sorted = order.clone();
        sorted.sort_unstable();
        prop_assert_eq!(sorted, (0..60).collect::<Vec<_>>());
        // Ten shards: four, four and two.
        for group in order.chunks(4 * PER_SHARD) {
            let of_group: HashSet<usize> = group.iter().map(|index| index / PER_SHARD).collect();
            prop_assert!(of_group.len() * PER_SHARD == group.len());
        }
        // Images of one shard do not stay together: of 59 steps about 45 lead to another shard.
        let moves = order.windows(2).filter(|pair| pair[0] / PER_SHARD != pair[1] / PER_SHARD);
        prop_assert!(moves.count() > 25);
        places.borrow_mut().insert(order.iter().position(|&index| index == 17).unwrap());
    });
    // 256 draws of 60 places.
    let places = places.into_inner().len();
    assert!(places > 50, "{places}");
}

#[test]
fn an_interrupted_conversion_is_refused_and_can_be_begun_again() {
    let dir = tempfile::tempdir().unwrap();
    folder(dir.path(), 30);
    let output = dir.path().join("shards");
    let interrupted = catch_unwind(AssertUnwindSafe(|| {
        let (train, validation) = (
            open_folder(dir.path(), Split::Train),
            open_folder(dir.path(), Split::Validation),
        );
        write_shards(
            &output,
            train,
            validation,
            &options(2),
            &mut |done, total| {
                assert_eq!(total, 35);
                assert!(done < 21, "the power goes");
            },
        )
    }));
    assert!(interrupted.is_err());
    // What a killed process would have left as well.
    fs::write(output.join(".tmp-1234"), [0; 700]).unwrap();
    assert_eq!(contents(&output).len(), 1 + 10 + 1);
    for split in [Split::Train, Split::Validation] {
        let error = open(dir.path(), split).unwrap_err();
        assert!(error.ends_with("its shards were never finished; run the conversion again"));
    }
    // Again, with fewer shards than are there already.
    convert(dir.path(), &options(7)).unwrap();
    let again = contents(&output);
    fs::remove_dir_all(&output).unwrap();
    convert(dir.path(), &options(7)).unwrap();
    assert!(again == contents(&output));
}

#[test]
fn nothing_else_is_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    sharded(dir.path(), 4, &options(2));
    let before = contents(&dir.path().join("shards"));
    let error = convert(dir.path(), &options(3)).unwrap_err();
    assert!(
        error.contains("shards: has finished shards in it; delete them"),
        "{error}"
    );
    assert!(contents(&dir.path().join("shards")) == before);

    // Shards of another tool.
    fs::remove_file(dir.path().join("shards/shards.json")).unwrap();
    let error = convert(dir.path(), &options(3)).unwrap_err();
    assert!(
        error.contains(".tar in it; shards are written into a folder of their own"),
        "{error}"
    );
    assert_eq!(contents(&dir.path().join("shards")).len(), before.len() - 1);
}

#[test]
fn an_image_that_cannot_be_decoded_is_named_or_left_out() {
    let dir = tempfile::tempdir().unwrap();
    folder(dir.path(), 9);
    for name in ["x.jpg", "y.jpg"] {
        fs::write(dir.path().join("train/dog").join(name), "no image").unwrap();
    }
    let skipping = |skip_bad| ShardOptions {
        skip_bad,
        ..options(4)
    };
    let error = convert(dir.path(), &skipping(0)).unwrap_err();
    assert!(error.contains(".jpg: is neither JPEG nor PNG"), "{error}");
    let error = convert(dir.path(), &skipping(1)).unwrap_err();
    assert!(
        error.contains("2 items cannot be used, and only 1"),
        "{error}"
    );
    let written = convert(dir.path(), &skipping(2)).unwrap();
    assert_eq!((written.train.images, written.skipped.len()), (9, 2));
    let all = written.skipped.join(" ");
    assert!(all.contains("x.jpg") && all.contains("y.jpg"), "{all}");
    assert_eq!(open(dir.path(), Split::Train).unwrap().len(), 9);
}

#[test]
fn options_are_checked() {
    let dir = tempfile::tempdir().unwrap();
    folder(dir.path(), 2);
    let wrong = |options: ShardOptions| convert(dir.path(), &options).unwrap_err();
    let plain = ShardOptions::default;
    assert!(wrong(options(0)).starts_with("shard size: "));
    assert!(
        wrong(ShardOptions {
            max_side: Some(0),
            ..plain()
        })
        .starts_with("max_side: ")
    );
    assert!(
        wrong(ShardOptions {
            quality: 101,
            ..plain()
        })
        .starts_with("quality: ")
    );
    assert!(!dir.path().join("shards").exists());
}

fn verify(dir: &TempDir) -> Result<(), String> {
    verify_shards(&dir.path().join("shards"), &mut |_, _| ()).map_err(|error| error.to_string())
}

#[test]
fn damage_is_found() {
    let dir = tempfile::tempdir().unwrap();
    sharded(dir.path(), 8, &options(4));
    verify(&dir).unwrap();
    let path = dir.path().join("shards/train-000001.tar");
    let whole = fs::read(&path).unwrap();

    // One bit of an image: only the checksum can tell.
    let mut bytes = whole.clone();
    bytes[700] ^= 1;
    fs::write(&path, &bytes).unwrap();
    assert!(open(dir.path(), Split::Train).is_ok());
    let error = verify(&dir).unwrap_err();
    assert!(
        error.contains("train-000001.tar: is not what was written"),
        "{error}"
    );

    // One bit of a header.
    let mut bytes = whole.clone();
    bytes[10] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let error = open(dir.path(), Split::Train).unwrap_err();
    assert!(
        error.contains("train-000001.tar: is no tar file, or damaged, at its"),
        "{error}"
    );

    // A copy that was interrupted.
    fs::write(&path, &whole[..whole.len() - 512]).unwrap();
    let error = open(dir.path(), Split::Train).unwrap_err();
    assert!(
        error.contains("train-000001.tar: has ") && error.contains("copy it again"),
        "{error}"
    );
    fs::remove_file(&path).unwrap();
    let error = open(dir.path(), Split::Train).unwrap_err();
    assert!(
        error.starts_with("cannot read") && error.contains("train-000001.tar"),
        "{error}"
    );

    fs::write(&path, &whole).unwrap();
    open(dir.path(), Split::Train).unwrap();
    fs::write(dir.path().join("shards/shards.json"), "{}").unwrap();
    let error = open(dir.path(), Split::Train).unwrap_err();
    assert!(
        error.contains("shards.json: is not what a conversion writes"),
        "{error}"
    );
}

#[test]
fn a_shard_that_is_lost_later_is_named_with_the_image() {
    let dir = tempfile::tempdir().unwrap();
    sharded(dir.path(), 4, &options(9));
    let shards = open(dir.path(), Split::Train).unwrap();
    let path = dir.path().join("shards/train-000000.tar");
    File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(600)
        .unwrap();
    let error = shards.image(2).unwrap_err().to_string();
    assert!(error.contains("train-000000.tar: 0000000"), "{error}");
    assert!(error.contains("cannot be read"), "{error}");
}

/// Sets back the clock of every shard, as if they had been written long ago.
fn age(folder: &Path, seconds: u64) {
    for name in contents(folder).into_keys() {
        let file = File::options().write(true).open(folder.join(name)).unwrap();
        let time = SystemTime::now() - Duration::from_secs(seconds);
        file.set_modified(time).unwrap();
    }
}

#[test]
fn places_are_kept_until_a_shard_changes() {
    let dir = tempfile::tempdir().unwrap();
    sharded(dir.path(), 6, &options(2));
    let folder = dir.path().join("shards");
    let index = folder.join("train.index.json");
    // What was written a moment ago may be written again without its time telling.
    assert!(!index.exists());
    age(&folder, 100);
    let expected = open(dir.path(), Split::Train).unwrap();
    let kept = fs::read_to_string(&index).unwrap();

    // It is used: a name that is only there is found.
    fs::write(&index, kept.replace("a-train-3", "a-train-x")).unwrap();
    let names = |shards: &Shards| (0..6).map(|i| shards.name(i)).collect::<Vec<_>>().join(" ");
    assert!(names(&open(dir.path(), Split::Train).unwrap()).contains("a-train-x"));
    // Until a shard is of another time.
    age(&folder, 50);
    assert_eq!(
        names(&open(dir.path(), Split::Train).unwrap()),
        names(&expected)
    );

    // What makes no sense is done without.
    for nonsense in ["", "{}", &kept.replace("\"offset\":", "\"offset\":99")] {
        fs::write(&index, nonsense).unwrap();
        let shards = open(dir.path(), Split::Train).unwrap();
        assert_eq!(shards.image(3).unwrap(), expected.image(3).unwrap());
    }
}
