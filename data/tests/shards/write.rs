//! Conversion of an image data set to shards.

use crate::disk::{
    contents, convert, folder, open, open_folder, options, picture, sharded, write_jpeg,
};
use image::ImageFormat;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use tinderbox_data::Split;
use tinderbox_data::image::{
    ImageDataset, Shapes, ShardOptions, ShardSize, write_png, write_shards,
};

#[test]
fn images_and_labels_survive_the_conversion() {
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
        // Validation images keep their order; training images are shuffled.
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
        let options = options(1)
            .with_size(ShardSize::Bytes(20_000))
            .with_max_side(max_side)
            .with_workers(workers);
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
fn only_images_above_max_side_are_scaled() {
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
    let options = options(9).with_max_side(Some(64));
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
        // A single row cannot be scaled down.
        (500, 1, 3, "jpg", false),
        (64, 16, 3, "png", false),
    ];
    assert_eq!(
        found,
        expected.map(|(w, h, c, e, s)| (w, h, c, e.to_owned(), s))
    );
}

#[test]
fn images_that_are_not_files_become_png() {
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

#[test]
fn an_interrupted_conversion_is_refused_and_can_be_restarted() {
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
    // A killed process leaves temporary files as well.
    fs::write(output.join(".tmp-1234"), [0; 700]).unwrap();
    assert_eq!(contents(&output).len(), 1 + 10 + 1);
    for split in [Split::Train, Split::Validation] {
        let error = open(dir.path(), split).unwrap_err();
        assert!(error.ends_with("its shards were never finished; run the conversion again"));
    }
    // Restarted, with fewer shards than exist already.
    convert(dir.path(), &options(7)).unwrap();
    let again = contents(&output);
    fs::remove_dir_all(&output).unwrap();
    convert(dir.path(), &options(7)).unwrap();
    assert!(again == contents(&output));
}

#[test]
fn existing_shards_are_not_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    sharded(dir.path(), 4, &options(2));
    let before = contents(&dir.path().join("shards"));
    let error = convert(dir.path(), &options(3)).unwrap_err();
    assert!(
        error.contains("shards: has finished shards in it; delete them"),
        "{error}"
    );
    assert!(contents(&dir.path().join("shards")) == before);

    // Shards written by another tool.
    fs::remove_file(dir.path().join("shards/shards.json")).unwrap();
    let error = convert(dir.path(), &options(3)).unwrap_err();
    assert!(
        error.contains(".tar in it; write shards to a folder of their own"),
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
    let skipping = |skip_bad| options(4).with_skip_bad(skip_bad);
    let error = convert(dir.path(), &skipping(0)).unwrap_err();
    assert!(error.contains(".jpg: is none of JPEG, PNG"), "{error}");
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
    assert!(wrong(plain().with_max_side(Some(0))).starts_with("max_side: "));
    assert!(wrong(plain().with_quality(101)).starts_with("quality: "));
    assert!(!dir.path().join("shards").exists());
}
