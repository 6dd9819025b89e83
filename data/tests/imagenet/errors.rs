//! Errors name the path, what was found, and what was expected.

use crate::disk::{self, PARACHUTE, TENCH, put, validation};
use flate2::{Compression, write::GzEncoder};
use std::fs;
use std::io::Write;
use std::path::Path;
use tinderbox_data::Split;
use tinderbox_data::image::ImageNet;

#[track_caller]
fn assert_error(dataset: Result<ImageNet, tinderbox_data::DataError>, words: &[&str]) {
    let message = dataset.unwrap_err().to_string();
    for word in words {
        assert!(message.contains(word), "no {word:?} in: {message}");
    }
}

#[track_caller]
fn assert_train_error(root: &Path, words: &[&str]) {
    assert_error(ImageNet::open(root, Split::Train, None), words);
}

#[track_caller]
fn assert_validation_error(root: &Path, words: &[&str]) {
    assert_error(ImageNet::open(root, Split::Validation, None), words);
}

#[test]
fn missing_images() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    assert_train_error(&root.join("nowhere"), &["nowhere: no such folder"]);
    assert_train_error(root, &["has no folder train", "it is empty"]);
    for name in ["a", "b", "c", "d", "e", "f"] {
        put(&root.join(name), "");
    }
    assert_train_error(
        root,
        &["no ILSVRC2012_img_train.tar", "found a, b, c, d and 2 more"],
    );
    assert_train_error(&root.join("a"), &["a: is a file; give the folder"]);

    put(&root.join("train/images.zip"), "");
    assert_train_error(
        root,
        &[
            "train: has no class folders",
            "n01440764/*.JPEG",
            "found images.zip",
        ],
    );
    put(
        &root.join("train").join(TENCH).join("a.JPEG"),
        disk::jpeg(1),
    );
    assert_validation_error(root, &["has no folder val and no ILSVRC2012_img_val.tar"]);
    fs::create_dir(root.join("val")).unwrap();
    assert_validation_error(root, &["val: has no class folders", "it is empty"]);
}

#[test]
fn folders_that_are_not_classes() {
    let dir = disk::with_train();
    let root = dir.path();
    fs::create_dir(root.join("train/n00000001")).unwrap();
    assert_train_error(root, &["train/n00000001: has no image (.jpg, .jpeg, "]);
    fs::remove_dir(root.join("train/n00000001")).unwrap();
    put(&root.join("val/n00000002/a.JPEG"), disk::jpeg(1));
    assert_validation_error(root, &["val/n00000002: this class is not one of the 3"]);
    put(&root.join("val/a.JPEG"), disk::jpeg(1));
    assert_validation_error(root, &["val/a.JPEG: is beside class folders"]);
    put(&root.join("train/tench/a.JPEG"), disk::jpeg(1));
    assert_train_error(
        root,
        &["train/tench: is not a WordNet id", "data source `folder`"],
    );
}

#[test]
fn flat_validation_images_without_a_list() {
    let dir = disk::with_flat_validation();
    let words = [
        "val: its images are not in class folders",
        "LOC_val_solution.csv",
        "meta.mat",
        "val.txt",
    ];
    assert_validation_error(dir.path(), &words);
    let truth = disk::ground_truth(&validation());
    put(
        &dir.path().join("ILSVRC2012_validation_ground_truth.txt"),
        truth,
    );
    let words = [
        "ground_truth.txt: has the devkit's class numbers",
        "meta.mat",
        "map_clsloc.txt",
    ];
    assert_validation_error(dir.path(), &words);
    put(
        &dir.path().join("synsets.txt"),
        format!("{TENCH}\n{PARACHUTE}\n"),
    );
    assert_validation_error(dir.path(), &["synsets.txt: is in alphabetical order"]);
    put(&dir.path().join("map_clsloc.txt"), "kit_fox n02119789 1\n");
    assert_validation_error(
        dir.path(),
        &["map_clsloc.txt: line 1: expected `n02119789 1 kit_fox`"],
    );
    put(&dir.path().join("meta.mat"), "MATLAB 5.0");
    assert_validation_error(dir.path(), &["meta.mat: is not a MAT-file"]);
}

/// Lists that do not fit the four validation images.
#[test]
fn lists_that_do_not_fit() {
    let name = |number: usize| validation()[number - 1].name.clone();
    let csv = |rows: &[(usize, &str)]| -> String {
        let row = |(image, wnid): &(usize, &str)| format!("{},{wnid} 1 2 3 4\n", name(*image));
        format!(
            "ImageId,PredictionString\n{}",
            rows.iter().map(row).collect::<String>()
        )
    };
    let synsets = "imagenet_2012_validation_synset_labels.txt";
    let cases: [(&str, String, &[&str]); 11] = [
        (
            "LOC_val_solution.csv",
            csv(&[(1, TENCH), (2, "n00000001")]),
            &["line 3: `n00000001` is not one of the 3"],
        ),
        (
            "LOC_val_solution.csv",
            csv(&[(1, TENCH), (1, TENCH)]),
            &["line 3", "is in line 2 already"],
        ),
        (
            "LOC_val_solution.csv",
            csv(&[(1, TENCH), (2, TENCH)]),
            &["00003.JPEG: is not in the list of labels", ".csv"],
        ),
        (
            "LOC_val_solution.csv",
            "ImageId,PredictionString\nx\n".into(),
            &["line 2: expected `image,n01440764 ...`"],
        ),
        (
            "val.txt",
            format!("{} 0\n{} 3\n", name(1), name(2)),
            &["val.txt: line 2: `3` is not a class: there are 3"],
        ),
        (
            "val.txt",
            format!("{} -1\n", name(1)),
            &["line 1: `-1` is not a class"],
        ),
        (
            "val.txt",
            "alone\n".into(),
            &["val.txt: line 1: expected `image.JPEG 65`"],
        ),
        (
            "val.txt",
            (1..=4)
                .map(|n| format!("{} 0\n", name(n)))
                .chain(["x.JPEG 1\n".into(), "y 1\n".into()])
                .collect(),
            &["line 5: x is not in", "nor are 1 images after it"],
        ),
        (
            synsets,
            format!("{TENCH}\n"),
            &["has labels for 1 images", "val has 4"],
        ),
        (
            synsets,
            format!("{TENCH}\n").repeat(5),
            &["has labels for 5 images"],
        ),
        (
            synsets,
            format!("{TENCH}\n{TENCH}\n\n{TENCH}\n12\n"),
            &["line 5: `12` is not one of the 3 classes"],
        ),
    ];
    for (path, text, words) in cases {
        let dir = disk::with_flat_validation();
        put(&dir.path().join(path), text);
        assert_validation_error(dir.path(), words);
    }
    let dir = disk::with_flat_validation();
    put(&dir.path().join("meta.mat"), disk::META);
    let truth = dir.path().join("ILSVRC2012_validation_ground_truth.txt");
    put(&truth, "1\n2\n3\n4\n");
    assert_validation_error(
        dir.path(),
        &["line 4: `4` is not one of the devkit's class numbers"],
    );
    put(&truth, "1\n2\n3\n1\n");
    // As many images as labels, but one image is missing.
    let last = dir.path().join("val").join(name(4));
    fs::rename(&last, last.with_file_name("ILSVRC2012_val_00000005.JPEG")).unwrap();
    assert_validation_error(
        dir.path(),
        &["image 4 in order is ILSVRC2012_val_00000005.JPEG"],
    );
}

#[test]
fn names_that_cannot_be_read() {
    let dir = disk::with_train();
    put(
        &dir.path().join("imagenet_class_index.json"),
        "{\"0\": \"tench\"}",
    );
    assert_train_error(
        dir.path(),
        &["imagenet_class_index.json: expected {\"0\": [\"n01440764\", \"tench\"]"],
    );
    put(
        &dir.path().join("synset_words.txt"),
        format!("{TENCH} tench\ntench\n"),
    );
    assert_train_error(
        dir.path(),
        &["synset_words.txt: line 2: expected `n01440764 tench, Tinca tinca`"],
    );
    put(&dir.path().join("LOC_synset_mapping.txt"), [0xFF, 0xFE]);
    assert_train_error(
        dir.path(),
        &["LOC_synset_mapping.txt: is not a text file in UTF-8"],
    );
}

#[test]
fn truncated_archives() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ILSVRC2012_img_train.tar");
    let whole = disk::train_archive(&disk::train());
    // At any length up to the end mark of two empty blocks.
    for length in (0..=whole.len() - 1024).step_by(128) {
        put(&path, &whole[..length]);
        assert_train_error(
            dir.path(),
            &[
                "ILSVRC2012_img_train.tar: is not a tar archive, or truncated",
                "again",
            ],
        );
    }
    put(&path, &whole);
    disk::open(dir.path(), Split::Train);
}

#[test]
fn archives_of_other_files() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ILSVRC2012_img_train.tar");
    put(&path, disk::validation_archive(&validation()));
    assert_train_error(
        dir.path(),
        &["img_train.tar: has no archives n01440764.tar in it"],
    );
    put(&path, disk::tar([("notes.txt".to_owned(), &b"hello"[..])]));
    assert_train_error(dir.path(), &["img_train.tar: has no image in it"]);
    let empty = disk::tar([("notes.txt".to_owned(), &b"hello"[..])]);
    put(&path, disk::tar([(format!("{TENCH}.tar"), &empty[..])]));
    assert_train_error(
        dir.path(),
        &["img_train.tar: n01440764.tar in it has no image"],
    );
}

#[test]
fn incomplete_tiny_imagenet() {
    let tiny_error = |root: &Path, words: &[&str]| {
        assert_error(ImageNet::open_tiny(root, Split::Validation, None), words);
    };
    let dir = disk::tiny();
    let root = dir.path();
    // The error names the other data source.
    assert_validation_error(
        root,
        &["val/images: is Tiny-ImageNet's folder", "`tiny_imagenet`"],
    );
    put(&root.join("wnids.txt"), format!("{TENCH}\nn00000001\n"));
    tiny_error(
        root,
        &[
            "wnids.txt: line 2: class n00000001 has no folder in",
            "train",
        ],
    );
    put(&root.join("wnids.txt"), format!("{TENCH}\n{PARACHUTE}\n"));
    tiny_error(root, &["wnids.txt: does not list n02979186"]);
    fs::remove_file(root.join("wnids.txt")).unwrap();
    put(
        &root.join("val/val_annotations.txt"),
        format!("{}\tn00000001\t0\n", validation()[0].name),
    );
    tiny_error(
        root,
        &["val_annotations.txt: line 1: `n00000001` is not one of the 3"],
    );
    put(&root.join("val/val_annotations.txt"), "a.JPEG n00000001\n");
    tiny_error(
        root,
        &["val_annotations.txt: line 1: expected an image, a tab"],
    );
    fs::remove_file(root.join("val/val_annotations.txt")).unwrap();
    tiny_error(
        root,
        &[
            "val: its images are not in class folders",
            "val/val_annotations.txt",
        ],
    );
}

#[test]
fn an_image_that_cannot_be_decoded_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let class = disk::tar([("broken.JPEG".to_owned(), &b"no picture"[..])]);
    let archive = disk::tar([(format!("{TENCH}.tar"), &class[..])]);
    put(&dir.path().join("ILSVRC2012_img_train.tar"), archive);
    let message = disk::open(dir.path(), Split::Train)
        .image(0)
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("img_train.tar/n01440764/broken.JPEG: is none of JPEG, PNG"),
        "{message}"
    );
}

/// Zeros shrink a thousandfold: the archive is small, and unpacking it would not be.
#[test]
fn an_archive_that_unpacks_to_very_much_more_than_a_list() {
    let dir = disk::with_flat_validation();
    let zeros = vec![0; (64 << 20) + 1];
    let archive = disk::tar([(
        "data/ILSVRC2012_validation_ground_truth.txt".to_owned(),
        &zeros[..],
    )]);
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&archive).unwrap();
    put(
        &dir.path().join("ILSVRC2012_devkit_t12.tar.gz"),
        encoder.finish().unwrap(),
    );
    let words = ["ILSVRC2012_devkit_t12.tar.gz", "more than 67108864 bytes"];
    assert_validation_error(dir.path(), &words);
}
